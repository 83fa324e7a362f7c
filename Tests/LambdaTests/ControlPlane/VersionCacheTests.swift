// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOCore
import Testing

@testable import Lambda

@Suite("Resolving versions for invocations") struct VersionCacheTests {
    private static let scope = Scope(account: .local, region: .usEast1)

    private func resolve(
        _ ground: ControlGround,
        _ qualifier: String? = nil,
        draw: Double = 0
    ) async throws -> ResolvedInvocation {
        try await ground.control.directory.resolve(function: "f", qualifier: qualifier, in: Self.scope, draw: draw)
    }

    @Test("an executable version has everything that running it needs")
    func complete() async throws {
        try await ControlGround.run { ground in
            try await ground.create {
                $0.environment = Environment(variables: ["KEY": "value"])
                $0.timeout = 7
            }
            let resolved = try await resolve(ground)
            let version = resolved.version
            #expect(
                version.handler == "handler.handler" && version.timeoutSeconds == 7
                    && version.environment == ["KEY": "value"]
            )
            #expect(version.role.description == ControlGround.role && version.layersPath == nil)
            #expect(HostPath(version.codePath).appending("handler.py").exists)
            #expect(resolved.invokedARN.description == "\(ControlGround.arn):f" && resolved.reservedConcurrency == nil)
            #expect(try await resolve(ground, "$LATEST").invokedARN.description == "\(ControlGround.arn):f:$LATEST")
        }
    }

    @Test("states that cannot be invoked are refused, and refusals are not remembered")
    func states() async throws {
        try await ControlGround.run { ground in
            await #expect(throws: ResourceNotFoundException.self) { try await resolve(ground) }
            _ = try await ground.lambda.call(LambdaOperations.createFunction, ControlGround.input())
            await #expect {
                try await resolve(ground)
            } throws: {
                ($0 as? ResourceConflictException)?.message
                    == "The operation cannot be performed at this time. The function is currently in the following state: Pending"
            }
            try await ground.control.settle()
            _ = try await resolve(ground)
            _ = try await ground.lambda.call(LambdaOperations.deleteFunction, .init(functionName: "f"))
            await #expect(throws: ResourceNotFoundException.self) { try await resolve(ground) }
        }
    }

    @Test("the store is not read again, yet every change of this node is seen at once")
    func fresh() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let first = try await resolve(ground)
            // Behind the control plane's back: what is remembered does not know of it.
            try await ground.control.store.write { tx in
                var version = try #require(try tx.version(.latest, of: "f", in: Self.scope))
                version.settings.handler = "changed.behind"
                try tx.save(version)
            }
            #expect(try await resolve(ground).version.handler == "handler.handler")
            _ = try await ground.lambda.call(
                LambdaOperations.updateFunctionConfiguration,
                .init(functionName: "f", handler: "new.handler")
            )
            let second = try await resolve(ground)
            #expect(second.version.handler == "new.handler")
            #expect(second.version.key.generation != first.version.key.generation)
            try await ground.control.settle()
            #expect(try await resolve(ground).version.key == second.version.key)
            _ = try await ground.lambda.call(
                LambdaOperations.putFunctionConcurrency,
                .init(functionName: "f", reservedConcurrentExecutions: 3)
            )
            #expect(try await resolve(ground).reservedConcurrency == 3)
            #expect(try await ground.control.directory.claimedConcurrency(in: Self.scope) == .init(reserved: 3))
            #expect(try await resolve(ground).version.key == second.version.key)
        }
    }

    @Test("an address is not read again, yet every change of it is seen at once")
    func urls() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let input = CreateFunctionUrlConfigInput(functionName: "f", authType: FunctionUrlAuthType.none)
            let created = try await ground.lambda.call(LambdaOperations.createFunctionUrlConfig, input)
            let id = String(created.functionUrl.dropFirst(7).prefix(32))
            let cache = ground.control.changes.cache
            #expect(try await cache.url(id: "nobody") == nil)
            #expect(try await cache.url(id: id)?.authType == "NONE")
            // Behind the control plane's back.
            try await ground.control.store.write { tx in
                var url = try #require(try tx.url(id: id))
                url.authType = "AWS_IAM"
                try tx.save(url)
            }
            #expect(try await cache.url(id: id)?.authType == "NONE")
            let change = UpdateFunctionUrlConfigInput(functionName: "f", invokeMode: .responseStream)
            _ = try await ground.lambda.call(LambdaOperations.updateFunctionUrlConfig, change)
            let changed = try await cache.url(id: id)
            #expect(changed?.authType == "AWS_IAM" && changed?.invokeMode == "RESPONSE_STREAM")
            _ = try await ground.lambda.call(LambdaOperations.deleteFunctionUrlConfig, .init(functionName: "f"))
            #expect(try await cache.url(id: id) == nil)
            _ = try await ground.lambda.call(LambdaOperations.createFunctionUrlConfig, input)
            let renewed = try await ground.lambda.call(LambdaOperations.getFunctionUrlConfig, .init(functionName: "f"))
            let other = String(renewed.functionUrl.dropFirst(7).prefix(32))
            #expect(try await cache.url(id: other) != nil)
            _ = try await ground.lambda.call(LambdaOperations.deleteFunction, .init(functionName: "f"))
            #expect(try await cache.url(id: other) == nil)
        }
    }

    @Test("what another node changed of an address is seen after the time that knowledge may be old")
    func urlsOfOtherNodes() async throws {
        try await ControlGround.run(revalidatesAfter: .seconds(2)) { ground in
            try await ground.create()
            let input = CreateFunctionUrlConfigInput(functionName: "f", authType: FunctionUrlAuthType.none)
            let created = try await ground.lambda.call(LambdaOperations.createFunctionUrlConfig, input)
            let id = String(created.functionUrl.dropFirst(7).prefix(32))
            let cache = ground.control.changes.cache
            #expect(try await cache.url(id: id) != nil)
            try await ground.control.store.write { try $0.deleteURL(of: "f", qualifier: "$LATEST", in: Self.scope) }
            #expect(try await cache.url(id: id) != nil)
            await ground.server.clock.advance(by: .seconds(3))
            #expect(try await cache.url(id: id) == nil)
        }
    }

    @Test("what another node changed is seen after the time that knowledge may be old")
    func otherNodes() async throws {
        try await ControlGround.run(revalidatesAfter: .seconds(2)) { ground in
            try await ground.create()
            _ = try await resolve(ground)
            try await ground.control.store.write { tx in
                var version = try #require(try tx.version(.latest, of: "f", in: Self.scope))
                version.settings.handler = "other.node"
                try tx.save(version)
                try tx.countChange(of: "f", in: Self.scope)
            }
            #expect(try await resolve(ground).version.handler == "handler.handler")
            await ground.server.clock.advance(by: .seconds(3))
            #expect(try await resolve(ground).version.handler == "other.node")
        }
    }

    @Test("an alias's weight decides by the draw")
    func weights() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            try await ground.publish()
            try await ground.touch(description: "second")
            try await ground.publish()
            _ = try await ground.lambda.call(
                LambdaOperations.createAlias,
                .init(
                    functionName: "f",
                    name: "live",
                    functionVersion: "1",
                    routingConfig: AliasRoutingConfiguration(additionalVersionWeights: ["2": 0.25])
                )
            )
            #expect(try await resolve(ground, "live", draw: 0.24).version.key.version == "2")
            let first = try await resolve(ground, "live", draw: 0.25)
            #expect(first.version.key.version == "1" && first.invokedARN.description == "\(ControlGround.arn):f:live")
            _ = try await ground.lambda.call(
                LambdaOperations.updateAlias,
                .init(functionName: "f", name: "live", functionVersion: "2", routingConfig: AliasRoutingConfiguration())
            )
            #expect(try await resolve(ground, "live", draw: 0.9).version.key.version == "2")
        }
    }

    @Test("a name with a qualifier, or an ARN, is resolved too")
    func forms() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            try await ground.publish()
            let resolved = try await ground.control.directory.resolve(
                function: "\(ControlGround.arn):f:1",
                qualifier: nil,
                in: Self.scope,
                draw: 0
            )
            #expect(resolved.version.key.version == "1")
        }
    }
}
