// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Sandbox
import Testing

@testable import Lambda

@Suite("An environment with extensions", .timeLimit(.minutes(20))) struct EnvironmentExtensionTests {
    @Test("the init phase ends when the runtime and the extensions have asked, and the log says so")
    func initPhase() async throws {
        try await ExtensionBench.run { bench in
            let runtime = try await bench.runtimeNext()
            let id = try await bench.register()
            #expect(bench.environment.takeStart() == nil)
            let held = try await bench.next(id)
            guard case .ready = await bench.environment.initialized(within: .seconds(60)) else {
                Issue.record("the init phase must end well")
                return
            }
            let lines = bench.queue.lines.withLockedValue { $0 }
            #expect(lines == ["EXTENSION\tName: ext\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"])
            let late = try await bench.call(
                "POST /2020-01-01/extension/register",
                "Lambda-Extension-Name: late\r\n",
                body: #"{"events":[]}"#
            )
            #expect(late.hasPrefix("HTTP/1.1 403"))
            #expect(late.contains("Extension.RegistrationClosed"))
            _ = (runtime, held)
        }
    }

    @Test("an invocation goes to both, and is over when the extension asks again")
    func invoke() async throws {
        try await ExtensionBench.run { bench in
            let runtime = try await bench.runtimeNext()
            let id = try await bench.register()
            let held = try await bench.next(id)
            _ = await bench.environment.initialized(within: .seconds(60))
            async let result = bench.environment.invoke(bench.invocation)
            #expect(try await runtime.receiveText().hasSuffix("\r\n\r\n{}"))
            #expect(try await held.receiveText().contains(#""eventType":"INVOKE""#))
            _ = try await bench.call(
                "POST /2018-06-01/runtime/invocation/\(bench.invocation.id)/response",
                body: "42"
            )
            guard case .success = await result.outcome else {
                Issue.record("the answer is the runtime's")
                return
            }
            let settling = try #require(bench.environment.settling())
            #expect(!settling.isOpen)
            let again = try await bench.next(id)
            #expect(await settling.wait(atMost: .seconds(60), on: bench.environment.eventLoop))
            #expect(bench.environment.settling() == nil)
            _ = again
        }
    }

    @Test("a streamed answer says how long its first byte took and how much it was")
    func streamed() async throws {
        try await ExtensionBench.run([]) { bench in
            let runtime = try await bench.runtimeNext()
            _ = await bench.environment.initialized(within: .seconds(60))
            let relay = ResponseRelay(clock: SystemClock())
            async let result = bench.environment.invoke(bench.invocation.relayed(through: relay))
            _ = try await runtime.receiveText()
            _ = try await bench.call(
                "POST /2018-06-01/runtime/invocation/\(bench.invocation.id)/response",
                "Lambda-Runtime-Function-Response-Mode: streaming\r\n",
                body: "seven.."
            )
            let latency = try #require(await result.latency)
            #expect(await latency <= result.duration)
            #expect(relay.received.bytes == 7)
        }
    }

    @Test("an extension that ends spoils what is under way, with its exit as the reason")
    func crash() async throws {
        try await ExtensionBench.run { bench in
            let runtime = try await bench.runtimeNext()
            let held = try await bench.next(try await bench.register())
            _ = await bench.environment.initialized(within: .seconds(60))
            async let result = bench.environment.invoke(bench.invocation)
            _ = try await held.receiveText()
            bench.sandbox.companions.withLockedValue { $0.values.first }?.end(.exited(status: 2))
            guard case .failure(let error) = await result.outcome else {
                Issue.record("the invocation must fail")
                return
            }
            #expect(error.errorType == "Extension.Crash")
            #expect(String(buffer: error.payload).contains("Error: exit code 2"))
            #expect(!bench.environment.isUsable)
            _ = runtime
        }
    }

    @Test("an extension that ends before it registers fails the init phase")
    func crashInInit() async throws {
        try await ExtensionBench.run { bench in
            bench.sandbox.companions.withLockedValue { $0.values.first }?.end(.signalled(SIGSEGV))
            guard case .failed(let failure) = await bench.environment.initialized(within: .seconds(60)) else {
                Issue.record("the init phase must fail")
                return
            }
            #expect(failure.errorType == "Extension.Crash")
            #expect(failure.message == "signal: segmentation fault")
        }
    }

    @Test("the shutdown phase asks the runtime first, then tells the extension, and ends when that has ended")
    func shutdown() async throws {
        try await ExtensionBench.run { bench in
            let runtime = try await bench.runtimeNext()
            let held = try await bench.next(try await bench.register())
            _ = await bench.environment.initialized(within: .seconds(60))
            async let stopped: Void = bench.environment.stop()
            let event = try await held.receiveText()
            #expect(event.contains(#""eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":"#))
            bench.sandbox.companions.withLockedValue { $0.values.first }?.end(.exited(status: 0))
            await stopped
            #expect(bench.sandbox.calls.withLockedValue { $0.prefix(3) } == ["ask", "force", "kill"])
            _ = runtime
        }
    }

    @Test("an internal extension leaves the runtime half a second, and one without any none")
    func internalShutdown() async throws {
        try await ExtensionBench.run([]) { bench in
            _ = try await bench.register("inside", #""INVOKE""#)
            await bench.environment.stop()
            #expect(bench.sandbox.calls.withLockedValue { $0.first } == "ask")
        }
        try await ExtensionBench.run([]) { bench in
            await bench.environment.stop()
            #expect(bench.sandbox.calls.withLockedValue { $0.first } == "kill")
        }
    }

    /// Calls that are right but for the identifier, which nobody has, and for who registers.
    static let calls: [String] = {
        let identifier = "Lambda-Extension-Identifier: 11111111-2222-4333-8444-555555555555\r\n"
        let subscription =
            #"{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"timeoutMs":25,"maxItems":1000},"#
            + #""destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:9/x"}}"#
        let calls = [
            ("PUT /2022-07-01/telemetry", identifier, subscription), ("PUT /2020-08-15/logs", identifier, subscription),
            (
                "POST /2020-01-01/extension/register", "Lambda-Extension-Name: x\r\n",
                #"{"events":["INVOKE","SHUTDOWN"]}"#
            ),
            ("GET /2020-01-01/extension/event/next", identifier, ""),
            (
                "POST /2020-01-01/extension/exit/error",
                identifier + "Lambda-Extension-Function-Error-Type: A.B\r\n", "{}"
            ),
        ]
        return calls.map { line, headers, body in
            "\(line) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
    }()

    @Test("two thousand broken calls of each kind leave the extensions' APIs healthy", arguments: calls)
    func rubbish(call: String) async throws {
        try await ExtensionBench.run { bench in
            try await Rubbish.send(2_000, like: call, to: bench.endpoint)
            let id = try await bench.register()
            #expect(id.utf8.count == 36)
            for (headers, expected) in [
                ("", "Extension.MissingExtensionIdentifier"),
                ("Lambda-Extension-Identifier: x\r\n", "Extension.InvalidExtensionIdentifier"),
                ("Lambda-Extension-Identifier: \(bench.invocation.id)\r\n", "Extension.UnknownExtensionIdentifier"),
            ] {
                let answer = try await bench.call("GET /2020-01-01/extension/event/next", headers)
                #expect(answer.hasPrefix("HTTP/1.1 403"))
                #expect(answer.contains(expected))
            }
            let error = try await bench.call(
                "POST /2020-01-01/extension/exit/error",
                "Lambda-Extension-Identifier: \(id)\r\n"
            )
            #expect(error.contains("Extension.MissingHeader"))
        }
    }
}
