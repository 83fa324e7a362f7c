// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: PutIndexPolicy
    ///
    /// Differs from AWS: policies are kept and shown, and `filterIndex` goes by them; queries are not faster.
    func putIndexPolicy(_ input: PutIndexPolicyInput, _ context: RequestContext) async throws -> PutIndexPolicyOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        _ = try FieldIndexes(input.policyDocument)
        let now = clock.now
        let stored = try await store.write(context.scope) { logs in
            let group = try logs.rows.requireGroup(name)
            guard group.groupClass == .standard else {
                throw InvalidParameterException(
                    "Field indexes are supported only for log groups of the Standard class."
                )
            }
            try logs.setPolicy(.index, input.policyDocument, of: group, at: now)
            return try logs.rows.indexPolicy(of: group)
        }
        var output = PutIndexPolicyOutput()
        output.indexPolicy = stored?.description(of: name, in: context.scope)
        return output
    }

    /// The group's own, or else the account's that covers it. AWS: DescribeIndexPolicies
    func describeIndexPolicies(
        _ input: DescribeIndexPoliciesInput,
        _ context: RequestContext
    ) async throws -> DescribeIndexPoliciesOutput {
        let names = try input.logGroupIdentifiers.map { try Self.groupName(nil, or: $0, in: context.scope) }
        var output = DescribeIndexPoliciesOutput()
        output.indexPolicies = try await store.read(context.scope) { logs in
            try names.compactMap { name in
                try logs.indexPolicy(of: logs.requireGroup(name))?.description(of: name, in: context.scope)
            }
        }
        return output
    }

    /// AWS: DeleteIndexPolicy
    func deleteIndexPolicy(
        _ input: DeleteIndexPolicyInput,
        _ context: RequestContext
    ) async throws -> DeleteIndexPolicyOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        try await store.write(context.scope) { logs in
            guard try logs.deletePolicy(.index, of: logs.rows.requireGroup(name)) else {
                throw ResourceNotFoundException("The specified index policy does not exist.")
            }
        }
        return DeleteIndexPolicyOutput()
    }

    /// The fields that policies name, and those that AWS names for every group. AWS: DescribeFieldIndexes
    ///
    /// Differs from AWS: no times are shown, as nothing is scanned for the indexes, and there are no AUTO and INACTIVE ones.
    func describeFieldIndexes(
        _ input: DescribeFieldIndexesInput,
        _ context: RequestContext
    ) async throws -> DescribeFieldIndexesOutput {
        let names = try input.logGroupIdentifiers.map { try Self.groupName(nil, or: $0, in: context.scope) }
        let categories = input.indexCategories ?? [.default, .custom, .inactive]
        var output = DescribeFieldIndexesOutput()
        output.fieldIndexes = try await store.read(context.scope) { logs in
            try names.flatMap { name -> [FieldIndex] in
                let group = try logs.requireGroup(name)
                guard group.groupClass == .standard else { return [] }
                let arn = StoredGroup.arn(name, in: context.scope).description
                var found: [FieldIndex] = []
                if categories.contains(.custom), let policy = try logs.indexPolicy(of: group) {
                    let identifier = policy.source == .logGroup ? arn : nil
                    found += try FieldIndexes(policy.document).fields.map {
                        Self.index($0.name, $0.isFacet ? .facet : .fieldIndex, .custom, identifier)
                    }
                }
                if categories.contains(.default) {
                    found += FieldIndexes.defaults.map { Self.index($0, .fieldIndex, .default, nil) }
                }
                return found
            }
        }
        return output
    }

    private static func index(
        _ name: String,
        _ type: IndexType,
        _ category: IndexCategory,
        _ group: String?
    ) -> FieldIndex {
        var index = FieldIndex()
        index.fieldIndexName = name
        index.type = type
        index.indexCategory = category
        index.logGroupIdentifier = group
        return index
    }
}

/// The field index policy that a group goes by.
struct EffectiveIndexPolicy: Sendable {
    var document: String
    /// Nil for a group's own.
    var name: String?
    var updatedAt: Instant

    var source: IndexSource { name == nil ? .logGroup : .account }

    func description(of group: String, in scope: Scope) -> IndexPolicy {
        var policy = IndexPolicy()
        policy.logGroupIdentifier = StoredGroup.arn(group, in: scope).description
        policy.lastUpdateTime = Int(updatedAt.milliseconds)
        policy.policyDocument = document
        policy.policyName = name
        policy.source = source
        return policy
    }
}

extension LogRows {
    func indexPolicy(of group: StoredGroup) throws -> EffectiveIndexPolicy? {
        if let own = try policy(.index, ofGroup: group.id) {
            return EffectiveIndexPolicy(document: own.document, updatedAt: own.updatedAt)
        }
        guard group.groupClass == .standard else { return nil }
        return try accountPolicies().first { $0.type == .fieldIndexPolicy && $0.covers(group.name) }.map {
            EffectiveIndexPolicy(document: $0.document, name: $0.name, updatedAt: $0.updatedAt)
        }
    }

    /// Whether a query may look for the field in the group by its index.
    func hasIndex(_ field: String, of group: StoredGroup) throws -> Bool {
        guard !FieldIndexes.defaults.contains(field) else { return group.groupClass == .standard }
        guard let policy = try indexPolicy(of: group) else { return false }
        return try FieldIndexes(policy.document).fields.contains { $0.name == field }
    }
}
