// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// ListPolicies: two lists, the account's and AWS's, behind one marker.
struct PolicyListing: Sendable {
    private let scope: PolicyScopeType
    private let onlyAttached: Bool
    private let usage: PolicyUsageType?
    private let pathPrefix: String
    private let partition: String
    private let limit: Int
    private let isInAWS: Bool
    private let after: String

    init(_ input: ListPoliciesInput, partition: String) throws {
        scope = input.scope ?? .all
        onlyAttached = input.onlyAttached ?? false
        usage = input.policyUsageFilter
        pathPrefix = input.pathPrefix ?? "/"
        self.partition = partition
        limit = min(max(input.maxItems ?? 100, 1), 1_000)
        guard let marker = input.marker else {
            (isInAWS, after) = (input.scope == .aws, "")
            return
        }
        guard let keys = PageToken.decode(marker, count: 2) else {
            throw CommonError("ValidationError", "Invalid Marker.")
        }
        (isInAWS, after) = (keys[0] == "aws", keys[1])
    }

    func run(_ iam: some IAMReading) throws -> Page<Policy> {
        var found: [Policy] = []
        // One more than asked for tells whether there is a next page.
        if !isInAWS, scope != .aws { found = try customers(iam) }
        if scope != .local, found.count <= limit { found += try amazons(iam, limit: limit + 1 - found.count) }
        return Page(found, limit: limit) { policy in
            let list = policy.arn?.contains("::aws:policy") == true ? "aws" : "local"
            return "\(list)\u{0}\(policy.policyName?.lowercased() ?? "")"
        }
    }

    private func customers(_ iam: some IAMReading) throws -> [Policy] {
        var found: [Policy] = []
        var position = after
        while found.count <= limit {
            let batch = try iam.policies(pathPrefix: pathPrefix, PageRequest(after: position, limit: limit))
            found += try batch.compactMap { try answer($0, iam) }
            guard batch.count > limit, let last = batch.last else { break }
            position = last.name.lowercased()
        }
        return Array(found.prefix(limit + 1))
    }

    private func amazons(_ iam: some IAMReading, limit: Int) throws -> [Policy] {
        let names = AWSManagedPolicies.sorted.filter { policy in
            policy.path.hasPrefix(pathPrefix) && (!isInAWS || policy.name.lowercased() > after)
        }
        return Array(try names.compactMap { try answer($0, iam) }.prefix(limit))
    }

    private func answer(_ policy: ManagedPolicy, _ iam: some IAMReading) throws -> Policy? {
        let used = try iam.usage(of: policy.arn(partition))
        if onlyAttached, used.attachments == 0 { return nil }
        if usage == .permissionsBoundary, used.boundaries == 0 { return nil }
        return Policy(policy, partition, usage: used)
    }
}
