// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Testing

@testable import Lambda

@Suite("Telemetry subscriptions") struct TelemetrySubscriptionTests {
    private func parse(
        _ text: String,
        _ api: TelemetrySubscription.API = .telemetry
    ) throws(ExtensionAPIError) -> TelemetrySubscription {
        try TelemetrySubscription(parsing: ByteBuffer(string: text), for: api)
    }

    @Test("a subscription says what, how and where")
    func whole() throws {
        let subscription = try parse(
            #"""
            {"schemaVersion":"2022-12-13","types":["function","platform","function"],
             "buffering":{"maxItems":10000,"maxBytes":1048576,"timeoutMs":25},
             "destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243/logs?x=1"}}
            """#
        )
        #expect(subscription.types == [.platform, .function])
        #expect(subscription.buffering == .init(maxItems: 10_000, maxBytes: 1_048_576, timeoutMilliseconds: 25))
        #expect(subscription.destination == .http(port: 4_243, path: "/logs?x=1", method: "POST"))
    }

    @Test("what is left out has AWS's defaults, and the Logs API goes to a TCP port too")
    func defaults() throws {
        let subscription = try parse(
            #"{"types":["extension"],"destination":{"protocol":"TCP","port":8080}}"#,
            .logs
        )
        #expect(subscription.buffering == .init(maxItems: 1_000, maxBytes: 262_144, timeoutMilliseconds: 1_000))
        #expect(subscription.destination == .tcp(port: 8_080))
        #expect(subscription.schemaVersion == "2020-08-15")
    }

    @Test("every reason against a subscription is named")
    func reasons() {
        let error = #expect(throws: ExtensionAPIError.self) {
            try parse(
                #"{"schemaVersion":"2022-07-01","types":[],"destination":{"protocol":"HTTP","URI":"http://sandbox"}}"#
            )
        }
        #expect(error?.status == 400)
        #expect(error?.errorType == "ValidationError")
        #expect(error?.errorMessage == "types should not be empty; URI port is not provided")
    }

    @Test(
        "rubbish, limits that are exceeded and destinations elsewhere are refused",
        arguments: [
            "", "[]", "{", #"{"schemaVersion":1}"#, "null",
            subscription(destination: #"{"protocol":"HTTP","URI":"http://169.254.169.254:80/latest"}"#),
            subscription(destination: #"{"protocol":"HTTP","URI":"http://sandbox.localdomain@evil:80/"}"#),
            subscription(destination: #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:80\r\nX: y/"}"#),
            subscription(destination: #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:9001/"}"#),
            subscription(destination: #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:4566/"}"#),
            subscription(destination: #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:0/"}"#),
            subscription(destination: #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:65536/"}"#),
            subscription(destination: #"{"protocol":"TCP","port":-1}"#),
            subscription(destination: #"{"protocol":"UDP","port":1}"#),
            subscription(destination: "7"),
            subscription(buffering: #"{"maxItems":999}"#), subscription(buffering: #"{"maxBytes":1048577}"#),
            subscription(buffering: #"{"timeoutMs":24}"#), subscription(buffering: #"{"timeoutMs":"x"}"#),
            subscription(types: #"["noise"]"#), subscription(types: "[1]"),
        ]
    )
    func refused(text: String) {
        let error = #expect(throws: ExtensionAPIError.self) { try parse(text) }
        #expect(error?.status == 400)
    }

    @Test("the documents are AWS's, each API's own")
    func documents() throws {
        let time = Instant(milliseconds: 1_665_532_815_064)
        let telemetry = try parse(Self.whole)
        let logs = try parse(Self.whole.replacing("2022-07-01", with: "2021-03-18"), .logs)
        func both(_ event: TelemetryEvent) -> [String?] {
            [telemetry, logs].map { event.document(for: $0, at: time, keepsObjects: true) }
        }
        let prefix = #"{"time":"2022-10-12T00:00:15.064Z","type":"#
        #expect(
            both(.functionLine("a \"b\"")) == [
                prefix + #""function","record":"a \"b\""}"#, prefix + #""function","record":"a \"b\""}"#,
            ]
        )
        #expect(both(.functionLine(#"{"a":1}"#))[0] == prefix + #""function","record":{"a":1}}"#)
        #expect(
            both(.start(requestID: "r", version: "1", traceHeader: "t")) == [
                prefix
                    + #""platform.start","record":{"requestId":"r","version":"1","tracing":{"type":"X-Amzn-Trace-Id","value":"t"}}}"#,
                prefix + #""platform.start","record":{"requestId":"r","version":"1"}}"#,
            ]
        )
        #expect(
            both(.end(requestID: "r")) == [nil, prefix + #""platform.end","record":{"requestId":"r"}}"#]
        )
        let done = TelemetryEvent.RuntimeDone(
            requestID: "r",
            status: .timeout,
            errorType: "Sandbox.Timedout",
            handedAt: time,
            duration: .microseconds(1_500),
            producedBytes: 3
        )
        #expect(
            both(.runtimeDone(done)) == [
                prefix
                    + #""platform.runtimeDone","record":{"requestId":"r","status":"timeout","errorType":"Sandbox.Timedout","metrics":{"durationMs":1.5,"producedBytes":3},"spans":[{"name":"responseLatency","start":"2022-10-12T00:00:15.064Z","durationMs":1.5}]}}"#,
                prefix + #""platform.runtimeDone","record":{"requestId":"r","status":"timeout"}}"#,
            ]
        )
        #expect(both(.subscription(name: "e", .telemetry, [.platform]))[1] == nil)
    }

    @Test("the phases are told by the Telemetry API alone, each with its end")
    func phases() throws {
        let time = Instant(milliseconds: 1_665_532_815_064)
        let telemetry = try parse(Self.whole)
        let logs = try parse(Self.whole.replacing("2022-07-01", with: "2021-03-18"), .logs)
        func record(_ event: TelemetryEvent) -> String? {
            #expect(event.document(for: logs, at: time, keepsObjects: true) == nil)
            return event.document(for: telemetry, at: time, keepsObjects: true)
                .map { String($0.dropFirst(#"{"time":"2022-10-12T00:00:15.064Z","type":"platform."#.utf8.count)) }
        }
        let second = InitPhase(initialization: .provisioned, isSecondTry: true)
        let failed = PhaseEnd(InitFailure(errorType: "Runtime.ExitError", status: .error))
        let late = PhaseEnd(InitFailure(errorType: "Sandbox.Timedout", status: .timeout))
        #expect(
            record(.initRuntimeDone(failed, second))
                == #"initRuntimeDone","record":{"initializationType":"provisioned-concurrency","phase":"invoke","status":"error","errorType":"Runtime.ExitError"}}"#
        )
        #expect(
            record(.initReport(.microseconds(1_500), late, InitPhase()))
                == #"initReport","record":{"initializationType":"on-demand","phase":"init","status":"timeout","metrics":{"durationMs":1.5}}}"#
        )
        #expect(record(.restoreRuntimeDone(.success)) == #"restoreRuntimeDone","record":{"status":"success"}}"#)
        #expect(
            record(.restoreReport(.milliseconds(2), failed))
                == #"restoreReport","record":{"status":"error","errorType":"Runtime.ExitError","metrics":{"durationMs":2}}}"#
        )
        let facts = TelemetryEvent.InitFacts(
            phase: second,
            functionName: "f",
            functionVersion: "7",
            runtimeVersion: "python:3.12.v1",
            runtimeVersionARN: "arn",
            instanceID: "i",
            memoryMiB: 128
        )
        #expect(
            record(.initStart(facts))
                == #"initStart","record":{"initializationType":"provisioned-concurrency","phase":"invoke","runtimeVersion":"python:3.12.v1","runtimeVersionArn":"arn","functionName":"f","functionVersion":"7","instanceId":"i","instanceMaxMemory":134217728}}"#
        )
    }

    @Test("an invocation is told with what it produced and when, and of a tenant's with whose it was")
    func invocations() throws {
        let time = Instant(milliseconds: 1_665_532_815_064)
        let telemetry = try parse(Self.whole)
        func record(_ event: TelemetryEvent) throws -> String {
            let document = try #require(event.document(for: telemetry, at: time, keepsObjects: true))
            return String(document.dropFirst(#"{"time":"2022-10-12T00:00:15.064Z","type":"platform."#.utf8.count))
        }
        var done = TelemetryEvent.RuntimeDone(
            requestID: "r",
            handedAt: time,
            duration: .milliseconds(2_000),
            latency: .milliseconds(30),
            producedBytes: 7
        )
        #expect(
            try record(.runtimeDone(done))
                == #"runtimeDone","record":{"requestId":"r","status":"success","metrics":{"durationMs":2000,"producedBytes":7},"spans":[{"name":"responseLatency","start":"2022-10-12T00:00:15.064Z","durationMs":30},{"name":"responseDuration","start":"2022-10-12T00:00:15.094Z","durationMs":1970}]}}"#
        )
        done.tenantID = "blue"
        #expect(try record(.runtimeDone(done)).hasSuffix(#","tenantId":"blue"}}"#))
        let start = TelemetryEvent.start(requestID: "r", version: "1", traceHeader: "t", tenantID: "blue")
        #expect(try record(start).hasSuffix(#","tenantId":"blue"}}"#))
        var report = InvocationReport(
            requestID: "r",
            duration: .microseconds(1_500),
            initDuration: .milliseconds(10),
            memoryMiB: 128,
            maxMemoryMiB: 40,
            status: "timeout",
            errorType: "Sandbox.Timedout"
        )
        #expect(
            try record(.report(report, extensionOverhead: .milliseconds(3)))
                == #"report","record":{"requestId":"r","metrics":{"durationMs":1.5,"billedDurationMs":12,"memorySizeMB":128,"maxMemoryUsedMB":40,"initDurationMs":10},"status":"timeout","errorType":"Sandbox.Timedout","spans":[{"name":"extensionOverhead","durationMs":3}]}}"#
        )
        report.tenantID = "blue"
        #expect(try record(.report(report, extensionOverhead: nil)).hasSuffix(#","tenantId":"blue"}}"#))
    }

    private static let whole = subscription()
}

private func subscription(
    types: String = #"["platform"]"#,
    buffering: String = "{}",
    destination: String = #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243"}"#
) -> String {
    #"{"schemaVersion":"2022-07-01","types":\#(types),"buffering":\#(buffering),"destination":\#(destination)}"#
}
