// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// Reads one mapping's source and runs its function, on the node that holds the mapping. Queues have one; streams will.
protocol MappingReader: Sendable {
    /// Returns soon after `stop` was opened, when no batch is under way any more.
    func run(until stop: StopSignal) async
}

/// Asks a reader to end.
final class StopSignal: Sendable {
    private struct State {
        var isStopped = false
        var nextID = 0
        var onStop: [Int: @Sendable () -> Void] = [:]
    }

    private let state = NIOLockedValueBox(State())

    var isStopped: Bool { state.withLockedValue { $0.isStopped } }

    func stop() {
        let actions = state.withLockedValue { state in
            state.isStopped = true
            defer { state.onStop = [:] }
            return Array(state.onStop.values)
        }
        for action in actions { action() }
    }

    /// Runs `body` and cancels it at the stop. Nil when it was stopped, or is already.
    func unlessStopped<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T? {
        if isStopped { return nil }
        let task = Task { try await body() }
        let id = onStop { task.cancel() }
        defer { forget(id) }
        do {
            return try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch is CancellationError {
            return nil
        }
    }

    private func onStop(_ action: @escaping @Sendable () -> Void) -> Int? {
        let id = state.withLockedValue { state -> Int? in
            guard !state.isStopped else { return nil }
            state.nextID += 1
            state.onStop[state.nextID] = action
            return state.nextID
        }
        if id == nil { action() }
        return id
    }

    private func forget(_ id: Int?) {
        guard let id else { return }
        state.withLockedValue { $0.onStop[id] = nil }
    }
}
