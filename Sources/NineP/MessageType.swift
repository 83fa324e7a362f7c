// SPDX-License-Identifier: Apache-2.0

/// The requests of 9P2000.L. An answer has the number after its request's.
enum MessageType: UInt8 {
    case statfs = 8
    case lopen = 12
    case lcreate = 14
    case symlink = 16
    case mknod = 18
    case rename = 20
    case readlink = 22
    case getattr = 24
    case setattr = 26
    case xattrwalk = 30
    case xattrcreate = 32
    case readdir = 40
    case fsync = 50
    case lock = 52
    case getlock = 54
    case link = 70
    case mkdir = 72
    case renameat = 74
    case unlinkat = 76
    case version = 100
    case auth = 102
    case attach = 104
    case flush = 108
    case walk = 110
    case read = 116
    case write = 118
    case clunk = 120
    case remove = 122

    var answer: UInt8 { rawValue &+ 1 }

    /// The answer to what is refused: Rlerror.
    static let refused: UInt8 = 7
}
