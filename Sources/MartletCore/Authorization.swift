// SPDX-License-Identifier: Apache-2.0

/// The question that IAM answers: may this principal do this action to these resources, now and from there?
package struct AuthorizationRequest: Sendable {
    package var principal: Principal
    /// `lambda:InvokeFunction`
    package var action: String
    /// Empty means `*`.
    package var resources: [ARN]
    package var scope: Scope
    package var sourceAddress: String
    package var userAgent: String
    package var at: Instant
    /// Further condition keys in lower case, such as `lambda:functionurlauthtype`.
    package var conditionKeys: [String: [String]]

    package init(
        principal: Principal,
        action: String,
        resources: [ARN],
        scope: Scope,
        sourceAddress: String,
        userAgent: String,
        at: Instant,
        conditionKeys: [String: [String]] = [:]
    ) {
        self.principal = principal
        self.action = action
        self.resources = resources
        self.scope = scope
        self.sourceAddress = sourceAddress
        self.userAgent = userAgent
        self.at = at
        self.conditionKeys = conditionKeys
    }
}

/// Returns when the request is allowed; throws AWS's `AccessDenied` where it is not.
package protocol Authorizer: Sendable {
    /// False where it allows everything unseen: nobody needs to find out then what a request is about.
    var isAsked: Bool { get }
    func authorize(_ request: AuthorizationRequest) async throws
}

extension Authorizer {
    package var isAsked: Bool { true }
}

/// For `open` and `signed` mode, where permissions are not looked at.
package struct PermissiveAuthorizer: Authorizer {
    package init() {}
    package var isAsked: Bool { false }
    package func authorize(_ request: AuthorizationRequest) async throws {}
}

/// The policies of one resource (a function, a queue), for resource-based permissions and cross-account calls.
package protocol ResourcePolicySource: Sendable {
    /// The ARN's service part.
    var service: String { get }
    /// The policy document as JSON text, when the resource has one.
    func policy(of resource: ARN) async throws -> String?
}

/// What SigV4 needs to verify a signature, and who it is then.
package struct SigningCredential: Sendable {
    package var secretAccessKey: String
    /// The token that must come with the key, for temporary credentials.
    package var sessionToken: String?
    package var expiresAt: Instant?
    package var principal: Principal

    package init(secretAccessKey: String, sessionToken: String? = nil, expiresAt: Instant? = nil, principal: Principal)
    {
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiresAt = expiresAt
        self.principal = principal
    }
}

/// Finds the credential of an access key. IAM (long-lived keys) and STS (sessions) each are one.
package protocol CredentialDirectory: Sendable {
    /// Nil when this directory does not know the key, or it is inactive. `sessionToken` is what the caller sent.
    func credential(accessKeyID: String, sessionToken: String?) async throws -> SigningCredential?
}
