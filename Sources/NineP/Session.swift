// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// The state of one connection: turns a request into its answer. One request after the other, on one thread.
final class Session {
    let shared: Shared
    let fids: FidTable
    /// Opened when they are attached for the first time, and at most one descriptor for each export.
    var roots: [String: ExportRoot] = [:]
    /// What the two sides have agreed on; until then what the server takes at most.
    private(set) var messageBytes: Int
    private var hasVersion = false
    /// Entries of directories as the kernel writes them.
    let entries = UnsafeMutableRawBufferPointer.allocate(byteCount: NinePLimits.readdirBytes, alignment: 8)

    init(_ shared: Shared) {
        self.shared = shared
        fids = FidTable(shared.budgets)
        messageBytes = shared.limits.messageBytes
    }

    deinit { entries.deallocate() }

    /// Answers a whole request, whose length has been checked, into `buffer`, which is as long as the longest message.
    /// Returns the answer's length.
    func answer(_ request: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var reader = MessageReader(request)
        var reply = ReplyWriter(UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(messageBytes)))
        var tag: UInt16 = 0
        do throws(Refusal) {
            _ = try reader.next(UInt32.self)
            let number = try reader.next(UInt8.self)
            tag = try reader.next()
            guard let type = MessageType(rawValue: number) else { throw Refusal(EOPNOTSUPP) }
            guard hasVersion || type == .version else { throw Refusal(EINVAL) }
            try perform(type, reader, &reply)
            return reply.seal(type.answer, tag: tag)
        } catch {
            return reply.refuse(error, tag: tag)
        }
    }

    private func perform(
        _ type: MessageType,
        _ request: MessageReader,
        _ reply: inout ReplyWriter
    ) throws(Refusal) {
        switch type {
        case .version: try version(request, &reply)
        case .attach: try attach(request, &reply)
        case .walk: try walk(request, &reply)
        case .lopen: try open(request, &reply)
        case .read: try read(request, &reply)
        case .readdir: try readDirectory(request, &reply)
        case .getattr: try attributes(request, &reply)
        case .readlink: try readLink(request, &reply)
        case .statfs: try fileSystem(request, &reply)
        case .xattrwalk: try walkToAttribute(request, &reply)
        case .clunk: try clunk(request)
        case .fsync: try sync(request)
        case .lock: try lock(request, &reply)
        case .getlock: try testLock(request, &reply)
        // Requests are answered in their order, so the one that is meant has been.
        case .flush: try flush(request)
        // "Nobody needs to", as clients understand it that ask. Linux does not.
        case .auth: throw Refusal(ENOENT)
        case .remove: try remove(request)
        case .lcreate, .symlink, .mknod, .rename, .setattr, .xattrcreate, .link, .mkdir, .renameat, .unlinkat, .write:
            throw Refusal(EROFS)
        }
    }

    /// Begins the session anew: all fids are gone.
    private func version(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let wanted = try body.next(UInt32.self)
        let name = try body.nextText()
        try body.end()
        guard wanted >= UInt32(NinePLimits.leastMessageBytes) else { throw Refusal(EMSGSIZE) }
        fids.removeAll()
        messageBytes = min(Int(wanted), shared.limits.messageBytes)
        hasVersion = name.elementsEqual("9P2000.L".utf8)
        try reply.put(UInt32(truncatingIfNeeded: messageBytes))
        try reply.put(text: hasVersion ? "9P2000.L" : "unknown")
    }

    private func flush(_ body: MessageReader) throws(Refusal) {
        var body = body
        _ = try body.next(UInt16.self)
        try body.end()
    }

    private func clunk(_ body: MessageReader) throws(Refusal) {
        var body = body
        let fid = try body.next(UInt32.self)
        try body.end()
        try fids.remove(fid)
    }

    /// Nothing is removed, but the protocol has the fid end either way.
    private func remove(_ body: MessageReader) throws(Refusal) {
        try clunk(body)
        throw Refusal(EROFS)
    }
}

/// What all sessions of a server have in common.
struct Shared: Sendable {
    let exports: [NinePExport]
    let limits: NinePLimits
    let budgets: Budgets
    let qids: QidRegistry

    init(_ exports: [NinePExport], _ limits: NinePLimits) {
        self.exports = exports
        self.limits = limits
        budgets = Budgets(limits)
        qids = QidRegistry(limit: limits.areas)
    }
}
