// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Tags and source identity of a session to be: what the request says, and what the calling session hands down.
struct SessionChain: Sendable {
    private let input: AssumeRoleInput
    private let caller: SessionFacts?
    private let inherited: [String: String]

    init(_ input: AssumeRoleInput, caller: SessionFacts?) {
        self.input = input
        self.caller = caller
        let handedDown = Set(caller?.transitiveTagKeys ?? [])
        inherited = (caller?.tags ?? [:]).filter { handedDown.contains($0.key) }
    }

    var tags: [String: String] {
        let own = Dictionary((input.tags ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        return inherited.merging(own) { kept, _ in kept }
    }

    var transitiveTagKeys: [String] { Set(inherited.keys).union(input.transitiveTagKeys ?? []).sorted() }
    var sourceIdentity: String? { caller?.sourceIdentity ?? input.sourceIdentity }

    func check() throws {
        let keys = (input.tags ?? []).map { $0.key.lowercased() }
        guard Set(keys).count == keys.count else {
            throw CommonError(
                "InvalidParameterValue",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            )
        }
        let handedDown = Set(inherited.keys.map { $0.lowercased() })
        if let taken = keys.first(where: handedDown.contains) {
            throw CommonError(
                "InvalidParameterValue",
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: \(taken)"
            )
        }
        let known = Set(keys).union(handedDown)
        guard (input.transitiveTagKeys ?? []).allSatisfy({ known.contains($0.lowercased()) }) else {
            throw CommonError(
                "InvalidParameterValue",
                "The specified transitive tag key must be included in the requested tags."
            )
        }
        if let before = caller?.sourceIdentity, let wanted = input.sourceIdentity, wanted != before {
            throw CommonError("AccessDenied", "A source identity that is set cannot be changed.", status: 403)
        }
    }

    func attempt(on role: ARN, _ context: RequestContext) -> AssumeRoleAttempt {
        var actions = ["sts:AssumeRole"]
        if input.tags?.isEmpty == false { actions.append("sts:TagSession") }
        if input.sourceIdentity != nil { actions.append("sts:SetSourceIdentity") }
        return AssumeRoleAttempt(
            role: role,
            actions: actions,
            request: AuthorizationRequest(
                principal: context.principal,
                action: "sts:AssumeRole",
                resources: [role],
                scope: context.scope,
                sourceAddress: context.sourceAddress,
                userAgent: context.userAgent,
                at: context.receivedAt,
                conditionKeys: conditionKeys
            )
        )
    }

    private var conditionKeys: [String: [String]] {
        var keys: [String: [String]] = ["sts:rolesessionname": [input.roleSessionName]]
        if let id = input.externalId { keys["sts:externalid"] = [id] }
        if let source = input.sourceIdentity { keys["sts:sourceidentity"] = [source] }
        guard let tags = input.tags, !tags.isEmpty else { return keys }
        keys["aws:tagkeys"] = tags.map(\.key)
        for tag in tags { keys["aws:requesttag/\(tag.key.lowercased())"] = [tag.value] }
        if let transitive = input.transitiveTagKeys { keys["sts:transitivetagkeys"] = transitive }
        return keys
    }
}

/// The policies that narrow a session, checked against STS's sizes.
struct SessionScope: Sendable {
    let documents: [String]
    let arns: [String]
    /// How much of what a session may carry is used, in percent; nil when it carries nothing.
    let packedSizePercent: Int?

    private static let documentLimit = 2_048
    private static let policyCountLimit = 10
    /// Of documents, ARNs and tags together, in characters.
    private static let packedLimit = 8_192

    init(_ policy: String?, _ policies: [PolicyDescriptorType]?, tags: [String: String]) throws {
        documents = policy.map { [$0] } ?? []
        arns = (policies ?? []).compactMap(\.arn)
        guard documents.allSatisfy({ $0.unicodeScalars.count <= Self.documentLimit }) else {
            throw PackedPolicyTooLargeException(
                "Packed size of session policy exceeds the limit of \(Self.documentLimit) characters."
            )
        }
        guard arns.count <= Self.policyCountLimit else {
            throw CommonError(
                "ValidationError",
                "The number of managed session policies exceeds \(Self.policyCountLimit)."
            )
        }
        let size =
            (documents + arns).reduce(0) { $0 + $1.utf8.count }
            + tags.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        let percent = (size * 100 + Self.packedLimit - 1) / Self.packedLimit
        guard percent <= 100 else {
            throw PackedPolicyTooLargeException("Packed size of session tags consumes \(percent)% of allotted space.")
        }
        packedSizePercent = size > 0 ? percent : nil
    }

    var isNarrowing: Bool { !documents.isEmpty || !arns.isEmpty }
}
