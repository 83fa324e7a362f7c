// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import Synchronization

/// What is told to the subscribers of one environment, in order. Events of the init phase are kept until its end, since a
/// subscriber hears of them too; after it, an environment without subscribers pays one look at a flag for each event.
final class TelemetryHub: Sendable {
    private struct State {
        var isOpen = true
        var isPaused = false
        var backlog: [(event: TelemetryEvent, time: Instant)] = []
        var backlogBytes = 0
        var lost = (records: 0, bytes: 0)
        /// By the extension's name and the API: a second subscription takes the place of the first.
        var couriers: [(name: String, courier: TelemetryCourier)] = []
    }

    /// Of the init phase.
    static let maximumBacklog = 10_000
    static let maximumBacklogBytes = 1_048_576

    private let clock: any WallClock
    private let isOn = Atomic<Bool>(true)
    private let state = NIOLockedValueBox(State())

    init(clock: any WallClock) { self.clock = clock }

    func post(_ event: @autoclosure () -> TelemetryEvent) {
        guard isOn.load(ordering: .relaxed) else { return }
        deliver([event()])
    }

    /// Lines as the log has them; their newline is not part of the record.
    func post(lines: [String], _ event: (String) -> TelemetryEvent) {
        guard isOn.load(ordering: .relaxed), !lines.isEmpty else { return }
        deliver(lines.map { event($0.last == "\n" ? String($0.dropLast()) : $0) })
    }

    private func deliver(_ events: [TelemetryEvent]) {
        let now = clock.now
        state.withLockedValue { state in
            for event in events {
                if state.isOpen { Self.keep(event, now, &state) }
                // Under the lock, so that the order is the same for all. A courier's own work is on its event loop.
                for (_, courier) in state.couriers { courier.offer(event, at: now) }
            }
        }
    }

    private static func keep(_ event: TelemetryEvent, _ now: Instant, _ state: inout State) {
        let size = event.lineBytes
        guard state.backlog.count < maximumBacklog, state.backlogBytes + size <= maximumBacklogBytes else {
            state.lost.records += 1
            state.lost.bytes += size
            return
        }
        state.backlog.append((event, now))
        state.backlogBytes += size
    }

    /// Adds a subscriber, which hears everything from the environment's beginning. False: the init phase is over.
    func subscribe(_ name: String, _ courier: TelemetryCourier) -> Bool {
        let now = clock.now
        return state.withLockedValue { state in
            guard state.isOpen else { return false }
            let api = courier.subscription.api
            state.couriers.removeAll { $0.name == name && $0.courier.subscription.api == api }
            state.couriers.append((name, courier))
            if state.isPaused { courier.pause() }
            for (event, time) in state.backlog { courier.offer(event, at: time) }
            if state.lost.records > 0 {
                courier.offer(.dropped(records: state.lost.records, bytes: state.lost.bytes), at: now)
            }
            return true
        }
    }

    /// What of the init phase a subscriber would still hear; nothing once that is over.
    var kept: [TelemetryEvent] { state.withLockedValue { $0.backlog.map(\.event) } }

    /// The init phase is over.
    func close() {
        state.withLockedValue { state in
            state.isOpen = false
            state.backlog = []
            isOn.store(!state.couriers.isEmpty, ordering: .relaxed)
        }
    }

    func pause() { forCouriers(isPaused: true) { $0.pause() } }
    func resume() { forCouriers(isPaused: false) { $0.resume() } }

    private func forCouriers(isPaused: Bool, _ body: (TelemetryCourier) -> Void) {
        guard isOn.load(ordering: .relaxed) else { return }
        let couriers = state.withLockedValue { state in
            state.isPaused = isPaused
            return state.couriers
        }
        for (_, courier) in couriers { body(courier) }
    }

    /// Sends what waits, and returns when it has arrived or the time is up.
    func drain(within limit: Duration) async {
        guard isOn.load(ordering: .relaxed) else { return }
        let couriers = state.withLockedValue { $0.couriers.map(\.courier) }
        await withDiscardingTaskGroup { group in
            for courier in couriers { group.addTask { await courier.drain(within: limit) } }
        }
    }
}

extension TelemetryEvent {
    /// What it weighs while it waits, roughly.
    fileprivate var lineBytes: Int {
        switch self {
        case .functionLine(let text), .extensionLine(let text), .fault(let text): text.utf8.count
        default: 256
        }
    }
}
