// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SQSService {
    /// AWS: TagQueue
    func tagQueue(_ input: TagQueueInput, _ context: RequestContext) async throws -> TagQueueOutput {
        let address = try address(input.queueUrl, in: context)
        let tags = input.tags ?? [:]
        guard !tags.isEmpty else { throw MissingRequiredParameterException.parameter("Tags") }
        try Self.check(tags)
        try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            let count = Set(try queues.rows.tags(of: queue).keys).union(tags.keys).count
            guard count <= SQSLimits.tagsPerQueue else {
                throw InvalidParameterValueException("Too many tags added for queue \(address.name).")
            }
            for (key, value) in tags { try queues.setTag(key, value, of: queue.id) }
        }
        return TagQueueOutput()
    }

    /// AWS: UntagQueue
    func untagQueue(_ input: UntagQueueInput, _ context: RequestContext) async throws -> UntagQueueOutput {
        let address = try address(input.queueUrl, in: context)
        let keys = input.tagKeys ?? []
        guard !keys.isEmpty else { throw MissingRequiredParameterException.parameter("TagKeys") }
        try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            for key in Set(keys).prefix(1_000) { try queues.removeTag(key, of: queue.id) }
        }
        return UntagQueueOutput()
    }

    /// AWS: ListQueueTags
    func listQueueTags(_ input: ListQueueTagsInput, _ context: RequestContext) async throws -> ListQueueTagsOutput {
        let address = try address(input.queueUrl, in: context)
        let tags = try await store.read { try $0.tags(of: $0.requireQueue(address)) }
        return ListQueueTagsOutput(tags: tags.isEmpty ? nil : tags)
    }

    /// Throws `InvalidParameterValue`.
    static func check(_ tags: [String: String]) throws {
        guard tags.count <= SQSLimits.tagsPerQueue else {
            throw InvalidParameterValueException("Too many tags added for the queue.")
        }
        for (key, value) in tags {
            guard (1...128).contains(key.count), value.count <= 256, !key.lowercased().hasPrefix("aws:") else {
                throw InvalidParameterValueException("Tag keys or values are invalid: \(key.prefix(256))")
            }
        }
    }
}
