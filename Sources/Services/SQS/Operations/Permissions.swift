// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore

extension SQSService {
    /// What AddPermission may allow; everything else is the owner's.
    private static let grantable: Set<String> = [
        "*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues", "PurgeQueue",
    ]
    private static let statementsLimit = 20

    /// Adds a statement to the queue's policy. AWS: AddPermission
    func addPermission(_ input: AddPermissionInput, _ context: RequestContext) async throws -> AddPermissionOutput {
        let address = try address(input.queueUrl, in: context)
        let label = try required(input.label, "Label")
        guard (1...80).contains(label.utf8.count), label.utf8.allSatisfy(\.isWordOrHyphen) else {
            throw InvalidParameterValueException.value(
                label.prefix(256),
                of: "Label",
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            )
        }
        let (accounts, actions) = (input.awsAccountIds ?? [], input.actions ?? [])
        guard !accounts.isEmpty else { throw MissingRequiredParameterException.parameter("AWSAccountIds") }
        guard !actions.isEmpty else { throw MissingRequiredParameterException.parameter("Actions") }
        guard actions.count <= 7 else { throw OverLimit("\(actions.count) Actions were found, maximum allowed is 7.") }
        for account in accounts where AccountID(account) == nil {
            throw InvalidParameterValueException.value(
                "[\(account.prefix(64))]",
                of: "PrincipalId",
                "Unable to verify."
            )
        }
        for action in actions where !Self.grantable.contains(action) {
            throw InvalidParameterValueException.value(
                "SQS:\(action.prefix(128))",
                of: "ActionName",
                "Only the queue owner is allowed to invoke this action."
            )
        }
        let statement = Self.statement(label, accounts, actions, on: address)
        try await change(address) { settings, _ in
            var policy = try QueuePolicy(settings.attributes["Policy"], of: address)
            guard !policy.statements.contains(where: { $0["Sid"]?.stringValue == label }) else {
                throw InvalidParameterValueException.value(label, of: "Label", "Already exists.")
            }
            guard policy.statements.count < Self.statementsLimit else {
                throw OverLimit("The policy has \(Self.statementsLimit) statements already.")
            }
            policy.statements.append(statement)
            try settings.set(["Policy": policy.text])
        }
        return AddPermissionOutput()
    }

    private static func statement(
        _ label: String,
        _ accounts: [String],
        _ actions: [String],
        on address: QueueAddress
    ) -> JSONValue {
        let principals = accounts.map {
            JSONValue.string("arn:\(address.scope.region.partition):iam::\($0):root")
        }
        let names = actions.map { JSONValue.string("SQS:\($0)") }
        return .object([
            .init("Sid", .string(label)), .init("Effect", .string("Allow")),
            .init("Principal", .object([.init("AWS", principals.count == 1 ? principals[0] : .array(principals))])),
            .init("Action", names.count == 1 ? names[0] : .array(names)),
            .init("Resource", .string(address.arn.description)),
        ])
    }

    /// AWS: RemovePermission
    func removePermission(
        _ input: RemovePermissionInput,
        _ context: RequestContext
    ) async throws -> RemovePermissionOutput {
        let address = try address(input.queueUrl, in: context)
        let label = try required(input.label, "Label")
        try await change(address) { settings, _ in
            var policy = try QueuePolicy(settings.attributes["Policy"], of: address)
            let count = policy.statements.count
            policy.statements.removeAll { $0["Sid"]?.stringValue == label }
            guard policy.statements.count < count else {
                throw InvalidParameterValueException.value(
                    label.prefix(256),
                    of: "Label",
                    "can't find label on existing policy."
                )
            }
            try settings.set(["Policy": policy.statements.isEmpty ? "" : policy.text])
        }
        return RemovePermissionOutput()
    }
}

/// A queue's policy as a document whose statements can be added and taken away. All else in it stays as it was.
private struct QueuePolicy {
    private var members: [JSONValue.Member]
    var statements: [JSONValue]

    init(_ text: String?, of address: QueueAddress) throws {
        guard let text else {
            members = [
                .init("Version", .string("2012-10-17")), .init("Id", .string("\(address.arn)/SQSDefaultPolicy")),
            ]
            statements = []
            return
        }
        guard case .object(let found) = try JSONValue(parsing: text) else {
            throw InvalidAttributeValue.parameter("Policy")
        }
        members = found.filter { $0.name != "Statement" }
        let statement = JSONValue.object(found)["Statement"]
        statements = statement?.arrayValue ?? statement.map { [$0] } ?? []
    }

    var text: String { JSONValue.object(members + [.init("Statement", .array(statements))]).compactText }
}

/// The policies of queues, for IAM's decisions.
package struct SQSResourcePolicies: ResourcePolicySource {
    private let store: SQSStore

    package init(_ service: SQSService) { store = service.store }

    package var service: String { "sqs" }

    package func policy(of resource: ARN) async throws -> String? {
        guard let address = QueueAddress(resource) else { return nil }
        return try await store.read { try $0.queue(address)?.settings.attributes["Policy"] }
    }
}
