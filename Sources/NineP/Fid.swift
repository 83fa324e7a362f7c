// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// What a client's number for a file stands for.
///
/// It is a path, not a descriptor: a client's kernel holds a fid for every name in its cache, hundreds of thousands after
/// a look through `/usr`, and descriptors are few. The path is resolved at each use, which costs the kernel of the host a
/// microsecond, and never leads out of the export, whatever has been renamed meanwhile.
struct Fid {
    enum Use {
        /// Not open. To the others by Tlopen and Txattrwalk.
        case none
        case file(FileDescriptor)
        case directory(OpenDirectory)
        case attribute([UInt8])
    }

    let root: ExportRoot
    var path: ExportPath
    /// As the file was when it was walked to.
    var qid: Qid
    var use = Use.none

    var isOpen: Bool {
        if case .none = use { false } else { true }
    }

    var isAttribute: Bool {
        if case .attribute = use { true } else { false }
    }

    /// The descriptor that Tlopen has opened.
    var descriptor: FileDescriptor? {
        switch use {
        case .file(let descriptor): descriptor
        case .directory(let directory): directory.descriptor
        case .none, .attribute: nil
        }
    }

    /// Of `NinePLimits.heldBytes`.
    var heldBytes: Int {
        guard case .attribute(let bytes) = use else { return path.count + 64 }
        return path.count + bytes.count + 64
    }
}

/// A directory that a client reads.
struct OpenDirectory {
    let descriptor: FileDescriptor
    /// Of itself, and of what is in it unless something is mounted there.
    let mount: UInt64
    let device: UInt64
    /// Where the descriptor stands, as the kernel numbers entries; nil when it is not known.
    var position: UInt64? = 0
}
