// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// Locks hold among the processes of a client: its kernel asks itself first, and the server only afterwards, for the sake
/// of other clients. The server keeps none: what one machine locks must not be able to stop another, or the host.
extension Session {
    private static let wait: UInt32 = 1
    private static let succeeded: UInt8 = 0
    private static let unlocked = UInt8(truncatingIfNeeded: F_UNLCK)

    func lock(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let fid = try fids.get(try body.next())
        let type = try body.next(UInt8.self)
        let flags = try body.next(UInt32.self)
        _ = try LockedRange(&body)
        guard type <= Self.unlocked, flags & ~Self.wait == 0 else { throw Refusal(EINVAL) }
        guard fid.descriptor != nil else { throw Refusal(EBADF) }
        try reply.put(Self.succeeded)
    }

    func testLock(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let fid = try fids.get(try body.next())
        let type = try body.next(UInt8.self)
        let range = try LockedRange(&body)
        guard type <= Self.unlocked else { throw Refusal(EINVAL) }
        guard fid.descriptor != nil else { throw Refusal(EBADF) }
        try reply.put(Self.unlocked)
        try reply.put(range.start)
        try reply.put(range.length)
        try reply.put(range.process)
        try reply.put(text: range.client)
    }
}

private struct LockedRange {
    let start: UInt64
    let length: UInt64
    let process: UInt32
    let client: UnsafeRawBufferPointer

    /// The rest of a request.
    init(_ body: inout MessageReader) throws(Refusal) {
        start = try body.next()
        length = try body.next()
        process = try body.next()
        client = try body.nextText()
        try body.end()
    }
}
