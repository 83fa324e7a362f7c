// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Sandbox
import Testing

@testable import Lambda

@Suite("What subscribers hear of an init phase that fails", .timeLimit(.minutes(20))) struct InitTelemetryTests {
    /// The documents of the Telemetry API so far, each without its time and a duration's figure.
    private func told(_ bench: ExtensionBench) throws -> [String] {
        let body = #"{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"TCP","port":9}}"#
        let subscription = try TelemetrySubscription(parsing: ByteBuffer(string: body), for: .telemetry)
        let now = Instant(milliseconds: 0)
        return bench.environment.log.telemetry.kept.compactMap { event in
            event.document(for: subscription, at: now, keepsObjects: false)?
                .replacing(#"{"time":"1970-01-01T00:00:00.000Z","type":"platform."#, with: "")
                .replacing(/"durationMs":[0-9.]+/, with: "TIME")
        }
    }

    private func fails(_ bench: ExtensionBench, within limit: Duration = .seconds(60)) async {
        guard case .failed = await bench.environment.initialized(within: limit) else {
            Issue.record("the init phase must fail")
            return
        }
    }

    private func runtimeDone(_ end: String) -> String {
        #"initRuntimeDone","record":{"initializationType":"on-demand","phase":"init",\#(end)}}"#
    }

    private func report(_ end: String) -> String {
        #"initReport","record":{"initializationType":"on-demand","phase":"init",\#(end),"metrics":{TIME}}}"#
    }

    private func notice(_ state: String, _ events: String, _ error: String = "") -> String {
        #"extension","record":{"name":"ext","state":"\#(state)","events":[\#(events)]\#(error)}}"#
    }

    @Test("a runtime that exits: its part, the extensions as they stand, the report, with the reason")
    func exits() async throws {
        try await ExtensionBench.run { bench in
            _ = try await bench.register()
            bench.sandbox.process.end(.exited(status: 1))
            await fails(bench)
            let end = #""status":"error","errorType":"Runtime.ExitError""#
            let heard = try told(bench)
            #expect(
                heard == [runtimeDone(end), notice("Registered", #""INVOKE","SHUTDOWN""#), report(end)]
            )
        }
    }

    @Test("a runtime that takes too long: the same, and a time-out has no type")
    func timesOut() async throws {
        try await ExtensionBench.run([]) { bench in
            await fails(bench, within: .milliseconds(1))
            let heard = try told(bench)
            #expect(heard == [runtimeDone(#""status":"timeout""#), report(#""status":"timeout""#)])
        }
    }

    @Test("a runtime that reports an error is told of once, although it exits then")
    func reports() async throws {
        try await ExtensionBench.run([]) { bench in
            _ = try await bench.call(
                "POST /2018-06-01/runtime/init/error",
                "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n",
                body: "{}"
            )
            bench.sandbox.process.end(.exited(status: 1))
            await fails(bench)
            await bench.environment.stop()
            let end = #""status":"error","errorType":"Runtime.ImportModuleError""#
            let heard = try told(bench)
            #expect(heard == [runtimeDone(end), report(end)])
        }
    }

    @Test("an extension that never asks lets the phase time out after the runtime was ready")
    func extensionIsLate() async throws {
        try await ExtensionBench.run { bench in
            _ = try await bench.register("ext", #""INVOKE""#)
            let runtime = try await bench.runtimeNext()
            while try told(bench).isEmpty { await Task.yield() }
            await fails(bench, within: .milliseconds(1))
            let heard = try told(bench)
            #expect(
                heard == [
                    runtimeDone(#""status":"success""#), notice("Registered", #""INVOKE""#),
                    report(#""status":"timeout""#),
                ]
            )
            _ = runtime
        }
    }

    @Test("an extension that ends while the runtime is kept waiting: the runtime has had no part")
    func extensionEnds() async throws {
        try await ExtensionBench.run(isHeld: true) { bench in
            bench.sandbox.companions.withLockedValue { $0.values.first }?.end(.exited(status: 3))
            await fails(bench)
            let heard = try told(bench)
            #expect(
                heard == [
                    notice("ExitError", "", #","errorType":"Extension.Crash""#),
                    report(#""status":"error","errorType":"Extension.Crash""#),
                ]
            )
        }
    }

    @Test("a phase ends once: what comes after a good end is not told of")
    func endsOnce() async throws {
        try await ExtensionBench.run([]) { bench in
            let runtime = try await bench.runtimeNext()
            guard case .ready = await bench.environment.initialized(within: .seconds(60)) else {
                Issue.record("the init phase must end well")
                return
            }
            #expect(!bench.environment.failInit(errorType: "Extension.Crash", message: "late"))
            _ = runtime
        }
    }

    @Test("a subscription stands in the log, as on AWS")
    func subscriptions() async throws {
        try await ExtensionBench.run { bench in
            let id = try await bench.register()
            for (path, schema) in [("2022-07-01/telemetry", "2022-12-13"), ("2020-08-15/logs", "2021-03-18")] {
                let answer = try await bench.call(
                    "PUT /\(path)",
                    "Lambda-Extension-Identifier: \(id)\r\n",
                    body:
                        #"{"schemaVersion":"\#(schema)","types":["function","platform"],"destination":{"protocol":"TCP","port":9}}"#
                )
                #expect(answer.hasPrefix("HTTP/1.1 200"))
            }
            #expect(
                bench.queue.lines.withLockedValue { $0 } == [
                    "TELEMETRY\tName: ext\tState: Subscribed\tTypes: [Platform, Function]\n",
                    "LOGS\tName: ext\tState: Subscribed\tTypes: [Platform, Function]\n",
                ]
            )
        }
    }
}
