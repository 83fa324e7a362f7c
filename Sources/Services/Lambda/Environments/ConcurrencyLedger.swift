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
        /// Start times of new environments in the current window, by function.
        var starts: [String: (windowBegins: Int64, count: Int)] = [:]
    }

    /// A refusal, with AWS's Reason.
    enum Refusal: String, Error, Sendable {
        case functionLimit = "ReservedFunctionConcurrentInvocationLimitExceeded"
        case accountLimit = "ConcurrentInvocationLimitExceeded"
    }

    private let accounts = NIOLockedValueBox<[Scope: Account]>([:])
    private let accountLimit: Int

    init(accountLimit: Int = LambdaLimits.accountConcurrency) { self.accountLimit = accountLimit }

    /// Takes one place; `leave` must follow. `totalReserved` is what all functions of the account have reserved.
    func enter(_ function: String, in scope: Scope, reserved: Int?, totalReserved: Int) -> Refusal? {
        accounts.withLockedValue { accounts in
            var account = accounts[scope] ?? Account()
            let running = account.running[function] ?? 0
            if let reserved {
                guard running < reserved else { return .functionLimit }
            } else {
                guard account.unreserved < accountLimit - totalReserved else { return .accountLimit }
                account.unreserved += 1
            }
            account.running[function] = running + 1
            account.total += 1
            accounts[scope] = account
            return nil
        }
    }

    func leave(_ function: String, in scope: Scope, wasReserved: Bool) {
        accounts.withLockedValue { accounts in
            guard let running = accounts[scope]?.running[function] else { return }
            accounts[scope]?.running[function] = running > 1 ? running - 1 : nil
            accounts[scope]?.total -= 1
            if !wasReserved { accounts[scope]?.unreserved -= 1 }
        }
    }

    /// Whether one more environment may start now: 1,000 per function in 10 seconds.
    func mayStart(_ function: String, in scope: Scope, at microseconds: Int64) -> Bool {
        let window = Int64(LambdaLimits.startWindowSeconds) * 1_000_000
        return accounts.withLockedValue { accounts in
            var starts = accounts[scope, default: Account()].starts[function] ?? (microseconds, 0)
            if microseconds - starts.windowBegins >= window { starts = (microseconds, 0) }
            guard starts.count < LambdaLimits.startsPerWindow else { return false }
            starts.count += 1
            accounts[scope, default: Account()].starts[function] = starts
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
        accounts.withLockedValue { accounts in
            guard let account = accounts[scope] else { return Load(function: 0, account: 0, unreserved: 0) }
            return Load(
                function: account.running[function] ?? 0,
                account: account.total,
                unreserved: account.unreserved
            )
        }
    }

    func running(_ function: String, in scope: Scope) -> Int {
        accounts.withLockedValue { $0[scope]?.running[function] ?? 0 }
    }
}
