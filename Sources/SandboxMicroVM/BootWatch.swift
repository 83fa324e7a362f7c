// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Sandbox
internal import Synchronization

/// Waits for a guest to report, and keeps the last of what its console says, for as long as the machine runs.
final class BootWatch: Sendable {
    private static let keptBytes = 8_192
    private let said = Mutex<[UInt8]>([])

    /// The last lines of the console.
    var consoleText: String { String(decoding: said.withLock { $0 }, as: UTF8.self) }

    /// Takes both. Returns the guest's connection; its first is its only one. Throws `SandboxError` when the machine ends
    /// before, or says nothing for too long.
    func waitForGuest(console: FileDescriptor, control: FileDescriptor, seconds: Int) async throws -> FileDescriptor {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try detachThread(named: "microvm") {
                    let connection = self.arrival(console, control, seconds)
                    control.close()
                    continuation.resume(with: connection.mapError { $0 as any Error })
                    self.listen(to: console)
                }
            } catch {
                [console, control].closeAll()
                continuation.resume(throwing: SandboxError(.failed, "The microVM cannot be watched: \(error)"))
            }
        }
    }

    private func arrival(
        _ console: FileDescriptor,
        _ control: FileDescriptor,
        _ seconds: Int
    ) -> Result<FileDescriptor, SandboxError> {
        let deadline = Socket.now() + seconds
        // Where this fails, so does the first poll.
        _ = Socket.setNonBlocking(control)
        while Socket.now() < deadline {
            var polled = [console, control].map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
            guard poll(&polled, 2, 1_000) > 0 else { continue }
            if polled[1].revents != 0, let connection = Socket.accept(at: control, seconds: 1) {
                return .success(connection)
            }
            if polled[0].revents != 0, !hear(console) {
                return .failure(SandboxError(.failed, "The microVM ended before its guest had started: \(consoleText)"))
            }
        }
        return .failure(
            SandboxError(.failed, "The guest of the microVM has not started within \(seconds) s: \(consoleText)")
        )
    }

    private func listen(to console: FileDescriptor) {
        while hear(console) {}
        console.close()
    }

    /// False at the end.
    private func hear(_ console: FileDescriptor) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = read(console.number, &buffer, buffer.count)
        if count < 0, errno == EINTR { return true }
        guard count > 0 else { return false }
        said.withLock { said in
            said += buffer[..<count]
            if said.count > Self.keptBytes { said.removeFirst(said.count - Self.keptBytes) }
        }
        return true
    }
}
