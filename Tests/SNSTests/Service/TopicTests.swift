// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import SNS

@Suite("SNS topics", .timeLimit(.minutes(20))) struct TopicTests {
    @Test("are made once: the same call answers the same ARN, another one differs")
    func create() async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.createTopic("t", ["DisplayName": "d"])
            #expect(arn == "arn:aws:sns:us-east-1:000000000000:t")
            #expect(try await sns.createTopic("t", ["DisplayName": "d"]) == arn)
            #expect(try await sns.createTopic("t") == arn)
            await #expect(throws: invalid("Attributes Reason: Topic already exists with different attributes")) {
                try await sns.createTopic("t", ["DisplayName": "e"])
            }
            var input = CreateTopicInput(name: "t")
            input.tags = [Tag(key: "k", value: "v")]
            await #expect(throws: invalid("Tags Reason: Topic already exists with different tags")) {
                try await sns.client.call(SNSOperations.createTopic, input)
            }
        }
    }

    @Test(
        "have names of letters, digits, hyphens and underscores",
        arguments: ["", "a b", "a.b", ".fifo", "ä", String(repeating: "a", count: 257), "a:b", "a/b"]
    )
    func names(name: String) async throws {
        try await SNSTestBench.run { sns in
            await #expect(throws: invalid("Topic Name")) {
                try await sns.client.call(SNSOperations.createTopic, CreateTopicInput(name: name))
            }
        }
    }

    @Test("are FIFO when name and attribute say so together")
    func fifo() async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.createTopic("t.fifo")
            let attributes = try await sns.attributes(of: arn)
            #expect(attributes["FifoTopic"] == "true")
            #expect(attributes["ContentBasedDeduplication"] == "false")
            #expect(attributes["FifoThroughputScope"] == "Topic")
            for (name, fifo) in [("u.fifo", "false"), ("u", "true")] {
                await #expect(throws: invalid("Topic Name")) {
                    try await sns.client.call(
                        SNSOperations.createTopic,
                        CreateTopicInput(name: name, attributes: ["FifoTopic": fifo])
                    )
                }
            }
        }
    }

    @Test("show AWS's defaults, and nothing that was never set")
    func attributes() async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.createTopic()
            let attributes = try await sns.attributes(of: arn)
            #expect(
                Set(attributes.keys) == [
                    "TopicArn", "Owner", "Policy", "DisplayName", "SubscriptionsConfirmed", "SubscriptionsPending",
                    "SubscriptionsDeleted", "EffectiveDeliveryPolicy",
                ]
            )
            #expect(attributes["DisplayName"] == "")
            #expect(
                attributes["EffectiveDeliveryPolicy"] == """
                    {"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,\
                    "numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},\
                    "disableSubscriptionOverrides":false,\
                    "defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}
                    """
            )
            let policy = try JSONValue(parsing: attributes["Policy"] ?? "")
            #expect(policy["Id"]?.stringValue == "__default_policy_ID")
            #expect(policy["Statement"]?.arrayValue?.first?["Resource"]?.stringValue == arn)
            try await sns.setTopic("SignatureVersion", "2", of: arn)
            try await sns.setTopic("KmsMasterKeyId", "alias/aws/sns", of: arn)
            #expect(try await sns.attributes(of: arn)["SignatureVersion"] == "2")
            try await sns.setTopic("KmsMasterKeyId", "", of: arn)
            #expect(try await sns.attributes(of: arn)["KmsMasterKeyId"] == nil)
        }
    }

    @Test(
        "refuse attributes that are none, or not right",
        arguments: [
            ("Nope", "x"), ("FifoTopic", "true"), ("SignatureVersion", "3"), ("TracingConfig", "x"),
            ("ContentBasedDeduplication", "true"), ("DeliveryPolicy", "{"), ("Policy", "[]"), ("Policy", "{}"),
            ("Policy", #"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage"}]}"#),
            ("MaximumMessageSize", "1023"), ("MaximumMessageSize", "1048577"), ("HTTPSuccessFeedbackSampleRate", "101"),
            ("SQSFailureFeedbackRoleArn", "x"), ("ArchivePolicy", #"{"MessageRetentionPeriod":"1"}"#),
        ]
    )
    func wrong(name: String, value: String) async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.createTopic()
            let error = await #expect(throws: ClientError.self) { try await sns.setTopic(name, value, of: arn) }
            #expect(error?.code == "InvalidParameter")
        }
    }

    @Test("that are not there answer so, in every operation; deleting one again is no error")
    func missing() async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.createTopic()
            try await sns.subscribe(arn)
            for _ in 0..<2 { _ = try await sns.client.call(SNSOperations.deleteTopic, DeleteTopicInput(topicArn: arn)) }
            let missing = error("NotFound", "Topic does not exist", 404)
            await #expect(throws: missing) { try await sns.attributes(of: arn) }
            await #expect(throws: missing) { try await sns.publish(arn) }
            await #expect(throws: missing) { try await sns.subscribe(arn) }
            await #expect(throws: missing) { try await sns.setTopic("DisplayName", "x", of: arn) }
            #expect(try await sns.rows(in: "sns_subscription") == 0)
            await #expect(
                throws: invalid("TopicArn Reason: An ARN must have at least 6 elements, not 1")
            ) { try await sns.publish("nonsense") }
            await #expect(throws: invalid("TopicArn")) {
                try await sns.inRegion("eu-central-1").publish(arn)
            }
        }
    }

    @Test("are listed a hundred at a time, by account and region")
    func list() async throws {
        try await SNSTestBench.run { sns in
            for number in 100..<205 { _ = try await sns.createTopic("t\(number)") }
            _ = try await sns.inRegion("eu-central-1").createTopic("elsewhere")
            _ = try await sns.inAccount("111111111111").createTopic("somebody")
            var (input, names) = (ListTopicsInput(), [String]())
            repeat {
                let page = try await sns.client.call(SNSOperations.listTopics, input)
                names += (page.topics ?? []).compactMap(\.topicArn)
                input.nextToken = page.nextToken
            } while input.nextToken != nil
            #expect(names == (100..<205).map { "arn:aws:sns:us-east-1:000000000000:t\($0)" })
            input.nextToken = "nonsense"
            await #expect(throws: invalid("NextToken")) { try await sns.client.call(SNSOperations.listTopics, input) }
        }
    }

    @Test("have permissions that are added and removed by their label")
    func permissions() async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.createTopic()
            var input = AddPermissionInput(topicArn: arn, label: "l")
            input.awsAccountId = ["111111111111", "222222222222"]
            input.actionName = ["Publish"]
            _ = try await sns.client.call(SNSOperations.addPermission, input)
            let policy = try JSONValue(parsing: try await sns.attributes(of: arn)["Policy"] ?? "")
            #expect(policy["Statement"]?.arrayValue?.count == 2)
            #expect(policy["Statement"]?.arrayValue?.last?["Action"]?.stringValue == "SNS:Publish")
            await #expect(throws: invalid("Statement already exists")) {
                try await sns.client.call(SNSOperations.addPermission, input)
            }
            let copy = input
            await #expect(throws: invalid("Policy statement action out of service scope!")) {
                var wrong = copy
                (wrong.label, wrong.actionName) = ("m", ["Nope"])
                return try await sns.client.call(SNSOperations.addPermission, wrong)
            }
            let removal = RemovePermissionInput(topicArn: arn, label: "l")
            _ = try await sns.client.call(SNSOperations.removePermission, removal)
            await #expect(throws: error("NotFound", "Statement does not exist", 404)) {
                try await sns.client.call(SNSOperations.removePermission, removal)
            }
            let resource = try #require(ARN(arn))
            let shown = try await SNSResourcePolicies(sns.service).policy(of: resource)
            #expect(shown?.contains("__default_policy_ID") == true)
        }
    }

    @Test("have tags and a data protection policy")
    func tags() async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.createTopic()
            var input = TagResourceInput(resourceArn: arn)
            input.tags = [Tag(key: "a", value: "1"), Tag(key: "b", value: "2")]
            _ = try await sns.client.call(SNSOperations.tagResource, input)
            _ = try await sns.client.call(
                SNSOperations.untagResource,
                UntagResourceInput(resourceArn: arn, tagKeys: ["a"])
            )
            let list = ListTagsForResourceInput(resourceArn: arn)
            #expect(try await sns.client.call(SNSOperations.listTagsForResource, list).tags?.map(\.key) == ["b"])
            input.tags = (0..<50).map { Tag(key: "k\($0)", value: "") }
            let many = input
            await #expect(
                throws: error("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
            ) { try await sns.client.call(SNSOperations.tagResource, many) }
            await #expect(throws: error("ResourceNotFound", "Resource does not exist", 404)) {
                try await sns.client.call(
                    SNSOperations.listTagsForResource,
                    ListTagsForResourceInput(resourceArn: arn + "x")
                )
            }
            let policy = #"{"Name":"n","Version":"2021-06-01","Statement":[{"Sid":"s"}]}"#
            _ = try await sns.client.call(
                SNSOperations.putDataProtectionPolicy,
                PutDataProtectionPolicyInput(resourceArn: arn, dataProtectionPolicy: policy)
            )
            let get = GetDataProtectionPolicyInput(resourceArn: arn)
            #expect(
                try await sns.client.call(SNSOperations.getDataProtectionPolicy, get).dataProtectionPolicy == policy
            )
        }
    }
}
