// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

extension Session {
    /// As many entries of a directory as fit, from a place on that an earlier answer has named; none at the end.
    ///
    /// They come from the kernel as they are. No entry is looked at, so an entry's qid has no version, and is, for what
    /// something is mounted on, that of the directory below; so it is in directories of Linux, too.
    func readDirectory(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let number = try body.next(UInt32.self)
        let offset = try body.next(UInt64.self)
        let most = Int(try body.next(UInt32.self))
        try body.end()
        let fid = try fids.get(number)
        guard case .directory(var directory) = fid.use else { throw Refusal(fid.isOpen ? ENOTDIR : EBADF) }
        defer { fids.update(number, directory) }
        try reply.fill(UInt32.self, upTo: min(most, NinePLimits.readdirBytes)) { (room) throws(Refusal) in
            let found = try Self.entries(&directory, from: offset, into: wanted(for: room.count))
            return try put(found, of: &directory, fid, into: room)
        }
    }

    /// The kernel's entry is 20 bytes and the name, up to the next multiple of 8; the protocol's 24 and the name, which is
    /// longer by a sixth at most. So what is read fits, and nothing needs to be read twice.
    private func wanted(for room: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: entries.prefix(max(room / 7 * 6, KernelEntry.mostBytes)))
    }

    private static func entries(
        _ directory: inout OpenDirectory,
        from offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(Refusal) -> UnsafeRawBufferPointer {
        if directory.position != offset {
            directory.position = nil
            guard lseek(directory.descriptor.number, off_t(truncatingIfNeeded: offset), SEEK_SET) >= 0 else {
                throw Refusal(errno)
            }
            directory.position = offset
        }
        let count = martlet_read_entries(directory.descriptor.number, buffer.baseAddress, buffer.count)
        return UnsafeRawBufferPointer(rebasing: buffer.prefix(Int(clamping: try Refusal.check(count))))
    }

    private func put(
        _ found: UnsafeRawBufferPointer,
        of directory: inout OpenDirectory,
        _ fid: Fid,
        into room: UnsafeMutableRawBufferPointer
    ) throws(Refusal) -> Int {
        var rest = found
        var written = 0
        while let entry = KernelEntry(&rest) {
            let qid = try qid(of: entry, in: directory, fid)
            let size = entry.bytes
            guard room.count - written >= size else {
                directory.position = nil  // the descriptor is further than the client
                guard written > 0 else { throw Refusal(EINVAL) }
                return written
            }
            entry.write(qid, to: UnsafeMutableRawBufferPointer(rebasing: room[written..<written + size]))
            written += size
            directory.position = entry.next
        }
        return written
    }

    private func qid(of entry: KernelEntry, in directory: OpenDirectory, _ fid: Fid) throws(Refusal) -> Qid {
        // What lies above the export is not the client's business.
        if fid.path.isRoot, ExportPath.isParent(entry.name) { return fid.qid }
        let path = shared.qids.path(mount: directory.mount, device: directory.device, inode: entry.inode)
        guard let path else { throw Refusal(ENFILE) }
        return Qid(kind: entry.kind, version: 0, path: path)
    }
}

/// An entry of a directory as getdents64(2) writes it: inode, place of the next, length, type, name.
struct KernelEntry {
    private static let headerBytes = 19
    /// With the longest name.
    static let mostBytes = 280

    let inode: UInt64
    let next: UInt64
    let type: UInt8
    let name: UnsafeRawBufferPointer

    /// Takes the first of `entries` away. Nil at the end.
    init?(_ entries: inout UnsafeRawBufferPointer) {
        guard entries.count > Self.headerBytes else { return nil }
        let length = Int(entries.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
        guard length > Self.headerBytes, length <= entries.count else { return nil }
        inode = entries.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        next = entries.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        type = entries.loadUnaligned(fromByteOffset: 18, as: UInt8.self)
        let text = entries[Self.headerBytes..<length]
        name = UnsafeRawBufferPointer(rebasing: text[..<(text.firstIndex(of: 0) ?? text.endIndex)])
        entries = UnsafeRawBufferPointer(rebasing: entries.dropFirst(length))
    }

    var kind: Qid.Kind {
        switch Int(type) {
        case Int(DT_DIR): .directory
        case Int(DT_LNK): .link
        default: .file
        }
    }

    /// On the wire: qid, place of the next, type, name.
    var bytes: Int { Qid.bytes + 8 + 1 + 2 + name.count }

    /// `room` has `bytes`.
    func write(_ qid: Qid, to room: UnsafeMutableRawBufferPointer) {
        room.storeBytes(of: qid.kind.rawValue, as: UInt8.self)
        room.storeBytes(of: qid.version.littleEndian, toByteOffset: 1, as: UInt32.self)
        room.storeBytes(of: qid.path.littleEndian, toByteOffset: 5, as: UInt64.self)
        room.storeBytes(of: next.littleEndian, toByteOffset: 13, as: UInt64.self)
        room.storeBytes(of: type, toByteOffset: 21, as: UInt8.self)
        room.storeBytes(of: UInt16(truncatingIfNeeded: name.count).littleEndian, toByteOffset: 22, as: UInt16.self)
        UnsafeMutableRawBufferPointer(rebasing: room[24...]).copyMemory(from: name)
    }
}
