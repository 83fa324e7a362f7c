// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Adds tags and replaces those of the same key. AWS: TagResource
    func tagResource(_ input: TagResourceInput, _ context: RequestContext) async throws -> TagResourceOutput {
        guard !input.tags.isEmpty else {
            throw InvalidParameterValueException("An error occurred and the request cannot be processed.")
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
        let reference = try taggable(input.resource, context)
        let tags = try await store.read { tx in
            _ = try tx.existingFunction(reference)
            return try tx.tags(of: reference.name, in: reference.scope)
        }
        return ListTagsOutput(tags: tags)
    }

    /// Only functions as a whole have tags so far.
    private func taggable(_ text: String, _ context: RequestContext) throws -> FunctionReference {
        guard let arn = ARN(text), arn.service == "lambda" else { throw CommonError.untaggable(text) }
        let kind = arn.resource.prefix { $0 != ":" }
        guard kind == "function" else {
            let others = ["event-source-mapping", "code-signing-config", "capacity-provider", "network-connector"]
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
