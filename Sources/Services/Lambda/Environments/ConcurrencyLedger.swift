// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Counts what runs on this node, per account and function, against AWS's limits.
///
/// An invocation pays three short locks. They are those of its account, whose functions have one limit together; other
/// accounts have others.
final class ConcurrencyLedger: Sendable {
    private struct Account {
        /// By function name.
        var functions: [String: Running] = [:]
        var unreserved = 0
        var total = 0
    }

    private struct Running {
        var total = 0
        /// Without those that provisioned environments serve.
        var onDemand = 0
    }

    /// The environments of a version that are initialised ahead.
    private struct Provision {
        var environments = 0
        var running = 0
        var rate = RequestRate()
    }

    private struct Function: Hashable {
        var scope: Scope
        var name: String
    }

    /// Of the accounts that share a lock.
    private struct State {
        /// Those that run something.
        var accounts: [Scope: Account] = [:]
        /// Start times of new environments in the current window.
        var starts: [Function: (windowBegins: Int64, count: Int)] = [:]
        /// As many as there are provisioned versions on this node.
        var provisions: [VersionKey: Provision] = [:]
        var rates: [Function: RequestRate] = [:]
    }

    private static let stripes = 16
    /// Functions whose starts, or requests, are counted, behind one lock. At one more, those are forgotten whose window is over; should that
    /// be none, all, which at worst allows a function its starts anew.
    static let rememberedStarts = 4_096

    /// A refusal, with AWS's Reason.
    enum Refusal: String, Error, Sendable {
        case functionLimit = "ReservedFunctionConcurrentInvocationLimitExceeded"
        case accountLimit = "ConcurrentInvocationLimitExceeded"
        case functionRate = "ReservedFunctionInvocationRateLimitExceeded"
        case accountRate = "FunctionInvocationRateLimitExceeded"
    }

    /// What an admitted invocation counts against.
    enum Place: Sendable {
        /// An environment that is initialised ahead: neither the function's reservation nor the account's pool.
        case provisioned
        case reserved
        case unreserved
    }

    /// One that wants to run.
    struct Applicant: Sendable {
        var key: VersionKey
        /// Nil: it shares the account's pool.
        var reserved: Int? = nil
        /// Of all versions of the function: with a reservation, a part of it.
        var provisioned = 0
        /// Of the account.
        var claims = ClaimedConcurrency()
        /// Asynchronous ones are bounded by concurrency alone, as on AWS.
        var isSynchronous = true
    }

    private let states = Striped(stripes) { State() }
    private let accountLimit: Int

    init(accountLimit: Int = LambdaLimits.accountConcurrency) { self.accountLimit = accountLimit }

    /// Takes one place; `leave` must follow.
    func enter(_ applicant: Applicant, at microseconds: Int64) throws(Refusal) -> Place {
        let result = states.withValue(for: applicant.key.scope) { state -> Result<Place, Refusal> in
            let place = Self.takeProvisioned(applicant, &state, at: microseconds)
            if place == nil, let refusal = refusal(of: applicant, &state, at: microseconds) { return .failure(refusal) }
            let taken = place ?? (applicant.reserved == nil ? .unreserved : .reserved)
            Self.count(applicant.key, taken, &state, by: 1)
            return .success(taken)
        }
        return try result.get()
    }

    func leave(_ key: VersionKey, _ place: Place) {
        states.withValue(for: key.scope) { state in
            guard state.accounts[key.scope]?.functions[key.functionName] != nil else { return }
            Self.count(key, place, &state, by: -1)
            if place == .provisioned { state.provisions[key]?.running -= 1 }
            Self.forgetUnused(key, &state)
        }
    }

    private static func takeProvisioned(
        _ applicant: Applicant,
        _ state: inout State,
        at now: Int64
    ) -> Place? {
        guard !state.provisions.isEmpty, var provision = state.provisions[applicant.key],
            provision.running < provision.environments
        else { return nil }
        // AWS: beyond its share of requests a second, too, a version spills over to what is started on demand.
        let limit = provision.environments * LambdaLimits.requestsPerSecondOfOne
        guard !applicant.isSynchronous || provision.rate.admit(limit, at: now) else { return nil }
        provision.running += 1
        state.provisions[applicant.key] = provision
        return .provisioned
    }

    private func refusal(of applicant: Applicant, _ state: inout State, at now: Int64) -> Refusal? {
        let (scope, name) = (applicant.key.scope, applicant.key.functionName)
        let account = state.accounts[scope]
        let (running, limit, refusals): (Int, Int, (concurrency: Refusal, rate: Refusal))
        if let reserved = applicant.reserved {
            limit = reserved - applicant.provisioned
            (running, refusals) = (account?.functions[name]?.onDemand ?? 0, (.functionLimit, .functionRate))
        } else {
            limit = accountLimit - applicant.claims.total
            (running, refusals) = (account?.unreserved ?? 0, (.accountLimit, .accountRate))
        }
        guard running < limit else { return refusals.concurrency }
        guard applicant.isSynchronous else { return nil }
        let key = Function(scope: scope, name: name)
        if state.rates.count >= Self.rememberedStarts, state.rates[key] == nil {
            state.rates = state.rates.filter { !$0.value.isOver(at: now) }
            if state.rates.count >= Self.rememberedStarts { state.rates = [:] }
        }
        let admits = state.rates[key, default: RequestRate()]
            .admit(limit * LambdaLimits.requestsPerSecondOfOne, at: now)
        return admits ? nil : refusals.rate
    }

    private static func count(_ key: VersionKey, _ place: Place, _ state: inout State, by number: Int) {
        state.accounts[key.scope, default: Account()].functions[key.functionName, default: Running()].total += number
        if place != .provisioned {
            state.accounts[key.scope]?.functions[key.functionName]?.onDemand += number
        }
        state.accounts[key.scope]?.total += number
        if place == .unreserved { state.accounts[key.scope]?.unreserved += number }
    }

    private static func forgetUnused(_ key: VersionKey, _ state: inout State) {
        if state.accounts[key.scope]?.functions[key.functionName]?.total == 0 {
            state.accounts[key.scope]?.functions[key.functionName] = nil
        }
        if state.accounts[key.scope]?.total == 0 { state.accounts[key.scope] = nil }
        if let provision = state.provisions[key], provision.environments <= 0, provision.running <= 0 {
            state.provisions[key] = nil
        }
    }

    // MARK: Environments

    /// One more environment of the version is initialised ahead; `withdraw` must follow.
    func provide(_ key: VersionKey) {
        states.withValue(for: key.scope) { $0.provisions[key, default: Provision()].environments += 1 }
    }

    /// One has ended, or is one like any other from now on. What it runs keeps its place.
    func withdraw(_ key: VersionKey) {
        states.withValue(for: key.scope) { state in
            state.provisions[key]?.environments -= 1
            Self.forgetUnused(key, &state)
        }
    }

    /// Whether one more environment may start now: 1,000 per function in 10 seconds.
    func mayStart(_ function: String, in scope: Scope, at microseconds: Int64) -> Bool {
        let window = Int64(LambdaLimits.startWindowSeconds) * 1_000_000
        let key = Function(scope: scope, name: function)
        return states.withValue(for: scope) { state in
            if state.starts[key] == nil, state.starts.count >= Self.rememberedStarts {
                state.starts = state.starts.filter { microseconds - $0.value.windowBegins < window }
                if state.starts.count >= Self.rememberedStarts { state.starts = [:] }
            }
            var starts = state.starts[key] ?? (microseconds, 0)
            if microseconds - starts.windowBegins >= window { starts = (microseconds, 0) }
            guard starts.count < LambdaLimits.startsPerWindow else { return false }
            starts.count += 1
            state.starts[key] = starts
            return true
        }
    }

    // MARK: Figures

    /// What runs now.
    struct Load: Sendable, Equatable {
        var function: Int
        var account: Int
        /// Of functions without a reservation, all together, without what provisioned environments serve.
        var unreserved: Int
    }

    func load(of function: String, in scope: Scope) -> Load {
        states.withValue(for: scope) { state in
            guard let account = state.accounts[scope] else { return Load(function: 0, account: 0, unreserved: 0) }
            return Load(
                function: account.functions[function]?.total ?? 0,
                account: account.total,
                unreserved: account.unreserved
            )
        }
    }

    /// How much is remembered.
    var remembered: (accounts: Int, starts: Int, rates: Int, provisions: Int) {
        var all = (accounts: 0, starts: 0, rates: 0, provisions: 0)
        _ = states.map { state in
            all.accounts += state.accounts.count
            all.starts += state.starts.count
            all.rates += state.rates.count
            all.provisions += state.provisions.count
        }
        return all
    }
}
