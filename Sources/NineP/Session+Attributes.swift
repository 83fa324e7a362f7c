// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

extension Session {
    /// What Rgetattr says is in it: all of stat(2), and the time of birth where it is known.
    private static let basicAttributes: UInt64 = 0x7ff
    private static let birthAttribute: UInt64 = 0x800

    func attributes(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let fid = try fids.get(try body.next())
        _ = try body.next(UInt64.self)  // what is wanted; all of it comes in one piece anyway
        try body.end()
        let status = try named(fid) { (file) throws(Refusal) in try FileStatus(of: file) }
        let hasBirth = status.raw.stx_mask & UInt32(STATX_BTIME) != 0
        try reply.put(Self.basicAttributes | (hasBirth ? Self.birthAttribute : 0))
        try reply.put(try status.qid(shared.qids))
        try put(status, owner: fid.root.export.owner, &reply)
        try put(status.raw.stx_atime, &reply)
        try put(status.raw.stx_mtime, &reply)
        try put(status.raw.stx_ctime, &reply)
        try put(hasBirth ? status.raw.stx_btime : statx_timestamp(), &reply)
        try reply.put(UInt64.zero)  // generation
        try reply.put(UInt64.zero)  // version of the data
    }

    private func put(_ status: FileStatus, owner: NinePOwner?, _ reply: inout ReplyWriter) throws(Refusal) {
        try reply.put(UInt32(status.raw.stx_mode))
        try reply.put(owner?.user ?? status.raw.stx_uid)
        try reply.put(owner?.group ?? status.raw.stx_gid)
        try reply.put(UInt64(status.raw.stx_nlink))
        try reply.put(status.special)
        try reply.put(status.raw.stx_size)
        try reply.put(UInt64(status.raw.stx_blksize))
        try reply.put(status.raw.stx_blocks)
    }

    private func put(_ time: statx_timestamp, _ reply: inout ReplyWriter) throws(Refusal) {
        try reply.put(UInt64(bitPattern: time.tv_sec))
        try reply.put(UInt64(time.tv_nsec))
    }

    /// The file that a fid stands for: the open one, or what is found at its path now.
    private func named<Result>(
        _ fid: Fid,
        _ body: (FileDescriptor) throws(Refusal) -> Result
    ) throws(Refusal) -> Result {
        guard !fid.isAttribute else { throw Refusal(EBADF) }
        if let open = fid.descriptor { return try body(open) }
        let file = try fid.root.open(fid.path, flags: FileDescriptor.pathOnly)
        defer { file.close() }
        return try body(file)
    }

    /// The link's text. It is the client's to follow, among its own files.
    func readLink(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let fid = try fids.get(try body.next())
        try body.end()
        guard fid.qid.kind == .link else { throw Refusal(EINVAL) }
        try named(fid) { (link) throws(Refusal) in
            try reply.fill(UInt16.self, upTo: NinePLimits.pathBytes) { (room) throws(Refusal) in
                let count = Int(
                    clamping: try Refusal.check(martlet_read_link(link.number, room.baseAddress, room.count))
                )
                // What fills all the room may be longer.
                guard count < room.count else { throw Refusal(ENAMETOOLONG) }
                return count
            }
        }
    }

    /// How large the file system is. It has no room: nothing can be written, and how full the host is is its own affair.
    func fileSystem(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let fid = try fids.get(try body.next())
        try body.end()
        var status = statvfs()
        try named(fid) { (file) throws(Refusal) in
            guard fstatvfs(file.number, &status) == 0 else { throw Refusal(errno) }
        }
        try reply.put(UInt32(0x0102_1997))  // "9p", as Linux calls it
        try reply.put(UInt32(truncatingIfNeeded: status.f_frsize))
        try reply.put(UInt64(status.f_blocks))
        try reply.put(UInt64.zero)  // free
        try reply.put(UInt64.zero)  // free for the client
        try reply.put(UInt64(status.f_files))
        try reply.put(UInt64.zero)  // free
        try reply.put(fid.qid.path >> 48)
        try reply.put(UInt32(truncatingIfNeeded: NinePLimits.nameBytes))
    }
}
