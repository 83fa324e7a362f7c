// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Lambda

@Suite("What stands beside a function's code") struct FunctionSettingsTests {
    @Test("tags are added, replaced, listed and removed")
    func tags() async throws {
        try await ControlGround.run { ground in
            try await ground.create { $0.tags = ["a": "1"] }
            let arn = "\(ControlGround.arn):f"
            let before = try await ground.configuration().revisionId
            _ = try await ground.lambda.call(
                LambdaOperations.tagResource,
                .init(resource: arn, tags: ["a": "2", "b": ""])
            )
            #expect(
                try await ground.lambda.call(LambdaOperations.listTags, .init(resource: arn)).tags == [
                    "a": "2", "b": "",
                ]
            )
            #expect(try await ground.configuration().revisionId != before)
            _ = try await ground.lambda.call(
                LambdaOperations.untagResource,
                .init(resource: arn, tagKeys: ["a", "zzz"])
            )
            #expect(try await ground.lambda.call(LambdaOperations.listTags, .init(resource: arn)).tags == ["b": ""])
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.tagResource,
                        .init(resource: arn + ":1", tags: ["x": "y"])
                    )
                }
                    == .invalid(
                        "Tags on function aliases and versions are not supported. Please specify a function ARN."
                    )
            )
            let many = Dictionary(uniqueKeysWithValues: (0..<50).map { ("k\($0)", "v") })
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(LambdaOperations.tagResource, .init(resource: arn, tags: many))
                }
                    == .invalid("Number of tags exceeds resource tag limit.")
            )
        }
    }

    @Test("reserved concurrency leaves 100 to the others, and counts in the account's settings")
    func concurrency() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            try await ground.create("g")
            func reserve(_ name: String, _ count: Int) async -> ClientError? {
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.putFunctionConcurrency,
                        .init(functionName: name, reservedConcurrentExecutions: count)
                    )
                }
            }
            #expect(await reserve("f", 900) == nil)
            #expect(
                await reserve("g", 1)
                    == .invalid(
                        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
                    )
            )
            #expect(await reserve("f", 0) == nil)
            #expect(await reserve("g", 5) == nil)
            #expect(await reserve("h", 5) == .missing("Function not found: \(ControlGround.arn):h:$LATEST"))
            #expect(await reserve("f:1", 5)?.code == "InvalidParameterValueException")
            let answer = try await ground.lambda.call(LambdaOperations.getFunction, .init(functionName: "f"))
            #expect(answer.concurrency?.reservedConcurrentExecutions == 0)
            let settings = try await ground.lambda.call(LambdaOperations.getAccountSettings, .init())
            #expect(settings.accountLimit?.unreservedConcurrentExecutions == 995)
            #expect(settings.accountLimit?.totalCodeSize == 80_530_636_800)
            #expect(settings.accountUsage?.functionCount == 2)
            #expect(settings.accountUsage?.totalCodeSize == 2 * TestZip.function().count)
            _ = try await ground.lambda.call(LambdaOperations.deleteFunctionConcurrency, .init(functionName: "f"))
            let none = try await ground.lambda.call(LambdaOperations.getFunctionConcurrency, .init(functionName: "f"))
            #expect(none.reservedConcurrentExecutions == nil)
        }
    }

    @Test("event settings are kept per qualifier")
    func events() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            try await ground.publish()
            let put = try await ground.text(
                LambdaOperations.putFunctionEventInvokeConfig.binding,
                PutFunctionEventInvokeConfigInput(functionName: "f", maximumRetryAttempts: 1)
            )
            #expect(
                put
                    == #"{"LastModified":1769860800,"FunctionArn":"\#(ControlGround.arn):f:$LATEST","MaximumRetryAttempts":1,"#
                    + #""DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}"#
            )
            let updated = try await ground.lambda.call(
                LambdaOperations.updateFunctionEventInvokeConfig,
                .init(functionName: "f", maximumEventAgeInSeconds: 60)
            )
            #expect(updated.maximumRetryAttempts == 1 && updated.maximumEventAgeInSeconds == 60)
            let missing = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.updateFunctionEventInvokeConfig,
                    .init(functionName: "f", qualifier: "1", maximumRetryAttempts: 0)
                )
            }
            #expect(missing == .missing("The function \(ControlGround.arn):f:1 doesn't have an EventInvokeConfig"))
            _ = try await ground.lambda.call(
                LambdaOperations.putFunctionEventInvokeConfig,
                .init(functionName: "f", qualifier: "1", maximumRetryAttempts: 0)
            )
            let list = try await ground.lambda.call(
                LambdaOperations.listFunctionEventInvokeConfigs,
                .init(functionName: "f")
            )
            #expect(
                list.functionEventInvokeConfigs?.map(\.functionArn)
                    == ["$LATEST", "1"].map { "\(ControlGround.arn):f:\($0)" }
            )
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.putFunctionEventInvokeConfig,
                        .init(functionName: "f")
                    )
                }
                    == .invalid("You must specify at least one of error handling or destination setting.")
            )
            _ = try await ground.lambda.call(LambdaOperations.deleteFunctionEventInvokeConfig, .init(functionName: "f"))
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.getFunctionEventInvokeConfig,
                        .init(functionName: "f")
                    )
                }
                    == .missing("The function \(ControlGround.arn):f:$LATEST doesn't have an EventInvokeConfig")
            )
        }
    }

    @Test("a function URL is made, changed, listed and deleted")
    func urls() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let cors = Cors(
                allowCredentials: true,
                allowMethods: ["GET"],
                allowOrigins: ["*"],
                exposeHeaders: [],
                maxAge: 60
            )
            let input = CreateFunctionUrlConfigInput(functionName: "f", authType: FunctionUrlAuthType.none, cors: cors)
            let created = try await ground.lambda.call(LambdaOperations.createFunctionUrlConfig, input)
            #expect(
                created.functionUrl.hasPrefix("http://")
                    && created.functionUrl.hasSuffix(".lambda-url.us-east-1.localhost:4566/")
            )
            #expect(created.functionArn == "\(ControlGround.arn):f" && created.invokeMode == .buffered)
            let id = String(created.functionUrl.dropFirst(7).prefix(32))
            #expect(try await ground.service.functionURL(id: id)?.functionName == "f")
            let read = try await ground.lambda.call(LambdaOperations.getFunctionUrlConfig, .init(functionName: "f"))
            #expect(
                String(describing: read.cors) == String(describing: Optional(cors))
                    && read.creationTime == "2026-01-31T12:00:00.000+0000"
            )
            #expect(
                await refusal { _ = try await ground.lambda.call(LambdaOperations.createFunctionUrlConfig, input) }
                    == .conflict(
                        "Failed to create function url config for [functionArn = \(ControlGround.arn):f]. Error message:  FunctionUrlConfig exists for this Lambda function"
                    )
            )
            let updated = try await ground.lambda.call(
                LambdaOperations.updateFunctionUrlConfig,
                .init(functionName: "f", authType: .awsIam)
            )
            #expect(
                updated.authType == .awsIam && String(describing: updated.cors) == String(describing: Optional(cors))
                    && updated.functionUrl == created.functionUrl
            )
            let list = try await ground.lambda.call(LambdaOperations.listFunctionUrlConfigs, .init(functionName: "f"))
            #expect(list.functionUrlConfigs.map(\.functionUrl) == [created.functionUrl])
            _ = try await ground.lambda.call(LambdaOperations.deleteFunctionUrlConfig, .init(functionName: "f"))
            #expect(
                await refusal {
                    _ = try await ground.lambda.call(LambdaOperations.getFunctionUrlConfig, .init(functionName: "f"))
                }
                    == .missing("The resource you requested does not exist.")
            )
            let streaming = try await ground.lambda.call(
                LambdaOperations.createFunctionUrlConfig,
                .init(functionName: "f", authType: FunctionUrlAuthType.none, invokeMode: .responseStream)
            )
            #expect(streaming.invokeMode == .responseStream)
        }
    }

    @Test("a URL stands under the server's own name, or under localhost")
    func addresses() {
        let now = Instant(milliseconds: 0)
        let url = FunctionURL(
            id: "id",
            scope: Scope(account: .local, region: .usEast1),
            functionName: "f",
            qualifier: "$LATEST",
            authType: "NONE",
            invokeMode: "BUFFERED",
            cors: nil,
            created: now,
            lastModified: now
        )
        func address(_ host: String) -> String {
            url.address(seenFrom: Endpoint(scheme: "https", host: host, port: 443))
        }
        for host in ["localhost", "127.0.0.1", "[::1]", "::1", "lambda.us-east-1.localhost"] {
            #expect(address(host) == "https://id.lambda-url.us-east-1.localhost:443/")
        }
        #expect(address("martlet.example.com") == "https://id.lambda-url.us-east-1.martlet.example.com:443/")
    }

    @Test("runtime management and recursion settings are kept")
    func management() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let initial = try await ground.lambda.call(
                LambdaOperations.getRuntimeManagementConfig,
                .init(functionName: "f")
            )
            #expect(initial.updateRuntimeOn == .auto && initial.runtimeVersionArn == nil)
            let present = RuntimeCatalog.versionARN(of: "python3.12", in: .usEast1)
            _ = try await ground.lambda.call(
                LambdaOperations.putRuntimeManagementConfig,
                .init(functionName: "f", updateRuntimeOn: .manual, runtimeVersionArn: present)
            )
            let pinned = try await ground.lambda.call(
                LambdaOperations.getRuntimeManagementConfig,
                .init(functionName: "f")
            )
            #expect(pinned.updateRuntimeOn == .manual && pinned.runtimeVersionArn == present)
            let other = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.putRuntimeManagementConfig,
                    .init(functionName: "f", updateRuntimeOn: .manual, runtimeVersionArn: present + "0")
                )
            }
            #expect(other?.code == "InvalidParameterValueException")
            #expect(
                try await ground.lambda.call(LambdaOperations.getFunctionRecursionConfig, .init(functionName: "f"))
                    .recursiveLoop == .terminate
            )
            _ = try await ground.lambda.call(
                LambdaOperations.putFunctionRecursionConfig,
                .init(functionName: "f", recursiveLoop: .allow)
            )
            #expect(
                try await ground.lambda.call(LambdaOperations.getFunctionRecursionConfig, .init(functionName: "f"))
                    .recursiveLoop == .allow
            )
        }
    }
}
