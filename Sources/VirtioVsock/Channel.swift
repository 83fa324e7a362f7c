// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// A connection with its socket, and what that socket has not yet taken.
final class Channel {
    var connection: VsockConnection
    let socket: FileDescriptor
    /// Where `ChannelTable` keeps it.
    var tag: UInt64 = 0
    private(set) var backlog: ByteRing
    /// Since the last edge, as far as is known.
    var isReadable = false
    var hasPeerEnded = false
    var isHungUp = false
    /// It waits in the line of those that have something for the guest.
    var isInLine = false
    /// Shut down writing when the backlog is empty.
    private var endsWriting = false
    /// Buffers to offer to the next read: more after each that filled all of them.
    var batch = Channel.smallBatch
    var triesLeft: Int

    static let smallBatch = 2

    init(_ connection: VsockConnection, socket: FileDescriptor, tries: Int) {
        self.connection = connection
        self.socket = socket
        triesLeft = tries
        backlog = ByteRing(capacity: Int(connection.incoming.bufferBytes))
    }

    func close() {
        socket.close()
        backlog.removeAll()
    }

    /// Whether there is something for the guest now, or would be if it had room.
    var hasBusiness: Bool {
        guard connection.owed.isEmpty else { return true }
        return isReadable && (connection.appetite > 0 || connection.mayAskForCredit)
    }

    /// Sends the packet's bytes, which are the pieces from `first` on, or keeps what the socket does not take.
    func forward(_ segments: SegmentList, from first: Int, length: Int) {
        let pieces = segments.storage + first
        let count = segments.count - first
        var sent = 0
        if backlog.count == 0 {
            sent = UnixSocket.send(socket, pieces, count)
            if sent == -Int(EAGAIN) { sent = 0 }
            guard sent >= 0 else { return breakOff(losing: length) }
        }
        // Credit has been checked, so there is room.
        if sent < length, !backlog.append(pieces, count, skipping: sent) { return breakOff(losing: length) }
        connection.pass(UInt32(truncatingIfNeeded: sent), buffered: backlog.count)
    }

    /// Sends what was kept, after the socket has said that it takes more.
    func flush() {
        while backlog.count > 0 {
            var pieces = backlog.pieces()
            let sent = withUnsafeMutablePointer(to: &pieces) { pair in
                pair.withMemoryRebound(to: iovec.self, capacity: 2) {
                    UnixSocket.send(socket, $0, $0[1].iov_len > 0 ? 2 : 1)
                }
            }
            if sent == -Int(EAGAIN) { return }
            guard sent > 0 else { return breakOff(losing: 0) }
            backlog.removeFirst(sent)
            connection.pass(UInt32(truncatingIfNeeded: sent), buffered: backlog.count)
        }
        if endsWriting { UnixSocket.endWriting(socket) }
        endsWriting = false
    }

    func endWriting() {
        guard backlog.count > 0 else { return UnixSocket.endWriting(socket) }
        endsWriting = true
    }

    /// Nobody reads any more: what is left is dropped, and the guest hears that it need send nothing.
    private func breakOff(losing lost: Int) {
        let dropped = lost + backlog.count
        backlog.removeAll()
        endsWriting = false
        connection.pass(UInt32(truncatingIfNeeded: dropped), buffered: 0)
        connection.socketTakesNoMore()
    }
}
