// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// Python that says it is ready and waits, as a function does at its Runtime API, until the connection breaks.
let restingPrelude = """
    import os, sys, socket, threading, time
    def rest():
        s = socket.create_connection(('127.0.0.1', 9001))
        s.sendall(b'rest')
        try: return s.recv(1)
        except ConnectionError as error: return error
        finally: s.close()

    """

extension SandboxDriver {
    /// A sandbox that has run `script` as far as its first `rest()`, with what it has printed.
    func startResting(
        _ script: String,
        _ change: (inout SandboxSpecification) -> Void = { _ in }
    ) async throws -> Resting {
        let specification = restingSpecification(script, change)
        let sandbox = try await start(specification)
        return try await Resting(sandbox, specification)
    }

    func restingSpecification(
        _ script: String,
        _ change: (inout SandboxSpecification) -> Void = { _ in }
    ) -> SandboxSpecification {
        specification([SandboxTests.python, "-S", "-c", restingPrelude + script]) {
            $0.isAttended = true
            $0.listeners = [SandboxListener(port: 9_001)]
            change(&$0)
        }
    }

    /// A copy of it, that goes on after `rest()`.
    func restoreAgain(
        _ snapshot: any SandboxSnapshot,
        _ specification: SandboxSpecification
    ) async throws -> any Sandbox {
        var specification = specification
        specification.id = freshID()
        return try await restore(snapshot, specification)
    }

    /// What a copy prints until it ends, and how it ends.
    func goOn(_ snapshot: any SandboxSnapshot, _ specification: SandboxSpecification) async throws -> Outcome {
        let copy = try await restoreAgain(snapshot, specification)
        let output = try await #require(copy.takeOutput()).readToEnd()
        let exit = await copy.waitForExit()
        return Outcome(output: output, exit: exit, usage: try await copy.usage())
    }

    /// Takes the snapshot of what `script` is after its first `rest()`, and lets it go on once.
    func snapshotAndGoOn(
        _ script: String,
        _ change: (inout SandboxSpecification) -> Void = { _ in }
    ) async throws -> String {
        try await withImageFolder { folder async throws in
            let resting = try await startResting(script, change)
            let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
            return try await goOn(snapshot, resting.specification).output
        }
    }
}

/// A sandbox that waits on a connection to its first listener.
struct Resting {
    let sandbox: any Sandbox
    let specification: SandboxSpecification
    private let connection: FileDescriptor

    init(_ sandbox: any Sandbox, _ specification: SandboxSpecification) async throws {
        self.sandbox = sandbox
        self.specification = specification
        let listener = try #require(sandbox.takeListeners().first)
        guard let connection = await listener.acceptResting() else {
            let output = await sandbox.takeOutput()?.readNext()
            await sandbox.kill()
            throw SandboxError(.failed, "it does not rest: \(output ?? "")")
        }
        self.connection = connection
        listener.close()
    }
}

extension FileDescriptor {
    /// A connection on which “rest” has come; it stays open until the process of the tests ends.
    fileprivate func acceptResting() async -> FileDescriptor? {
        await offThread { number -> FileDescriptor? in
            var polled = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 20_000) > 0 else { return nil }
            let connection = Glibc.accept(number, nil, nil)
            var bytes = [UInt8](repeating: 0, count: 4)
            guard connection >= 0, recv(connection, &bytes, 4, Int32(MSG_WAITALL)) == 4 else { return nil }
            return FileDescriptor(connection)
        }
    }
}

/// A folder that everybody may write to: the rootless jailer of these tests is another user.
func withImageFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    try await withTemporaryDirectory { directory async throws in
        let folder = directory + "/image"
        mkdir(folder, 0o777)
        chmod(folder, 0o777)
        return try await body(folder)
    }
}
