// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Who may do what with a topic: the JSON document that IAM reads.
enum TopicPolicy {
    private static let actions = [
        "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
        "ListSubscriptionsByTopic", "Publish",
    ]
    /// What a statement may name beside.
    private static let furtherActions = ["Receive", "ListTagsForResource", "TagResource", "UntagResource"]

    /// The owner's policy of a topic that was never given another.
    static func usual(of topic: TopicReference) -> String {
        JSONValue.text([
            ("Version", .string("2008-10-17")), ("Id", .string("__default_policy_ID")),
            (
                "Statement",
                .array([
                    .object([
                        .init("Sid", .string("__default_statement_ID")), .init("Effect", .string("Allow")),
                        .init("Principal", .object([.init("AWS", .string("*"))])),
                        .init("Action", .array(actions.map { .string("SNS:\($0)") })),
                        .init("Resource", .string(topic.arn.description)),
                        .init(
                            "Condition",
                            .object([
                                .init(
                                    "StringEquals",
                                    .object([.init("AWS:SourceOwner", .string(topic.scope.account.text))])
                                )
                            ])
                        ),
                    ])
                ])
            ),
        ])
    }

    /// Throws `InvalidParameterException` for what is no policy of a topic.
    static func check(_ text: String) throws {
        guard text.utf8.count <= SNSLimits.policyBytes else {
            throw InvalidParameterException.of("Policy Error: policy is too large")
        }
        guard let json = try? JSONValue(parsing: text), json.members != nil,
            let statements = json["Statement"]?.arrayValue ?? json["Statement"].map({ [$0] }), !statements.isEmpty
        else { throw InvalidParameterException.of("Policy Error: null") }
        for statement in statements {
            guard statement.members != nil, ["Allow", "Deny"].contains(statement["Effect"]?.stringValue),
                statement["Principal"] != nil || statement["NotPrincipal"] != nil
            else { throw InvalidParameterException.of("Policy Error: null") }
            for action in names(statement["Action"]) + names(statement["NotAction"]) {
                guard isKnown(action) else {
                    throw InvalidParameterException.of("Policy statement action out of service scope!")
                }
            }
        }
    }

    private static func names(_ json: JSONValue?) -> [String] {
        (json?.arrayValue ?? json.map { [$0] } ?? []).compactMap(\.stringValue)
    }

    private static func isKnown(_ action: String) -> Bool {
        if action == "*" { return true }
        let parts = action.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "sns" else { return false }
        if parts[1].contains("*") || parts[1].contains("?") { return true }
        return (actions + furtherActions).contains { $0.lowercased() == parts[1].lowercased() }
    }

    /// The policy with a further statement. Throws `InvalidParameterException` when the label is taken.
    static func adding(
        _ label: String,
        accounts: [String],
        actions: [String],
        to text: String,
        of topic: TopicReference
    ) throws -> String {
        for action in actions where action != "*" && !Self.actions.contains(action) {
            throw InvalidParameterException.of("Policy statement action out of service scope!")
        }
        let principals = accounts.map { JSONValue.string("arn:\(topic.arn.partition):iam::\($0):root") }
        let names = actions.map { JSONValue.string("SNS:\($0)") }
        let statement = JSONValue.object([
            .init("Sid", .string(label)), .init("Effect", .string("Allow")),
            .init("Principal", .object([.init("AWS", principals.count == 1 ? principals[0] : .array(principals))])),
            .init("Action", names.count == 1 ? names[0] : .array(names)),
            .init("Resource", .string(topic.arn.description)),
        ])
        let result = try changing(text) { statements in
            guard !statements.contains(where: { $0["Sid"]?.stringValue == label }) else {
                throw InvalidParameterException.of("Statement already exists")
            }
            statements.append(statement)
        }
        try check(result)
        return result
    }

    /// The policy without that statement. Throws `NotFoundException` when it has none of that name.
    static func removing(_ label: String, from text: String) throws -> String {
        try changing(text) { statements in
            let count = statements.count
            statements.removeAll { $0["Sid"]?.stringValue == label }
            guard statements.count < count else { throw NotFoundException("Statement does not exist") }
        }
    }

    private static func changing(_ text: String, _ body: (inout [JSONValue]) throws -> Void) throws -> String {
        guard case .object(var members) = try JSONValue(parsing: text) else {
            throw MartletError("sns.policy", "a stored policy is no JSON object")
        }
        let index = members.firstIndex { $0.name == "Statement" }
        let old = index.map { members[$0].value }
        var statements = old?.arrayValue ?? old.map { [$0] } ?? []
        try body(&statements)
        if let index {
            members[index].value = .array(statements)
        } else {
            members.append(.init("Statement", .array(statements)))
        }
        return JSONValue.object(members).compactText
    }
}
