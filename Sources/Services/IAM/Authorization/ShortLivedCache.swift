// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// What was derived from the store, kept while it is surely fresh: this node's own changes end it at once, another node's
/// within `lifetime`. Bounded; at its limit it begins anew.
final class ShortLivedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        var value: Value
        var change: UInt64
        var expiresAtMicroseconds: Int64
    }

    private let entries = NIOLockedValueBox<[Key: Entry]>([:])
    private let store: IAMStore
    private let clock: any WallClock
    private let lifetimeMicroseconds: Int64
    private let limit: Int

    init(_ store: IAMStore, clock: any WallClock, lifetime: Duration = .seconds(2), limit: Int = 4_096) {
        self.store = store
        self.clock = clock
        lifetimeMicroseconds = lifetime.wholeMicroseconds
        self.limit = limit
    }

    func value(for key: Key, _ load: () async throws -> Value) async throws -> Value {
        // Read before loading: a change in between makes the entry stale from its birth.
        let change = store.changeCount
        let now = clock.monotonicMicroseconds
        let known = entries.withLockedValue { entries -> Value? in
            guard let entry = entries[key], entry.change == change, entry.expiresAtMicroseconds > now else {
                return nil
            }
            return entry.value
        }
        if let known { return known }
        let value = try await load()
        let entry = Entry(value: value, change: change, expiresAtMicroseconds: now &+ lifetimeMicroseconds)
        entries.withLockedValue { entries in
            if entries.count >= limit { entries.removeAll(keepingCapacity: true) }
            entries[key] = entry
        }
        return value
    }
}
