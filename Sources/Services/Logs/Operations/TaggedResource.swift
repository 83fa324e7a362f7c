// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What a request names to tag it.
enum TaggedResource: Sendable {
    case group(String)
    case lookupTable(String)
    case scheduledQuery(String)

    static let missing = ResourceNotFoundException("The specified resource does not exist.")

    /// Throws `InvalidParameterException` for what is no ARN. One of another scope, or of anything that cannot be tagged
    /// here, names nothing that exists.
    init(_ text: String, in scope: Scope) throws {
        guard let arn = ARN(text) else {
            throw InvalidParameterException("The specified resource ARN is invalid.")
        }
        if let group = LogGroupReference(text), group.scope == scope {
            self = .group(group.name)
        } else if arn.service == "logs", arn.scope == scope, arn.resource.hasPrefix("lookup-table:") {
            self = .lookupTable(String(arn.resource.dropFirst("lookup-table:".utf8.count)))
        } else if arn.service == "logs", arn.scope == scope, arn.resource.hasPrefix("scheduled-query:") {
            self = .scheduledQuery(String(arn.resource.dropFirst("scheduled-query:".utf8.count)))
        } else {
            throw Self.missing
        }
    }

    /// Whose tags these are in the store.
    enum Holder: Sendable {
        case group(Int)
        case resource(String)
    }

    /// Nil where it does not exist.
    func holder(_ logs: LogRows) throws -> Holder? {
        switch self {
        case .group(let name): try logs.group(name).map { .group($0.id) }
        case .lookupTable(let name):
            try logs.lookupTable(name).map { .resource(LogsResources.lookupTable($0.name, logs.scope).resource) }
        case .scheduledQuery(let id):
            try logs.scheduledQuery(id).map { .resource(LogsResources.scheduledQuery($0.id, logs.scope).resource) }
        }
    }
}

extension LogRows {
    func tags(of holder: TaggedResource.Holder) throws -> [String: String] {
        switch holder {
        case .group(let id): try tags(ofGroup: id)
        case .resource(let name): try tags(ofResource: name)
        }
    }
}

extension LogChanges {
    func setTag(_ key: String, _ value: String, of holder: TaggedResource.Holder) throws {
        switch holder {
        case .group(let id): try setTag(key, value, ofGroup: id)
        case .resource(let name): try setTag(key, value, ofResource: name)
        }
    }

    func removeTag(_ key: String, of holder: TaggedResource.Holder) throws {
        switch holder {
        case .group(let id): try removeTag(key, ofGroup: id)
        case .resource(let name): try removeTag(key, ofResource: name)
        }
    }
}
