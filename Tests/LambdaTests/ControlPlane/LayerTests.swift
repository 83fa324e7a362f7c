// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOCore
import Testing

@testable import Lambda

@Suite("Layers") struct LayerTests {
    private static let arn = "arn:aws:lambda:us-east-1:000000000000:layer"

    private func publish(
        _ ground: ControlGround,
        _ name: String = "l",
        _ content: String = "x",
        _ change: (inout PublishLayerVersionInput) -> Void = { _ in }
    ) async throws -> PublishLayerVersionOutput {
        var input = PublishLayerVersionInput(
            layerName: name,
            content: LayerVersionContentInput(
                zipFile: ByteBuffer(bytes: TestZip(.init("python/lib.py", content)).bytes)
            )
        )
        change(&input)
        return try await ground.lambda.call(LambdaOperations.publishLayerVersion, input)
    }

    @Test(
        "a layer version is published, read by number and ARN, listed newest first, and its number is never given again"
    )
    func life() async throws {
        try await ControlGround.run { ground in
            let first = try await publish(ground) {
                $0.description = "one"
                $0.compatibleRuntimes = [.python312]
                $0.compatibleArchitectures = [.arm64]
                $0.licenseInfo = "MIT"
            }
            #expect(
                first.version == 1 && first.layerArn == "\(Self.arn):l" && first.layerVersionArn == "\(Self.arn):l:1"
            )
            #expect(first.createdDate == "2026-01-31T12:00:00.000+0000" && first.licenseInfo == "MIT")
            #expect(first.content?.location?.hasPrefix("http://localhost:4566\(LambdaService.codePath)") == true)
            let second = try await publish(ground)
            #expect(second.version == 2 && second.description == "" && second.compatibleRuntimes == nil)
            let read = try await ground.lambda.call(
                LambdaOperations.getLayerVersion,
                .init(layerName: "l", versionNumber: 1)
            )
            #expect(read.compatibleRuntimes == [.python312] && read.content?.codeSha256 == first.content?.codeSha256)
            let byARN = try await ground.lambda.call(
                LambdaOperations.getLayerVersionByArn,
                .init(arn: "\(Self.arn):l:1")
            )
            #expect(byARN.layerVersionArn == read.layerVersionArn && byARN.description == "one")
            func versions(_ runtime: Runtime?) async throws -> [Int?]? {
                let list = LambdaOperations.listLayerVersions
                return try await ground.lambda.call(list, .init(compatibleRuntime: runtime, layerName: "l"))
                    .layerVersions?.map(\.version)
            }
            #expect(try await versions(nil) == [2, 1])
            #expect(try await versions(.python312) == [1])
            #expect(try await versions(.nodejs22X) == [])
            _ = try await ground.lambda.call(
                LambdaOperations.deleteLayerVersion,
                .init(layerName: "l", versionNumber: 2)
            )
            _ = try await ground.lambda.call(
                LambdaOperations.deleteLayerVersion,
                .init(layerName: "l", versionNumber: 2)
            )
            #expect(try await publish(ground).version == 3)
            let gone = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.getLayerVersion,
                    .init(layerName: "l", versionNumber: 2)
                )
            }
            #expect(gone == .missing("The resource you requested does not exist."))
            let layers = try await ground.lambda.call(LambdaOperations.listLayers, .init())
            #expect(layers.layers?.map(\.latestMatchingVersion?.version) == [3])
        }
    }

    @Test("a function has its layers, and keeps them when they are deleted")
    func attached() async throws {
        try await ControlGround.run { ground in
            let a = try await publish(ground, "a", "from a")
            let b = try await publish(ground, "b", "from b")
            let arns = [a, b].compactMap(\.layerVersionArn)
            try await ground.create { $0.layers = arns }
            #expect(try await ground.configuration().layers?.map(\.arn) == arns)
            #expect(try await ground.configuration().layers?.first?.codeSize == a.content?.codeSize)
            _ = try await ground.lambda.call(
                LambdaOperations.deleteLayerVersion,
                .init(layerName: "b", versionNumber: 1)
            )
            try await ground.touch(description: "still there")
            let resolved = try await ground.control.directory.resolve(
                function: "f",
                qualifier: nil,
                in: Scope(account: .local, region: .usEast1),
                draw: 0
            )
            let path = try #require(resolved.version.layersPath)
            let text = HostPath(path + "/python/lib.py").contents(limit: 100).map {
                String(decoding: $0, as: UTF8.self)
            }
            #expect(text == "from b")
            _ = try await ground.lambda.call(
                LambdaOperations.updateFunctionConfiguration,
                .init(functionName: "f", layers: [])
            )
            #expect(try await ground.configuration().layers == nil)
        }
    }

    @Test("layers that are too many, twice the same, missing or elsewhere are refused")
    func refusals() async throws {
        try await ControlGround.run { ground in
            _ = try await publish(ground)
            _ = try await publish(ground)
            func creating(_ layers: [String]) async -> ClientError? {
                await refusal { try await ground.create { $0.layers = layers } }
            }
            #expect(
                await creating((1...6).map { "\(Self.arn):l\($0):1" })
                    == .invalid("Cannot reference more than 5 layers.")
            )
            #expect(
                await creating(["\(Self.arn):l:1", "\(Self.arn):l:2"])
                    == .invalid(
                        "Two different versions of the same layer are not allowed to be referenced in the same function. \(Self.arn):l:1 and \(Self.arn):l:2 are versions of the same layer."
                    )
            )
            #expect(await creating(["\(Self.arn):l:9"]) == .invalid("Layer version \(Self.arn):l:9 does not exist."))
            let west = "arn:aws:lambda:us-west-2:000000000000:layer:l:1"
            #expect(
                await creating([west])
                    == .invalid(
                        "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."
                    )
            )
        }
    }

    @Test("code and layers together stay below the limit")
    func together() async throws {
        #expect(throws: InvalidParameterValueException.self) {
            let address = try UnpackedPackages.address(of: [])
            let half = CodePackage(address: address, size: 1, unpackedSize: 131_072_000)
            let arn = try #require(ARN("\(Self.arn):l:1"))
            try SettingsRules.checkUnpackedSize(half, [AttachedLayer(arn: arn, code: half)])
        }
    }

    @Test("another account uses a layer when its policy says so")
    func shared() async throws {
        try await ControlGround.run(enforcesPolicies: true) { ground in
            _ = try await publish(ground)
            let other = ground.lambda.signing(as: .account("111111111111"))
            var input = ControlGround.input { $0.layers = ["\(Self.arn):l:1"] }
            input.role = "arn:aws:iam::111111111111:role/lambda"
            let create = input
            let denied = await refusal { _ = try await other.call(LambdaOperations.createFunction, create) }
            #expect(denied?.code == "AccessDeniedException")
            #expect(
                denied?.message.hasSuffix("because no resource-based policy allows the lambda:GetLayerVersion action")
                    == true
            )
            let added = try await ground.lambda.call(
                LambdaOperations.addLayerVersionPermission,
                .init(
                    layerName: "l",
                    versionNumber: 1,
                    statementId: "them",
                    action: "lambda:GetLayerVersion",
                    principal: "111111111111"
                )
            )
            let statement =
                #"{"Sid":"them","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"#
                + #""Action":"lambda:GetLayerVersion","Resource":"\#(Self.arn):l:1"}"#
            #expect(added.statement == statement)
            _ = try await other.call(LambdaOperations.createFunction, create)
            let policy = try await ground.lambda.call(
                LambdaOperations.getLayerVersionPolicy,
                .init(layerName: "l", versionNumber: 1)
            )
            #expect(policy.policy == #"{"Version":"2012-10-17","Id":"default","Statement":[\#(statement)]}"#)
            #expect(policy.revisionId == added.revisionId)
            func removing(_ revisionID: String?) async -> ClientError? {
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.removeLayerVersionPermission,
                        .init(layerName: "l", versionNumber: 1, statementId: "them", revisionId: revisionID)
                    )
                }
            }
            #expect(await removing("old")?.status == 412)
            #expect(await removing(added.revisionId) == nil)
            #expect(await removing(nil) == .missing("Statement them is not found in resource policy."))
        }
    }
}
