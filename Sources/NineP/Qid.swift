// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// What the protocol calls a file by: two files of an export never have the same `path`.
struct Qid: Equatable {
    enum Kind: UInt8 {
        case file = 0
        case link = 0x02
        case directory = 0x80
    }

    /// On the wire.
    static let bytes = 13

    var kind: Kind
    /// Another one when the file has changed, so that a client's cache notices. 0 where it is not known.
    var version: UInt32
    var path: UInt64
}

/// Gives numbers to files, the same ones on every connection as long as the server lives.
///
/// A file's inode number is unique in its file system only, and below one export there are several. So the upper 16 bits
/// are the number of an *area*: of a mount, a device (Btrfs has many on one mount) and the upper 16 bits of the inode
/// number, counted in the order in which they are met. That is exact, no hash that could meet another, and bounded: of
/// most file systems one area is ever seen.
///
/// The mount counts, since a directory that is mounted at two places must be two: the client's kernel lets a directory
/// have one place only, and would move it back and forth between them, or refuse it where one lies in the other.
final class QidRegistry: Sendable {
    /// Where inode numbers are unique by their lower 48 bits.
    struct Area: Hashable {
        var mount: UInt64
        var device: UInt64
        var inodeHigh: UInt16

        init(mount: UInt64, device: UInt64, inode: UInt64) {
            self.mount = mount
            self.device = device
            inodeHigh = UInt16(truncatingIfNeeded: inode >> 48)
        }
    }

    private let areas = Mutex<[Area: UInt64]>([:])
    private let limit: Int

    /// `limit` is at most 65,536.
    init(limit: Int) { self.limit = min(limit, 1 << 16) }

    /// Nil when more areas have been met than there are numbers for.
    func path(mount: UInt64, device: UInt64, inode: UInt64) -> UInt64? {
        let area = Area(mount: mount, device: device, inode: inode)
        return number(of: area).map { $0 << 48 | inode & (1 << 48 - 1) }
    }

    private func number(of area: Area) -> UInt64? {
        areas.withLock { areas in
            if let known = areas[area] { return known }
            guard areas.count < limit else { return nil }
            let number = UInt64(areas.count)
            areas[area] = number
            return number
        }
    }
}
