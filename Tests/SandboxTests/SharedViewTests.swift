// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Testing

@testable import Sandbox

/// How a specification is rewritten for processes that share the host's network and files.
@Suite("SharedView") struct SharedViewTests {
    private func view(_ scratch: String?, _ body: (SharedView) throws -> Void) throws {
        let view = try SharedView(
            specification(["/bin/sh"]) {
                $0.listeners = [SandboxListener(port: 9_001), SandboxListener(port: 80)]
                $0.mounts = [
                    SandboxMount(source: "/data/code", target: "/var/task"),
                    SandboxMount(source: "/data/layer", target: "/opt"),
                    SandboxMount(source: "/data/inner", target: "/opt/inner"),
                ]
            },
            scratch: scratch
        )
        defer { view.abandon() }
        try body(view)
    }

    @Test("addresses get the port that the kernel chose, and longer ports stay")
    func addresses() throws {
        try view(nil) { view in
            let (first, second) = (view.ports[0], view.ports[1])
            #expect(first != second && first != 0)
            #expect(view.text("127.0.0.1:9001") == "127.0.0.1:\(first)")
            #expect(
                view.text("http://localhost:80/x?y=127.0.0.1:9001")
                    == "http://localhost:\(second)/x?y=127.0.0.1:\(first)"
            )
            #expect(view.text("127.0.0.1:90011 127.0.0.1:8080") == "127.0.0.1:90011 127.0.0.1:8080")
            #expect(view.text("/var/task") == "/var/task")
        }
    }

    @Test("paths below a mount's target become those below its source, the innermost mount first")
    func paths() throws {
        try view("/scratch/me") { view in
            #expect(view.path("/var/task") == "/data/code")
            #expect(view.path("/var/task/a/b") == "/data/code/a/b")
            #expect(view.path("/var/tasks") == "/var/tasks")
            #expect(view.path("/opt/inner/x") == "/data/inner/x")
            #expect(view.path("/opt/inn") == "/data/layer/inn")
            #expect(view.path("/tmp/x") == "/scratch/me/x")
            #expect(view.text("/usr/bin:/opt/bin:/var/task:") == "/usr/bin:/data/layer/bin:/data/code:")
            #expect(view.text("https://example.com/var/task") == "https://example.com/var/task")
        }
    }

    @Test("command, environment and working directory are all rewritten")
    func specificationIsRewritten() throws {
        try view("/scratch/me") { view in
            let shared = view.applied(
                to: specification(["/opt/bin/run", "/var/task/f"]) {
                    $0.environment = ["API": "127.0.0.1:9001", "/var/task": "/var/task"]
                    $0.workingDirectory = "/var/task"
                }
            )
            #expect(shared.command == ["/data/layer/bin/run", "/data/code/f"])
            let own = ["API": "127.0.0.1:\(view.ports[0])", "/var/task": "/data/code"]
            let temporary = ["TMPDIR": "/scratch/me", "TEMP": "/scratch/me", "TMP": "/scratch/me"]
            #expect(shared.environment == own.merging(temporary) { own, _ in own })
            #expect(shared.workingDirectory == "/data/code")
        }
    }

    @Test("a directory for temporary files that the function names itself stays its choice")
    func temporaryDirectories() throws {
        try view("/scratch/me") { view in
            let shared = view.applied(
                to: specification(["/bin/sh"]) { $0.environment = ["TMPDIR": "/tmp/mine", "TEMP": "/var/task"] }
            )
            #expect(
                shared.environment == ["TMPDIR": "/scratch/me/mine", "TEMP": "/data/code", "TMP": "/scratch/me"]
            )
        }
        try view(nil) { view in
            #expect(view.applied(to: specification(["/bin/sh"]) { $0.environment = [:] }).environment.isEmpty)
        }
    }
}
