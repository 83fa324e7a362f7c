// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// The platform's lines in a function's log, in the exact forms that tools parse. What the function's system log level leaves
/// out is an empty line, which `EnvironmentLog` does not keep. AWS: LoggingConfig.LogFormat, SystemLogLevel
enum PlatformLog: Sendable {
    case text
    case json(least: Level)

    /// AWS: SystemLogLevel
    enum Level: Int, Sendable {
        case debug
        case info
        case warn
    }

    init(_ logging: FunctionLogging) {
        guard logging.format == "JSON" else {
            self = .text
            return
        }
        switch logging.systemLevel {
        case "DEBUG": self = .json(least: .debug)
        case "WARN": self = .json(least: .warn)
        default: self = .json(least: .info)
        }
    }

    var isJSON: Bool { if case .json = self { true } else { false } }

    func initStart(_ version: ExecutableVersion, _ phase: InitPhase = InitPhase(), at now: Instant) -> String {
        let (runtime, arn) = (RuntimeCatalog.versionName(of: version.runtime), version.runtimeVersionARN)
        switch self {
        case .text:
            return "INIT_START Runtime Version: \(runtime)\tRuntime Version ARN: \(arn)\n"
        case .json:
            return record(
                "platform.initStart",
                .info,
                at: now,
                #"\#(Self.members(of: phase)),"runtimeVersion":"\#(runtime)","runtimeVersionArn":"\#(arn)","functionName":"\#(version.key.functionName)","functionVersion":"\#(version.key.version)""#
            )
        }
    }

    private static func members(of phase: InitPhase) -> String {
        #""initializationType":"\#(phase.initialization.rawValue)","phase":"\#(phase.name)""#
    }

    /// An extension has subscribed to telemetry or logs.
    func subscription(
        name: String,
        _ api: TelemetrySubscription.API,
        _ types: [TelemetryKind],
        at now: Instant
    ) -> String {
        switch self {
        case .text:
            let names = types.map(\.title).joined(separator: ", ")
            return "\(api == .telemetry ? "TELEMETRY" : "LOGS")\tName: \(name)\tState: Subscribed\tTypes: [\(names)]\n"
        case .json:
            let names = types.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
            return record(
                api == .telemetry ? "platform.telemetrySubscription" : "platform.logsSubscription",
                .info,
                at: now,
                #""name":"\#(name.plain)","state":"Subscribed","types":[\#(names)]"#
            )
        }
    }

    /// The state of an extension, at the end of the init phase or when it has failed.
    func extensionState(
        name: String,
        state: String,
        events: [ExtensionEventType],
        errorType: String?,
        at now: Instant
    ) -> String {
        let names = events.map(\.rawValue)
        switch self {
        case .text:
            return "EXTENSION\tName: \(name)\tState: \(state)\tEvents: [\(names.joined(separator: ", "))]"
                + (errorType.map { "\tError Type: \($0)" } ?? "") + "\n"
        case .json:
            let list = names.map { "\"\($0)\"" }.joined(separator: ",")
            let error = errorType.map { #","errorType":"\#($0)""# } ?? ""
            return record(
                "platform.extension",
                errorType == nil ? .info : .warn,
                at: now,
                #""name":"\#(name.plain)","state":"\#(state)","events":[\#(list)]\#(error)"#
            )
        }
    }

    func start(requestID: String, version: String, tenantID: String? = nil, at now: Instant) -> String {
        switch self {
        case .text: "START RequestId: \(requestID) Version: \(version)\n"
        case .json:
            record(
                "platform.start",
                .info,
                at: now,
                #""requestId":"\#(requestID)","version":"\#(version)"\#(Self.tenant(tenantID))"#
            )
        }
    }

    /// Of a function with tenant isolation, whose invocation it is.
    private static func tenant(_ id: String?) -> String { id.map { #","tenantId":"\#($0.plain)""# } ?? "" }

    /// In JSON the report alone ends an invocation.
    func end(requestID: String) -> String? {
        switch self {
        case .text: "END RequestId: \(requestID)\n"
        case .json: nil
        }
    }

    func timeout(requestID: String, after timeout: Duration, at now: Instant) -> String? {
        switch self {
        case .text:
            "\(now.iso8601Milliseconds) \(requestID) Task timed out after \(timeout.fractionalSeconds.fixed(2)) seconds\n\n"
        case .json: nil
        }
    }

    /// A failed init phase.
    func initReport(
        duration: Duration,
        failure: InitFailure,
        _ phase: InitPhase = InitPhase(),
        at now: Instant
    ) -> String {
        let end = PhaseEnd(failure)
        let milliseconds = (duration.fractionalSeconds * 1_000).fixed(2)
        switch self {
        case .text:
            return
                "INIT_REPORT Init Duration: \(milliseconds) ms\tPhase: \(phase.name)\tStatus: \(failure.status.rawValue)"
                + (end.errorType.map { "\tError Type: \($0)" } ?? "") + "\n"
        case .json:
            let error = end.errorType.map { #","errorType":"\#($0)""# } ?? ""
            return record(
                "platform.initReport",
                .warn,
                at: now,
                #"\#(Self.members(of: phase)),"status":"\#(failure.status.rawValue)"\#(error),"metrics":{"durationMs":\#(milliseconds)}"#
            )
        }
    }

    func report(_ report: InvocationReport, at now: Instant) -> String {
        switch self {
        case .text: return report.text
        case .json:
            let initPart =
                report.initDuration.map { #","initDurationMs":\#(($0.fractionalSeconds * 1_000).fixed(2))"# } ?? ""
            let restorePart =
                report.restore.map {
                    #","restoreDurationMs":\#($0.duration.milliseconds.fixed(2)),"billedRestoreDurationMs":\#($0.billedMilliseconds)"#
                } ?? ""
            let errorPart = report.errorType.map { #","errorType":"\#($0)""# } ?? ""
            return record(
                "platform.report",
                report.status == "success" ? .info : .warn,
                at: now,
                #""requestId":"\#(report.requestID)","metrics":{"durationMs":\#(report.milliseconds.fixed(3)),"billedDurationMs":\#(report.billedMilliseconds),"memorySizeMB":\#(report.memoryMiB),"maxMemoryUsedMB":\#(report.maxMemoryMiB)\#(initPart)\#(restorePart)},"status":"\#(report.status)"\#(errorPart)\#(Self.tenant(report.tenantID))"#
            )
        }
    }

    /// The end of an init phase that went well. Text has it only where no REPORT will name the time.
    func initDone(duration: Duration, _ phase: InitPhase = InitPhase(), at now: Instant) -> [String] {
        guard case .json = self else {
            return phase.initialization == .snapStart
                ? ["INIT_REPORT Init Duration: \(duration.milliseconds.fixed(2)) ms\n"] : []
        }
        let members = #"\#(Self.members(of: phase)),"status":"success""#
        return [
            record("platform.initRuntimeDone", .debug, at: now, members),
            record(
                "platform.initReport",
                phase.initialization == .onDemand ? .debug : .info,
                at: now,
                #"\#(members),"metrics":{"durationMs":\#(duration.milliseconds.fixed(3))}"#
            ),
        ]
    }

    func restoreStart(_ version: ExecutableVersion, at now: Instant) -> String {
        let (runtime, arn) = (RuntimeCatalog.versionName(of: version.runtime), version.runtimeVersionARN)
        switch self {
        case .text:
            return "RESTORE_START Runtime Version: \(runtime)\tRuntime Version ARN: \(arn)\n"
        case .json:
            return record(
                "platform.restoreStart",
                .info,
                at: now,
                #""runtimeVersion":"\#(runtime)","runtimeVersionArn":"\#(arn)","functionName":"\#(version.key.functionName)","functionVersion":"\#(version.key.version)""#
            )
        }
    }

    /// The end of a restore; `failure` is nil when it went well.
    func restoreDone(duration: Duration, _ failure: InitFailure?, at now: Instant) -> [String] {
        let status = failure?.status.rawValue ?? "success"
        let errorType = failure.flatMap { PhaseEnd($0).errorType }
        guard case .json = self else {
            let end = failure == nil ? "" : "\tStatus: \(status)" + (errorType.map { "\tError Type: \($0)" } ?? "")
            return ["RESTORE_REPORT Restore Duration: \(duration.milliseconds.fixed(2)) ms\(end)\n"]
        }
        let state = #""status":"\#(status)""# + (errorType.map { #","errorType":"\#($0)""# } ?? "")
        return [
            record("platform.restoreRuntimeDone", failure == nil ? .debug : .warn, at: now, state),
            record(
                "platform.restoreReport",
                failure == nil ? .info : .warn,
                at: now,
                #"\#(state),"metrics":{"durationMs":\#(duration.milliseconds.fixed(3))}"#
            ),
        ]
    }

    /// The runtime is done with an invocation. Only JSON has it.
    func runtimeDone(_ report: InvocationReport, at now: Instant) -> String {
        guard case .json = self else { return "" }
        let errorPart = report.errorType.map { #","errorType":"\#($0)""# } ?? ""
        return record(
            "platform.runtimeDone",
            report.status == "success" ? .debug : .warn,
            at: now,
            #""requestId":"\#(report.requestID)","status":"\#(report.status)"\#(errorPart),"metrics":{"durationMs":\#(report.milliseconds.fixed(3))}\#(Self.tenant(report.tenantID))"#
        )
    }

    private func record(_ type: String, _ level: Level, at now: Instant, _ members: String) -> String {
        if case .json(let least) = self, level.rawValue < least.rawValue { return "" }
        return #"{"time":"\#(now.iso8601Milliseconds)","type":"\#(type)","record":{\#(members)}}"# + "\n"
    }
}

extension EnvironmentStart.Restore {
    var billedMilliseconds: Int { billed.startedMilliseconds }
}

extension Duration {
    fileprivate var milliseconds: Double { fractionalSeconds * 1_000 }
    fileprivate var startedMilliseconds: Int { Int((wholeMicroseconds + 999) / 1_000) }
}

/// The figures of one invocation. AWS: the REPORT line.
struct InvocationReport: Sendable {
    var requestID: String
    var duration: Duration
    /// Only of the environment's first invocation.
    var initDuration: Duration?
    var memoryMiB: Int
    var maxMemoryMiB: Int
    /// `success`, `error`, `timeout`, `failure`
    var status: String
    var errorType: String?
    /// The trace's root, when it is sampled.
    var traceID: String?
    /// Only of the first invocation of an environment that came from a snapshot.
    var restore: EnvironmentStart.Restore? = nil
    var tenantID: String? = nil

    var milliseconds: Double { duration.fractionalSeconds * 1_000 }

    /// Started milliseconds; the init phase, or the hooks after a restore, are billed too.
    var billedMilliseconds: Int {
        let before = initDuration ?? restore?.billed ?? .zero
        return (duration + before).startedMilliseconds
    }

    var text: String {
        var line = "REPORT RequestId: \(requestID)\tDuration: \(milliseconds.fixed(2)) ms\t"
        line +=
            "Billed Duration: \(billedMilliseconds) ms\tMemory Size: \(memoryMiB) MB\tMax Memory Used: \(maxMemoryMiB) MB\t"
        if let initDuration { line += "Init Duration: \((initDuration.fractionalSeconds * 1_000).fixed(2)) ms\t" }
        if let restore {
            line += "Restore Duration: \(restore.duration.milliseconds.fixed(2)) ms\t"
            line += "Billed Restore Duration: \(restore.billedMilliseconds) ms\t"
        }
        if let traceID { line += "\nXRAY TraceId: \(traceID)\tSampled: true\t" }
        // AWS names the status of failures of the platform's making only; a handler's own error is a plain report.
        switch status {
        case "timeout": line += "Status: timeout"
        case "error" where errorType != nil: line += "Status: error\tError Type: \(errorType ?? "")"
        default: break
        }
        return line + "\n"
    }
}
