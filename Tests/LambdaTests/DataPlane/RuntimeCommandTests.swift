// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Sandbox
import Testing

@testable import Lambda

@Suite("Commands of runtimes") struct RuntimeCommandTests {
    private func version(_ runtime: String, _ environment: [String: String] = [:]) -> ExecutableVersion {
        ExecutableVersion(
            key: VersionKey(
                scope: Scope(account: .local, region: .usEast1),
                functionName: "f",
                version: "1",
                generation: "g"
            ),
            runtime: runtime,
            handler: "app.handler",
            timeoutSeconds: 3,
            memoryMiB: 512,
            temporaryMiB: 512,
            environment: environment,
            role: ARN(service: "iam", region: "", account: "000000000000", resource: "role/r"),
            codePath: "/data/code",
            layersPath: nil,
            architecture: "x86_64",
            logging: FunctionLogging(format: "Text", applicationLevel: nil, systemLevel: nil, group: "/aws/lambda/f"),
            tracingMode: "PassThrough",
            lastModified: Instant(milliseconds: 1_000)
        )
    }

    private func plan(_ runtime: String, _ variables: [String: String] = [:], sdk: SandboxMount? = nil) -> LaunchPlan {
        let interpreter = Interpreter(path: "/usr/bin/program", prefixes: [], version: "1")
        var instance = LaunchPlan.Instance(
            credentials: SessionCredentials(
                accessKeyID: "",
                secretAccessKey: "",
                sessionToken: "",
                expiresAt: Instant(milliseconds: 1_000)
            ),
            logStream: "stream",
            runtimeAPI: "127.0.0.1:9001",
            endpointURL: nil,
            bootstrap: runtime.hasPrefix("provided") ? "/var/task/bootstrap" : "/var/runtime/bootstrap"
        )
        instance.sdk = sdk
        return LaunchPlan(
            version(runtime, variables),
            runtime: RuntimeChoice(
                interpreter: runtime.hasPrefix("provided") ? nil : interpreter,
                isNearest: false,
                displayName: "x"
            ),
            runtimeFiles: "/data/runtime",
            instance: instance
        )
    }

    @Test(
        "Node.js without hooks for imports is started so that the bootstrap can change its loader",
        arguments: [
            (18, nil, false), (20, 20, false), (22, 14, false), (22, 15, true), (22, nil, true), (23, 4, false),
            (23, 5, true), (24, 0, true), (26, nil, true),
        ] as [(Int, Int?, Bool)]
    )
    func nodeOptions(major: Int, minor: Int?, hasHooks: Bool) {
        let options = Interpreter.nodeOptions(major: major, minor: minor)
        #expect(options == (hasHooks ? [] : ["--expose-internals"]))
        let interpreter = Interpreter(path: "/usr/bin/node", prefixes: [], version: "\(major)", options: options)
        let command = RuntimeCommand(version("nodejs22.x"), interpreter, bootstrap: "/node.cjs", environment: [:])
        #expect(command.words == ["/usr/bin/node"] + options + ["/node.cjs"])
        let wrapped = RuntimeCommand(
            version("nodejs22.x"),
            interpreter,
            bootstrap: "/node.cjs",
            environment: wrapper
        )
        #expect(wrapped.words.suffix(options.count + 2) == command.words[...])
    }

    private let wrapper = ["AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"]

    @Test(
        "a wrapper gets the interpreter first, and a last word that options can be put before",
        arguments: ["python3.12", "nodejs22.x", "ruby3.4", "java21"]
    )
    func wrapped(runtime: String) throws {
        let command = plan(runtime, wrapper).command
        #expect(Array(command.prefix(2)) == ["/bin/sh", "/var/runtime/wrapper.sh"])
        #expect(command.count > 3 && command[2] == "/usr/bin/program")
        #expect(command.last == (runtime == "java21" ? "martlet.Bootstrap" : "/var/runtime/bootstrap"))
        // What agents come by: sitecustomize and gems.
        #expect(!command.contains("-S") && !command.contains("--disable-gems") && !command.contains("-jar"))
        #expect(plan(runtime, wrapper).environment["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/wrapper")
    }

    @Test("without a wrapper, or with an empty name, the runtime starts directly")
    func direct() {
        #expect(plan("python3.12").command == ["/usr/bin/program", "-S", "-s", "-B", "/var/runtime/bootstrap"])
        #expect(plan("java21").command.suffix(2) == ["-jar", "/var/runtime/bootstrap"])
        let empty = plan("nodejs22.x", ["AWS_LAMBDA_EXEC_WRAPPER": ""])
        #expect(empty.command == ["/usr/bin/program", "/var/runtime/bootstrap"])
    }

    @Test("custom runtimes have no wrapper")
    func provided() {
        #expect(plan("provided.al2023", wrapper).command == ["/var/task/bootstrap"])
    }

    @Test("an SDK is mounted with the runtime's own files, so stem cells have it and functions share them")
    func sdk() throws {
        let mount = SandboxMount(source: "/data/sdk", target: "/var/lang/lib/python3.12/site-packages")
        let (with, without) = (plan("python3.12", sdk: mount), plan("python3.12"))
        #expect(with.mounts.contains(mount) && with.environment["MARTLET_SDK"] == mount.target)
        #expect(without.environment["MARTLET_SDK"] == nil)
        let kinds = try [with, without].map { try #require(StemCellKind($0, version("python3.12"))) }
        #expect(kinds[0] != kinds[1])
        #expect(kinds[0].mounts.contains("/data/sdk") && kinds[0].environment["MARTLET_SDK"] == mount.target)
        let claim = SandboxClaim(with, limits: SandboxLimits(memoryBytes: 1 << 27), of: kinds[0])
        #expect(!claim.mounts.contains(mount))
    }
}
