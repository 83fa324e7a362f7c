// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

/// Brings one subscriber its batches: the thin shell around `TelemetryBuffer`.
final class TelemetryCourier: Sendable {
    private struct State {
        var buffer: TelemetryBuffer
        var isSending = false
        var emptied: [Latch] = []
    }

    private static let pauseBeforeRetry: TimeAmount = .milliseconds(100)

    let subscription: TelemetrySubscription
    private let keepsObjects: Bool
    private let eventLoop: any EventLoop
    private let supervisor: Supervisor
    private let connect: @Sendable (UInt16) async throws -> LinuxSystem.FileDescriptor
    private let state: NIOLockedValueBox<State>

    /// `connect` makes a connection to a port inside the sandbox. `keepsObjects`: the function logs in JSON.
    init(
        _ subscription: TelemetrySubscription,
        keepsObjects: Bool,
        clock: any WallClock,
        eventLoop: any EventLoop,
        supervisor: Supervisor,
        connect: @escaping @Sendable (UInt16) async throws -> LinuxSystem.FileDescriptor
    ) {
        self.subscription = subscription
        self.keepsObjects = keepsObjects
        self.eventLoop = eventLoop
        self.supervisor = supervisor
        self.connect = connect
        let buffer = TelemetryBuffer(subscription.buffering) { records, bytes in
            TelemetryEvent.dropped(records: records, bytes: bytes).document(
                for: subscription,
                at: clock.now,
                keepsObjects: false
            )
        }
        state = NIOLockedValueBox(State(buffer: buffer))
    }

    /// Never blocks. What exceeds the subscription's buffer is dropped and counted.
    func offer(_ event: TelemetryEvent, at time: Instant) {
        guard subscription.types.contains(event.kind),
            let document = event.document(for: subscription, at: time, keepsObjects: keepsObjects)
        else { return }
        step { $0.buffer.append(document) }
    }

    /// The environment is frozen from here on.
    func pause() { state.withLockedValue { $0.buffer.pause() } }
    func resume() { step { $0.buffer.resume(isSending: $0.isSending) } }

    /// Sends what waits, and returns when it has arrived or the time is up.
    func drain(within limit: Duration) async {
        let emptied = Latch()
        state.withLockedValue { $0.emptied.append(emptied) }
        step { $0.buffer.flush() }
        _ = await emptied.wait(atMost: limit, on: eventLoop)
    }

    private func step(_ change: (inout State) -> TelemetryBuffer.Action) {
        let (action, emptied) = state.withLockedValue { state in
            let action = change(&state)
            switch action {
            case .send, .sendAgain: state.isSending = true
            case .none, .arm: break
            }
            guard state.buffer.isEmpty else { return (action, [] as [Latch]) }
            defer { state.emptied = [] }
            return (action, state.emptied)
        }
        for latch in emptied { latch.open() }
        switch action {
        case .none: break
        case .arm:
            eventLoop.scheduleTask(in: .milliseconds(Int64(subscription.buffering.timeoutMilliseconds))) {
                [weak self] in
                self?.step { $0.buffer.timerFired() }
            }
        case .send(let batch): send(batch)
        case .sendAgain(let batch):
            eventLoop.scheduleTask(in: Self.pauseBeforeRetry) { [weak self] in self?.send(batch) }
        }
    }

    private func send(_ batch: [String]) {
        supervisor.submit { [self] in
            let post = TelemetryPost(destination: subscription.destination, eventLoop: eventLoop)
            var hasArrived = false
            // Without a connection the sandbox has ended, and with it the subscriber.
            if let made = try? await connect(subscription.destination.port) {
                hasArrived = await post.send(batch, over: made)
            }
            step { state in
                state.isSending = false
                return hasArrived ? state.buffer.delivered() : state.buffer.failed()
            }
        }
    }
}
