// SPDX-License-Identifier: Apache-2.0

/// Lets one caller at a time work on a thing, by its name. The others wait, and then look whether it is done.
actor SingleFlight {
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    func run<T: Sendable>(_ name: String, _ work: @Sendable () async throws -> T) async throws -> T {
        while waiting[name] != nil {
            await withCheckedContinuation { waiting[name, default: []].append($0) }
            try Task.checkCancellation()
        }
        waiting[name] = []
        defer { for waiter in waiting.removeValue(forKey: name) ?? [] { waiter.resume() } }
        return try await work()
    }
}
