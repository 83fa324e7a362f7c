// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Lambda

@Suite("Resource policies of functions") struct PermissionTests {
    private static let plain = AddPermissionInput(
        functionName: "f",
        statementId: "s3",
        action: "lambda:InvokeFunction",
        principal: "s3.amazonaws.com"
    )

    @Test("a statement and the policy are printed as AWS prints them")
    func golden() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            var input = Self.plain
            input.sourceArn = "arn:aws:s3:::bucket"
            input.sourceAccount = "111111111111"
            let statement =
                #"{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","#
                + #""Resource":"\#(ControlGround.arn):f","Condition":{"StringEquals":{"AWS:SourceAccount":"111111111111"},"#
                + #""ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}"#
            #expect(try await ground.lambda.call(LambdaOperations.addPermission, input).statement == statement)
            let policy = try await ground.lambda.call(LambdaOperations.getPolicy, .init(functionName: "f"))
            #expect(policy.policy == #"{"Version":"2012-10-17","Id":"default","Statement":[\#(statement)]}"#)
            #expect(try await ground.configuration().revisionId == policy.revisionId)
        }
    }

    @Test(
        "principals take AWS's forms",
        arguments: [
            ("*", #""*""#), ("111111111111", #"{"AWS":"arn:aws:iam::111111111111:root"}"#),
            ("arn:aws:iam::111111111111:role/r", #"{"AWS":"arn:aws:iam::111111111111:role/r"}"#),
            ("events.amazonaws.com", #"{"Service":"events.amazonaws.com"}"#),
        ]
    )
    func principals(text: String, json: String) async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            var input = Self.plain
            input.principal = text
            let statement = try await ground.lambda.call(LambdaOperations.addPermission, input).statement
            #expect(statement?.contains(#""Principal":\#(json),"#) == true)
        }
    }

    @Test("conditions of URLs, organisations and tokens are printed")
    func conditions() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            var input = Self.plain
            (input.action, input.principal) = ("lambda:InvokeFunctionUrl", "*")
            (input.functionUrlAuthType, input.principalOrgID, input.eventSourceToken) = (
                FunctionUrlAuthType.none, "o-1234567890", "token"
            )
            let statement = try await ground.lambda.call(LambdaOperations.addPermission, input).statement
            #expect(
                statement?.hasSuffix(
                    #""Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE","aws:PrincipalOrgID":"o-1234567890","lambda:EventSourceToken":"token"}}}"#
                ) == true
            )
            input.statementId = "other"
            input.action = "lambda:InvokeFunction"
            let error = await refusal { _ = try await ground.lambda.call(LambdaOperations.addPermission, input) }
            #expect(error == .invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"))
        }
    }

    @Test("statements belong to the qualifier, and IAM finds them there")
    func qualifiers() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            try await ground.publish()
            _ = try await ground.lambda.call(
                LambdaOperations.createAlias,
                .init(functionName: "f", name: "live", functionVersion: "1")
            )
            let policies = LambdaResourcePolicies(ground.control)
            for qualifier in [nil, "1", "live"] as [String?] {
                var input = Self.plain
                input.qualifier = qualifier
                _ = try await ground.lambda.call(LambdaOperations.addPermission, input)
                let suffix = qualifier.map { ":\($0)" } ?? ""
                let policy = try await ground.lambda.call(
                    LambdaOperations.getPolicy,
                    .init(functionName: "f", qualifier: qualifier)
                )
                #expect(policy.policy?.contains(#""Resource":"\#(ControlGround.arn):f\#(suffix)""#) == true)
                let arn = try #require(ARN("\(ControlGround.arn):f\(suffix)"))
                #expect(try await policies.policy(of: arn) == policy.policy)
            }
            let other = try #require(ARN("\(ControlGround.arn):g"))
            #expect(try await policies.policy(of: other) == nil)
            var latest = Self.plain
            latest.qualifier = "$LATEST"
            let error = await refusal { _ = try await ground.lambda.call(LambdaOperations.addPermission, latest) }
            #expect(error == .invalid("We currently do not support adding policies for $LATEST."))
        }
    }

    @Test("ids are unique, principals known, documents limited, revisions guarded")
    func refusals() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            func adding(_ change: (inout AddPermissionInput) -> Void) async -> ClientError? {
                var input = Self.plain
                change(&input)
                return await refusal { [input] in
                    _ = try await ground.lambda.call(LambdaOperations.addPermission, input)
                }
            }
            #expect(
                await adding { $0.principal = "nobody" }
                    == .invalid("The provided principal was invalid. Please check the principal and try again.")
            )
            #expect(await adding { $0.revisionId = "old" }?.status == 412)
            #expect(await adding { _ in } == nil)
            #expect(
                await adding { _ in }
                    == .conflict(
                        "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement."
                    )
            )
            let error = await adding {
                $0.statementId = "long"
                $0.sourceArn = "arn:aws:s3:::" + String(repeating: "b", count: 9_900)
            }
            #expect(error == nil)
            let full = await adding {
                $0.statementId = "longer"
                $0.sourceArn = "arn:aws:s3:::" + String(repeating: "b", count: 9_980)
            }
            #expect(full?.code == "PolicyLengthExceededException")
            #expect(full?.message.hasSuffix("is bigger than the limit (20480).") == true)
        }
    }

    @Test("what is removed is gone, and what is not there is said so")
    func removal() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            func removing(_ id: String, from name: String = "f") async -> ClientError? {
                await refusal {
                    _ = try await ground.lambda.call(
                        LambdaOperations.removePermission,
                        .init(functionName: name, statementId: id)
                    )
                }
            }
            #expect(await removing("s3", from: "g") == .missing("No policy found for: \(ControlGround.arn):g"))
            #expect(await removing("s3") == .missing("No policy is associated with the given resource."))
            _ = try await ground.lambda.call(LambdaOperations.addPermission, Self.plain)
            #expect(await removing("s4") == .missing("Statement s4 is not found in resource policy."))
            #expect(await removing("s3") == nil)
            let error = await refusal {
                _ = try await ground.lambda.call(LambdaOperations.getPolicy, .init(functionName: "f"))
            }
            #expect(error == .missing("The resource you requested does not exist."))
        }
    }
}
