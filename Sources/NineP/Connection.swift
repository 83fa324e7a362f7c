// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// What to do with the bytes that have come.
enum Frame: Equatable {
    /// A request, so many bytes long.
    case whole(Int)
    /// The rest has not come yet.
    case partial
    /// Too short for a message, or longer than may be: where the next one begins cannot be known.
    case broken

    init(_ bytes: UnsafeRawBufferPointer, limit: Int) {
        guard bytes.count >= MemoryLayout<UInt32>.size else {
            self = .partial
            return
        }
        let size = Int(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
        guard size >= ReplyWriter.headerBytes, size <= limit else {
            self = .broken
            return
        }
        self = bytes.count >= size ? .whole(size) : .partial
    }
}

/// The bytes of one connection: its two buffers, each as long as the longest message, and the loop between them.
final class Connection {
    private let socket: FileDescriptor
    private let session: Session
    private let input: UnsafeMutableRawBufferPointer
    private let output: UnsafeMutableRawBufferPointer
    /// Of `input`: what has come and is not answered.
    private var unanswered = 0..<0

    init(_ socket: FileDescriptor, _ shared: Shared) {
        self.socket = socket
        session = Session(shared)
        input = .allocate(byteCount: shared.limits.messageBytes, alignment: 16)
        output = .allocate(byteCount: shared.limits.messageBytes, alignment: 16)
    }

    deinit {
        input.deallocate()
        output.deallocate()
    }

    /// Returns when the peer has ended the connection, or what comes is no message.
    func run() {
        while true {
            let bytes = UnsafeRawBufferPointer(rebasing: input[unanswered])
            switch Frame(bytes, limit: session.messageBytes) {
            case .whole(let size):
                let count = session.answer(UnsafeRawBufferPointer(rebasing: bytes.prefix(size)), into: output)
                guard send(UnsafeRawBufferPointer(rebasing: output.prefix(count))) else { return }
                unanswered = (unanswered.lowerBound + size)..<unanswered.upperBound
            case .partial:
                guard receive() else { return }
            case .broken:
                return
            }
        }
    }

    /// As much as there is, behind what there was. A message that has not come whole is shorter than the buffer, so there
    /// is room when it stands at its beginning.
    private func receive() -> Bool {
        if unanswered.lowerBound > 0 {
            input.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[unanswered]))
            unanswered = 0..<unanswered.count
        }
        let room = UnsafeMutableRawBufferPointer(rebasing: input[unanswered.upperBound...])
        var count: Int
        repeat { count = recv(socket.number, room.baseAddress, room.count, 0) } while count < 0 && errno == EINTR
        guard count > 0 else { return false }
        unanswered = 0..<(unanswered.upperBound + count)
        return true
    }

    private func send(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.send(socket.number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
        return true
    }
}
