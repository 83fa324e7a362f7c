// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import Testing

@testable import Lambda

@Suite("Functions with SnapStart") struct SnapStartTests {
    private func with(
        _ snapshots: FakeSnapshots = FakeSnapshots(),
        _ body: @escaping @Sendable (ControlGround, FakeSnapshots) async throws -> Void
    ) async throws {
        try await ControlGround.run(snapshots: snapshots) { ground in try await body(ground, snapshots) }
    }

    private static func enabled(_ input: inout CreateFunctionInput) {
        input.snapStart = SnapStart(applyOn: .publishedVersions)
    }

    @Test("only published versions have a snapshot, and answers say which")
    func optimization() async throws {
        try await with { ground, snapshots in
            let created = try await ground.create("f", Self.enabled)
            #expect(created.snapStart?.applyOn == .publishedVersions && created.snapStart?.optimizationStatus == .off)
            #expect(snapshots.state.withLockedValue { $0.taken.isEmpty })
            let published = try await ground.lambda.call(LambdaOperations.publishVersion, .init(functionName: "f"))
            #expect(published.state == .pending && published.stateReasonCode == .creating)
            #expect(published.snapStart?.optimizationStatus == .on)
            try await ground.control.settle()
            let version = try await ground.configuration("f", "1")
            #expect(version.state == .active && version.lastUpdateStatus == .successful)
            #expect(snapshots.state.withLockedValue { $0.taken.map(\.version) } == ["1"])
            #expect(try await ground.configuration().snapStart?.optimizationStatus == .off)
        }
    }

    @Test("switching it on or off makes the next publication a new version")
    func switching() async throws {
        try await with { ground, snapshots in
            try await ground.create()
            try await ground.publish()
            for applyOn in [SnapStartApplyOn.publishedVersions, .none] {
                _ = try await ground.lambda.call(
                    LambdaOperations.updateFunctionConfiguration,
                    .init(functionName: "f", snapStart: SnapStart(applyOn: applyOn))
                )
                try await ground.control.settle()
                try await ground.publish()
            }
            let listed =
                try await ground.lambda.call(
                    LambdaOperations.listVersionsByFunction,
                    .init(functionName: "f")
                ).versions ?? []
            #expect(listed.map(\.version) == ["$LATEST", "1", "2", "3"])
            #expect(listed.map { $0.snapStart?.optimizationStatus } == [.off, .off, .on, .off])
            #expect(snapshots.state.withLockedValue { $0.taken.map(\.version) } == ["2"])
        }
    }

    @Test("what AWS has no snapshots of is refused in its words")
    func refusals() async throws {
        try await with { ground, _ in
            func refused(_ change: @escaping @Sendable (inout CreateFunctionInput) -> Void) async -> ClientError? {
                await refusal {
                    try await ground.create("x") {
                        Self.enabled(&$0)
                        change(&$0)
                    }
                }
            }
            #expect(
                await refused { $0.runtime = Runtime("nodejs20.x") }
                    == .invalid("nodejs20.x is not supported for SnapStart enabled functions.")
            )
            #expect(
                await refused { $0.runtime = .python311 }
                    == .invalid("python3.11 is not supported for SnapStart enabled functions.")
            )
            #expect(
                await refused { $0.ephemeralStorage = EphemeralStorage(size: 513) }?.code
                    == "InvalidParameterValueException"
            )
            #expect(
                await refused { $0.tenancyConfig = TenancyConfig(tenantIsolationMode: .perTenant) }?.code
                    == "InvalidParameterValueException"
            )
            #expect(
                await refused { $0.runtime = Runtime("dotnet8") }
                    == ClientError(
                        "NotImplemented",
                        "Martlet does not implement SnapStart of dotnet8 yet.",
                        status: 501
                    )
            )
        }
    }

    @Test("an update cannot make a function what a snapshot cannot be of")
    func updates() async throws {
        try await with { ground, _ in
            try await ground.create("f", Self.enabled)
            let refused = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.updateFunctionConfiguration,
                    .init(functionName: "f", runtime: .python311)
                )
            }
            #expect(refused == .invalid("python3.11 is not supported for SnapStart enabled functions."))
        }
    }

    @Test("a host without snapshots says so when the function is made")
    func host() async throws {
        let snapshots = FakeSnapshots()
        snapshots.state.withLockedValue { $0.hostLacks = CommonError.notImplemented("SnapStart here") }
        try await with(snapshots) { ground, _ in
            #expect(await refusal { try await ground.create("f", Self.enabled) }?.status == 501)
        }
    }

    @Test("a version that fails to initialise is Failed, for the function's fault")
    func failure() async throws {
        let snapshots = FakeSnapshots()
        snapshots.state.withLockedValue { $0.failures = [SnapshotFault(reason: .functionError)] }
        try await with(snapshots) { ground, _ in
            try await ground.create("f", Self.enabled)
            try await ground.publish()
            let version = try await ground.configuration("f", "1")
            #expect(version.state == .failed && version.lastUpdateStatus == .failed)
            #expect(version.stateReasonCode?.rawValue == "FunctionError")
            #expect(version.stateReason == "An error occurred during function initialization.")
            #expect(await refusal { try await ground.resolve("1") }?.code == "ResourceConflictException")
        }
    }

    @Test("a server that ends while the snapshot is taken goes on with it at its next start")
    func interruption() async throws {
        let snapshots = FakeSnapshots()
        snapshots.state.withLockedValue { $0.failures = [CancellationError()] }
        try await with(snapshots) { ground, _ in
            try await ground.create("f", Self.enabled)
            _ = try await ground.lambda.call(LambdaOperations.publishVersion, .init(functionName: "f"))
            await #expect(throws: CancellationError.self) { try await ground.control.settle() }
            #expect(try await ground.configuration("f", "1").state == .pending)
            #expect(await refusal { try await ground.resolve("1") } == .notReady)
            try await ground.control.settle()
            #expect(try await ground.configuration("f", "1").state == .active)
        }
    }

    @Test("after two weeks without use a version is Inactive, and the next invocation brings it back")
    func idling() async throws {
        try await with { ground, snapshots in
            try await ground.create("f", Self.enabled)
            try await ground.publish()
            let upkeep = try #require(ground.control.upkeep)
            await ground.server.clock.advance(by: SnapshotIdling.limit - .seconds(1))
            try await upkeep.pass()
            #expect(try await ground.configuration("f", "1").state == .active)
            await ground.server.clock.advance(by: .seconds(1))
            try await upkeep.pass()
            let idle = try await ground.configuration("f", "1")
            #expect(idle.state == .inactive && idle.stateReasonCode == .idle)
            #expect(snapshots.state.withLockedValue { $0.kept.isEmpty })
            #expect(await refusal { try await ground.resolve("1", ground.control.directory) } == .notReady)
            #expect(try await ground.configuration("f", "1").state == .inactive)
            #expect(await refusal { try await ground.resolve("1") } == .notReady)
            let restoring = try await ground.configuration("f", "1")
            #expect(restoring.state == .pending && restoring.stateReasonCode == .restoring)
            try await ground.control.settle()
            #expect(await refusal { try await ground.resolve("1") } == nil)
            #expect(snapshots.state.withLockedValue { $0.kept.count } == 1)
        }
    }

    @Test("use keeps a version active")
    func use() async throws {
        try await with { ground, snapshots in
            try await ground.create("f", Self.enabled)
            try await ground.publish()
            await ground.server.clock.advance(by: SnapshotIdling.limit)
            let (key, now) = (try #require(snapshots.state.withLockedValue { $0.taken.first }), ground.server.clock.now)
            try await ground.control.store.write { try $0.noteSnapshotUse(key, at: now) }
            try await ground.control.upkeep?.pass()
            #expect(try await ground.configuration("f", "1").state == .active)
        }
    }

    @Test("snapshots that are missing are taken again, those of nobody removed")
    func upkeep() async throws {
        try await with { ground, snapshots in
            try await ground.create("f", Self.enabled)
            try await ground.publish()
            try await ground.control.upkeep?.pass()
            #expect(snapshots.state.withLockedValue { $0.renewed.isEmpty && $0.kept.count == 1 })
            snapshots.state.withLockedValue { $0.kept = ["of-nobody"] }
            try await ground.control.upkeep?.pass()
            #expect(snapshots.state.withLockedValue { $0.renewed.map(\.version) } == ["1"])
            #expect(snapshots.state.withLockedValue { $0.kept.isEmpty })
        }
    }

    @Test("provisioned concurrency cannot be had beside it")
    func provisioned() async throws {
        try await with { ground, _ in
            try await ground.create("f", Self.enabled)
            try await ground.publish()
            let refused = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.putProvisionedConcurrencyConfig,
                    .init(functionName: "f", qualifier: "1", provisionedConcurrentExecutions: 1)
                )
            }
            #expect(
                refused == .invalid("Provisioned Concurrency is not supported for SnapStart enabled functions.")
            )
        }
    }
}

extension ControlGround {
    /// As an invocation does, unless the directory is another.
    fileprivate func resolve(_ qualifier: String, _ directory: (any VersionDirectory)? = nil) async throws {
        do {
            _ = try await (directory ?? control.invocationDirectory).resolve(
                function: "f",
                qualifier: qualifier,
                in: Scope(account: .local, region: .usEast1),
                draw: 0
            )
        } catch let error as any ServiceError {
            throw ClientError(error.code, error.message, status: error.httpStatus)
        }
    }
}

extension ClientError {
    fileprivate static let notReady = ClientError(
        "SnapStartNotReadyException",
        "Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE.",
        status: 409
    )
}
