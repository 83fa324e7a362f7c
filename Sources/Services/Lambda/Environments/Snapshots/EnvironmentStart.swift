// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// What an environment has behind it at its first invocation.
enum EnvironmentStart: Sendable, Equatable {
    /// `isAhead`: before anybody asked. AWS: provisioned concurrency
    case initialized(Duration, isAhead: Bool = false)
    /// From a snapshot. Billed is what the runtime and the hooks took.
    case restored(Duration, billed: Duration)

    var initDuration: Duration? {
        if case .initialized(let duration, _) = self { duration } else { nil }
    }

    /// Whether the invocation has waited for it.
    var isColdStart: Bool {
        if case .initialized(_, isAhead: true) = self { false } else { true }
    }

    var restore: Restore? {
        if case .restored(let duration, let billed) = self { Restore(duration: duration, billed: billed) } else { nil }
    }

    struct Restore: Sendable, Equatable {
        var duration: Duration
        var billed: Duration
    }
}

extension ExecutionEnvironment {
    /// How long it may take until it is ready. A copy needs no init phase; one that stands in has both.
    func startLimit(_ version: ExecutableVersion, ordinary: Duration) -> Duration {
        switch beginning.role {
        case .none: ordinary
        case .copy: .seconds(LambdaLimits.restoreSeconds)
        case .template, .standIn: .seconds(max(LambdaLimits.snapshotInitSeconds, version.timeoutSeconds))
        }
    }

    /// The init phase of one that stands in for a copy is over: told as that of a template is.
    func standInIsInitialized(_ duration: Duration) {
        log.telemetry.post(.initRuntimeDone(.success, beginning.phase))
        log.telemetry.post(.initReport(duration, .success, beginning.phase))
        for line in format.initDone(duration: duration, beginning.phase, at: clock.now) { log.platform(line) }
    }
}
