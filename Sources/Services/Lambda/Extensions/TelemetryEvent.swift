// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// One thing that is told to subscribers.
enum TelemetryEvent: Sendable {
    case initStart(InitFacts)
    case initRuntimeDone(PhaseEnd, InitPhase)
    case initReport(Duration, PhaseEnd, InitPhase)
    case restoreStart(InitFacts)
    case restoreRuntimeDone(PhaseEnd)
    case restoreReport(Duration, PhaseEnd)
    case start(requestID: String, version: String, traceHeader: String, tenantID: String? = nil)
    case runtimeDone(RuntimeDone)
    case end(requestID: String)
    case report(InvocationReport, extensionOverhead: Duration?)
    /// What the Logs API tells of a failure that was not the handler's own.
    case fault(String)
    case extensionState(name: String, state: String, events: [ExtensionEventType], errorType: String?)
    case subscription(name: String, TelemetrySubscription.API, [TelemetryKind])
    case dropped(records: Int, bytes: Int)
    case functionLine(String)
    case extensionLine(String)

    struct InitFacts: Sendable {
        var phase: InitPhase
        var functionName: String
        var functionVersion: String
        var runtimeVersion: String
        var runtimeVersionARN: String
        var instanceID: String
        var memoryMiB: Int
    }

    struct RuntimeDone: Sendable {
        var requestID: String
        var status: FunctionError.Status?
        var errorType: String?
        var handedAt: Instant
        var duration: Duration
        /// To the first byte of a streamed answer; nil: it came as a whole.
        var latency: Duration? = nil
        var producedBytes: Int
        var tenantID: String? = nil
    }

    var kind: TelemetryKind {
        switch self {
        case .functionLine: .function
        case .extensionLine: .extensionLines
        default: .platform
        }
    }

    /// The document for a subscriber; nil where its API does not know the event. Lines that are JSON objects stay objects
    /// when the function logs in JSON.
    func document(for subscription: TelemetrySubscription, at time: Instant, keepsObjects: Bool) -> String? {
        let pair = subscription.api == .telemetry ? telemetry(keepsObjects) : logs(subscription.schemaVersion)
        guard let (type, record) = pair else { return nil }
        return JSONValue.object([
            .init("time", .string(time.iso8601Milliseconds)), .init("type", .string(type)), .init("record", record),
        ]).compactText
    }

    // MARK: Telemetry API

    private func telemetry(_ keepsObjects: Bool) -> (String, JSONValue)? {
        switch self {
        case .initStart(let facts): ("platform.initStart", facts.record)
        case .initRuntimeDone(let end, let phase): ("platform.initRuntimeDone", phase.record + end.record)
        case .initReport(let duration, let end, let phase):
            ("platform.initReport", phase.record + end.record + Self.durationMetrics(duration))
        case .restoreStart(let facts): ("platform.restoreStart", facts.environment)
        case .restoreRuntimeDone(let end): ("platform.restoreRuntimeDone", end.record)
        case .restoreReport(let duration, let end):
            ("platform.restoreReport", end.record + Self.durationMetrics(duration))
        case .start(let requestID, let version, let trace, let tenantID):
            (
                "platform.start",
                .object(
                    [
                        .init("requestId", .string(requestID)), .init("version", .string(version)),
                        .init(
                            "tracing",
                            .object([.init("type", .string("X-Amzn-Trace-Id")), .init("value", .string(trace))])
                        ),
                    ] + JSONValue.member("tenantId", tenantID)
                )
            )
        case .runtimeDone(let done): ("platform.runtimeDone", done.record)
        case .report(let report, let overhead): ("platform.report", report.telemetry(overhead))
        case .extensionState: ("platform.extension", extensionRecord)
        case .subscription(let name, .telemetry, let types):
            ("platform.telemetrySubscription", Self.subscriptionRecord(name, types))
        case .dropped: ("platform.logsDropped", droppedRecord)
        case .functionLine(let text): ("function", Self.line(text, keepsObjects))
        case .extensionLine(let text): ("extension", .string(text))
        case .end, .fault, .subscription: nil
        }
    }

    private static func durationMetrics(_ duration: Duration) -> JSONValue {
        .object([.init("metrics", .object([.init("durationMs", .milliseconds(duration))]))])
    }

    fileprivate static func status(_ status: FunctionError.Status?, _ errorType: String?) -> JSONValue {
        .object(
            [.init("status", .string(status?.rawValue ?? "success"))] + JSONValue.member("errorType", errorType)
        )
    }

    private static func line(_ text: String, _ keepsObjects: Bool) -> JSONValue {
        guard keepsObjects, text.utf8.first == 0x7b, let value = try? JSONValue(parsing: text), case .object = value
        else { return .string(text) }
        return value
    }

    // MARK: Logs API

    private func logs(_ schema: String) -> (String, JSONValue)? {
        switch self {
        case .start(let requestID, let version, _, _):
            (
                "platform.start",
                .object([.init("requestId", .string(requestID)), .init("version", .string(version))])
            )
        case .end(let requestID): ("platform.end", .object([.init("requestId", .string(requestID))]))
        case .report(let report, _):
            (
                "platform.report",
                .object([.init("requestId", .string(report.requestID)), .init("metrics", report.metrics)])
            )
        case .runtimeDone(let done) where schema == "2021-03-18":
            (
                "platform.runtimeDone",
                .object([
                    .init("requestId", .string(done.requestID)),
                    .init(
                        "status",
                        .string(done.status == nil ? "success" : done.status == .timeout ? "timeout" : "failure")
                    ),
                ])
            )
        case .fault(let text): ("platform.fault", .string(text))
        case .extensionState: ("platform.extension", extensionRecord)
        case .subscription(let name, .logs, let types):
            ("platform.logsSubscription", Self.subscriptionRecord(name, types))
        case .dropped: ("platform.logsDropped", droppedRecord)
        case .functionLine(let text): ("function", .string(text))
        case .extensionLine(let text): ("extension", .string(text))
        case .initStart, .initRuntimeDone, .initReport, .runtimeDone, .subscription, .restoreStart, .restoreRuntimeDone,
            .restoreReport:
            nil
        }
    }

    // MARK: Both

    private var extensionRecord: JSONValue {
        guard case .extensionState(let name, let state, let events, let errorType) = self else { return .null }
        return .object(
            [
                .init("name", .string(name)), .init("state", .string(state)),
                .init("events", .array(events.map { .string($0.rawValue) })),
            ] + JSONValue.member("errorType", errorType)
        )
    }

    private var droppedRecord: JSONValue {
        guard case .dropped(let records, let bytes) = self else { return .null }
        return .object([
            .init(
                "reason",
                .string("Consumer seems to have fallen behind as it has not acknowledged receipt of logs.")
            ),
            .init("droppedRecords", .integer(records)), .init("droppedBytes", .integer(bytes)),
        ])
    }

    private static func subscriptionRecord(_ name: String, _ types: [TelemetryKind]) -> JSONValue {
        .object([
            .init("name", .string(name)), .init("state", .string("Subscribed")),
            .init("types", .array(types.map { .string($0.rawValue) })),
        ])
    }
}

extension InitPhase {
    fileprivate var record: JSONValue {
        .object([.init("initializationType", .string(initialization.rawValue)), .init("phase", .string(name))])
    }
}

extension PhaseEnd {
    fileprivate var record: JSONValue { TelemetryEvent.status(status, errorType) }
}

extension TelemetryEvent.InitFacts {
    fileprivate var record: JSONValue { phase.record + environment }

    fileprivate var environment: JSONValue {
        .object([
            .init("runtimeVersion", .string(runtimeVersion)), .init("runtimeVersionArn", .string(runtimeVersionARN)),
            .init("functionName", .string(functionName)), .init("functionVersion", .string(functionVersion)),
            .init("instanceId", .string(instanceID)), .init("instanceMaxMemory", .integer(memoryMiB << 20)),
        ])
    }
}

extension TelemetryEvent.RuntimeDone {
    fileprivate var record: JSONValue {
        JSONValue.object([.init("requestId", .string(requestID))])
            + TelemetryEvent.status(status, errorType)
            + JSONValue.object(
                [
                    .init(
                        "metrics",
                        .object([
                            .init("durationMs", .milliseconds(duration)),
                            .init("producedBytes", .integer(producedBytes)),
                        ])
                    ), .init("spans", .array(spans)),
                ] + JSONValue.member("tenantId", tenantID)
            )
    }

    private var spans: [JSONValue] {
        guard let latency else { return [.span("responseLatency", from: handedAt, duration)] }
        return [
            .span("responseLatency", from: handedAt, latency),
            .span("responseDuration", from: handedAt + latency, duration - latency),
        ]
    }
}

extension InvocationReport {
    fileprivate var metrics: JSONValue {
        .object(
            [
                .init("durationMs", .milliseconds(duration)), .init("billedDurationMs", .integer(billedMilliseconds)),
                .init("memorySizeMB", .integer(memoryMiB)), .init("maxMemoryUsedMB", .integer(maxMemoryMiB)),
            ] + startMembers
        )
    }

    private var startMembers: [JSONValue.Member] {
        if let restore {
            return [
                .init("restoreDurationMs", .milliseconds(restore.duration)),
                .init("billedRestoreDurationMs", .integer(restore.billedMilliseconds)),
            ]
        }
        guard let initDuration else { return [] }
        return [.init("initDurationMs", .milliseconds(initDuration))]
    }

    fileprivate func telemetry(_ overhead: Duration?) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("requestId", .string(requestID)), .init("metrics", metrics), .init("status", .string(status)),
        ]
        if let errorType { members.append(.init("errorType", .string(errorType))) }
        members += JSONValue.member("tenantId", tenantID)
        if let overhead {
            let span = JSONValue.object([
                .init("name", .string("extensionOverhead")), .init("durationMs", .milliseconds(overhead)),
            ])
            members.append(.init("spans", .array([span])))
        }
        return .object(members)
    }
}

extension JSONValue {
    fileprivate static func milliseconds(_ duration: Duration) -> JSONValue {
        .number((duration.fractionalSeconds * 1_000_000).rounded() / 1_000)
    }

    fileprivate static func span(_ name: String, from start: Instant, _ duration: Duration) -> JSONValue {
        .object([
            .init("name", .string(name)), .init("start", .string(start.iso8601Milliseconds)),
            .init("durationMs", .milliseconds(duration)),
        ])
    }

    /// One member, or none.
    fileprivate static func member(_ name: String, _ text: String?) -> [Member] {
        guard let text else { return [] }
        return [Member(name, .string(text))]
    }

    /// The members of both objects.
    fileprivate static func + (left: JSONValue, right: JSONValue) -> JSONValue {
        guard case .object(let first) = left, case .object(let second) = right else { return left }
        return .object(first + second)
    }
}
