// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// The door at which a guest's streams arrive: each connection begins with its number, and a message names that.
///
/// The door is a Unix socket among the files of the machine's sandbox, so none but the machine can knock. It may do that as often
/// as it likes: a connection that says nothing is passed over, and of those that are too many the oldest is closed. Touched
/// by the thread that hears the guest, alone.
final class GuestStreams: @unchecked Sendable {
    private struct Newcomer {
        var connection: FileDescriptor
        /// Of its number.
        var said: [UInt8] = []
    }

    private let listener: FileDescriptor
    private let limit: Int
    private var newcomers: [Newcomer] = []
    /// Not yet announced.
    private var numbered: [UInt32: FileDescriptor] = [:]

    /// Takes the listener.
    init(_ listener: FileDescriptor, limit: Int) {
        (self.listener, self.limit) = (listener, limit)
        // Where this fails, so does the first poll.
        _ = Socket.setNonBlocking(listener)
    }

    /// The connection that began with `number`; it was made before the message that announces it. Nil when it does not come
    /// in time, or too many have come that nobody announces.
    func take(_ number: UInt32, within seconds: Int) -> FileDescriptor? {
        let deadline = Socket.now() + seconds
        while true {
            if let stream = numbered.removeValue(forKey: number) { return stream }
            let left = deadline - Socket.now()
            guard numbered.count < limit, left > 0 else { return nil }
            hear(milliseconds: Int32(clamping: left * 1_000))
        }
    }

    func closeAll() {
        listener.close()
        newcomers.map(\.connection).closeAll()
        numbered.values.closeAll()
        (newcomers, numbered) = ([], [:])
    }

    /// For the next word, or the next who knocks.
    private func hear(milliseconds: Int32) {
        var polled = ([listener] + newcomers.map(\.connection)).map {
            pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0)
        }
        guard poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return }
        for index in newcomers.indices.reversed() where polled[index + 1].revents != 0 { listen(toNewcomerAt: index) }
        if polled[0].revents != 0, let connection = try? listener.accept() { welcome(connection) }
    }

    private func welcome(_ connection: FileDescriptor) {
        if newcomers.count >= limit { newcomers.removeFirst().connection.close() }
        newcomers.append(Newcomer(connection: connection))
    }

    private func listen(toNewcomerAt index: Int) {
        let connection = newcomers[index].connection
        var bytes = [UInt8](repeating: 0, count: 4 - newcomers[index].said.count)
        let count = recv(connection.number, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            newcomers.remove(at: index)
            return connection.close()
        }
        newcomers[index].said += bytes[..<count]
        guard newcomers[index].said.count == 4 else { return }
        var reader = JailerReader(newcomers.remove(at: index).said)
        numbered.updateValue(connection, forKey: reader.u32())?.close()
    }
}
