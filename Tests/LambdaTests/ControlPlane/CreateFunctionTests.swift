// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOCore
import Testing

@testable import Lambda

@Suite("Creating functions") struct CreateFunctionTests {
    @Test("the whole answer is AWS's: absent members absent, defaults present; Pending first, Active when ready")
    func golden() async throws {
        try await ControlGround.run { ground in
            let zip = TestZip.function()
            let created = try await ground.text(LambdaOperations.createFunction.binding, ControlGround.input())
            let revision = try #require(try JSONValue(parsing: created)["RevisionId"]?.stringValue)
            let sum = CodePackage(address: try UnpackedPackages.address(of: zip), size: 0, unpackedSize: 0).sha256Base64
            func expected(_ revision: String, _ status: String) -> String {
                #"{"FunctionName":"f","FunctionArn":"\#(ControlGround.arn):f","Runtime":"python3.12","#
                    + #""Role":"\#(ControlGround.role)","Handler":"handler.handler","CodeSize":\#(zip.count),"Description":"","#
                    + #""Timeout":3,"MemorySize":128,"LastModified":"2026-01-31T12:00:00.000+0000","#
                    + #""CodeSha256":"\#(sum)","Version":"$LATEST","TracingConfig":{"Mode":"PassThrough"},"#
                    + #""RevisionId":"\#(revision)",\#(status),"PackageType":"Zip","Architectures":["x86_64"],"#
                    + #""EphemeralStorage":{"Size":512},"SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"},"#
                    + #""RuntimeVersionConfig":{"RuntimeVersionArn":"\#(RuntimeCatalog.versionARN(of: "python3.12", in: .usEast1))"},"#
                    + #""LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/f"}}"#
            }
            #expect(
                created
                    == expected(
                        revision,
                        #""State":"Pending","StateReason":"The function is being created.","StateReasonCode":"Creating""#
                    )
            )
            try await ground.control.settle()
            let active = try await ground.text(
                LambdaOperations.getFunctionConfiguration.binding,
                GetFunctionConfigurationInput(functionName: "f")
            )
            let newRevision = try #require(try JSONValue(parsing: active)["RevisionId"]?.stringValue)
            #expect(newRevision != revision)
            #expect(active == expected(newRevision, #""State":"Active","LastUpdateStatus":"Successful""#))
        }
    }

    @Test("what was asked for is what is answered and stored")
    func everything() async throws {
        try await ControlGround.run { ground in
            try await ground.create { input in
                input.description = "all of it"
                input.timeout = 900
                input.memorySize = 10_240
                input.ephemeralStorage = EphemeralStorage(size: 10_240)
                input.environment = Environment(variables: ["BB": "2", "AA": "ü=\n\"1\""])
                input.architectures = [.arm64]
                input.tracingConfig = TracingConfig(mode: .active)
                input.loggingConfig = LoggingConfig(logFormat: .json, logGroup: "mine")
                input.vpcConfig = VpcConfig(subnetIds: [], securityGroupIds: [])
                input.deadLetterConfig = DeadLetterConfig(targetArn: "")
                input.kmsKeyArn = ""
                input.packageType = .zip
                input.snapStart = SnapStart(applyOn: SnapStartApplyOn.none)
                input.tags = ["team": "blue"]
            }
            let answer = try await ground.lambda.call(LambdaOperations.getFunction, .init(functionName: "f"))
            let configuration = try #require(answer.configuration)
            #expect(configuration.description == "all of it")
            #expect(
                configuration.timeout == 900 && configuration.memorySize == 10_240
                    && configuration.ephemeralStorage?.size == 10_240
            )
            #expect(configuration.environment?.variables == ["BB": "2", "AA": "ü=\n\"1\""])
            #expect(configuration.architectures == [.arm64])
            #expect(configuration.tracingConfig?.mode == .active)
            #expect(configuration.loggingConfig?.applicationLogLevel?.rawValue == "INFO")
            #expect(
                configuration.loggingConfig?.systemLogLevel == .info && configuration.loggingConfig?.logGroup == "mine"
            )
            #expect(
                configuration.vpcConfig == nil && configuration.kmsKeyArn == nil
                    && configuration.deadLetterConfig == nil
            )
            #expect(answer.tags == ["team": "blue"])
            #expect(answer.concurrency == nil)
        }
    }

    @Test("tenant isolation is answered, stored, published, and absent where nobody asked")
    func tenancy() async throws {
        try await ControlGround.run { ground in
            let made = try await ground.create("apart") { input in
                input.tenancyConfig = TenancyConfig(tenantIsolationMode: .perTenant)
                input.publish = true
            }
            #expect(made.tenancyConfig?.tenantIsolationMode == .perTenant)
            try await ground.control.settle()
            for qualifier in ["$LATEST", "1"] {
                let stored = try await ground.lambda.call(
                    LambdaOperations.getFunctionConfiguration,
                    .init(functionName: "apart", qualifier: qualifier)
                )
                #expect(stored.tenancyConfig?.tenantIsolationMode == .perTenant)
            }
            #expect(try await ground.create("together").tenancyConfig == nil)
        }
    }

    @Test("an empty environment that was given is printed, one that was not is absent")
    func emptyEnvironment() async throws {
        try await ControlGround.run { ground in
            let given = try await ground.create("given") { $0.environment = Environment(variables: [:]) }
            #expect(given.environment?.variables == [:])
            let not = try await ground.create("not")
            #expect(not.environment == nil)
        }
    }

    @Test("the code's address downloads the archive, for ten minutes, and cannot be changed")
    func download() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let answer = try await ground.lambda.call(LambdaOperations.getFunction, .init(functionName: "f"))
            let location = try #require(answer.code?.location)
            #expect(answer.code?.repositoryType == "S3")
            let prefix = "http://localhost:4566\(LambdaService.codePath)"
            #expect(location.hasPrefix(prefix))
            let token = String(location.dropFirst(prefix.count))
            #expect(try await ground.service.downloadCode(token: token) == TestZip.function())
            #expect(try await ground.service.downloadCode(token: token + "A") == nil)
            #expect(try await ground.service.downloadCode(token: "") == nil)
            await ground.server.clock.advance(by: .seconds(601))
            #expect(try await ground.service.downloadCode(token: token) == nil)
        }
    }

    @Test("with Publish version 1 is made at once")
    func publishes() async throws {
        try await ControlGround.run { ground in
            let answer = try await ground.create { $0.publish = true }
            #expect(answer.version == "1")
            #expect(try await ground.configuration("f", "1").state == .active)
            #expect(try await ground.configuration("f", "1").functionArn == "\(ControlGround.arn):f:1")
        }
    }

    @Test("a name is taken once")
    func twice() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let error = await refusal { try await ground.create() }
            #expect(error == .conflict("Function already exist: f"))
        }
    }

    @Test("accounts and regions do not see each other's functions")
    func scopes() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let other = ground.lambda.signing(as: .account("111111111111"))
            let error = await refusal {
                _ = try await other.call(LambdaOperations.getFunction, .init(functionName: "f"))
            }
            #expect(error == .missing("Function not found: arn:aws:lambda:us-east-1:111111111111:function:f"))
            let west = ground.lambda.inRegion("us-west-2")
            #expect(try await west.call(LambdaOperations.listFunctions, .init()).functions?.isEmpty == true)
            let byARN = try await other.call(
                LambdaOperations.getFunction,
                .init(functionName: "\(ControlGround.arn):f")
            )
            #expect(byARN.configuration?.functionName == "f")
        }
    }
}

@Suite("Refusing to create functions") struct CreateFunctionRefusalTests {
    private func refused(
        roles: FakeRoles = FakeRoles(),
        takesUnknownRoles: Bool = false,
        _ change: @escaping @Sendable (inout CreateFunctionInput) -> Void
    ) async throws -> ClientError? {
        let found = Box<ClientError>()
        try await ControlGround.run(roles: roles, takesUnknownRoles: takesUnknownRoles) { ground in
            found.value = await refusal { try await ground.create("f", change) }
            guard found.value != nil else { return }
            #expect(
                await refusal { _ = try await ground.configuration() }
                    == .missing("Function not found: \(ControlGround.arn):f")
            )
            let left = try HostPath(ground.directory).appending("unpacked").names()
            #expect(left.isEmpty)
        }
        return found.value
    }

    @Test("broken and empty archives get AWS's texts and leave nothing")
    func archives() async throws {
        let broken = "Could not unzip uploaded file. Please check your file, then try to upload again."
        #expect(try await refused { $0.code.zipFile = ByteBuffer(string: "no zip") } == .invalid(broken))
        #expect(
            try await refused { $0.code.zipFile = ByteBuffer(bytes: TestZip(.init("../x", "y")).bytes) }
                == .invalid(broken)
        )
        #expect(
            try await refused { $0.code.zipFile = ByteBuffer(bytes: TestZip().bytes) }
                == .invalid("Uploaded file must be a non-empty zip")
        )
        #expect(
            try await refused { $0.code.zipFile = ByteBuffer() } == .invalid("Uploaded file must be a non-empty zip")
        )
        #expect(
            try await refused { $0.code = FunctionCode() } == .invalid("Please provide a source for function code.")
        )
        let bomb = TestZip(.init("a", "x").with { $0.claimedSize = 262_144_000 }).bytes
        #expect(
            try await refused { $0.code.zipFile = ByteBuffer(bytes: bomb) }
                == .invalid("Unzipped size must be smaller than 262144000 bytes")
        )
    }

    @Test("runtime and handler are mandatory")
    func mandatory() async throws {
        let text = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        #expect(try await refused { $0.runtime = nil } == .invalid(text))
        #expect(try await refused { $0.handler = nil } == .invalid(text))
    }

    @Test("a deprecated runtime is refused with the one to take instead")
    func deprecated() async throws {
        #expect(
            try await refused { $0.runtime = .nodejs14X }
                == .invalid(
                    "The runtime parameter of nodejs14.x is no longer supported for creating or updating AWS Lambda functions. We recommend you use the new runtime (nodejs24.x) while creating or updating functions."
                )
        )
    }

    @Test("a runtime that AWS does not know is refused in the service's own words, not as a broken constraint")
    func unknownRuntime() async throws {
        let text =
            "Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            + "[\(RuntimeCatalog.supported.joined(separator: ", "))] or be a valid ARN"
        #expect(try await refused { $0.runtime = Runtime("cobol85") } == .invalid(text))
        try await ControlGround.run { ground in
            try await ground.create()
            let refused = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.updateFunctionConfiguration,
                    .init(functionName: "f", runtime: Runtime("cobol85"))
                )
            }
            #expect(refused == .invalid(text))
        }
    }

    @Test("sizes beyond an ordinary function's are refused")
    func sizes() async throws {
        #expect(
            try await refused { $0.timeout = 901 }
                == ClientError(
                    "ValidationException",
                    "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"
                )
        )
        #expect(
            try await refused { $0.memorySize = 10_241 }
                == .invalid(
                    "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240"
                )
        )
        #expect(
            try await refused { $0.ephemeralStorage = EphemeralStorage(size: 10_241) }?.code == "ValidationException"
        )
    }

    @Test("reserved names and too many bytes of environment are refused")
    func environment() async throws {
        let begin =
            "Lambda was unable to configure your environment variables because the environment variables you have provided"
        #expect(
            try await refused {
                $0.environment = Environment(variables: ["AWS_REGION": "x", "AWS_ACCESS_KEY_ID": "y", "OK": "z"])
            }
                == .invalid(
                    "\(begin) contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_ACCESS_KEY_ID, AWS_REGION"
                )
        )
        let long = String(repeating: "v", count: 4_081)
        #expect(
            try await refused { $0.environment = Environment(variables: ["LARGE_VAR": long]) }
                == .invalid("\(begin) exceeded the 4KB limit. String measured: {\"LARGE_VAR\":\"\(long)\"}")
        )
        // {"LARGE_VAR":"…"} measures 16 bytes around the value.
        #expect(
            try await refused { $0.environment = Environment(variables: ["LARGE_VAR": String(long.prefix(4_080))]) }
                == nil
        )
    }

    @Test("a role must exist and trust Lambda")
    func roles() async throws {
        let text = "The role defined for the function cannot be assumed by Lambda."
        for standing in [RoleStanding.missing, .exists] {
            let roles = FakeRoles(standings: [ControlGround.role: standing])
            #expect(try await refused(roles: roles) { _ in } == .invalid(text))
        }
        let missing = FakeRoles(standings: [ControlGround.role: .missing])
        #expect(try await refused(roles: missing, takesUnknownRoles: true) { _ in } == nil)
        let untrusting = FakeRoles(standings: [ControlGround.role: .exists])
        #expect(try await refused(roles: untrusting, takesUnknownRoles: true) { _ in } == .invalid(text))
        #expect(
            try await refused { $0.role = "arn:aws:iam::111111111111:role/theirs" }
                == ClientError("AccessDeniedException", "Cross-account pass role is not allowed.", status: 403)
        )
    }

    @Test("runtime, handler and layers belong to archives, ImageUri and ImageConfig to images")
    func packageTypes() async throws {
        let either = "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
        #expect(try await refused { $0.packageType = .image } == .invalid(either))
        #expect(
            try await refused {
                $0.packageType = .image
                ($0.runtime, $0.handler) = (nil, nil)
            } == .invalid("Please provide ImageUri when creating a function with packageType Image.")
        )
        #expect(
            try await refused { $0.code = FunctionCode(imageUri: "localhost/a") }
                == .invalid("Please don't provide ImageUri when creating a function with packageType Zip.")
        )
        #expect(
            try await refused { $0.imageConfig = ImageConfig(command: ["x"]) }
                == .invalid("Please don't provide ImageConfig when creating a function with packageType Zip.")
        )
    }

    private struct Unhonoured: Sendable {
        var member: String
        var change: @Sendable (inout CreateFunctionInput) -> Void

        init(_ member: String, _ change: @escaping @Sendable (inout CreateFunctionInput) -> Void) {
            (self.member, self.change) = (member, change)
        }

        static let all = [
            Unhonoured("VpcConfig") { $0.vpcConfig = VpcConfig(subnetIds: ["subnet-1"]) },
            Unhonoured("KMSKeyArn") { $0.kmsKeyArn = "arn:aws:kms:us-east-1:000000000000:key/k" },
            Unhonoured("SnapStart on this server, which takes no snapshots") {
                $0.snapStart = SnapStart(applyOn: .publishedVersions)
            },
            Unhonoured("code from S3 (S3Bucket)") { $0.code = FunctionCode(s3Bucket: "bucket", s3Key: "key") },
            Unhonoured("DurableConfig") { $0.durableConfig = DurableConfig(executionTimeout: 60) },
        ]
    }

    @Test("what Martlet cannot honour yet is refused by name", arguments: 0..<Unhonoured.all.count)
    func unsupported(index: Int) async throws {
        let unhonoured = Unhonoured.all[index]
        #expect(
            try await refused(unhonoured.change)
                == ClientError("NotImplemented", "Martlet does not implement \(unhonoured.member) yet.", status: 501)
        )
    }

    @Test("names that no function can have are refused")
    func names() async throws {
        try await ControlGround.run { ground in
            let long = String(repeating: "n", count: 65)
            #expect(
                await refusal { try await ground.create(long) }
                    == .invalid(
                        "1 validation error detected: Value '\(long)' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"
                    )
            )
            #expect(await refusal { try await ground.create("f:1") }?.code == "ValidationException")
            #expect(
                await refusal { try await ground.create("111111111111:function:f") }?.code == "AccessDeniedException"
            )
            #expect(
                await refusal { try await ground.create("arn:aws:lambda:us-west-2:000000000000:function:f") }
                    == .missing("Functions from 'us-west-2' are not reachable in this region ('us-east-1')")
            )
        }
    }

    @Test("tags are limited, and AWS's own cannot be set")
    func tags() async throws {
        #expect(
            try await refused { $0.tags = Dictionary(uniqueKeysWithValues: (0..<51).map { ("k\($0)", "v") }) }
                == .invalid("Number of tags exceeds resource tag limit.")
        )
        #expect(try await refused { $0.tags = ["aws:x": "v"] }?.code == "InvalidParameterValueException")
    }
}
