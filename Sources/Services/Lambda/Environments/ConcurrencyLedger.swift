// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// Counts what runs on this node, per account and function, against AWS's limits. A synchronous invoke pays one short lock.
final class ConcurrencyLedger: Sendable {
    private struct Account {
        /// By function name.
        var running: [String: Int] = [:]
        var unreserved = 0
        var total = 0
    }

    private struct Function: Hashable {
        var scope: Scope
        var name: String
    }

    private struct State {
        /// Those that run something.
        var accounts: [Scope: Account] = [:]
        /// Start times of new environments in the current window.
        var starts: [Function: (windowBegins: Int64, count: Int)] = [:]
    }

    /// Functions whose starts are counted. At one more, those are forgotten whose window is over; should that be none, all,
    /// which at worst allows a function its starts anew.
    static let rememberedStarts = 4_096

    /// A refusal, with AWS's Reason.
    enum Refusal: String, Error, Sendable {
        case functionLimit = "ReservedFunctionConcurrentInvocationLimitExceeded"
        case accountLimit = "ConcurrentInvocationLimitExceeded"
    }

    private let state = NIOLockedValueBox(State())
    private let accountLimit: Int

    init(accountLimit: Int = LambdaLimits.accountConcurrency) { self.accountLimit = accountLimit }

    /// Takes one place; `leave` must follow. `totalReserved` is what all functions of the account have reserved.
    func enter(_ function: String, in scope: Scope, reserved: Int?, totalReserved: Int) -> Refusal? {
        state.withLockedValue { state in
            var account = state.accounts[scope] ?? Account()
            let running = account.running[function] ?? 0
            if let reserved {
                guard running < reserved else { return .functionLimit }
            } else {
                guard account.unreserved < accountLimit - totalReserved else { return .accountLimit }
                account.unreserved += 1
            }
            account.running[function] = running + 1
            account.total += 1
            state.accounts[scope] = account
            return nil
        }
    }

    func leave(_ function: String, in scope: Scope, wasReserved: Bool) {
        state.withLockedValue { state in
            guard let running = state.accounts[scope]?.running[function] else { return }
            state.accounts[scope]?.running[function] = running > 1 ? running - 1 : nil
            state.accounts[scope]?.total -= 1
            if !wasReserved { state.accounts[scope]?.unreserved -= 1 }
            if state.accounts[scope]?.total == 0 { state.accounts[scope] = nil }
        }
    }

    /// Whether one more environment may start now: 1,000 per function in 10 seconds.
    func mayStart(_ function: String, in scope: Scope, at microseconds: Int64) -> Bool {
        let window = Int64(LambdaLimits.startWindowSeconds) * 1_000_000
        let key = Function(scope: scope, name: function)
        return state.withLockedValue { state in
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

    /// What runs now.
    struct Load: Sendable, Equatable {
        var function: Int
        var account: Int
        /// Of functions without a reservation, all together.
        var unreserved: Int
    }

    func load(of function: String, in scope: Scope) -> Load {
        state.withLockedValue { state in
            guard let account = state.accounts[scope] else { return Load(function: 0, account: 0, unreserved: 0) }
            return Load(
                function: account.running[function] ?? 0,
                account: account.total,
                unreserved: account.unreserved
            )
        }
    }

    func running(_ function: String, in scope: Scope) -> Int {
        state.withLockedValue { $0.accounts[scope]?.running[function] ?? 0 }
    }

    /// How much is remembered.
    var remembered: (accounts: Int, starts: Int) { state.withLockedValue { ($0.accounts.count, $0.starts.count) } }
}
