// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// How many machines may be booting at once; who comes later waits, in order of arrival. A boot is work for a processor, and
/// all of them together would each take longer than a boot may. The wait is bounded, since each boot is.
final class BootPlaces: Sendable {
    private let state: Mutex<(free: Int, waiting: [CheckedContinuation<Void, Never>])>

    init(_ count: Int) { state = Mutex((count, [])) }

    /// A translated guest keeps a processor busy from its first instruction to its last; one of KVM's waits for its devices, too.
    convenience init(processors: Int, _ acceleration: Acceleration) {
        switch acceleration {
        case .tcg: self.init(processors)
        case .kvm: self.init(processors * 4)
        }
    }

    /// Runs `body` in a place. One that was cancelled while it waited does not begin.
    func occupy<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        await enter()
        defer { leave() }
        try Task.checkCancellation()
        return try await body()
    }

    private func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave() {
        state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty { state.free += 1 }
            return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }?.resume()
    }
}
