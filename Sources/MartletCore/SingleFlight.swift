// SPDX-License-Identifier: Apache-2.0

/// Lets one caller at a time work on a thing, by its name. The others wait, and then look whether it is done.
package actor SingleFlight {
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    package init() {}

    /// Runs `work` when nobody else works on `name`. Waiting is not cut short by cancellation; `work` sees it.
    package func run<T: Sendable, Failure: Error>(
        _ name: String,
        _ work: @Sendable () async throws(Failure) -> T
    ) async throws(Failure) -> T {
        while waiting[name] != nil {
            await withCheckedContinuation { waiting[name, default: []].append($0) }
        }
        waiting[name] = []
        defer { for waiter in waiting.removeValue(forKey: name) ?? [] { waiter.resume() } }
        return try await work()
    }
}
