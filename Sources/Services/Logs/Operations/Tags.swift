// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: TagResource
    func tagResource(_ input: TagResourceInput, _ context: RequestContext) async throws -> TagResourceOutput {
        let resource = try TaggedResource(input.resourceArn, in: context.scope)
        try await tag(resource, with: input.tags, context, missing: TaggedResource.missing) {
            var error = TooManyTagsException("A resource can have at most \(LogLimits.tagsPerGroup) tags.")
            error.resourceName = input.resourceArn
            return error
        }
        return TagResourceOutput()
    }

    /// AWS: UntagResource
    func untagResource(_ input: UntagResourceInput, _ context: RequestContext) async throws -> UntagResourceOutput {
        let resource = try TaggedResource(input.resourceArn, in: context.scope)
        try await untag(resource, input.tagKeys, context, missing: TaggedResource.missing)
        return UntagResourceOutput()
    }

    /// AWS: ListTagsForResource
    func listTagsForResource(
        _ input: ListTagsForResourceInput,
        _ context: RequestContext
    ) async throws -> ListTagsForResourceOutput {
        let resource = try TaggedResource(input.resourceArn, in: context.scope)
        var output = ListTagsForResourceOutput()
        output.tags = try await tags(of: resource, context, missing: TaggedResource.missing)
        return output
    }

    /// AWS: TagLogGroup
    func tagLogGroup(_ input: TagLogGroupInput, _ context: RequestContext) async throws -> TagLogGroupOutput {
        try await tag(.group(input.logGroupName), with: input.tags, context, missing: Self.noSuchGroup) {
            InvalidParameterException("A log group can have at most \(LogLimits.tagsPerGroup) tags.")
        }
        return TagLogGroupOutput()
    }

    /// AWS: UntagLogGroup
    func untagLogGroup(_ input: UntagLogGroupInput, _ context: RequestContext) async throws -> UntagLogGroupOutput {
        try await untag(.group(input.logGroupName), input.tags, context, missing: Self.noSuchGroup)
        return UntagLogGroupOutput()
    }

    /// AWS: ListTagsLogGroup
    func listTagsLogGroup(
        _ input: ListTagsLogGroupInput,
        _ context: RequestContext
    ) async throws -> ListTagsLogGroupOutput {
        var output = ListTagsLogGroupOutput()
        output.tags = try await tags(of: .group(input.logGroupName), context, missing: Self.noSuchGroup)
        return output
    }

    // MARK: What both APIs share

    private static let noSuchGroup = ResourceNotFoundException("The specified log group does not exist.")

    private func tag(
        _ resource: TaggedResource,
        with tags: [String: String],
        _ context: RequestContext,
        missing: ResourceNotFoundException,
        tooMany: @escaping @Sendable () -> any ServiceError
    ) async throws {
        try Self.check(tags)
        try await store.write(context.scope) { logs in
            guard let holder = try resource.holder(logs.rows) else { throw missing }
            let all = Set(try logs.rows.tags(of: holder).keys).union(tags.keys)
            guard all.count <= LogLimits.tagsPerGroup else { throw tooMany() }
            for (key, value) in tags { try logs.setTag(key, value, of: holder) }
        }
    }

    private func untag(
        _ resource: TaggedResource,
        _ keys: [String],
        _ context: RequestContext,
        missing: ResourceNotFoundException
    ) async throws {
        try await store.write(context.scope) { logs in
            guard let holder = try resource.holder(logs.rows) else { throw missing }
            for key in keys { try logs.removeTag(key, of: holder) }
        }
    }

    private func tags(
        of resource: TaggedResource,
        _ context: RequestContext,
        missing: ResourceNotFoundException
    ) async throws -> [String: String] {
        try await store.read(context.scope) { logs in
            guard let holder = try resource.holder(logs) else { throw missing }
            return try logs.tags(of: holder)
        }
    }

    /// Throws `InvalidParameterException` for keys that belong to AWS.
    static func check(_ tags: [String: String]) throws {
        for key in tags.keys where key.lowercased().hasPrefix("aws:") {
            throw InvalidParameterException("Tag keys that begin with aws: are reserved.")
        }
    }
}
