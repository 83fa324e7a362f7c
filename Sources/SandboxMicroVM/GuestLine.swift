// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// The way to the jailer in a guest: a connection for messages, and one more for each stream that comes with them.
///
/// What arrives is the guest's word, and the guest may be its function's by now. So a message that is too long, late or
/// out of order ends the conversation, and with it the machine; nothing of it is kept without a bound.
final class GuestLine: JailerLine {
    /// How long the guest may take for what it has begun or been asked.
    struct Limits: Sendable {
        /// Between the first and the last byte of a message; for a stream that was announced.
        var messageSeconds = 10
        /// From a request to its answer.
        var answerSeconds = 60
        /// After which a waiting thread looks up, whether something is overdue.
        var lookUpSeconds = 5
        /// For an output to end after its process.
        var outputSeconds = 5
        var messageBytes = 64 << 10
        /// Connected and not announced; also connected, with nothing said.
        var streams = 64
    }

    private struct State {
        var isDisposed = false
        var patience: Int32?
        /// Requests that wait for an answer, and since when, in seconds.
        var asked: [UInt32: Int] = [:]
    }

    /// Copies of the outputs, by the handle of their process, to see whether all has arrived. Touched by the receiving
    /// thread alone.
    private final class Outputs: @unchecked Sendable {
        var copies: [UInt64: FileDescriptor] = [:]
    }

    let carriesFiles = false
    private let control: FileDescriptor
    private let limits: Limits
    private let state = Mutex(State())
    private let ended = Atomic(false)
    private let streams: GuestStreams
    private let outputs = Outputs()

    /// Takes a connected socket and the listener for streams.
    init(control: FileDescriptor, streams listener: FileDescriptor, limits: Limits = Limits()) {
        self.control = control
        self.limits = limits
        streams = GuestStreams(listener, limit: limits.streams)
        Socket.limitSending(control, seconds: limits.messageSeconds)
    }

    /// Whether the other end has gone, or has been hung up for what it said.
    var hasEnded: Bool { ended.load(ordering: .acquiring) }

    // MARK: - asking

    func send(_ operation: JailerOperation, request: UInt32, body: [UInt8]) throws(SystemError) {
        try send(operation.number, request, body)
    }

    /// The stream leads to a socket in the guest, which waits to hear where it goes.
    func connect(_ stream: FileDescriptor, to port: UInt16) throws(SystemError) {
        var writer = JailerWriter()
        writer.u32(UInt32(port))
        guard Socket.write(writer.bytes, to: stream), Socket.setNonBlocking(stream) else {
            throw SystemError("tell the guest a port", errno)
        }
    }

    /// Tells the guest what time it is; it has no other clock that it could trust.
    func tellTime(nanoseconds: UInt64) throws(SystemError) {
        var writer = JailerWriter()
        writer.u64(nanoseconds)
        try send(JailerNumber.guestTime, nil, writer.bytes)
    }

    private func send(_ operation: UInt32, _ request: UInt32?, _ body: [UInt8]) throws(SystemError) {
        var message = JailerWriter()
        for number in [operation, request ?? 0, UInt32(clamping: body.count), 0] { message.u32(number) }
        let bytes = message.bytes + body
        // Under the lock, so that messages stay whole and the number is not somebody else's by now.
        let failure = state.withLock { state -> SystemError? in
            guard !state.isDisposed else { return SystemError("send to the guest", EPIPE) }
            if let request { state.asked[request] = Socket.now() }
            return Socket.write(bytes, to: control) ? nil : SystemError("send to the guest", errno)
        }
        guard let failure else { return }
        hangUp()
        throw failure
    }

    // MARK: - hearing

    func receive() -> JailerMessage? {
        let message = nextMessage()
        if message == nil { ended.store(true, ordering: .releasing) }
        return message
    }

    private func nextMessage() -> JailerMessage? {
        while waitForMessage() {
            guard let (bytes, count) = readMessage() else { return nil }
            guard let arrived = descriptors(count) else { return nil }
            let message = bytes.withUnsafeBytes { JailerMessage($0, arrived) }
            // A kind that is not known is passed over, as of any jailer.
            guard let message else {
                arrived.closeAll()
                continue
            }
            note(message)
            return message
        }
        return nil
    }

    /// Looks up now and then, whether an answer is overdue.
    private func waitForMessage() -> Bool {
        let since = Socket.now()
        while true {
            if Socket.waits(control, for: POLLIN, seconds: limits.lookUpSeconds) { return true }
            let (patience, oldest) = state.withLock { ($0.patience, $0.asked.values.min()) }
            if let patience, Socket.now() - since >= Int(patience) { return false }
            if let oldest, Socket.now() - oldest > limits.answerSeconds { return false }
        }
    }

    /// Header and body, and how many descriptors the guest says would come along.
    private func readMessage() -> (bytes: [UInt8], descriptors: Int)? {
        guard let header = Socket.read(16, from: control, seconds: limits.messageSeconds) else { return nil }
        var reader = JailerReader(header)
        _ = (reader.u32(), reader.u32())
        let length = Int(reader.u32())
        let count = Int(reader.u32())
        guard length <= limits.messageBytes, count <= JailerNumber.maximumDescriptors else { return nil }
        guard let body = Socket.read(length, from: control, seconds: limits.messageSeconds) else { return nil }
        return (header + body, count)
    }

    private func descriptors(_ count: Int) -> [FileDescriptor]? {
        guard let bytes = Socket.read(8 * count, from: control, seconds: limits.messageSeconds) else { return nil }
        var reader = JailerReader(bytes)
        var arrived: [FileDescriptor] = []
        for _ in 0..<count {
            let (kind, number) = (reader.u32(), reader.u32())
            guard kind == JailerNumber.guestIsStream else { continue }
            guard let stream = streams.take(number, within: limits.messageSeconds) else {
                arrived.closeAll()
                return nil
            }
            arrived.append(stream)
        }
        return arrived
    }

    private func note(_ message: JailerMessage) {
        var reader = JailerReader(message.body)
        switch message.kind {
        case .answer:
            state.withLock { _ = $0.asked.removeValue(forKey: message.request) }
            _ = reader.u32()
            let handle = reader.u64()
            guard !reader.isBroken, let output = message.descriptors.first, outputs.copies.count < limits.streams
            else {
                return
            }
            outputs.copies.updateValue(output.duplicate(), forKey: handle)?.close()
        case .exit:
            // The machine may be ended once this is known, so what the process has written must be here by then.
            guard let output = outputs.copies.removeValue(forKey: reader.u64()) else { return }
            _ = Socket.waits(output, for: Socket.peerHasEnded, seconds: limits.outputSeconds)
            output.close()
        case .ending: return
        }
    }

    // MARK: - ending

    func setPatience(seconds: Int32?) { state.withLock { $0.patience = seconds } }

    func hangUp() {
        state.withLock { state in
            if !state.isDisposed { Socket.shutDown(control) }
        }
    }

    func dispose() {
        ended.store(true, ordering: .releasing)
        let isFirst = state.withLock { state in
            guard !state.isDisposed else { return false }
            state.isDisposed = true
            control.close()
            return true
        }
        // A number that is closed twice may be somebody else's by then.
        guard isFirst else { return }
        streams.closeAll()
        outputs.copies.values.closeAll()
        outputs.copies = [:]
    }
}
