// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// A policy for all groups of the account and region, or some of them; it acts on what comes from now on. Throws
    /// `InvalidParameterException`, `LimitExceededException`. AWS: PutAccountPolicy
    ///
    /// Differs from AWS: policies of metric extraction and retention answer 501, and so do criteria by data source. It acts at
    /// once, in one transaction over all groups.
    func putAccountPolicy(
        _ input: PutAccountPolicyInput,
        _ context: RequestContext
    ) async throws -> PutAccountPolicyOutput {
        guard !input.policyName.isEmpty, !input.policyName.hasPrefix("aws/") else {
            throw InvalidParameterException("The policy name must not be empty, or begin with aws/.")
        }
        try Self.refuseDryRun(input.dryRun, input.policyType)
        guard input.policyDocument.utf8.count <= AccountPolicyRules.maximumLength else {
            throw InvalidParameterException("The policy document must not exceed 30720 characters.")
        }
        let rules = try AccountPolicyRules(input.policyType)
        let selection = try rules.selection(input.selectionCriteria)
        try await authorize(rules.action, [LogsResources.group("*", context.scope)], context)
        let protection = try await check(input, context)
        let now = clock.now
        let stored = try await store.write(context.scope) { logs in
            if let protection { try logs.rows.checkAuditGroups(protection) }
            try rules.check(selection, of: input.policyName, beside: logs.rows.accountPolicies())
            try logs.setAccountPolicy(
                input.policyType,
                input.policyName,
                input.policyDocument,
                input.selectionCriteria,
                at: now
            )
            return try logs.rows.accountPolicy(input.policyType, input.policyName)
        }
        var output = PutAccountPolicyOutput()
        output.accountPolicy = stored?.description(in: context.scope)
        return output
    }

    private static func refuseDryRun(_ isDry: Bool?, _ type: PolicyType) throws {
        guard isDry == true else { return }
        guard type == .retentionPolicy else {
            throw InvalidParameterException("A dry run is supported only for RETENTION_POLICY.")
        }
        throw CommonError.notImplemented("account policies of the type \(type.rawValue)")
    }

    /// Reads the document by its type.
    private func check(_ input: PutAccountPolicyInput, _ context: RequestContext) async throws -> ProtectionPolicy? {
        switch input.policyType {
        case .dataProtectionPolicy: return try ProtectionPolicy(input.policyDocument)
        case .transformerPolicy: _ = try LogTransformer(TransformerDocument.read(input.policyDocument))
        case .fieldIndexPolicy: _ = try FieldIndexes(input.policyDocument)
        default:
            let subscription = try AccountSubscription(input.policyDocument)
            let target = try SubscriptionTarget(subscription.destination, role: subscription.role)
            let source = WatchingSubscription.source(nil, context.scope, role: subscription.role)
            try await check(target, from: source, context)
        }
        return nil
    }

    /// AWS: DescribeAccountPolicies
    func describeAccountPolicies(
        _ input: DescribeAccountPoliciesInput,
        _ context: RequestContext
    ) async throws -> DescribeAccountPoliciesOutput {
        let cursor = try input.nextToken.map { try Self.cursor($0, keys: 1)[0] } ?? ""
        let accounts = input.accountIdentifiers ?? []
        let isOwn = accounts.isEmpty || accounts.contains(context.scope.account.text)
        let found = try await store.read(context.scope) { logs in
            try logs.accountPolicies().filter { policy in
                isOwn && policy.type == input.policyType && (input.policyName.map { $0 == policy.name } ?? true)
                    && cursor.utf8.lexicographicallyPrecedes(policy.name.utf8)
            }
        }
        if found.isEmpty, let name = input.policyName { throw Self.noAccountPolicy(name) }
        var output = DescribeAccountPoliciesOutput()
        output.accountPolicies = found.prefix(LogLimits.itemsPerPage).map { $0.description(in: context.scope) }
        if found.count > LogLimits.itemsPerPage {
            output.nextToken = found.prefix(LogLimits.itemsPerPage).last.map { PageToken.encode([$0.name]) }
        }
        return output
    }

    private static func noAccountPolicy(_ name: String) -> ResourceNotFoundException {
        ResourceNotFoundException("The account policy \(name) does not exist.")
    }

    /// AWS: DeleteAccountPolicy
    func deleteAccountPolicy(
        _ input: DeleteAccountPolicyInput,
        _ context: RequestContext
    ) async throws -> DeleteAccountPolicyOutput {
        try Self.refuseDryRun(input.dryRun, input.policyType)
        try await store.write(context.scope) { logs in
            guard try logs.deleteAccountPolicy(input.policyType, input.policyName) else {
                throw Self.noAccountPolicy(input.policyName)
            }
        }
        return DeleteAccountPolicyOutput()
    }
}

extension LogRows {
    fileprivate func accountPolicy(_ type: PolicyType, _ name: String) throws -> StoredAccountPolicy? {
        try accountPolicies().first { $0.type == type && $0.name == name }
    }
}
