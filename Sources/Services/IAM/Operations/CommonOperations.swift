// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

// What users, groups and roles have in common.

extension IAMService {
    /// Reads, changes and stores one identity in a transaction; answers what was stored.
    @discardableResult
    func change(
        _ kind: Identity.Kind,
        _ name: String,
        _ context: RequestContext,
        _ change: @escaping @Sendable (inout Identity) throws -> Void
    ) async throws -> Identity {
        try await store.write(context.account) { iam in
            var identity = try iam.identity(kind, named: name)
            try change(&identity)
            try iam.update(identity)
            return identity
        }
    }

    func setBoundary(_ arn: String?, of kind: Identity.Kind, _ name: String, _ context: RequestContext) async throws {
        try await store.write(context.account) { iam in
            try iam.requireBoundary(arn)
            var identity = try iam.identity(kind, named: name)
            if arn == nil, identity.boundary == nil {
                throw NoSuchEntityException("The \(kind.rawValue) with name \(name) has no permissions boundary.")
            }
            identity.boundary = arn
            try iam.update(identity)
        }
    }

    func tags(
        of kind: Identity.Kind,
        _ name: String,
        _ request: PageRequest,
        _ context: RequestContext
    ) async throws -> Page<Tag> {
        try await store.read(context.account) { iam in
            let tags = try iam.tags(of: try iam.identity(kind, named: name).id)
            return Page(cutting: tags, request) { $0.key.lowercased() }
        }
    }

    func putInline(
        _ policyName: String,
        _ document: String,
        into kind: Identity.Kind,
        _ name: String,
        _ context: RequestContext
    ) async throws {
        try check(document, as: .identity)
        try await store.write(context.account) { iam in
            let identity = try iam.identity(kind, named: name)
            try iam.put(InlinePolicy(name: policyName, document: document), into: identity)
        }
    }

    func inline(
        _ policyName: String,
        of kind: Identity.Kind,
        _ name: String,
        _ context: RequestContext
    ) async throws -> InlinePolicy {
        try await store.read(context.account) {
            try $0.inlinePolicy(policyName, of: try $0.identity(kind, named: name))
        }
    }

    func inlineNames(
        of kind: Identity.Kind,
        _ name: String,
        _ request: PageRequest,
        _ context: RequestContext
    ) async throws -> Page<String> {
        try await store.read(context.account) { iam in
            let names = try iam.inlinePolicies(of: try iam.identity(kind, named: name)).map(\.name)
            return Page(cutting: names, request) { $0 }
        }
    }

    func deleteInline(
        _ policyName: String,
        of kind: Identity.Kind,
        _ name: String,
        _ context: RequestContext
    ) async throws {
        try await store.write(context.account) { iam in
            try iam.deleteInlinePolicy(policyName, of: try iam.identity(kind, named: name))
        }
    }

    func attach(_ arn: String, to kind: Identity.Kind, _ name: String, _ context: RequestContext) async throws {
        try IAMService.checkPolicyARN(arn)
        try await store.write(context.account) { try $0.attach(arn, to: try $0.identity(kind, named: name)) }
    }

    func detach(_ arn: String, from kind: Identity.Kind, _ name: String, _ context: RequestContext) async throws {
        try IAMService.checkPolicyARN(arn)
        try await store.write(context.account) { try $0.detach(arn, from: try $0.identity(kind, named: name)) }
    }

    func attached(
        to kind: Identity.Kind,
        _ name: String,
        pathPrefix: String?,
        _ request: PageRequest,
        _ context: RequestContext
    ) async throws -> Page<AttachedPolicy> {
        try await store.read(context.account) { iam in
            let arns = try iam.attachments(of: try iam.identity(kind, named: name)).filter { arn in
                pathPrefix.map { PolicyName(arn: arn)?.path.hasPrefix($0) ?? false } ?? true
            }
            return Page(cutting: arns, request) { $0 }.map(AttachedPolicy.init(arn:))
        }
    }

    static func checkPolicyARN(_ arn: String) throws {
        guard ARN(arn) != nil else { throw InvalidInputException("ARN \(arn) is not valid.") }
    }
}

extension IAMReading {
    /// Throws `NoSuchEntityException` unless the boundary is a policy that exists.
    func requireBoundary(_ arn: String?) throws {
        guard let arn else { return }
        try IAMService.checkPolicyARN(arn)
        guard try managedPolicy(arn) != nil else {
            throw NoSuchEntityException("Scope ARN: \(arn) does not exist or is not attachable.")
        }
    }

    /// Throws `DeleteConflictException`.
    func requireNoPolicies(_ identity: Identity) throws {
        guard try attachments(of: identity).isEmpty else {
            throw DeleteConflictException("Cannot delete entity, must detach all policies first.")
        }
        guard try inlinePolicies(of: identity).isEmpty else {
            throw DeleteConflictException("Cannot delete entity, must delete policies first.")
        }
    }
}
