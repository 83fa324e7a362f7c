// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// What the end of an invocation says: to the function's log, to subscribers of telemetry, to the meter. A value; `tell` hands
/// it on.
struct InvocationEnd: Sendable {
    /// What is known only when it is over.
    struct Course: Sendable {
        var result: InvocationResult
        /// What came before, where it was the environment's first.
        var start: EnvironmentStart? = nil
        var maxMemoryMiB = 0
        /// How long the extensions were at work after the runtime.
        var extensionOverhead: Duration? = nil
    }

    /// In order; an empty one is left out of the log.
    let lines: [String]
    /// What the platform has to say in place of the runtime.
    let fault: String?
    let report: InvocationReport
    let figures: InvocationFigures
    let extensionOverhead: Duration?

    init(
        of invocation: Invocation,
        _ version: ExecutableVersion,
        _ course: Course,
        format: PlatformLog,
        at now: Instant
    ) {
        let report = InvocationReport(invocation, version, course)
        let error: FunctionError? = if case .failure(let error) = course.result.outcome { error } else { nil }
        fault = error?.logLine
        self.report = report
        figures = InvocationFigures(
            report,
            version,
            invocation,
            isColdStart: course.start?.isColdStart ?? false
        )
        extensionOverhead = course.extensionOverhead
        var lines: [String] = []
        if let fault { lines.append(fault) }
        if error?.status == .timeout,
            let line = format.timeout(requestID: invocation.id, after: invocation.timeout, at: now)
        {
            lines.append(line)
        }
        if let line = format.end(requestID: invocation.id) { lines.append(line) }
        lines.append(format.runtimeDone(report, at: now))
        lines.append(format.report(report, at: now))
        self.lines = lines
    }

    func tell(_ log: EnvironmentLog, _ meter: FunctionMeter?) {
        log.platform(lines)
        if let fault { log.telemetry.post(.fault(fault)) }
        log.telemetry.post(.end(requestID: report.requestID))
        meter?.ended(figures)
        log.telemetry.post(.report(report, extensionOverhead: extensionOverhead))
    }
}

extension InvocationReport {
    /// A runtime's own error is named in its answer only; the platform's has its name here.
    init(_ invocation: Invocation, _ version: ExecutableVersion, _ course: InvocationEnd.Course) {
        let error: FunctionError? = if case .failure(let error) = course.result.outcome { error } else { nil }
        self.init(
            requestID: invocation.id,
            duration: course.result.duration,
            initDuration: course.start?.initDuration,
            memoryMiB: version.memoryMiB,
            maxMemoryMiB: course.maxMemoryMiB,
            status: error?.status.rawValue ?? "success",
            errorType: error.flatMap { $0.isOfPlatform ? $0.errorType : nil },
            restore: course.start?.restore,
            tenantID: version.key.tenantID
        )
    }
}

extension FunctionError {
    fileprivate var isOfPlatform: Bool {
        ["Runtime.", "Sandbox.", "Extension."].contains { errorType.hasPrefix($0) }
    }
}
