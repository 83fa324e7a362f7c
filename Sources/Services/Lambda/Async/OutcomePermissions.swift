// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Whether a function's role may do what Lambda does in its name. `open` and `signed` mode permit everything.
struct OutcomePermissions: Sendable {
    var authorizer: any Authorizer
    var clock: any WallClock

    /// The actions that writing to a target takes, by the ARN's service; nil for what is no target of Lambda's.
    static let actions = [
        "sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction",
        "events": "events:PutEvents", "s3": "s3:PutObject",
    ]

    /// Throws IAM's denial.
    func check(_ role: ARN?, writes target: ARN) async throws {
        guard let action = Self.actions[target.service] else {
            throw CommonError.notImplemented("events to the service \(target.service)")
        }
        try await check(role, may: action, on: target)
    }

    func check(_ role: ARN?, may action: String, on resource: ARN) async throws {
        guard let role, let account = AccountID(role.account) else {
            throw CommonError.accessDenied("The function has no role that could act.")
        }
        let name = role.resource.split(separator: "/").last.map(String.init) ?? ""
        let session = ARN(
            partition: role.partition,
            service: "sts",
            region: "",
            account: role.account,
            resource: "assumed-role/\(name)/awslambda"
        )
        try await authorizer.authorize(
            AuthorizationRequest(
                principal: Principal(
                    account: account,
                    kind: .assumedRole(roleName: name, sessionName: "awslambda"),
                    arn: session,
                    userID: "\(name):awslambda"
                ),
                action: action,
                resources: [resource],
                scope: resource.scope ?? Scope(account: account, region: .usEast1),
                sourceAddress: "127.0.0.1",
                userAgent: "lambda.amazonaws.com",
                at: clock.now
            )
        )
    }
}
