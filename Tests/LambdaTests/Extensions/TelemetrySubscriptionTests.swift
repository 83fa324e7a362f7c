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

    private static let whole = subscription()
}

private func subscription(
    types: String = #"["platform"]"#,
    buffering: String = "{}",
    destination: String = #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243"}"#
) -> String {
    #"{"schemaVersion":"2022-07-01","types":\#(types),"buffering":\#(buffering),"destination":\#(destination)}"#
}
