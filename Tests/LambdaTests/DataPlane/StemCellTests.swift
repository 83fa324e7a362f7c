// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Sandbox
import Testing

@testable import Lambda

@Suite("Stem cells") struct StemCellTests {
    private static let start = Instant(milliseconds: 1_000_000)

    private func kind(_ program: String) throws -> StemCellKind {
        var kind = try #require(StemCellKind(plan(), version()))
        kind.command = [program]
        return kind
    }

    func version(runtime: String = "python3.12", _ environment: [String: String] = [:]) -> ExecutableVersion {
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
            memoryMiB: 128,
            temporaryMiB: 512,
            environment: environment,
            role: ARN(service: "iam", region: "", account: "000000000000", resource: "role/r"),
            codePath: "/data/code",
            layersPath: "/data/layers",
            architecture: "x86_64",
            logging: FunctionLogging(format: "Text", applicationLevel: nil, systemLevel: nil, group: "/aws/lambda/f"),
            tracingMode: "PassThrough",
            lastModified: Self.start
        )
    }

    func plan(_ version: ExecutableVersion? = nil, network: FunctionNetwork = .endpoint) -> LaunchPlan {
        let version = version ?? self.version()
        return LaunchPlan(
            version,
            runtime: RuntimeChoice(
                interpreter: version.runtime.hasPrefix("provided")
                    ? nil : Interpreter(path: "/usr/bin/python3.12", prefixes: ["/opt/python"], version: "3.12"),
                isNearest: false,
                displayName: "x"
            ),
            runtimeFiles: "/data/runtime",
            instance: .init(
                credentials: SessionCredentials(
                    accessKeyID: "AKIDEXAMPLE",
                    secretAccessKey: "secret",
                    sessionToken: "token",
                    expiresAt: Self.start
                ),
                logStream: "stream",
                runtimeAPI: "127.0.0.1:9001",
                endpointURL: nil,
                bootstrap: "/var/runtime/python.py",
                network: network
            )
        )
    }

    @Test("cells have a network too, and one with another serves no function")
    func networks() throws {
        let one = version()
        let kinds = [FunctionNetwork.none, .endpoint, .egress].map { StemCellKind(plan(one, network: $0), one) }
        #expect(kinds.allSatisfy { $0 != nil } && Set(kinds).count == 3)
        #expect(StemCellKind(plan(one, network: .host), one) == nil)
    }

    @Test("what a cell is booted with says nothing of any function")
    func kindIsNobodys() throws {
        let one = version(["SECRET": "hunter2", "PATH": "/mine", "TZ": "Asia/Tokyo"])
        let kind = try #require(StemCellKind(plan(one), one))
        #expect(
            Set(kind.environment.keys) == [
                "LANG", "LD_LIBRARY_PATH", "MARTLET_LOG_FD", "MARTLET_LAYERS", "AWS_LAMBDA_RUNTIME_API",
                "MARTLET_CLAIM_FD",
            ]
        )
        #expect(kind.mounts == ["/data/runtime", "/opt/python"])
        #expect(!kind.command.joined().contains("app.handler"))
    }

    @Test("functions of one runtime share a kind, and what differs comes with the claim")
    func kindsAreShared() throws {
        var (one, other) = (version(["A1": "1"]), version(["B1": "2"]))
        other.key.functionName = "g"
        other.codePath = "/data/other"
        one.memoryMiB = 512
        #expect(StemCellKind(plan(one), one) == StemCellKind(plan(other), other))
        let kind = try #require(StemCellKind(plan(other), other))
        let claim = SandboxClaim(plan(other), limits: SandboxLimits(memoryBytes: 1 << 27), of: kind)
        #expect(claim.mounts.map(\.source) == ["/data/other", "/data/layers"])
        guard case .text(let bytes) = claim.word else {
            Issue.record("no text")
            return
        }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains(#""B1":"2""#) && text.contains(#""AWS_SESSION_TOKEN":"token""#) && text.hasSuffix("\n"))
        #expect(text.contains(#""handler":"app.handler""#) && !text.dropLast().contains("\n"))
    }

    @Test(
        "a function that chooses what its interpreter begins with gets no cell",
        arguments: [
            "PYTHONHASHSEED", "LD_PRELOAD", "LANG", "LC_ALL", "GLIBC_TUNABLES", "AWS_LAMBDA_EXEC_WRAPPER",
            "MARTLET_STEM_CELLS",
        ]
    )
    func startVariables(name: String) {
        let version = version([name: "never"])
        #expect(StemCellKind(plan(version), version) == nil)
    }

    @Test("a version with external extensions is started plainly")
    func external() throws {
        let one = version()
        var extended = plan(one)
        #expect(StemCellKind(extended, one) != nil)
        extended.extensions = ["watcher"]
        #expect(StemCellKind(extended, one) == nil)
    }

    @Test("what is to become a copy of a snapshot is a sandbox with the runtime's files and no process in it")
    func copies() throws {
        let one = version()
        let kind = try #require(StemCellKind(ofCopies: plan(one), one))
        #expect(kind.command.isEmpty && kind.environment.isEmpty && kind.mounts == ["/data/runtime", "/opt/python"])
        let snapshot = FakeSnapshot {}
        let claim = SandboxClaim(plan(one), limits: .init(), from: snapshot)
        #expect(claim.mounts.map(\.target) == ["/var/task", "/opt"])
        guard case .snapshot = claim.word else {
            Issue.record("no snapshot")
            return
        }
        #expect(StemCellKind(ofCopies: plan(one), version(["MARTLET_STEM_CELLS": "never"])) == nil)
    }

    @Test("a custom runtime gets a sandbox without a command, and brings it with the claim")
    func custom() throws {
        let version = version(runtime: "provided.al2023", ["LD_PRELOAD": "/var/task/x.so"])
        let kind = try #require(StemCellKind(plan(version), version))
        #expect(kind.command.isEmpty && kind.environment.isEmpty && kind.mounts.isEmpty)
        guard
            case .command(let command, let environment, "/var/task") = SandboxClaim(
                plan(version),
                limits: .init(),
                of: kind
            ).word
        else {
            Issue.record("no command")
            return
        }
        #expect(command == ["/var/runtime/python.py"] && environment["LD_PRELOAD"] == "/var/task/x.so")
    }

    @Test("the switch keeps a custom runtime from cells, too")
    func customSwitchedOff() {
        let version = version(runtime: "provided.al2023", ["MARTLET_STEM_CELLS": "never"])
        #expect(StemCellKind(plan(version), version) == nil)
    }

    @Test("a kind in use has a few cells, and after a burst as many as the burst wanted, for a while")
    func burst() throws {
        var stock = StemCellStock(.init())
        let python = try kind("/usr/bin/python3.12")
        stock.expect(python, at: Self.start)
        #expect(stock.targets(at: Self.start) == [python: .init(needed: 2)])
        for index in 0..<50 {
            stock.wanted(python, for: version().key, found: index < 2, at: Self.start + .milliseconds(index))
        }
        #expect(stock.targets(at: Self.start + .seconds(1)) == [python: .init(needed: 50)])
        #expect(stock.hits == 2 && stock.misses == 48)
        stock.wanted(python, for: version().key, found: true, at: Self.start + .seconds(500))
        #expect(stock.targets(at: Self.start + .seconds(700)) == [python: .init(needed: 2)])
        #expect(stock.targets(at: Self.start + .seconds(1_200)) == [:])
    }

    @Test("of functions that have just been deployed each may have a cell until it is invoked, for two minutes")
    func newcomers() throws {
        var stock = StemCellStock(.init())
        let python = try kind("/usr/bin/python3.12")
        var key = version().key
        for index in 0..<100 {
            key.functionName = "f\(index % 50)"
            key.generation = "g\(index)"
            stock.expect(python, newcomer: key, at: Self.start)
        }
        #expect(stock.targets(at: Self.start + .seconds(119)) == [python: .init(needed: 2, spare: 48)])
        for second in 0..<45 {
            (key.functionName, key.generation) = ("f\(second)", "g\(second + 50)")
            stock.wanted(python, for: key, found: true, at: Self.start + .seconds(second * 2))
        }
        #expect(stock.targets(at: Self.start + .seconds(119)) == [python: .init(needed: 2, spare: 3)])
        #expect(stock.targets(at: Self.start + .seconds(120)) == [python: .init(needed: 2)])
    }

    @Test("newcomers have as many cells as there may be of a kind, and as the budget allows")
    func newcomerLimits() throws {
        var configuration = StemCellStock.Configuration()
        configuration.mostOfKind = 10
        var stock = StemCellStock(configuration)
        let (python, node) = (try kind("/usr/bin/python3.12"), try kind("/usr/bin/node"))
        var key = version().key
        for index in 0..<20 {
            key.functionName = "f\(index)"
            stock.expect(python, newcomer: key, at: Self.start)
        }
        #expect(stock.targets(at: Self.start) == [python: .init(needed: 2, spare: 8)])
        configuration.budgetMiB = 96
        stock = StemCellStock(configuration)
        for index in 0..<20 {
            key.functionName = "f\(index)"
            stock.expect(python, newcomer: key, at: Self.start)
        }
        stock.expect(node, at: Self.start)
        #expect(stock.targets(at: Self.start) == [python: .init(needed: 2, spare: 6), node: .init(needed: 2)])
    }

    @Test("the oldest cell is claimed, or a near one that has had the time to boot")
    func choice() {
        let cells = [0, 1_000, 2_000].map { (startedAt: Self.start + .milliseconds($0), isNear: $0 > 0) }
        #expect(StemCellStock.choice(among: [], at: Self.start) == nil)
        #expect(StemCellStock.choice(among: cells, at: Self.start + .milliseconds(1_499)) == 0)
        #expect(StemCellStock.choice(among: cells, at: Self.start + .milliseconds(1_500)) == 1)
        #expect(StemCellStock.choice(among: Array(cells.prefix(1)), at: Self.start + .seconds(9)) == 0)
    }

    @Test("all kinds together keep within the budget, the few of each before the bursts")
    func budget() throws {
        var configuration = StemCellStock.Configuration()
        configuration.budgetMiB = 100
        var stock = StemCellStock(configuration)
        let (python, node, java) = (
            try kind("/usr/bin/python3.12"), try kind("/usr/bin/node"), try kind("/usr/bin/java")
        )
        stock.wanted(java, for: version().key, found: false, at: Self.start)
        for index in 0..<30 {
            stock.wanted(python, for: version().key, found: false, at: Self.start + .milliseconds(index))
        }
        stock.wanted(node, for: version().key, found: false, at: Self.start + .seconds(2))
        let targets = stock.targets(at: Self.start + .seconds(3))
        #expect(targets[node]?.needed == 2 && targets[java]?.needed == 1)
        #expect(targets.map { $0.value.total * StemCellStock.estimateMiB($0.key) }.reduce(0, +) <= 100)
    }
}
