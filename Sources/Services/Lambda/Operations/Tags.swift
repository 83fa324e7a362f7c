// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Adds tags and replaces those of the same key. AWS: TagResource
    func tagResource(_ input: TagResourceInput, _ context: RequestContext) async throws -> TagResourceOutput {
        guard !input.tags.isEmpty else {
            throw InvalidParameterValueException("An error occurred and the request cannot be processed.")
        }
        if let id = try mappingID(input.resource, context) {
            try await store.write { tx in
                let mapping = try tx.existingMapping(id, in: context.scope)
                try tx.addTags(TagRules.check(input.tags, existing: tx.tags(ofMapping: id)), to: mapping)
            }
            return TagResourceOutput()
        }
        let reference = try taggable(input.resource, context)
        let revisionID = ids.uuid()
        try await store.write { tx in
            _ = try tx.existingFunction(reference)
            let tags = try TagRules.check(input.tags, existing: tx.tags(of: reference.name, in: reference.scope))
            try tx.addTags(tags, to: reference.name, in: reference.scope)
            try tx.renewRevision(of: .latest, of: reference.name, in: reference.scope, to: revisionID)
        }
        return TagResourceOutput()
    }

    /// Keys that are not there are no failure. AWS: UntagResource
    func untagResource(_ input: UntagResourceInput, _ context: RequestContext) async throws -> UntagResourceOutput {
        if let id = try mappingID(input.resource, context) {
            try await store.write { tx in
                try tx.removeTags(input.tagKeys, from: tx.existingMapping(id, in: context.scope))
            }
            return UntagResourceOutput()
        }
        let reference = try taggable(input.resource, context)
        let revisionID = ids.uuid()
        try await store.write { tx in
            _ = try tx.existingFunction(reference)
            try tx.removeTags(input.tagKeys, from: reference.name, in: reference.scope)
            try tx.renewRevision(of: .latest, of: reference.name, in: reference.scope, to: revisionID)
        }
        return UntagResourceOutput()
    }

    /// AWS: ListTags
    func listTags(_ input: ListTagsInput, _ context: RequestContext) async throws -> ListTagsOutput {
        if let id = try mappingID(input.resource, context) {
            let tags = try await store.read { tx in
                _ = try tx.existingMapping(id, in: context.scope)
                return try tx.tags(ofMapping: id)
            }
            return ListTagsOutput(tags: tags)
        }
        let reference = try taggable(input.resource, context)
        let tags = try await store.read { tx in
            _ = try tx.existingFunction(reference)
            return try tx.tags(of: reference.name, in: reference.scope)
        }
        return ListTagsOutput(tags: tags)
    }

    /// Nil for the ARN of anything but an event source mapping. Another account's and region's are not there.
    private func mappingID(_ text: String, _ context: RequestContext) throws -> String? {
        guard let arn = ARN(text), arn.service == "lambda", arn.resource.hasPrefix("event-source-mapping:") else {
            return nil
        }
        guard arn.scope == context.scope else { throw ResourceNotFoundException.requested }
        return String(arn.resource.dropFirst("event-source-mapping:".count))
    }

    /// Beside mappings, only functions as a whole have tags so far.
    private func taggable(_ text: String, _ context: RequestContext) throws -> FunctionReference {
        guard let arn = ARN(text), arn.service == "lambda" else { throw CommonError.untaggable(text) }
        let kind = arn.resource.prefix { $0 != ":" }
        guard kind == "function" else {
            let others = ["code-signing-config", "capacity-provider", "network-connector"]
            guard others.contains(String(kind)) else { throw CommonError.untaggable(text) }
            throw CommonError.notImplemented("tags on a \(kind)")
        }
        let reference = try FunctionReference(text, in: context.scope)
        guard reference.qualifier == nil else {
            throw InvalidParameterValueException(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        }
        return reference
    }
}

/// AWS's rules for tags.
enum TagRules {
    static let limit = 50

    /// `tags` themselves, when they may stand beside the existing ones.
    static func check(_ tags: [String: String], existing: [String: String]) throws -> [String: String] {
        guard existing.merging(tags, uniquingKeysWith: { _, new in new }).count <= limit else {
            throw InvalidParameterValueException("Number of tags exceeds resource tag limit.")
        }
        for key in tags.keys where key.lowercased().hasPrefix("aws:") {
            throw InvalidParameterValueException("System tags cannot be added/updated by requester: \(key)")
        }
        return tags
    }
}

extension CommonError {
    fileprivate static func untaggable(_ text: String) -> CommonError {
        .constraint(
            text,
            at: "resource",
            "Member must satisfy regular expression pattern: \(Patterns.taggableResource.text)"
        )
    }
}
