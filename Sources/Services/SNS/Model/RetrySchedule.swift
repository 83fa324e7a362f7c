// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore

/// When a failed delivery is tried again, and when no more.
struct RetrySchedule: Sendable, Equatable {
    var immediate: Int
    var preBackoff: Int
    var backoff: Int
    var postBackoff: Int
    var shortest: Duration
    var longest: Duration
    var function: RetryPolicy.Backoff
    /// The growing pauses may begin lower than the pauses before them.
    var backoffStart: Duration

    /// Queues and functions: 100,015 times in 23 days.
    static let managed = RetrySchedule(
        immediate: 3,
        preBackoff: 2,
        backoff: 10,
        postBackoff: 100_000,
        shortest: .seconds(1),
        longest: .seconds(20),
        function: .exponential,
        backoffStart: .seconds(1)
    )
    /// E-mail, SMS and mobile push: 50 times in six hours.
    static let customer = RetrySchedule(
        immediate: 0,
        preBackoff: 2,
        backoff: 10,
        postBackoff: 38,
        shortest: .seconds(10),
        longest: .seconds(600),
        function: .exponential,
        backoffStart: .seconds(10)
    )

    /// The pause after the `failures`th failure (1 is the first); nil when that was the last try.
    func pause(after failures: Int) -> Duration? {
        var number = max(failures, 1)
        if number <= immediate { return .zero }
        number -= immediate
        if number <= preBackoff { return shortest }
        number -= preBackoff
        if number <= backoff { return growing(step: number - 1) }
        number -= backoff
        return number <= postBackoff ? longest : nil
    }

    /// From the shortest pause at the first step to the longest at the last.
    private func growing(step: Int) -> Duration {
        guard backoff > 1 else { return longest }
        let position = Double(step) / Double(backoff - 1)
        let (low, high) = (backoffStart.fractionalSeconds, longest.fractionalSeconds)
        let share: Double =
            switch function {
            case .linear: position
            case .arithmetic: Double(step * (step + 1)) / Double((backoff - 1) * backoff)
            case .geometric, .exponential: 0
            }
        let seconds: Double =
            switch function {
            case .linear, .arithmetic: low + (high - low) * share
            case .geometric: low * pow(high / low, position)
            case .exponential: min(high, low * Self.doublings(step))
            }
        return .milliseconds(Int64(seconds * 1_000))
    }

    private static func doublings(_ step: Int) -> Double { Double(1 << min(step, 30)) }

    /// All pauses together.
    var total: Duration {
        var sum = shortest * preBackoff + longest * postBackoff
        for step in 0..<backoff { sum += growing(step: step) }
        return sum
    }
}

extension RetrySchedule {
    init(_ policy: RetryPolicy) {
        self.init(
            immediate: policy.numNoDelayRetries,
            preBackoff: policy.numMinDelayRetries,
            backoff: max(
                0,
                policy.numRetries - policy.numNoDelayRetries - policy.numMinDelayRetries - policy.numMaxDelayRetries
            ),
            postBackoff: policy.numMaxDelayRetries,
            shortest: .seconds(policy.minDelayTargetSeconds),
            longest: .seconds(policy.maxDelayTargetSeconds),
            function: policy.backoffFunction,
            backoffStart: .seconds(policy.minDelayTargetSeconds)
        )
    }
}
