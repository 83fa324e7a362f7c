// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore

extension SNSService {
    /// AWS: AddPermission
    func addPermission(_ input: AddPermissionInput, _ context: RequestContext) async throws -> AddPermissionOutput {
        let reference = try TopicReference(input.topicArn, for: context)
        guard (1...80).contains(input.label.utf8.count),
            input.label.utf8.allSatisfy({ $0.isNameByte })
        else { throw InvalidParameterException.of("Label") }
        guard !input.awsAccountId.isEmpty, input.awsAccountId.allSatisfy({ AccountID($0) != nil }) else {
            throw InvalidParameterException.of("AWSAccountId")
        }
        guard !input.actionName.isEmpty else { throw InvalidParameterException.of("ActionName") }
        try await changePolicy(of: reference) { text in
            try TopicPolicy.adding(
                input.label,
                accounts: input.awsAccountId,
                actions: input.actionName,
                to: text,
                of: reference
            )
        }
        return AddPermissionOutput()
    }

    /// AWS: RemovePermission
    func removePermission(
        _ input: RemovePermissionInput,
        _ context: RequestContext
    ) async throws -> RemovePermissionOutput {
        let reference = try TopicReference(input.topicArn, for: context)
        try await changePolicy(of: reference) { try TopicPolicy.removing(input.label, from: $0) }
        return RemovePermissionOutput()
    }

    private func changePolicy(
        of reference: TopicReference,
        _ change: @escaping @Sendable (String) throws -> String
    ) async throws {
        try await store.write { sns in
            var topic = try sns.rows.requireTopic(reference)
            topic.attributes[.policy] = try change(topic.policy)
            try sns.update(topic)
        }
    }
}

/// The topics' policies, for IAM's decisions.
package struct SNSResourcePolicies: ResourcePolicySource {
    private let store: SNSStore

    package init(_ service: SNSService) { store = service.store }

    package var service: String { "sns" }

    /// Of a topic; a subscription is its topic's. Nil for anything else.
    package func policy(of resource: ARN) async throws -> String? {
        var arn = resource
        arn.resource = String(resource.resource.prefix { $0 != ":" })
        guard let reference = TopicReference(arn) else { return nil }
        return try await store.read { try $0.topic(reference)?.policy }
    }
}
