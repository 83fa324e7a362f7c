// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

extension LogsTestBench {
    func putAccountPolicy(
        _ type: PolicyType,
        _ document: String,
        named name: String = "p",
        for criteria: String? = nil
    ) async throws {
        var input = PutAccountPolicyInput()
        input.policyName = name
        input.policyType = type
        input.policyDocument = document
        input.selectionCriteria = criteria
        _ = try await client.call(LogsOperations.putAccountPolicy, input)
    }

    func accountPolicies(_ type: PolicyType) async throws -> [AccountPolicy] {
        var input = DescribeAccountPoliciesInput()
        input.policyType = type
        return try await client.call(LogsOperations.describeAccountPolicies, input).accountPolicies ?? []
    }

    func deleteAccountPolicy(_ type: PolicyType, named name: String = "p") async throws {
        var input = DeleteAccountPolicyInput()
        (input.policyName, input.policyType) = (name, type)
        _ = try await client.call(LogsOperations.deleteAccountPolicy, input)
    }

    func indexedFields(of group: String) async throws -> [String?] {
        var input = DescribeFieldIndexesInput()
        input.logGroupIdentifiers = [group]
        input.indexCategories = [.custom]
        return try await client.call(LogsOperations.describeFieldIndexes, input).fieldIndexes?.map(\.fieldIndexName)
            ?? []
    }

    func putIndexes(_ document: String, of group: String = "g") async throws {
        var input = PutIndexPolicyInput()
        (input.logGroupIdentifier, input.policyDocument) = (group, document)
        _ = try await client.call(LogsOperations.putIndexPolicy, input)
    }
}

@Suite("Account policies") struct AccountPolicyTests {
    private static let subscription = #"{"DestinationArn": "\#(LogsTestBench.function)", "FilterPattern": "x"}"#

    @Test("a transformer of the account serves groups with its prefix, old and new, that have none of their own")
    func transformers() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("my-old", streams: ["s"])
            try await logs.create("my-own", streams: ["s"])
            try await logs.create("other", streams: ["s"])
            try await logs.putTransformer(#"[{"csv": {"columns": ["own"]}}]"#, of: "my-own")
            try await logs.putAccountPolicy(
                .transformerPolicy,
                #"[{"csv": {"columns": ["all"]}}]"#,
                for: #"LogGroupNamePrefix IN ["my-"]"#
            )
            try await logs.create("my-new", streams: ["s"])
            for group in ["my-old", "my-own", "my-new", "other"] {
                try await logs.put([(logs.now, "1")], to: "s", in: group)
            }
            for (group, fields) in [("my-old", ["all"]), ("my-new", ["all"]), ("my-own", ["own"]), ("other", [])] {
                let row = try await logs.query("fields all, own", of: [group]).first ?? [:]
                #expect(row.keys.filter { $0 != "@ptr" } == fields, "\(group)")
            }
            try await logs.deleteAccountPolicy(.transformerPolicy)
            try await logs.put([(logs.now + 1, "2")], to: "s", in: "my-old")
            #expect(try await logs.query("filter ispresent(all)", of: ["my-old"]).count == 1)
        }
    }

    @Test("a subscription of the account adds to those of groups, and leaves out the groups that it names")
    func subscriptions() async throws {
        let function = FakeFunction()
        try await LogsTestBench.run(delivering: true, targets: [function]) { logs in
            for group in ["g", "quiet", "/aws/lambda/f"] { try await logs.create(group, streams: ["s"]) }
            try await logs.putAccountPolicy(
                .subscriptionFilterPolicy,
                Self.subscription,
                for: #"LogGroupName NOT IN ["quiet"]"#
            )
            for group in ["quiet", "/aws/lambda/f", "g"] {
                try await logs.put([(logs.now, "x \(group)"), (logs.now, "y")], to: "s", in: group)
            }
            let document = try await function.next()?.document()
            #expect(document?["logGroup"]?.stringValue == "g")
            #expect(document?["subscriptionFilters"]?.arrayValue == [.string("p")])
            #expect(document?["logEvents"]?.arrayValue?.count == 1)
            try await logs.deleteAccountPolicy(.subscriptionFilterPolicy)
            try await logs.subscribe("g", "later")
            try await logs.put([(logs.now, "x")], to: "s", in: "g")
            let later = try await function.next()?.document()
            #expect(later?["subscriptionFilters"]?.arrayValue == [.string("later")])
        }
    }

    @Test("the protection of the account and of a group mask together")
    func protection() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.protect(PolicyText.protecting([PolicyText.arn("EmailAddress")]))
            try await logs.putAccountPolicy(.dataProtectionPolicy, PolicyText.protecting([PolicyText.arn("IpAddress")]))
            try await logs.put([(logs.now, "a@b.com 1.2.3.4")], to: "s", in: "g")
            #expect(try await logs.get("s", in: "g").texts == ["******* *******"])
            #expect(try await logs.groups().logGroups?.first?.inheritedProperties == [.accountDataProtection])
        }
    }

    @Test("field indexes of a group come before the account's, and filterIndex goes by them")
    func indexes() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            for group in ["g", "h"] {
                try await logs.create(group, streams: ["s"])
                try await logs.put([(logs.now, #"{"id": "a"}"#), (logs.now, #"{"id": "b"}"#)], to: "s", in: group)
            }
            try await logs.putAccountPolicy(.fieldIndexPolicy, #"{"Fields": ["user"]}"#)
            #expect(try await logs.indexedFields(of: "g") == ["user"])
            try await logs.putIndexes(#"{"Fields": ["id"], "FieldsV2": {"code": {"type": "FACET"}}}"#)
            #expect(try await logs.indexedFields(of: "g") == ["id", "code"])
            #expect(try await logs.indexedFields(of: "h") == ["user"])
            var describe = DescribeIndexPoliciesInput()
            describe.logGroupIdentifiers = ["h"]
            let shown = try await logs.client.call(LogsOperations.describeIndexPolicies, describe).indexPolicies?.first
            #expect(shown?.source == .account && shown?.policyName == "p")
            let rows = try await logs.query(#"fields @log, id | filterIndex id in ["a", "c"]"#, of: ["g", "h"])
            #expect(rows.map { $0["@log"] } == ["000000000000:g"])
            _ = try await logs.client.call(
                LogsOperations.deleteIndexPolicy,
                DeleteIndexPolicyInput(logGroupIdentifier: "g")
            )
            #expect(try await logs.indexedFields(of: "g") == ["user"])
        }
    }

    @Test("policies are shown by type, in their account and region only")
    func shown() async throws {
        try await LogsTestBench.run { logs in
            try await logs.putAccountPolicy(.fieldIndexPolicy, #"{"Fields": ["a"]}"#, for: #"LogGroupNamePrefix = "x""#)
            let policy = try #require(try await logs.accountPolicies(.fieldIndexPolicy).first)
            #expect(policy.policyName == "p" && policy.scope == .all && policy.accountId == "000000000000")
            #expect(policy.selectionCriteria == #"LogGroupNamePrefix = "x""# && policy.lastUpdatedTime == logs.now)
            #expect(try await logs.accountPolicies(.transformerPolicy).isEmpty)
            #expect(try await logs.inRegion("eu-west-1").accountPolicies(.fieldIndexPolicy).isEmpty)
            #expect(try await logs.inAccount("111111111111").accountPolicies(.fieldIndexPolicy).isEmpty)
        }
    }

    @Test("what AWS refuses is refused")
    func refused() async throws {
        try await LogsTestBench.run { logs in
            let index = #"{"Fields": ["a"]}"#
            let cases: [(PolicyType, String, String, String?)] = [
                (.fieldIndexPolicy, "aws/x", index, nil), (.fieldIndexPolicy, "p", "{}", nil),
                (.fieldIndexPolicy, "p", "[", nil),
                (.fieldIndexPolicy, "p", index, "LogGroupName NOT IN [\"a\"]"),
                (.fieldIndexPolicy, "p", index, "rubbish"),
                (.fieldIndexPolicy, "p", index, "LogGroupNamePrefix IN [\"a\", \"b\"]"),
                (.fieldIndexPolicy, "p", #"{"Fields": ["a"], "FieldsV2": {"a": {"type": "FACET"}}}"#, nil),
                (
                    .dataProtectionPolicy, "p", PolicyText.protecting([PolicyText.arn("IpAddress")]),
                    "LogGroupNamePrefix = \"a\""
                ),
                (.transformerPolicy, "p", "{}", nil), (.subscriptionFilterPolicy, "p", "{}", nil),
                (.subscriptionFilterPolicy, "p", #"{"DestinationArn": "arn:aws:s3:::b"}"#, nil),
                (.fieldIndexPolicy, "p", index + String(repeating: " ", count: 30_720), nil),
            ]
            for (type, name, document, criteria) in cases {
                await #expect(throws: ClientError.self, "\(document) \(criteria ?? "")") {
                    try await logs.putAccountPolicy(type, document, named: name, for: criteria)
                }
            }
            await #expect(throws: ClientError.self) { try await logs.deleteAccountPolicy(.fieldIndexPolicy) }
        }
    }

    @Test("as many policies of a type as AWS allows, and no two for one group")
    func limits() async throws {
        try await LogsTestBench.run { logs in
            let index = #"{"Fields": ["a"]}"#
            for number in 0..<20 {
                let letter = String(UnicodeScalar(UInt8(97 + number)))
                try await logs.putAccountPolicy(
                    .fieldIndexPolicy,
                    index,
                    named: letter,
                    for: "LogGroupNamePrefix = \"\(letter)\""
                )
            }
            await #expect(throws: ClientError("LimitExceededException", "Resource limit exceeded.")) {
                try await logs.putAccountPolicy(.fieldIndexPolicy, index, named: "z", for: "LogGroupNamePrefix = \"z\"")
            }
            try await logs.deleteAccountPolicy(.fieldIndexPolicy, named: "a")
            await #expect(throws: ClientError.self) {
                try await logs.putAccountPolicy(
                    .fieldIndexPolicy,
                    index,
                    named: "z",
                    for: "LogGroupNamePrefix = \"bc\""
                )
            }
        }
    }

    @Test("types that do nothing yet say so", arguments: [PolicyType.metricExtractionPolicy, .retentionPolicy])
    func notImplemented(type: PolicyType) async throws {
        try await LogsTestBench.run { logs in
            let error = await #expect(throws: ClientError.self) { try await logs.putAccountPolicy(type, "{}") }
            #expect(error?.code == "NotImplemented" || error?.message.contains("does not implement") == true)
        }
    }
}
