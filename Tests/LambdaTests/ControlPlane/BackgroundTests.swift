// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOCore
import Storage
import Testing

@testable import Lambda

@Suite("Packages that nobody uses") struct PackageSweepTests {
    @Test("leave after an hour, and come back when they are uploaded again")
    func leaving() async throws {
        try await ControlGround.run { ground in
            var idle = PackageSweep.Idle()
            let sweep = PackageSweep(
                store: ground.control.store,
                intake: ground.control.intake,
                clock: ground.server.clock,
                logger: ground.control.environment.logger
            )
            func pass(_ seconds: Int) async throws {
                await ground.server.clock.advance(by: .seconds(seconds))
                try await sweep.sweep(&idle)
            }
            let files = ground.control.environment.files
            let zip = TestZip.function()
            let address = try UnpackedPackages.address(of: zip)
            let place = HostPath(ground.directory).appending("unpacked").appending(address.hex)
            try await ground.create()
            try await pass(4_000)
            try await pass(4_000)
            #expect(place.exists)
            _ = try await ground.lambda.call(LambdaOperations.deleteFunction, .init(functionName: "f"))
            try await pass(0)
            try await pass(3_599)
            #expect(place.exists)
            try await pass(1)
            #expect(!place.exists)
            await #expect(throws: MartletError.self) { try await files.bytes(of: address) }
            try await ground.create()
            #expect(place.exists)
            let stored = try await files.bytes(of: address)
            #expect(stored == zip)
        }
    }

    @Test("a removal that a crash interrupted is finished, and then the package can be uploaded again")
    func interrupted() async throws {
        try await ControlGround.run { ground in
            let address = try UnpackedPackages.address(of: TestZip.function())
            let now = ground.server.clock.now
            let began = try await ground.control.store.write { tx in
                _ = try tx.claimPackage(address, at: now)
                return try tx.beginLeaving(address, before: now + .seconds(1))
            }
            #expect(began)
            let claimed = try await ground.control.store.write { try $0.claimPackage(address, at: now) }
            #expect(!claimed)
            var idle = PackageSweep.Idle()
            try await PackageSweep(
                store: ground.control.store,
                intake: ground.control.intake,
                clock: ground.server.clock,
                logger: ground.control.environment.logger
            ).sweep(&idle)
            try await ground.create()
        }
    }

    @Test("a sweep that the end of the server cuts off is no failure of the server")
    func cutOff() async throws {
        try await ControlGround.run { ground in
            let sweep = PackageSweep(
                store: ground.control.store,
                intake: ground.control.intake,
                clock: ground.server.clock,
                logger: ground.control.environment.logger
            )
            let running = Task { try await sweep.run() }
            running.cancel()
            try await running.value
        }
    }

    @Test("merged layers go an hour after the last function that has them")
    func layerSets() async throws {
        try await ControlGround.run { ground in
            var idle = PackageSweep.Idle()
            let sweep = PackageSweep(
                store: ground.control.store,
                intake: ground.control.intake,
                clock: ground.server.clock,
                logger: ground.control.environment.logger
            )
            var arns: [String] = []
            for name in ["a", "b"] {
                let zip = TestZip(.init("python/\(name).py", name)).bytes
                let layer = try await ground.lambda.call(
                    LambdaOperations.publishLayerVersion,
                    .init(layerName: name, content: LayerVersionContentInput(zipFile: Blob(bytes: zip)))
                )
                arns.append(try #require(layer.layerVersionArn))
            }
            try await ground.create { [arns] in $0.layers = arns }
            try await sweep.sweep(&idle)
            let sets = try await ground.control.intake.unpacked.layerSets()
            #expect(sets.count == 1)
            _ = try await ground.lambda.call(LambdaOperations.deleteFunction, .init(functionName: "f"))
            try await sweep.sweep(&idle)
            await ground.server.clock.advance(by: .seconds(3_600))
            try await sweep.sweep(&idle)
            let left = try await ground.control.intake.unpacked.layerSets()
            #expect(left.isEmpty)
        }
    }
}

@Suite("State transitions") struct StateTransitionTests {
    private static let scope = Scope(account: .local, region: .usEast1)

    @Test("what was Pending when the server ended becomes Active when it starts again")
    func restart() async throws {
        try await ControlGround.run { ground in
            _ = try await ground.lambda.call(LambdaOperations.createFunction, ControlGround.input())
            let again = try await LambdaControlPlane(
                ground.control.environment,
                ground.control.configuration,
                runtimes: EveryRuntime()
            )
            try await again.settle()
            let state = try await again.store.read { try $0.version(.latest, of: "f", in: Self.scope)?.status }
            #expect(state == .ready)
        }
    }

    @Test("the background service moves versions on as they come, without being asked")
    func service() async throws {
        try await ControlGround.run { ground in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await ground.control.transitions.run() }
                for name in ["a", "b"] {
                    _ = try await ground.lambda.call(LambdaOperations.createFunction, ControlGround.input(name))
                    var state: State?
                    // Each look reads the store, so this waits for as long as it takes, and not for ever.
                    for _ in 0..<20_000 where state != .active { state = try await ground.configuration(name).state }
                    #expect(state == .active)
                }
                tasks.cancelAll()
            }
        }
    }

    @Test("code that cannot be put in place makes the version Failed, and the reason is told")
    func failure() async throws {
        try await ControlGround.run { ground in
            _ = try await ground.lambda.call(LambdaOperations.createFunction, ControlGround.input())
            let address = try UnpackedPackages.address(of: TestZip.function())
            try await ground.control.intake.unpacked.remove(address)
            try await ground.control.environment.files.remove(address)
            try await ground.control.settle()
            let failed = try await ground.configuration()
            #expect(
                failed.state == .failed && failed.stateReasonCode == .internalError && failed.lastUpdateStatus == nil
            )
            await #expect(throws: ResourceConflictException.self) {
                try await ground.control.directory.resolve(function: "f", qualifier: nil, in: Self.scope, draw: 0)
            }
        }
    }
}

@Suite("Resetting") struct ResetTests {
    @Test("an account's functions and layers are gone, another's are not")
    func reset() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let other = ground.lambda.signing(as: .account("111111111111"))
            _ = try await other.call(
                LambdaOperations.createFunction,
                ControlGround.input { $0.role = "arn:aws:iam::111111111111:role/lambda" }
            )
            try await ground.control.reset(account: AccountID("111111111111"))
            #expect(try await other.call(LambdaOperations.listFunctions, .init()).functions?.isEmpty == true)
            _ = try await ground.configuration()
            try await ground.control.reset(account: nil)
            #expect(await refusal { _ = try await ground.configuration() }?.status == 404)
        }
    }
}
