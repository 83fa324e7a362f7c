// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Synchronization
import Testing

private let counter = Atomic<Int>(0)

/// A name that no other sandbox of this machine's has.
func freshID() -> SandboxID {
    let number = counter.add(1, ordering: .relaxed).newValue
    guard let id = SandboxID("test-\(getpid())-\(number)") else { preconditionFailure("digits and hyphens make an id") }
    return id
}

func specification(
    _ command: [String],
    _ change: (inout SandboxSpecification) -> Void = { _ in }
) -> SandboxSpecification {
    var specification = SandboxSpecification(id: freshID(), command: command)
    specification.environment["PATH"] = "/usr/bin:/bin"
    change(&specification)
    return specification
}

/// What came of a sandbox that ran to its end.
struct Outcome {
    var output: String
    var exit: SandboxExit
    var usage: SandboxUsage
}

extension SandboxDriver {
    func run(_ command: [String], _ change: (inout SandboxSpecification) -> Void = { _ in }) async throws -> Outcome {
        let sandbox = try await start(specification(command, change))
        let output = try await #require(sandbox.takeOutput()).readToEnd()
        let exit = await sandbox.waitForExit()
        return Outcome(output: output, exit: exit, usage: try await sandbox.usage())
    }

    func shell(_ script: String, _ change: (inout SandboxSpecification) -> Void = { _ in }) async throws -> Outcome {
        try await run(["/bin/sh", "-c", script], change)
    }

    func python(_ script: String, _ change: (inout SandboxSpecification) -> Void = { _ in }) async throws -> Outcome {
        try await run([SandboxTests.python, "-S", "-c", script], change)
    }
}

extension FileDescriptor {
    /// On a thread of its own, so that no blocked read holds one of Swift's.
    func offThread<Result: Sendable>(_ body: @escaping @Sendable (Int32) -> Result) async -> Result {
        let number = number
        return await withCheckedContinuation { continuation in
            do {
                try detachThread(named: "test") { continuation.resume(returning: body(number)) }
            } catch {
                Issue.record("no thread: \(error)")
                continuation.resume(returning: body(number))
            }
        }
    }

    /// Reads until everybody has closed the other end, then closes this one.
    func readToEnd() async -> String {
        let bytes = await offThread { number in
            var bytes: [UInt8] = []
            while let more = readSome(number), !more.isEmpty { bytes += more }
            return bytes
        }
        close()
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads what is there, or waits for the next.
    func readNext() async -> String {
        String(decoding: await offThread { readSome($0) ?? [] }, as: UTF8.self)
    }

    /// Whether something to read comes within the time.
    func becomesReadable(withinMilliseconds milliseconds: Int32) async -> Bool {
        await offThread { number in
            var polled = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            return poll(&polled, 1, milliseconds) > 0
        }
    }

    /// Accepts one connection and returns what it sends up to its end, having sent `answer`.
    func acceptAndRead(answering answer: String = "") async -> String {
        let bytes = await offThread { number -> [UInt8] in
            var polled = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 10_000) > 0 else { return [] }
            let connection = Glibc.accept(number, nil, nil)
            guard connection >= 0 else { return [] }
            defer {
                // Another test's child may just have inherited a copy.
                shutdown(connection, Int32(SHUT_RDWR))
                Glibc.close(connection)
            }
            _ = answer.withCString { write(connection, $0, strlen($0)) }
            shutdown(connection, Int32(SHUT_WR))
            var bytes: [UInt8] = []
            while let more = readSome(connection), !more.isEmpty { bytes += more }
            return bytes
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private func readSome(_ descriptor: Int32) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        return count < 0 ? nil : Array(buffer[..<count])
    }
}

/// A directory for one test.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    var template = Array("/tmp/sandbox-test-XXXXXX".utf8CString)
    let path = try #require(mkdtemp(&template).map { String(cString: $0) })
    chmod(path, 0o755)
    defer { _ = system("rm -rf '\(path)'") }
    return try await body(path)
}

func writeFile(_ path: String, _ text: String, mode: mode_t = 0o644) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
    _ = text.withCString { write(file, $0, strlen($0)) }
    close(file)
}

/// Reads a small file of the host's.
func contents(of path: String) -> String? {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return nil }
    defer { close(file) }
    return readSome(file).map { String(decoding: $0, as: UTF8.self) }
}

/// Waits for something that another process brings about.
func eventually(_ condition: () async -> Bool) async throws -> Bool {
    for _ in 0..<500 {
        if await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}
