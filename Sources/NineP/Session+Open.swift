// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// The flags of Tlopen that matter; they have Linux's numbers on every machine.
private enum OpenFlags {
    static let accessMode: UInt32 = 0o3
    static let create: UInt32 = 0o100
    static let truncate: UInt32 = 0o1000
    static let directory: UInt32 = 0o200000
}

extension Session {
    /// Opens a file or a directory for reading, nothing else.
    func open(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let number = try body.next(UInt32.self)
        let flags = try body.next(UInt32.self)
        try body.end()
        guard flags & (OpenFlags.accessMode | OpenFlags.create | OpenFlags.truncate) == 0 else { throw Refusal(EROFS) }
        guard try !fids.get(number).isOpen else { throw Refusal(EINVAL) }
        try fids.open(number) { (fid) throws(Refusal) in
            guard flags & OpenFlags.directory == 0 || fid.qid.kind == .directory else { throw Refusal(ENOTDIR) }
            var fid = fid
            fid.use = try openForReading(fid)
            return fid
        }
        try reply.put(try fids.get(number).qid)
        try reply.put(UInt32.zero)  // no unit of reading but the longest message
    }

    /// Looks at the file before it is opened: to open a device can do something, and to open a pipe can wait. Then looks
    /// whether it is still the same. The client's cache has pages of the file that was walked to, so another file that has
    /// been put in its place is none that it may read (ESTALE).
    func openForReading(_ fid: Fid) throws(Refusal) -> Fid.Use {
        let named = try fid.root.open(fid.path, flags: FileDescriptor.pathOnly)
        defer { named.close() }
        let status = try FileStatus(of: named)
        if status.isDirectory {
            let opened = try ExportRoot.reopen(directory: named)
            return .directory(OpenDirectory(descriptor: opened, mount: status.mount, device: status.device))
        }
        guard !status.isLink else { throw Refusal(ELOOP) }
        guard status.isRegular else { throw Refusal(EACCES) }
        guard try status.qid(shared.qids).isSameFile(as: fid.qid) else { throw Refusal(ESTALE) }
        let opened = try fid.root.open(fid.path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        do throws(Refusal) {
            let now = try FileStatus(of: opened)
            guard now.isRegular, try now.qid(shared.qids).isSameFile(as: fid.qid) else { throw Refusal(ESTALE) }
            return .file(opened)
        } catch {
            opened.close()
            throw error
        }
    }

    func read(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let fid = try fids.get(try body.next())
        guard let offset = Int(exactly: try body.next(UInt64.self)) else { throw Refusal(EINVAL) }
        let most = Int(try body.next(UInt32.self))
        try body.end()
        switch fid.use {
        case .none: throw Refusal(EBADF)
        case .directory: throw Refusal(EISDIR)
        case .file(let descriptor):
            try reply.fill(UInt32.self, upTo: most) { (room) throws(Refusal) in
                try Self.read(descriptor, at: offset, into: room)
            }
        case .attribute(let bytes):
            try reply.fill(UInt32.self, upTo: most) { room in
                let part = bytes.dropFirst(offset).prefix(room.count)
                room.copyBytes(from: part)
                return part.count
            }
        }
    }

    private static func read(
        _ file: FileDescriptor,
        at offset: Int,
        into room: UnsafeMutableRawBufferPointer
    ) throws(Refusal) -> Int {
        while true {
            let count = pread(file.number, room.baseAddress, room.count, offset)
            if count >= 0 { return count }
            guard errno == EINTR else { throw Refusal(errno) }
        }
    }

    /// There is nothing that could have to be written.
    func sync(_ body: MessageReader) throws(Refusal) {
        var body = body
        _ = try fids.get(try body.next())
        if !body.isAtEnd { _ = try body.next(UInt32.self) }  // data only or not; older clients do not say
        try body.end()
    }
}

extension Qid {
    func isSameFile(as other: Qid) -> Bool { path == other.path && kind == other.kind }
}
