// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Testing

@testable import Lambda

@Suite("Function output becomes log events") struct LineSplitterTests {
    private func split(_ splitter: inout LineSplitter, _ bytes: [UInt8]) -> [String] {
        bytes.withUnsafeBytes { splitter.append($0) }
    }

    @Test("lines are cut at newlines, wherever the reads were cut")
    func lines() {
        var splitter = LineSplitter()
        #expect(split(&splitter, Array("one\ntw".utf8)) == ["one\n"])
        #expect(split(&splitter, Array("o\n".utf8)) == ["two\n"])
        #expect(splitter.flush() == [])
    }

    @Test("what has no newline comes out when asked for")
    func rest() {
        var splitter = LineSplitter()
        #expect(split(&splitter, Array("half".utf8)) == [])
        #expect(splitter.flush() == ["half"])
        #expect(splitter.flush() == [])
    }

    @Test("a line without end is cut at the size of a log event")
    func endless() {
        var splitter = LineSplitter()
        let lines = split(&splitter, [UInt8](repeating: 0x61, count: 2 * LambdaLimits.logEventBytes + 5))
        #expect(lines.map(\.utf8.count) == [LambdaLimits.logEventBytes, LambdaLimits.logEventBytes])
        #expect(splitter.flush() == ["aaaaa"])
    }

    private func frame(_ text: String) -> [UInt8] {
        let count = text.utf8.count
        return [0xa5, 0x5a, 0, 3] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
            + [UInt8](repeating: 0, count: 8)
            + Array(text.utf8)
    }

    @Test("a framed record stays one event with its newlines, also when it arrives byte by byte")
    func framed() {
        var splitter = LineSplitter()
        var events: [String] = []
        for byte in frame("Traceback\n  line 1\n") + Array("plain\n".utf8) { events += split(&splitter, [byte]) }
        #expect(events == ["Traceback\n  line 1\n", "plain\n"])
    }

    @Test("a frame that lies about its length is only bytes")
    func lyingFrame() {
        var splitter = LineSplitter()
        var bytes = frame("x")
        bytes.replaceSubrange(4..<8, with: [0xff, 0xff, 0xff, 0xff])
        let events = split(&splitter, bytes + Array("\nnext\n".utf8))
        #expect(events.last == "next\n")
    }

    @Test("bytes that are no UTF-8 do not stop the log")
    func rubbish() {
        var splitter = LineSplitter()
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            _ = split(&splitter, bytes)
        }
        _ = splitter.flush()
        #expect(split(&splitter, Array("alive\n".utf8)).last == "alive\n")
    }
}

@Suite("REPORT line") struct ReportTests {
    private func report(
        _ microseconds: Int,
        initMicroseconds: Int? = nil,
        status: String = "success",
        errorType: String? = nil
    )
        -> InvocationReport
    {
        InvocationReport(
            requestID: "r",
            duration: .microseconds(microseconds),
            initDuration: initMicroseconds.map { .microseconds($0) },
            memoryMiB: 128,
            maxMemoryMiB: 31,
            status: status,
            errorType: errorType,
            traceID: nil
        )
    }

    @Test("a warm invocation's line has the form that tools parse")
    func warm() {
        #expect(
            report(1_234).text
                == "REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\t\n"
        )
    }

    @Test("a cold start adds Init Duration and is billed for it")
    func cold() {
        let text = report(1_000, initMicroseconds: 100_500).text
        #expect(text.contains("Billed Duration: 102 ms"))
        #expect(text.contains("Init Duration: 100.50 ms\t"))
    }

    @Test("a restored environment's first invocation names the restore, and is billed for the hooks only")
    func restored() {
        var report = report(2_338_660)
        report.restore = .init(duration: .microseconds(398_970), billed: .microseconds(182_000))
        #expect(
            report.text
                == "REPORT RequestId: r\tDuration: 2338.66 ms\tBilled Duration: 2521 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tRestore Duration: 398.97 ms\tBilled Restore Duration: 182 ms\t\n"
        )
    }

    @Test("a timeout and a crash say so")
    func failures() {
        #expect(report(3_000_000, status: "timeout").text.hasSuffix("\tStatus: timeout\n"))
        #expect(
            report(1, status: "error", errorType: "Runtime.ExitError").text.hasSuffix(
                "Status: error\tError Type: Runtime.ExitError\n"
            )
        )
        #expect(!report(1, status: "error").text.contains("Status"))
    }

    @Test(
        "numbers are printed with fixed decimals",
        arguments: [(0.0, "0.00"), (1.005, "1.00"), (2.999, "3.00"), (-1.5, "-1.50")]
    )
    func fixed(_ number: Double, _ text: String) {
        #expect(number.fixed(2) == text)
        #expect(Double.nan.fixed(2) == "0")
        #expect(Double.infinity.fixed(2) == "0")
    }
}

@Suite("Platform log levels") struct PlatformLogLevelTests {
    private let now = Instant(milliseconds: 1_700_000_000_123)

    private func log(_ level: String?) -> PlatformLog {
        PlatformLog(FunctionLogging(format: "JSON", applicationLevel: nil, systemLevel: level, group: "g"))
    }

    private func report(_ status: String) -> InvocationReport {
        InvocationReport(
            requestID: "r",
            duration: .microseconds(1_234),
            memoryMiB: 128,
            maxMemoryMiB: 31,
            status: status,
            errorType: status == "success" ? nil : "Runtime.ExitError"
        )
    }

    @Test("INFO, which is the default, has starts and reports; WARN only what failed; DEBUG everything")
    func levels() {
        func kinds(_ level: String?, _ status: String) -> [String] {
            let log = log(level)
            let lines =
                log.initDone(duration: .milliseconds(5), at: now) + [
                    log.start(requestID: "r", version: "1", at: now), log.runtimeDone(report(status), at: now),
                    log.report(report(status), at: now),
                ]
            return lines.filter { !$0.isEmpty }.compactMap { line in
                line.split(separator: "\"").first { $0.hasPrefix("platform.") }.map(String.init)
            }
        }
        let all = [
            "platform.initRuntimeDone", "platform.initReport", "platform.start", "platform.runtimeDone",
            "platform.report",
        ]
        #expect(kinds("DEBUG", "success") == all)
        #expect(kinds("INFO", "success") == ["platform.start", "platform.report"])
        #expect(kinds(nil, "success") == kinds("INFO", "success"))
        #expect(kinds("INFO", "error") == ["platform.start", "platform.runtimeDone", "platform.report"])
        #expect(kinds("WARN", "success") == [])
        #expect(kinds("WARN", "timeout") == ["platform.runtimeDone", "platform.report"])
    }

    @Test("lines of JSON have AWS's members")
    func form() {
        #expect(
            log("DEBUG").runtimeDone(report("error"), at: now)
                == #"{"time":"2023-11-14T22:13:20.123Z","type":"platform.runtimeDone","record":{"requestId":"r","status":"error","errorType":"Runtime.ExitError","metrics":{"durationMs":1.234}}}"#
                + "\n"
        )
    }

    @Test("the init phase's lines say why the environment is initialised")
    func initializationTypes() {
        let info = log("INFO")
        #expect(info.initDone(duration: .milliseconds(5), at: now).joined().isEmpty)
        let provisioned = info.initDone(duration: .milliseconds(5), .init(initialization: .provisioned), at: now)
            .joined()
        #expect(
            provisioned.contains(
                #""type":"platform.initReport","record":{"initializationType":"provisioned-concurrency""#
            )
        )
        let text = PlatformLog(FunctionLogging(format: "Text", group: "g"))
        #expect(text.initDone(duration: .milliseconds(5), .init(initialization: .provisioned), at: now).isEmpty)
        #expect(
            text.initDone(duration: .milliseconds(5), .init(initialization: .snapStart), at: now) == [
                "INIT_REPORT Init Duration: 5.00 ms\n"
            ]
        )
    }

    @Test("a failed init phase says of which try it is, and of a time-out no type")
    func failedInit() {
        let text = PlatformLog(FunctionLogging(format: "Text", group: "g"))
        let broken = InitFailure(errorType: "Runtime.ExitError", status: .error)
        let late = InitFailure(errorType: "Sandbox.Timedout", status: .timeout)
        #expect(
            text.initReport(duration: .milliseconds(4), failure: broken, .init(isSecondTry: true), at: now)
                == "INIT_REPORT Init Duration: 4.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n"
        )
        #expect(
            text.initReport(duration: .milliseconds(4), failure: late, at: now)
                == "INIT_REPORT Init Duration: 4.00 ms\tPhase: init\tStatus: timeout\n"
        )
        #expect(
            log("WARN").initReport(duration: .milliseconds(4), failure: late, at: now).hasSuffix(
                #""phase":"init","status":"timeout","metrics":{"durationMs":4.00}}}"# + "\n"
            )
        )
    }

    @Test("a subscription of an extension is a line, or a record")
    func subscriptions() {
        #expect(
            log("INFO").subscription(name: "e", .telemetry, [.platform, .extensionLines], at: now).hasSuffix(
                #""type":"platform.telemetrySubscription","record":{"name":"e","state":"Subscribed","types":["platform","extension"]}}"#
                    + "\n"
            )
        )
        let text = PlatformLog(FunctionLogging(format: "Text", group: "g"))
        #expect(
            text.subscription(name: "e", .logs, [.extensionLines], at: now)
                == "LOGS\tName: e\tState: Subscribed\tTypes: [Extension]\n"
        )
    }

    @Test("a record names the tenant whose invocation it is, and text does not")
    func tenants() {
        var report = report("success")
        report.tenantID = "blue"
        let log = log("DEBUG")
        for line in [
            log.start(requestID: "r", version: "1", tenantID: "blue", at: now), log.runtimeDone(report, at: now),
            log.report(report, at: now),
        ] { #expect(line.hasSuffix(#","tenantId":"blue"}}"# + "\n")) }
        let text = PlatformLog(FunctionLogging(format: "Text", group: "g"))
        #expect(
            text.start(requestID: "r", version: "1", tenantID: "blue", at: now) == "START RequestId: r Version: 1\n"
        )
    }

    @Test("a restore is told in AWS's lines, with its status when it failed")
    func restores() {
        let text = PlatformLog(FunctionLogging(format: "Text", group: "g"))
        #expect(
            text.restoreDone(duration: .microseconds(4_561), nil, at: now) == [
                "RESTORE_REPORT Restore Duration: 4.56 ms\n"
            ]
        )
        let failure = InitFailure(errorType: "Runtime.AfterRestoreError", status: .error)
        #expect(
            text.restoreDone(duration: .milliseconds(4), failure, at: now) == [
                "RESTORE_REPORT Restore Duration: 4.00 ms\tStatus: error\tError Type: Runtime.AfterRestoreError\n"
            ]
        )
        let late = InitFailure(errorType: "Sandbox.Timedout", status: .timeout)
        #expect(text.restoreDone(duration: .seconds(10), late, at: now)[0].hasSuffix("\tStatus: timeout\n"))
        let lines = log("DEBUG").restoreDone(duration: .milliseconds(4), nil, at: now)
        #expect(
            lines == [
                #"{"time":"2023-11-14T22:13:20.123Z","type":"platform.restoreRuntimeDone","record":{"status":"success"}}"#
                    + "\n",
                #"{"time":"2023-11-14T22:13:20.123Z","type":"platform.restoreReport","record":{"status":"success","metrics":{"durationMs":4.000}}}"#
                    + "\n",
            ]
        )
        #expect(log("WARN").restoreDone(duration: .zero, nil, at: now).joined().isEmpty)
        #expect(
            log("WARN").restoreDone(duration: .zero, failure, at: now).allSatisfy { $0.contains("AfterRestoreError") }
        )
    }

    @Test("text has no levels, and neither the lines that only JSON has")
    func text() {
        let text = PlatformLog(FunctionLogging(format: "Text", group: "g"))
        #expect(text.initDone(duration: .zero, at: now).isEmpty && text.runtimeDone(report("success"), at: now).isEmpty)
        #expect(text.start(requestID: "r", version: "1", at: now) == "START RequestId: r Version: 1\n")
    }

    @Test(
        "a line of a runtime of its own is judged by its level, and without one as INFO",
        arguments: [
            (#"{"level":"debug","msg":"x"}"#, "INFO", false), (#"{"level":"WARN"}"#, "INFO", true),
            (#" {"level":"Error"}"#, "ERROR", true), (#"{"level":"warning"}"#, "ERROR", false),
            ("plain text", "INFO", true), ("plain text", "WARN", false), (#"{"level":7}"#, "WARN", false),
            (#"{"level":"unheard"}"#, "INFO", true), ("{broken", "WARN", false), ("[1]", "INFO", true),
            (#"{"level":"fatal"}"#, "FATAL", true), (#"{"level":"error"}"#, "FATAL", false),
        ]
    )
    func application(line: String, level: String, isAdmitted: Bool) throws {
        #expect(try #require(ApplicationLogFilter(least: level)).admits(line) == isAdmitted)
    }

    @Test("TRACE leaves nothing out")
    func trace() { #expect(ApplicationLogFilter(least: "TRACE") == nil) }
}

@Suite("Payload scan") struct JSONScanTests {
    private func isWellFormed(_ text: String) -> Bool { JSONScan.isWellFormed(ByteBuffer(string: text)) }

    @Test(
        "well-formed texts pass",
        arguments: [
            "{}", "[]", "null", " true ", "-0", "1.5e-3", "\"a\\u00e9\\n\"", "{\"a\":[1,{\"b\":null}],\"c\":\"\"}",
            "[[],{},[{}]]", "0",
        ]
    )
    func good(_ text: String) { #expect(isWellFormed(text)) }

    @Test(
        "everything else does not",
        arguments: [
            "", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "1.", ".5", "+1", "1e", "nul", "truex",
            "\"", "\"\\x\"",
            "\"\\u12g4\"", "[1 2]", "{} {}", "\"\u{1}\"", "{\"a\":1,}", "[", "]", "[}", "{]", "-", "NaN", "'a'",
        ]
    )
    func bad(_ text: String) { #expect(!isWellFormed(text)) }

    @Test("nesting is limited, and hostile nesting costs no stack")
    func depth() {
        #expect(isWellFormed(String(repeating: "[", count: 512) + String(repeating: "]", count: 512)))
        #expect(!isWellFormed(String(repeating: "[", count: 513) + String(repeating: "]", count: 513)))
        #expect(!isWellFormed(String(repeating: "[", count: 1_000_000)))
    }
}

@Suite("Trace header") struct TraceHeaderTests {
    @Test("a header that would inject another is not taken")
    func injection() {
        #expect(TraceHeader.accepted("Root=1-5f84c7a1-0123456789abcdef01234567;Sampled=1") != nil)
        #expect(TraceHeader.accepted("Root=1-x\r\nLambda-Runtime-Deadline-Ms: 0") == nil)
        #expect(TraceHeader.accepted(String(repeating: "Root=1-", count: 100)) == nil)
        #expect(TraceHeader.accepted("anything") == nil)
        #expect(TraceHeader.accepted(nil) == nil)
    }
}
