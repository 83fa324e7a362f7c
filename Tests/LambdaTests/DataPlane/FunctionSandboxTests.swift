// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOConcurrencyHelpers
import Sandbox
import Testing

@testable import Lambda

@Suite("Sandboxes of functions", .timeLimit(.minutes(20))) struct FunctionSandboxTests {
    private enum Kind: String { case namespace, microvm }

    private let scope = Scope(account: .local, region: .usEast1)

    private func version(_ name: String, like version: ExecutableVersion, snapStarts: Bool = false) -> ExecutableVersion
    {
        var version = version
        version.key.functionName = name
        version.snapStarts = snapStarts
        return version
    }

    @Test("the first rule that matches decides, by name or ARN")
    func rules() throws {
        let texts = ["a-*=microvm", "arn:aws:lambda:us-east-1:000000000000:function:b=microvm", "a-b=namespace"]
        let rules = FunctionRules(ofOthers: Kind.namespace, rules: try texts.map { try #require(.init($0)) })
        for (name, kind) in [("a-b", Kind.microvm), ("a", .namespace), ("b", .microvm), ("bb", .namespace)] {
            #expect(rules.choice(of: name, in: scope) == kind, "\(name)")
        }
        let elsewhere = Scope(account: .local, region: try #require(Region("eu-west-1")))
        #expect(rules.choice(of: "b", in: elsewhere) == .namespace)
        for text in ["a=process", "=microvm", "a", "a=", "a=MICROVM", "a=microvm "] {
            #expect(FunctionRules<Kind>.Rule(text) == nil, "\(text)")
        }
    }

    @Test("each driver is there once, and rules keep theirs")
    func drivers() throws {
        let kinds = FunctionRules(
            ofOthers: Kind.namespace,
            rules: try ["a=microvm", "b=namespace", "c=microvm"].map { try #require(.init($0)) }
        )
        let made = kinds.map { RestoringDriver($0.rawValue) as any SandboxDriver }
        #expect(made.drivers.map(\.name) == ["namespace", "microvm"])
        #expect(made.choice(of: "c", in: scope).name == "microvm")
        #expect(made.choice(of: "d", in: scope).name == "namespace")
    }

    @Test("a function is started by its own driver, and by no other")
    func started() async throws {
        try await SnapshotBench.run { bench in
            bench.otherDriver.state.withLockedValue { $0.runtime = .failsInit }
            _ = try? await bench.invoke(version("hostile-1", like: bench.version))
            #expect(bench.otherDriver.calls.first == "start" && bench.driver.calls.isEmpty)
            bench.driver.state.withLockedValue { $0.runtime = .failsInit }
            _ = try? await bench.invoke(version("tame", like: bench.version))
            #expect(bench.driver.calls.first == "start")
            let started = bench.otherDriver.state.withLockedValue { $0.specifications.count }
            _ = try? await bench.invoke(version("tame", like: bench.version))
            #expect(bench.otherDriver.state.withLockedValue { $0.specifications.count } == started)
        }
    }

    @Test("stem cells are for functions of their driver")
    func cells() async throws {
        try await SnapshotBench.run { bench in
            for driver in [bench.driver, bench.otherDriver] { driver.state.withLockedValue { $0.runtime = .failsInit } }
            _ = try? await bench.invoke(version("hostile-1", like: bench.version))
            #expect(bench.cells.figures.misses == 0)
            _ = try? await bench.invoke(version("tame", like: bench.version))
            #expect(bench.cells.figures.misses > 0)
        }
    }

    @Test("SnapStart is refused for functions whose driver has no snapshots, by its name, and for no others")
    func snapshots() async throws {
        try await SnapshotBench.run { bench in
            try bench.taker.checkHost(for: FunctionReference("tame", in: scope))
            let error = #expect(throws: CommonError.self) {
                try bench.taker.checkHost(for: FunctionReference("hostile-1", in: scope))
            }
            #expect(
                error?.message.contains("other sandboxes have no snapshots") == true,
                "\(String(describing: error))"
            )
            // One that was published before the server was told so.
            #expect(await bench.shelf.snapshot(of: version("hostile-1", like: bench.version).key) == nil)
            #expect(bench.driver.calls.isEmpty && bench.otherDriver.calls == ["open"])
        }
    }
}
