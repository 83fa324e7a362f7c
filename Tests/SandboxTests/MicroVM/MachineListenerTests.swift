// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

@Suite("Listeners for a machine") struct MachineListenerTests {
    private static let ask = """
        import os, socket, stat
        s = socket.socket(socket.AF_UNIX)
        s.connect('/tmp/vsock_9001')
        s.sendall(b'question')
        s.shutdown(socket.SHUT_WR)
        print(s.makefile().read(), os.stat('/tmp/vsock_9001').st_uid == os.getuid(), flush=True)
        try:
            os.unlink('/tmp/vsock_9001')
        except OSError as error:
            print(error.strerror)
        """

    @Test(
        "are Unix sockets in the sandbox, open to its processes and not theirs to replace",
        arguments: [DriverKind.namespace, .rootless]
    )
    func unixSockets(kind: DriverKind) async throws {
        guard await DriverKind.usable().contains(kind) else { return }
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(
                specification([python, "-S", "-c", Self.ask]) {
                    $0.listeners = [SandboxListener(port: 9_001)]
                    $0.listensForMachine = true
                }
            )
            let listener = try #require(sandbox.takeListeners().first)
            let output = try #require(sandbox.takeOutput())
            #expect(await listener.acceptAndRead(answering: "hello") == "question")
            // Of an ordinary user's jailer, everything in the sandbox is that user's.
            let text = await output.readToEnd()
            #expect(kind == .rootless ? text.hasPrefix("hello ") : text == "hello False\nOperation not permitted\n")
            #expect(await sandbox.waitForExit() == .exited(status: 0))
            listener.close()
        }
    }

    @Test("are refused where the sandbox has no files of its own")
    func process() async throws {
        try await DriverKind.process.withDriver { driver async throws -> Void in
            let error = await #expect(throws: SandboxError.self) {
                try await driver.start(specification(["/bin/true"]) { $0.listensForMachine = true })
            }
            #expect(error?.message.contains("a vsock wants a sandbox of its own") == true, "\(error?.message ?? "")")
        }
    }
}
