// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

/// A script of `Tests/EndToEnd`: unmodified AWS clients in Python, a case per behaviour.
struct Script {
    private struct Case {
        var result: String
        var name: String
        var reason = ""
    }

    struct NoPythonEnvironment: Error, CustomStringConvertible {
        let description =
            "There is no Python environment in .venv, where the AWS clients of these tests live: run `make test`."
    }

    /// Runs each case of the script; a failed one becomes an issue with its reason.
    static func run(_ name: String) async throws {
        guard access(Places.python, X_OK) == 0 else { throw NoPythonEnvironment() }
        let server = try #require(RunningServer.current)
        let scratch = try Scratch()
        defer { scratch.remove() }
        await Turnstile.scripts.enter()
        let (output, errors) = ("\(scratch.path)/out", "\(scratch.path)/err")
        let exit: ChildProcess.Exit
        do {
            exit = try await start(name, server, scratch, output, errors).wait()
        } catch {
            await Turnstile.scripts.leave()
            throw error
        }
        await Turnstile.scripts.leave()
        report(cases(in: Places.text(of: output)), exit, Places.text(of: errors), server)
    }

    private static func start(
        _ name: String,
        _ server: RunningServer,
        _ scratch: Scratch,
        _ output: String,
        _ errors: String
    ) throws -> ChildProcess {
        let variables = [
            "HOME": scratch.path, "TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "MARTLET_ENDPOINT": server.endpoint,
            "MARTLET_DATA": server.dataDirectory, "MARTLET_BINARY": Places.binary,
        ]
        return try ChildProcess(
            [Places.python, "\(Places.scripts)/run.py", "--lines", name],
            environment: Places.environment(variables),
            output: output,
            errors: errors
        )
    }

    /// `passed`, `failed` or `skipped`, a tab, the name; then the reason, indented.
    private static func cases(in output: String) -> [Case] {
        var cases: [Case] = []
        for line in output.split(separator: "\n", omittingEmptySubsequences: false) {
            let parts = line.split(separator: "\t", maxSplits: 1)
            if parts.count == 2, ["passed", "failed", "skipped"].contains(parts[0]) {
                cases.append(Case(result: String(parts[0]), name: String(parts[1])))
            } else if !cases.isEmpty, !line.isEmpty {
                cases[cases.count - 1].reason += "\n\(line)"
            }
        }
        return cases
    }

    private static func report(_ cases: [Case], _ exit: ChildProcess.Exit, _ errors: String, _ server: RunningServer) {
        for one in cases where one.result == "skipped" { print("skipped: \(one.name)\(one.reason)") }
        let failed = cases.filter { $0.result == "failed" }
        for one in failed { Issue.record("\(one.name)\(one.reason)") }
        if !failed.isEmpty || cases.isEmpty || exit != .status(0) {
            Issue.record(
                """
                \(cases.count) cases, \(failed.count) failed, exit \(exit)
                \(errors.suffix(4_000))
                the server's log ends with:
                \(server.log.suffix(4_000))
                """
            )
        }
    }
}

/// Lets a few in at a time: each script keeps a processor busy, and functions need some too.
actor Turnstile {
    static let scripts = Turnstile(width: 3)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(width: Int) { free = width }

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
