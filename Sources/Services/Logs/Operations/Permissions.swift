// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// Whether the caller may do something that is asked for beside the operation itself, such as `logs:Unmask`.
    /// Throws `AccessDeniedException`.
    /// - Parameter passing: a role to this service, which policies may ask for.
    func authorize(
        _ action: String,
        _ resources: [ARN],
        _ context: RequestContext,
        passing: Bool = false
    ) async throws {
        var request = AuthorizationRequest(
            principal: context.principal,
            action: action,
            resources: resources,
            scope: context.scope,
            sourceAddress: context.sourceAddress,
            userAgent: context.userAgent,
            at: context.receivedAt
        )
        if passing { request.conditionKeys["iam:passedtoservice"] = ["logs.amazonaws.com"] }
        do {
            try await neighbours.authorizer.authorize(request)
        } catch let denial as any ServiceError where denial.code == "AccessDenied" {
            // IAM's word for it; the clients of this service know another.
            throw CommonError("AccessDeniedException", denial.message, status: 400)
        }
    }

    /// Whether what is sensitive is shown: when the caller asks for it and may see it.
    func allowsUnmasking(_ isWanted: Bool?, ofGroup name: String, _ context: RequestContext) async throws -> Bool {
        guard isWanted == true else { return false }
        try await authorize("logs:Unmask", [LogsResources.group(name, context.scope)], context)
        return true
    }
}
