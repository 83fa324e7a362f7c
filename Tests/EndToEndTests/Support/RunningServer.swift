// SPDX-License-Identifier: Apache-2.0
import AsyncHTTPClient
import Glibc
import NIOCore
import Testing

/// The built binary, serving a scratch directory on a port of its own.
struct RunningServer: Sendable {
    let endpoint: String
    let dataDirectory: String
    private let logPath: String
    private let process: ChildProcess

    struct DoesNotAnswer: Error, CustomStringConvertible {
        var description: String
    }

    /// The server of the suite that runs; see `SharedServer`.
    @TaskLocal static var current: RunningServer?

    /// Starts it, waits until it answers, runs `body`, ends it with SIGTERM, and clears up, whatever happens inside.
    static func with(_ body: @Sendable (RunningServer) async throws -> Void) async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let server = try await start(in: scratch)
        do {
            try await body(server)
        } catch {
            _ = await server.end()
            throw error
        }
        #expect(await server.end() == .status(0), "the server's log ends with:\n\(server.log.suffix(4_000))")
    }

    private static func start(in scratch: Scratch) async throws -> RunningServer {
        let (output, log) = ("\(scratch.path)/server.out", "\(scratch.path)/server.log")
        let process = try ChildProcess(
            [Places.binary, "serve", "--port", "0", "--data-dir", "\(scratch.path)/data"],
            environment: Places.environment(["HOME": scratch.path]),
            output: output,
            errors: log
        )
        do {
            let endpoint = try await endpoint(printedTo: output)
            try await answer(endpoint)
            return RunningServer(
                endpoint: endpoint,
                dataDirectory: "\(scratch.path)/data",
                logPath: log,
                process: process
            )
        } catch {
            process.send(SIGKILL)
            _ = await process.wait()
            throw DoesNotAnswer(
                description: "the server does not answer (\(error)):\n\(Places.text(of: log).suffix(4_000))"
            )
        }
    }

    /// The first line names the address: `martlet listens on http://127.0.0.1:39281 …`.
    private static func endpoint(printedTo file: String) async throws -> String {
        try await polling {
            let line = Places.text(of: file).split(separator: "\n").first { $0.contains("listens on http://") }
            return line?.split(separator: " ").first { $0.hasPrefix("http://") }.map(String.init)
        }
    }

    private static func answer(_ endpoint: String) async throws {
        try await polling {
            let request = HTTPClientRequest(url: "\(endpoint)/_martlet/health")
            // Refused until it listens.
            let response = try? await HTTPClient.shared.execute(request, timeout: .seconds(5))
            return response.map { "\($0.status)".hasPrefix("200") } == true ? () : nil
        }
    }

    /// Another program's progress has no clock to move and no signal to await: looks every few milliseconds, for a minute.
    private static func polling<T>(_ look: () async -> T?) async throws -> T {
        let limit = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < limit {
            if let found = await look() { return found }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw DoesNotAnswer(description: "not within a minute")
    }

    private func end() async -> ChildProcess.Exit {
        process.send(SIGTERM)
        return await process.wait()
    }

    var log: String { Places.text(of: logPath) }
}

/// One server for all scripts of a suite: each uses functions of its own.
struct SharedServer: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        try await RunningServer.with { server in
            try await RunningServer.$current.withValue(server) { try await function() }
        }
    }
}

extension Trait where Self == SharedServer {
    static var sharedServer: Self { SharedServer() }
}
