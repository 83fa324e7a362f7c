// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SNSService {
    /// AWS: TagResource
    func tagResource(_ input: TagResourceInput, _ context: RequestContext) async throws -> TagResourceOutput {
        let tags = try Self.tags(input.tags)
        try await changeTags(of: input.resourceArn, context) { $0.merge(tags) { $1 } }
        return TagResourceOutput()
    }

    /// AWS: UntagResource
    func untagResource(_ input: UntagResourceInput, _ context: RequestContext) async throws -> UntagResourceOutput {
        try await changeTags(of: input.resourceArn, context) { tags in
            for key in input.tagKeys { tags[key] = nil }
        }
        return UntagResourceOutput()
    }

    /// AWS: ListTagsForResource
    func listTagsForResource(
        _ input: ListTagsForResourceInput,
        _ context: RequestContext
    ) async throws -> ListTagsForResourceOutput {
        let reference = try TopicReference(input.resourceArn, member: "ResourceArn", for: context)
        let tags = try await store.read { try $0.requireTagged(reference).tags }
        var output = ListTagsForResourceOutput()
        output.tags = tags.sorted { $0.key < $1.key }.map { Tag(key: $0.key, value: $0.value) }
        return output
    }

    private func changeTags(
        of arn: String,
        _ context: RequestContext,
        _ change: @escaping @Sendable (inout [String: String]) -> Void
    ) async throws {
        let reference = try TopicReference(arn, member: "ResourceArn", for: context)
        try await store.write { sns in
            var topic = try sns.rows.requireTagged(reference)
            change(&topic.tags)
            guard topic.tags.count <= SNSLimits.tagsPerTopic else { throw Self.tooManyTags }
            try sns.update(topic)
        }
    }

    private static let tooManyTags = TagLimitExceededException(
        "Could not complete request: tag quota of per resource exceeded"
    )

    /// Throws `InvalidParameterException`, `TagLimitExceededException`.
    static func tags(_ list: [Tag]) throws -> [String: String] {
        var tags: [String: String] = [:]
        for tag in list {
            guard tags.updateValue(tag.value, forKey: tag.key) == nil else {
                throw InvalidParameterException.of("Duplicated keys are not allowed.")
            }
            guard !tag.key.lowercased().hasPrefix("aws:") else {
                throw InvalidParameterException.of("Tag keys that begin with aws: are reserved")
            }
        }
        guard tags.count <= SNSLimits.tagsPerTopic else { throw tooManyTags }
        return tags
    }
}

extension SNSRows {
    /// Throws `ResourceNotFoundException`.
    fileprivate func requireTagged(_ reference: TopicReference) throws -> StoredTopic {
        guard let topic = try topic(reference) else { throw ResourceNotFoundException("Resource does not exist") }
        return topic
    }
}
