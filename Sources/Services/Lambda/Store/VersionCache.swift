// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// Resolves names for invocations from memory, so that a warm invoke reads no database.
///
/// What this node changes is forgotten at once. Where other nodes write to the same store, an entry is compared with the
/// function's change count once it is older than `revalidatesAfter`; with nil it is good until it is forgotten.
struct VersionCache: VersionDirectory {
    /// Functions that are remembered. At one more all are forgotten, which costs each one read.
    static let capacity = 10_000
    private static let stripes = 256

    let source: VersionSource
    let clock: any WallClock
    private let revalidatesAfter: Duration?
    let state = NIOLockedValueBox(State())

    init(source: VersionSource, clock: any WallClock, revalidatesAfter: Duration?) {
        self.source = source
        self.clock = clock
        self.revalidatesAfter = revalidatesAfter
    }

    func resolve(
        function name: String,
        qualifier: String?,
        in scope: Scope,
        draw: Double
    ) async throws -> ResolvedInvocation {
        guard !name.utf8.contains(UInt8(ascii: ":")) else {
            let reference = try FunctionReference(name, qualifier: qualifier, in: scope)
            return try await resolve(
                function: reference.name,
                qualifier: reference.qualifier,
                in: reference.scope,
                draw: draw
            )
        }
        let key = FunctionKey(scope: scope, name: name)
        if let found = fresh(key, qualifier) { return found.choose(draw) }
        if let found = try await revalidated(key, qualifier) { return found.choose(draw) }
        return try await load(key, qualifier).choose(draw)
    }

    func claimedConcurrency(in scope: Scope) async throws -> ClaimedConcurrency {
        let now = clock.monotonicMicroseconds
        let (known, epoch) = state.withLockedValue { state in
            (state.claims[scope].flatMap { isOld($0.checkedAt, now) ? nil : $0.claims }, state.claimEpoch)
        }
        if let known { return known }
        let claims = try await source.claimedConcurrency(in: scope)
        state.withLockedValue { state in
            guard state.claimEpoch == epoch else { return }
            if state.claims.count >= Self.capacity { state.claims = [:] }
            state.claims[scope] = (claims, now)
        }
        return claims
    }

    /// To be called after each change of a function that an invocation could see.
    func forget(_ name: String, in scope: Scope) {
        let key = FunctionKey(scope: scope, name: name)
        state.withLockedValue { state in
            state.functions[key] = nil
            // Few addresses, seldom changed: to look for the function's own would cost more than to read them again.
            state.urls = [:]
            state.urlEpoch &+= 1
            state.epochs[key.stripe(of: Self.stripes)] &+= 1
            state.claims[scope] = nil
            state.claimEpoch &+= 1
        }
    }
}

// MARK: - Entries

extension VersionCache {
    struct FunctionKey: Hashable {
        var scope: Scope
        var name: String

        func stripe(of count: Int) -> Int { Int(UInt(bitPattern: hashValue) % UInt(count)) }
    }

    struct Entry {
        var changeCount: Int
        var checkedAt: Int64
        var resolutions: [String?: Resolution] = [:]
    }

    struct State {
        var functions: [FunctionKey: Entry] = [:]
        /// Count what was forgotten, so that a load that began before does not bring the old back.
        var epochs = [Int](repeating: 0, count: stripes)
        var claims: [Scope: (claims: ClaimedConcurrency, checkedAt: Int64)] = [:]
        var claimEpoch = 0
        var urls: [String: (url: FunctionURL, checkedAt: Int64)] = [:]
        var urlEpoch = 0
    }

    private func fresh(_ key: FunctionKey, _ qualifier: String?) -> Resolution? {
        state.withLockedValue { state in
            guard let entry = state.functions[key], !isOld(entry.checkedAt) else { return nil }
            return entry.resolutions[qualifier]
        }
    }

    func isOld(_ checkedAt: Int64, _ now: Int64? = nil) -> Bool {
        guard let revalidatesAfter else { return false }
        return (now ?? clock.monotonicMicroseconds) - checkedAt > revalidatesAfter.wholeMicroseconds
    }

    /// An old entry whose function has not changed, made fresh again.
    private func revalidated(_ key: FunctionKey, _ qualifier: String?) async throws -> Resolution? {
        let known = state.withLockedValue { state in
            state.functions[key].flatMap { entry in entry.resolutions[qualifier].map { (entry.changeCount, $0) } }
        }
        guard let (changeCount, resolution) = known else { return nil }
        let now = clock.monotonicMicroseconds
        guard try await source.changeCount(of: key.name, in: key.scope) == changeCount else {
            forget(key.name, in: key.scope)
            return nil
        }
        state.withLockedValue { state in
            guard state.functions[key]?.changeCount == changeCount else { return }
            state.functions[key]?.checkedAt = now
        }
        return resolution
    }

    private func load(_ key: FunctionKey, _ qualifier: String?) async throws -> Resolution {
        let stripe = key.stripe(of: Self.stripes)
        let (epoch, now) = (state.withLockedValue { $0.epochs[stripe] }, clock.monotonicMicroseconds)
        let (resolution, changeCount) = try await source.load(function: key.name, qualifier: qualifier, in: key.scope)
        state.withLockedValue { state in
            guard state.epochs[stripe] == epoch else { return }
            if state.functions.count >= Self.capacity, state.functions[key] == nil { state.functions = [:] }
            var entry = state.functions[key] ?? Entry(changeCount: changeCount, checkedAt: now)
            if entry.changeCount != changeCount { entry = Entry(changeCount: changeCount, checkedAt: now) }
            entry.resolutions[qualifier] = resolution
            state.functions[key] = entry
        }
        return resolution
    }
}

/// What a name and qualifier lead to: one version, or two with a weight.
struct Resolution: Sendable {
    var first: ResolvedInvocation
    var other: (invocation: ResolvedInvocation, weight: Double)?

    func choose(_ draw: Double) -> ResolvedInvocation {
        if let other, draw < other.weight { return other.invocation }
        return first
    }
}
