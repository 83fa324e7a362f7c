// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Sandbox
import Testing

@testable import Lambda

@Suite("Environments from snapshots", .timeLimit(.minutes(20))) struct SnapshotTests {
    @Test("a version is initialised once, and its environments are copies of that")
    func copies() async throws {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            #expect(await bench.taker.isThere(bench.version.key))
            let answer = try await bench.invoke()
            #expect(bench.driver.calls == ["start", "snapshot", "restore"])
            let ids = bench.driver.state.withLockedValue { $0.specifications.map { "\"\($0.id)\"" } }
            #expect(answer == ids[1] && ids[0] != ids[1])
            // Warm.
            #expect(try await bench.invoke() == answer)
            #expect(bench.driver.calls.count == 3)
        }
    }

    @Test("the logs tell of the init phase at the snapshot, and of the restore at the invocation")
    func logs() async throws {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            _ = try await bench.invoke()
            let initial = try bench.log(beginning: "INIT_START Runtime Version: python:3.12.v1\t")
            #expect(initial.count == 2 && initial[1].hasPrefix("INIT_REPORT Init Duration: "))
            let restored = try bench.log(
                beginning: "RESTORE_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn:aws:"
            )
            #expect(restored.count == 5 && restored[1].hasPrefix("RESTORE_REPORT Restore Duration: "))
            #expect(restored[2].hasPrefix("START RequestId: "))
            let report = try #require(restored.last)
            #expect(report.contains("\tRestore Duration: ") && report.contains("\tBilled Restore Duration: "))
            #expect(!report.contains("Init Duration"))
        }
    }

    @Test("an image that an earlier process left serves, and is opened once")
    func earlierImage() async throws {
        try await SnapshotBench.run { bench in
            bench.driver.state.withLockedValue { $0.hasImage = true }
            _ = try await bench.invoke()
            #expect(await bench.taker.isThere(bench.version.key))
            #expect(bench.driver.calls == ["open", "restore"])
        }
    }

    @Test("without a snapshot the environment is initialised in its place, and the snapshot is asked for")
    func standIn() async throws {
        try await SnapshotBench.run { bench in
            _ = try await bench.invoke()
            #expect(bench.driver.calls == ["open", "start"])
            var missed = bench.shelf.missed.makeAsyncIterator()
            #expect(await missed.next()?.key == bench.version.key)
            let log = try bench.log(beginning: "INIT_START")
            #expect(log[1].hasPrefix("INIT_REPORT") && log[2].hasPrefix("RESTORE_REPORT"))
            #expect(log.last?.contains("\tRestore Duration: ") == true)
        }
    }

    @Test("a snapshot that cannot be restored is thrown away, and the caller does not notice")
    func condemned() async throws {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            bench.driver.state.withLockedValue {
                $0.restoreError = SandboxError(.badSpecification, "the image is damaged")
            }
            _ = try await bench.invoke()
            #expect(bench.driver.calls == ["start", "snapshot", "restore", "discard", "start"])
            #expect(await !bench.taker.isThere(bench.version.key))
        }
    }

    @Test("a sandbox that could not become a copy is replaced by one that is initialised")
    func notACopy() async throws {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            bench.driver.state.withLockedValue { $0.restoredRuntime = .isNoCopy }
            _ = try await bench.invoke()
            #expect(bench.driver.calls == ["start", "snapshot", "restore", "discard", "start"])
        }
    }

    @Test("what keeps the host from making a copy does not cost the version its snapshot") func hostsTrouble()
        async throws
    {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            bench.driver.state.withLockedValue { $0.restoreError = SandboxError(.failed, "too many open files") }
            _ = try await bench.invoke()
            #expect(bench.driver.calls == ["start", "snapshot", "restore", "start"])
            #expect(await bench.taker.isThere(bench.version.key))
        }
    }

    @Test("a sandbox that cannot become a copy now is replaced, and the snapshot stays") func notACopyNow() async throws
    {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            bench.driver.state.withLockedValue { $0.restoredRuntime = .isNoCopyNow }
            _ = try await bench.invoke()
            #expect(bench.driver.calls == ["start", "snapshot", "restore", "start"])
            #expect(await bench.taker.isThere(bench.version.key))
        }
    }

    @Test(
        "an error after the restore is SnapStartException, and the log says what it was",
        arguments: [
            (FakeRuntime.failsAfterRestore, "Runtime.AfterRestoreError"), (.exitsAfterRestore, "Runtime.ExitError"),
        ]
    )
    func failedHook(runtime: FakeRuntime, errorType: String) async throws {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            bench.driver.state.withLockedValue { $0.restoredRuntime = runtime }
            await #expect(throws: SnapStartException.self) { _ = try await bench.invoke() }
            let log = try bench.log(beginning: "RESTORE_START")
            #expect(log.last?.hasSuffix("\tStatus: error\tError Type: \(errorType)\n") == true, "\(log)")
        }
    }

    @Test("an environment that is not ready in time is SnapStartTimeoutException")
    func timeout() {
        var failure = InitFailure(errorType: "Sandbox.Timedout", status: .timeout)
        failure.isOfRestore = true
        #expect(failure.restoreError is SnapStartTimeoutException)
    }

    @Test("a function that fails to initialise has no snapshot, for its own fault")
    func failedInit() async throws {
        try await SnapshotBench.run { bench in
            bench.driver.state.withLockedValue { $0.runtime = .failsInit }
            await #expect(throws: SnapshotFault(reason: .functionError)) {
                try await bench.taker.take(of: bench.version)
            }
            let log = try bench.log(beginning: "INIT_START")
            #expect(log.last?.hasSuffix("\tPhase: init\tStatus: error\tError Type: Runtime.X\n") == true, "\(log)")
            #expect(try bench.shelf.generations().isEmpty)
            #expect(bench.supply.pool.environments == 0)
        }
    }

    @Test("what the sandbox cannot keep is told by name")
    func unsupported() async throws {
        try await SnapshotBench.run { bench in
            bench.driver.state.withLockedValue {
                $0.snapshotError = SandboxError(.badSpecification, "it holds a sculpture")
            }
            let fault = await #expect(throws: SnapshotFault.self) { try await bench.taker.take(of: bench.version) }
            #expect(fault?.reason.text == "Martlet cannot take a snapshot of this function: it holds a sculpture")
        }
    }

    @Test("a version that is gone takes its snapshot with it; one that is being taken is left alone")
    func discarding() async throws {
        try await SnapshotBench.run { bench in
            let generation = bench.version.key.generation
            let folder = try #require(try bench.shelf.beginTaking(bench.version.key))
            #expect(try bench.shelf.beginTaking(bench.version.key) == nil)
            #expect(try bench.shelf.generations().isEmpty)
            await bench.shelf.discard([generation])
            #expect(HostPath(folder).isDirectory)
            #expect(await bench.shelf.endTaking(bench.version.key, bench.driver.snapshot))
            #expect(try bench.shelf.generations() == [generation])
            await bench.shelf.discard([generation])
            #expect(!HostPath(folder).exists)
            #expect(bench.driver.calls == ["discard"])
        }
    }

    @Test("beyond the room for all of them a snapshot is not kept")
    func room() async throws {
        try await SnapshotBench.run { bench in
            var snapshot = bench.driver.snapshot
            snapshot.bytes = LambdaDataPlane.Environment.usualSnapshotGiB << 30
            _ = try bench.shelf.beginTaking(bench.version.key)
            #expect(await bench.shelf.endTaking(bench.version.key, snapshot))
            var other = bench.version.key
            other.generation = "other"
            _ = try bench.shelf.beginTaking(other)
            #expect(await !bench.shelf.endTaking(other, bench.driver.snapshot))
            #expect(await bench.shelf.snapshot(of: other) == nil)
        }
    }

    // MARK: Credentials

    @Test("a snapshot holds no credentials and no log stream, only the way to credentials")
    func environment() async throws {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            _ = try await bench.invoke()
            let variables = bench.driver.state.withLockedValue { $0.specifications.map(\.environment) }
            #expect(variables[0] == variables[1])
            for name in [
                "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME",
                "AWS_LAMBDA_LOG_GROUP_NAME",
            ] {
                #expect(variables[0][name] == nil)
            }
            #expect(variables[0]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start")
            #expect(
                variables[0]["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://127.0.0.1:9001/2021-04-23/credentials"
            )
        }
    }

    @Test("each environment gets credentials of its own for the token; those of the template are short-lived")
    func credentials() async throws {
        try await SnapshotBench.run { bench in
            try await bench.taker.take(of: bench.version)
            _ = try await bench.invoke()
            let (sandbox, token) = try bench.driver.state.withLockedValue { state in
                (
                    try #require(state.sandboxes.last),
                    state.specifications[0].environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
                )
            }
            let path = "GET /2021-04-23/credentials"
            let answer = try await sandbox.call(path, "Authorization: \(try #require(token))\r\n")
            #expect(
                answer.contains(
                    #"{"AccessKeyId":"AKID2","SecretAccessKey":"secret2","Token":"token2","Expiration":"20"#
                )
            )
            #expect(try await sandbox.call(path).hasPrefix("HTTP/1.1 404"))
            #expect(try await sandbox.call(path, "Authorization: x\r\n").hasPrefix("HTTP/1.1 404"))
            let lifetimes = bench.vendor.lifetimes.withLockedValue { $0 }
            #expect(lifetimes[0] < lifetimes[1])
        }
    }

    @Test("credentials are renewed before they run out")
    func renewal() async throws {
        let clock = MemoryClock()
        let vendor = CountingVendor(clock: clock)
        @Sendable func vend() async throws -> SessionCredentials {
            try await vendor.credentials(
                forRole: ARN(service: "iam", region: "", account: "0", resource: "role/r"),
                sessionName: "f",
                lifetime: .seconds(3_600)
            )
        }
        let credentials = EnvironmentCredentials(try await vend(), token: "t", clock: clock, vend: vend)
        func key() async throws -> String? {
            try await credentials.document(for: "t").map { String(buffer: $0) }.map { String($0.prefix(22)) }
        }
        #expect(try await key() == #"{"AccessKeyId":"AKID1""#)
        await clock.advance(by: .seconds(2_600))
        #expect(try await key() == #"{"AccessKeyId":"AKID1""#)
        await clock.advance(by: .seconds(200))
        #expect(try await key() == #"{"AccessKeyId":"AKID2""#)
        #expect(try await credentials.document(for: nil) == nil)
    }
}
