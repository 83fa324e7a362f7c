// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// What the kernel tells of a file.
struct FileStatus {
    private(set) var raw = statx()

    init(of descriptor: FileDescriptor) throws(Refusal) {
        _ = try Refusal.check(martlet_file_status(descriptor.number, &raw))
    }

    private var format: mode_t { mode_t(raw.stx_mode) & S_IFMT }

    var isRegular: Bool { format == S_IFREG }
    var isDirectory: Bool { format == S_IFDIR }
    var isLink: Bool { format == S_IFLNK }

    var mount: UInt64 { raw.stx_mnt_id }
    var inode: UInt64 { raw.stx_ino }
    var device: UInt64 { UInt64(raw.stx_dev_major) << 32 | UInt64(raw.stx_dev_minor) }

    /// The device that a device file stands for, as Linux writes it in 32 bits.
    var special: UInt64 {
        let minor = UInt64(raw.stx_rdev_minor)
        return minor & 0xff | UInt64(raw.stx_rdev_major & 0xfff) << 8 | (minor & 0xfff00) << 12
    }

    /// Changes with the file's content and attributes.
    var version: UInt32 {
        var sum: UInt64 = 0
        for part in [
            UInt64(bitPattern: raw.stx_ctime.tv_sec), UInt64(raw.stx_ctime.tv_nsec),
            UInt64(bitPattern: raw.stx_mtime.tv_sec), UInt64(raw.stx_mtime.tv_nsec), raw.stx_size,
        ] {
            sum = (sum ^ part) &* 0x9e37_79b9_7f4a_7c15
            sum ^= sum >> 29
        }
        return UInt32(truncatingIfNeeded: sum ^ sum >> 32)
    }

    func qid(_ registry: QidRegistry) throws(Refusal) -> Qid {
        guard let path = registry.path(mount: mount, device: device, inode: inode) else { throw Refusal(ENFILE) }
        return Qid(kind: isDirectory ? .directory : isLink ? .link : .file, version: version, path: path)
    }
}
