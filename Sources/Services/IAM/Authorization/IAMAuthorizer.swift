// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers

/// `enforced` mode: decides every request by the caller's policies, boundary and session, and by the resource's policy.
package struct IAMAuthorizer: Authorizer {
    private let callers: CallerDirectory
    private let resourcePolicies: ResourcePolicies
    private let usage: UsageLedger?

    /// Anyone may ask who he is; AssumeRole decides for itself, as only STS knows the external id and the tags.
    private static let selfDeciding: Set<String> = ["sts:GetCallerIdentity", "sts:GetSessionToken", "sts:AssumeRole"]

    /// Links in SNS's messages: who has one got the message.
    private static let provenByToken: Set<String> = ["sns:ConfirmSubscription", "sns:Unsubscribe"]

    private static let aboutOneself: Set<String> = [
        "iam:GetUser", "iam:CreateAccessKey", "iam:ListAccessKeys", "iam:UpdateAccessKey", "iam:DeleteAccessKey",
    ]

    package init(callers: CallerDirectory, resourcePolicies: ResourcePolicies, usage: UsageLedger? = nil) {
        self.callers = callers
        self.resourcePolicies = resourcePolicies
        self.usage = usage
    }

    package func authorize(_ request: AuthorizationRequest) async throws {
        note(request)
        if Self.selfDeciding.contains(request.action) { return }
        if request.principal.kind == .anonymous, Self.provenByToken.contains(request.action) { return }
        let caller = try await callers.caller(request.principal)
        let keys = ConditionKeys(request, caller: caller)
        let resources = request.resources.isEmpty ? Self.own(request) : request.resources
        if resources.isEmpty { return try decide(request, caller, keys, resource: nil, policy: nil) }
        for resource in resources {
            let resource = try await completed(resource, request)
            let policy = try await resourcePolicies.document(of: resource)
            try decide(request, caller, keys, resource: resource, policy: policy)
        }
    }

    private func decide(
        _ request: AuthorizationRequest,
        _ caller: Caller,
        _ keys: ConditionKeys,
        resource: ARN?,
        policy: PolicyDocument?
    ) throws {
        let owner = resource.flatMap { AccountID($0.account) } ?? request.scope.account
        var keys = keys
        keys["aws:ResourceAccount"] = [owner.text]
        let evaluation = PolicyEvaluation(
            identity: caller.documents,
            boundary: caller.boundary,
            session: caller.session,
            resource: policy,
            isCrossAccount: resource?.account != "aws" && owner != request.principal.account
        )
        let name = resource?.description ?? "*"
        let question = PolicyQuestion(action: request.action, resource: name, caller: caller.names, keys: keys)
        if case .denied(let reason) = evaluation.decide(question) {
            throw Denial.error(request.principal, request.action, on: name, reason)
        }
    }

    /// Where such an operation names no user, the caller is meant.
    private static func own(_ request: AuthorizationRequest) -> [ARN] {
        guard case .user = request.principal.kind, aboutOneself.contains(request.action) else { return [] }
        return [request.principal.arn]
    }

    /// IAM's inputs name identities without their paths; policies are written with them.
    private func completed(_ resource: ARN, _ request: AuthorizationRequest) async throws -> ARN {
        guard resource.service == "iam", let account = AccountID(resource.account) else { return resource }
        let parts = resource.resource.split(separator: "/")
        guard parts.count == 2, let kind = Identity.Kind(rawValue: String(parts[0])), kind == .user || kind == .role,
            let found = try await callers.identities.find(kind, String(parts[1]), in: account)
        else { return resource }
        return found.identity.arn(resource.partition)
    }

    private func note(_ request: AuthorizationRequest) {
        guard let key = request.principal.accessKeyID, key.hasPrefix("AKIA") else { return }
        let service = request.action.split(separator: ":").first.map(String.init)
        usage?.note(.accessKey(key), at: request.at, service: service, region: request.scope.region.name)
    }
}

/// The resource policies of all services, registered by the composition root.
package final class ResourcePolicies: Sendable {
    private let sources = NIOLockedValueBox<[String: any ResourcePolicySource]>([:])
    private let parsed = NIOLockedValueBox<[String: PolicyDocument]>([:])
    private static let parsedLimit = 256

    package init() {}

    package func register(_ source: any ResourcePolicySource) {
        sources.withLockedValue { $0[source.service] = source }
    }

    /// Nil when the resource has no policy. Throws when it has one that cannot be read: it might hold a deny.
    func document(of resource: ARN) async throws -> PolicyDocument? {
        guard let source = sources.withLockedValue({ $0[resource.service] }),
            let text = try await source.policy(of: resource)
        else { return nil }
        if let known = parsed.withLockedValue({ $0[text] }) { return known }
        do {
            let document = try PolicyDocument(parsing: text, as: .resource)
            parsed.withLockedValue { parsed in
                if parsed.count >= Self.parsedLimit { parsed.removeAll(keepingCapacity: true) }
                parsed[text] = document
            }
            return document
        } catch {
            throw MartletError("iam.policy", "the policy of \(resource) cannot be read", cause: error)
        }
    }
}
