// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Testing

@testable import Lambda

@Suite("The end of an invocation") struct InvocationEndTests {
    private static let now = Instant(milliseconds: 1_769_860_800_000)

    private var version: ExecutableVersion {
        ExecutableVersion(
            key: VersionKey(
                scope: Scope(account: .local, region: .usEast1),
                functionName: "f",
                version: "7",
                generation: "g"
            ),
            runtime: "python3.12",
            handler: "app.handler",
            timeoutSeconds: 3,
            memoryMiB: 128,
            temporaryMiB: 512,
            environment: [:],
            role: ARN(service: "iam", region: "", account: "000000000000", resource: "role/r"),
            codePath: "/data/code",
            layersPath: nil,
            architecture: "x86_64",
            logging: FunctionLogging(format: "Text", applicationLevel: nil, systemLevel: nil, group: "/aws/lambda/f"),
            tracingMode: "PassThrough",
            lastModified: Self.now
        )
    }

    private func end(
        _ outcome: InvocationResult.Outcome,
        start: EnvironmentStart? = nil,
        _ format: PlatformLog = .text
    ) -> InvocationEnd {
        let invocation = Invocation(
            id: "id",
            payload: ByteBuffer(),
            invokedARN: version.key.functionARN,
            clientContext: nil,
            traceHeader: "Root=1",
            timeout: .seconds(3)
        )
        let result = InvocationResult(outcome: outcome, duration: .microseconds(1_500))
        let course = InvocationEnd.Course(result: result, start: start, maxMemoryMiB: 40)
        return InvocationEnd(of: invocation, version, course, format: format, at: Self.now)
    }

    @Test("a success is END and REPORT, and counts as no error")
    func success() {
        let end = end(.success(ByteBuffer()))
        #expect(
            end.lines.filter { !$0.isEmpty } == [
                "END RequestId: id\n",
                "REPORT RequestId: id\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t\n",
            ]
        )
        #expect(!end.figures.isError && !end.figures.isColdStart && end.fault == nil)
        #expect(end.figures.billedMilliseconds == 2)
    }

    @Test("the first of an environment is billed its init phase and counts as a cold start")
    func coldStart() {
        let end = end(.success(ByteBuffer()), start: .initialized(.milliseconds(10)))
        #expect(end.lines.last?.contains("Init Duration: 10.00 ms\t") == true)
        #expect(end.figures.isColdStart && end.figures.billedMilliseconds == 12)
    }

    @Test("the first of a provisioned environment is billed the same and is no cold start, since nobody has waited")
    func initializedAhead() {
        let end = end(.success(ByteBuffer()), start: .initialized(.milliseconds(10), isAhead: true))
        #expect(end.lines.last?.contains("Init Duration: 10.00 ms\t") == true)
        #expect(!end.figures.isColdStart && end.figures.billedMilliseconds == 12)
    }

    @Test("a timeout is told before END, and by the REPORT's status")
    func timeout() {
        let end = end(.failure(.timedOut(after: .seconds(3), requestID: "id")))
        #expect(end.lines.first == "2026-01-31T12:00:00.000Z id Task timed out after 3.00 seconds\n\n")
        #expect(end.lines.last?.hasSuffix("\tStatus: timeout\n") == true)
        #expect(end.report.errorType == "Sandbox.Timedout" && end.figures.isError)
    }

    @Test("what the runtime could not say the platform says first; a handler's own error has no type in the REPORT")
    func errors() {
        let fault = end(.failure(.platform("Runtime.ExitError", "it ended", requestID: "id", status: .error)))
        #expect(fault.fault == "RequestId: id Error: it ended\nRuntime.ExitError\n" && fault.lines.first == fault.fault)
        #expect(fault.lines.last?.hasSuffix("\tStatus: error\tError Type: Runtime.ExitError\n") == true)
        let own = end(.failure(FunctionError(payload: ByteBuffer(), errorType: "ValueError", status: .error)))
        #expect(own.fault == nil && own.report.errorType == nil && own.figures.isError)
    }

    @Test("in JSON the report alone ends it, and a system level leaves out what is below it")
    func json() {
        let info = end(.success(ByteBuffer()), .json(least: .info)).lines.filter { !$0.isEmpty }
        #expect(info.count == 1 && info[0].contains(#""type":"platform.report""#))
        #expect(end(.success(ByteBuffer()), .json(least: .debug)).lines.filter { !$0.isEmpty }.count == 2)
        #expect(end(.success(ByteBuffer()), .json(least: .warn)).lines.allSatisfy { $0.isEmpty })
    }
}
