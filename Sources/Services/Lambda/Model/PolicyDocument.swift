// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Policies as AWS prints them: JSON without spaces, members in AWS's order.
struct PolicyDocument: Sendable {
    var statements: [PolicyStatement]
    /// What the statements allow something to.
    var resource: ARN

    var text: String {
        JSONValue.object([
            .init("Version", .string("2012-10-17")), .init("Id", .string("default")),
            .init("Statement", .array(statements.map(json))),
        ]).compactText
    }

    func text(of statement: PolicyStatement) -> String { json(statement).compactText }

    private func json(_ statement: PolicyStatement) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("Sid", .string(statement.id)), .init("Effect", .string("Allow")),
            .init("Principal", json(statement.principal)), .init("Action", .string(statement.action)),
            .init("Resource", .string(resource.description)),
        ]
        let conditions = json(statement.conditions)
        if !conditions.isEmpty { members.append(.init("Condition", .object(conditions))) }
        return .object(members)
    }

    private func json(_ principal: PolicyPrincipal) -> JSONValue {
        switch principal {
        case .anyone: .string("*")
        case .service(let name): .object([.init("Service", .string(name))])
        case .aws(let arn): .object([.init("AWS", .string(arn.description))])
        }
    }

    private func json(_ conditions: PolicyStatement.Conditions) -> [JSONValue.Member] {
        let viaURL = conditions.isViaURL.map { $0 ? "true" : "false" }
        let operators = [
            (
                "StringEquals",
                [
                    ("lambda:FunctionUrlAuthType", conditions.urlAuthType),
                    ("aws:PrincipalOrgID", conditions.organizationID),
                    ("AWS:SourceAccount", conditions.sourceAccount),
                    ("lambda:EventSourceToken", conditions.eventSourceToken),
                ]
            ),
            ("ArnLike", [("AWS:SourceArn", conditions.sourceARN)]),
            ("Bool", [("lambda:InvokedViaFunctionUrl", viaURL)]),
        ]
        return operators.compactMap { name, keys in
            let set = keys.compactMap { key, value in value.map { JSONValue.Member(key, .string($0)) } }
            return set.isEmpty ? nil : JSONValue.Member(name, .object(set))
        }
    }
}
