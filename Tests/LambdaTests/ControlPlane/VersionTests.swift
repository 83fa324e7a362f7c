// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOCore
import Testing

@testable import Lambda

@Suite("Changing functions") struct UpdateFunctionTests {
    @Test("an update is InProgress, then Successful; a second one meanwhile is a conflict")
    func inProgress() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let before = try await ground.configuration()
            await ground.server.clock.advance(by: .seconds(5))
            let input = UpdateFunctionConfigurationInput(functionName: "f", description: "new", timeout: 10)
            let answer = try await ground.lambda.call(LambdaOperations.updateFunctionConfiguration, input)
            #expect(answer.state == .active && answer.lastUpdateStatus == .inProgress)
            #expect(answer.lastUpdateStatusReason == "The function is being created.")
            #expect(answer.lastUpdateStatusReasonCode?.rawValue == "Creating")
            #expect(answer.description == "new" && answer.timeout == 10 && answer.memorySize == 128)
            #expect(answer.lastModified == "2026-01-31T12:00:05.000+0000" && answer.revisionId != before.revisionId)
            let conflict = ClientError.conflict(
                "The operation cannot be performed at this time. An update is in progress for resource: \(ControlGround.arn):f"
            )
            #expect(
                await refusal { _ = try await ground.lambda.call(LambdaOperations.updateFunctionConfiguration, input) }
                    == conflict
            )
            #expect(await refusal { try await ground.publish() } == conflict)
            try await ground.control.settle()
            let after = try await ground.configuration()
            #expect(after.lastUpdateStatus == .successful && after.lastUpdateStatusReason == nil)
            #expect(after.revisionId != answer.revisionId)
        }
    }

    @Test("while a function is Pending nothing changes it")
    func pending() async throws {
        try await ControlGround.run { ground in
            _ = try await ground.lambda.call(LambdaOperations.createFunction, ControlGround.input())
            let error = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.updateFunctionConfiguration,
                    .init(functionName: "f", timeout: 4)
                )
            }
            #expect(
                error
                    == .conflict(
                        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
                    )
            )
        }
    }

    @Test("new code is checked, stored and measured; DryRun only checks; Publish makes a version of it")
    func code() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let old = try await ground.configuration()
            let zip = TestZip.function("def handler(e, c): return 2\n")
            var input = UpdateFunctionCodeInput(functionName: "f", zipFile: ByteBuffer(bytes: zip))
            input.dryRun = true
            let dry = try await ground.lambda.call(LambdaOperations.updateFunctionCode, input)
            #expect(dry.codeSize == zip.count && dry.codeSha256 != old.codeSha256)
            let unchanged = try await ground.configuration()
            #expect("\(unchanged)" == "\(old)")
            input.dryRun = nil
            input.publish = true
            let answer = try await ground.lambda.call(LambdaOperations.updateFunctionCode, input)
            #expect(answer.version == "1" && answer.functionArn == "\(ControlGround.arn):f:1")
            #expect(answer.codeSha256 == dry.codeSha256)
            try await ground.control.settle()
            #expect(try await ground.configuration().codeSha256 == dry.codeSha256)
            #expect(try await ground.configuration().lastUpdateStatus == .successful)
            input.zipFile = ByteBuffer(string: "broken")
            let error = await refusal { _ = try await ground.lambda.call(LambdaOperations.updateFunctionCode, input) }
            #expect(
                error?.message == "Could not unzip uploaded file. Please check your file, then try to upload again."
            )
        }
    }

    @Test("a revision id guards against what happened meanwhile")
    func guarded() async throws {
        try await ControlGround.run { ground in
            let created = try await ground.create()
            let input = UpdateFunctionConfigurationInput(functionName: "f", timeout: 4, revisionId: created.revisionId)
            let error = await refusal {
                _ = try await ground.lambda.call(LambdaOperations.updateFunctionConfiguration, input)
            }
            #expect(
                error
                    == ClientError(
                        "PreconditionFailedException",
                        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
                        status: 412
                    )
            )
            var current = input
            current.revisionId = try await ground.configuration().revisionId
            #expect(try await ground.lambda.call(LambdaOperations.updateFunctionConfiguration, current).timeout == 4)
        }
    }

    @Test("log settings change member by member, and Text has no levels")
    func logging() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            func change(_ config: LoggingConfig) async throws -> LoggingConfig? {
                let answer = try await ground.lambda.call(
                    LambdaOperations.updateFunctionConfiguration,
                    .init(functionName: "f", loggingConfig: config)
                )
                try await ground.control.settle()
                return answer.loggingConfig
            }
            let json = try await change(LoggingConfig(logFormat: .json, systemLogLevel: .warn))
            #expect(json?.applicationLogLevel?.rawValue == "INFO" && json?.systemLogLevel == .warn)
            let group = try await change(LoggingConfig(logGroup: "mine"))
            #expect(group?.logFormat == .json && group?.systemLogLevel == .warn && group?.logGroup == "mine")
            let text = try await change(LoggingConfig(logFormat: .text))
            #expect(text?.applicationLogLevel == nil && text?.systemLogLevel == nil && text?.logGroup == "mine")
        }
    }

    @Test("what is not there is not changed")
    func missing() async throws {
        try await ControlGround.run { ground in
            let error = ClientError.missing("Function not found: \(ControlGround.arn):f")
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.updateFunctionConfiguration,
                        .init(functionName: "f")
                    )
                } == error
            )
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(LambdaOperations.updateFunctionCode, .init(functionName: "f"))
                }
                    == error
            )
            #expect(await refusal { try await ground.publish() } == error)
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(LambdaOperations.deleteFunction, .init(functionName: "f"))
                } == error
            )
        }
    }
}

@Suite("Versions") struct VersionTests {
    @Test("a version is frozen, numbered on, and not made again when nothing has changed")
    func publishing() async throws {
        try await ControlGround.run { ground in
            try await ground.create { $0.description = "first" }
            #expect(try await ground.publish(description: "one").version == "1")
            let again = try await ground.publish(description: "other words")
            #expect(again.version == "1" && again.description == "one")
            try await ground.touch(description: "second")
            #expect(try await ground.publish().version == "2")
            let versions = try await ground.lambda.call(
                LambdaOperations.listVersionsByFunction,
                .init(functionName: "f")
            )
            #expect(versions.versions?.map(\.version) == ["$LATEST", "1", "2"])
            #expect(versions.versions?.map(\.description) == ["second", "one", "second"])
            #expect(
                versions.versions?.map(\.functionArn) == ["$LATEST", "1", "2"].map { "\(ControlGround.arn):f:\($0)" }
            )
            #expect(versions.versions?.allSatisfy { $0.state == nil && $0.runtimeVersionConfig == nil } == true)
            #expect(try await ground.configuration("f:1").description == "one")
            #expect(try await ground.configuration("f", "$LATEST").functionArn == "\(ControlGround.arn):f:$LATEST")
        }
    }

    @Test("numbers are never given twice")
    func numbers() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            try await ground.publish()
            _ = try await ground.lambda.call(LambdaOperations.deleteFunction, .init(functionName: "f", qualifier: "1"))
            #expect(try await ground.publish().version == "2")
            let error = await refusal { _ = try await ground.configuration("f", "1") }
            #expect(error == .missing("Function not found: \(ControlGround.arn):f:1"))
        }
    }

    @Test("the code's sum guards a publication")
    func sum() async throws {
        try await ControlGround.run { ground in
            let sum = try #require(try await ground.create().codeSha256)
            let error = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.publishVersion,
                    .init(functionName: "f", codeSha256: "other")
                )
            }
            #expect(
                error
                    == .invalid(
                        "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST (\(sum)). Please try again with the CodeSHA256 in $LATEST."
                    )
            )
            _ = try await ground.lambda.call(LambdaOperations.publishVersion, .init(functionName: "f", codeSha256: sum))
        }
    }

    @Test("$LATEST, aliases and versions with aliases are not deleted by their qualifier")
    func deletion() async throws {
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
            func deleting(_ qualifier: String) async -> ClientError? {
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.deleteFunction,
                        .init(functionName: "f", qualifier: qualifier)
                    )
                }
            }
            #expect(
                await deleting("$LATEST")
                    == .invalid("$LATEST version cannot be deleted without deleting the function.")
            )
            #expect(await deleting("live") == .invalid("Deletion of aliases is not currently supported."))
            for version in ["1", "2"] {
                #expect(
                    await deleting(version)
                        == .conflict("Unable to delete version because the following aliases reference it: [live]")
                )
            }
            _ = try await ground.lambda.call(LambdaOperations.deleteFunction, .init(functionName: "f"))
            #expect(await refusal { _ = try await ground.configuration("f", "1") } != nil)
        }
    }

    @Test("functions are listed by name, page by page, and with ALL every version")
    func lists() async throws {
        try await ControlGround.run { ground in
            for name in ["b", "a", "c"] { try await ground.create(name) }
            try await ground.publish("b")
            func pages(_ version: FunctionVersion?) async throws -> [[String]] {
                var pages: [[String]] = []
                var marker: String?
                repeat {
                    let page = try await ground.lambda.call(
                        LambdaOperations.listFunctions,
                        .init(functionVersion: version, marker: marker, maxItems: 2)
                    )
                    pages.append(page.functions?.map { "\($0.functionName ?? "") \($0.version ?? "")" } ?? [])
                    marker = page.nextMarker
                } while marker != nil
                return pages
            }
            #expect(try await pages(nil) == [["a $LATEST", "b $LATEST"], ["c $LATEST"]])
            #expect(try await pages(.all) == [["a $LATEST", "b $LATEST"], ["b 1", "c $LATEST"]])
            let error = await refusal {
                _ = try await ground.lambda.call(LambdaOperations.listFunctions, .init(marker: "%"))
            }
            #expect(error?.code == "InvalidParameterValueException")
        }
    }
}

@Suite("Aliases") struct AliasTests {
    private func withVersions(_ body: @escaping @Sendable (ControlGround) async throws -> Void) async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            try await ground.publish()
            try await ground.touch(description: "second")
            try await ground.publish()
            try await body(ground)
        }
    }

    @Test("an alias is made, read, changed, listed and deleted")
    func life() async throws {
        try await withVersions { ground in
            let created = try await ground.lambda.call(
                LambdaOperations.createAlias,
                .init(functionName: "f", name: "live", functionVersion: "1")
            )
            #expect(created.aliasArn == "\(ControlGround.arn):f:live")
            #expect(created.description == "" && created.routingConfig == nil && created.functionVersion == "1")
            let changed = try await ground.lambda.call(
                LambdaOperations.updateAlias,
                .init(
                    functionName: "f",
                    name: "live",
                    functionVersion: "2",
                    description: "moved",
                    routingConfig: AliasRoutingConfiguration(additionalVersionWeights: ["1": 0.5]),
                    revisionId: created.revisionId
                )
            )
            #expect(changed.routingConfig?.additionalVersionWeights == ["1": 0.5])
            #expect(changed.revisionId != created.revisionId)
            let read = try await ground.lambda.call(LambdaOperations.getAlias, .init(functionName: "f", name: "live"))
            #expect("\(read)" == "\(changed)")
            #expect(try await ground.configuration("f", "live").functionArn == "\(ControlGround.arn):f:live")
            #expect(try await ground.configuration("f:live").version == "2")
            _ = try await ground.lambda.call(
                LambdaOperations.createAlias,
                .init(functionName: "f", name: "dev", functionVersion: "$LATEST")
            )
            let all = try await ground.lambda.call(LambdaOperations.listAliases, .init(functionName: "f"))
            #expect(all.aliases?.map(\.name) == ["dev", "live"])
            let ofOne = try await ground.lambda.call(
                LambdaOperations.listAliases,
                .init(functionName: "f", functionVersion: "1")
            )
            #expect(ofOne.aliases?.map(\.name) == ["live"])
            _ = try await ground.lambda.call(LambdaOperations.deleteAlias, .init(functionName: "f", name: "live"))
            _ = try await ground.lambda.call(LambdaOperations.deleteAlias, .init(functionName: "f", name: "live"))
            let gone = await refusal {
                _ = try await ground.lambda.call(LambdaOperations.getAlias, .init(functionName: "f", name: "live"))
            }
            #expect(gone == .missing("Cannot find alias arn: \(ControlGround.arn):f:live"))
            #expect(
                await refusal { _ = try await ground.configuration("f", "live") }
                    == .missing("Function not found: \(ControlGround.arn):f:live")
            )
        }
    }

    @Test("an alias that is taken, or of a version that is not there, is refused")
    func refusals() async throws {
        try await withVersions { ground in
            let input = CreateAliasInput(functionName: "f", name: "live", functionVersion: "1")
            _ = try await ground.lambda.call(LambdaOperations.createAlias, input)
            #expect(
                await refusal { _ = try await ground.lambda.call(LambdaOperations.createAlias, input) }
                    == .conflict("Alias already exists: \(ControlGround.arn):f:live")
            )
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.createAlias,
                        .init(functionName: "f", name: "x", functionVersion: "9")
                    )
                } == .missing("Function not found: \(ControlGround.arn):f:9")
            )
        }
    }

    private static let weights: [([String: Double], String, String)] = [
        (
            ["1": 0.1], "1",
            "Invalid function version 1. Function version 1 is already included in routing configuration."
        ),
        (["1": 0.1, "2": 0.1], "$LATEST", "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        (["1": 0.1], "$LATEST", "$LATEST is not supported for an alias pointing to more than 1 version"),
    ]

    @Test("weights that make no sense are refused", arguments: weights)
    func routing(weights: [String: Double], version: String, message: String) async throws {
        try await withVersions { ground in
            let error = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.createAlias,
                    .init(
                        functionName: "f",
                        name: "live",
                        functionVersion: version,
                        routingConfig: AliasRoutingConfiguration(additionalVersionWeights: weights)
                    )
                )
            }
            #expect(error == .invalid(message))
        }
    }
}
