// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: TagResource
    func tagResource(_ input: TagResourceInput, _ context: RequestContext) async throws -> TagResourceOutput {
        let name = try Self.taggedGroup(input.resourceArn, in: context.scope)
        try await tag(name, with: input.tags, context, missing: Self.noSuchResource) {
            var error = TooManyTagsException("A resource can have at most \(LogLimits.tagsPerGroup) tags.")
            error.resourceName = input.resourceArn
            return error
        }
        return TagResourceOutput()
    }

    /// AWS: UntagResource
    func untagResource(_ input: UntagResourceInput, _ context: RequestContext) async throws -> UntagResourceOutput {
        let name = try Self.taggedGroup(input.resourceArn, in: context.scope)
        try await untag(name, input.tagKeys, context, missing: Self.noSuchResource)
        return UntagResourceOutput()
    }

    /// AWS: ListTagsForResource
    func listTagsForResource(
        _ input: ListTagsForResourceInput,
        _ context: RequestContext
    ) async throws -> ListTagsForResourceOutput {
        let name = try Self.taggedGroup(input.resourceArn, in: context.scope)
        var output = ListTagsForResourceOutput()
        output.tags = try await tags(of: name, context, missing: Self.noSuchResource)
        return output
    }

    /// AWS: TagLogGroup
    func tagLogGroup(_ input: TagLogGroupInput, _ context: RequestContext) async throws -> TagLogGroupOutput {
        try await tag(input.logGroupName, with: input.tags, context, missing: Self.noSuchGroup) {
            InvalidParameterException("A log group can have at most \(LogLimits.tagsPerGroup) tags.")
        }
        return TagLogGroupOutput()
    }

    /// AWS: UntagLogGroup
    func untagLogGroup(_ input: UntagLogGroupInput, _ context: RequestContext) async throws -> UntagLogGroupOutput {
        try await untag(input.logGroupName, input.tags, context, missing: Self.noSuchGroup)
        return UntagLogGroupOutput()
    }

    /// AWS: ListTagsLogGroup
    func listTagsLogGroup(
        _ input: ListTagsLogGroupInput,
        _ context: RequestContext
    ) async throws -> ListTagsLogGroupOutput {
        var output = ListTagsLogGroupOutput()
        output.tags = try await tags(of: input.logGroupName, context, missing: Self.noSuchGroup)
        return output
    }

    // MARK: What both APIs share

    private static let noSuchGroup = ResourceNotFoundException("The specified log group does not exist.")
    private static let noSuchResource = ResourceNotFoundException("The specified resource does not exist.")

    /// Only log groups have tags here. An ARN of another scope or of anything else names nothing that exists.
    private static func taggedGroup(_ text: String, in scope: Scope) throws -> String {
        guard ARN(text) != nil else { throw InvalidParameterException("The specified resource ARN is invalid.") }
        guard let reference = LogGroupReference(text), reference.scope == scope else { throw noSuchResource }
        return reference.name
    }

    private func tag(
        _ name: String,
        with tags: [String: String],
        _ context: RequestContext,
        missing: ResourceNotFoundException,
        tooMany: @escaping @Sendable () -> any ServiceError
    ) async throws {
        try Self.check(tags)
        try await store.write(context.scope) { logs in
            guard let group = try logs.rows.group(name) else { throw missing }
            let all = Set(try logs.rows.tags(ofGroup: group.id).keys).union(tags.keys)
            guard all.count <= LogLimits.tagsPerGroup else { throw tooMany() }
            for (key, value) in tags { try logs.setTag(key, value, ofGroup: group.id) }
        }
    }

    private func untag(
        _ name: String,
        _ keys: [String],
        _ context: RequestContext,
        missing: ResourceNotFoundException
    ) async throws {
        try await store.write(context.scope) { logs in
            guard let group = try logs.rows.group(name) else { throw missing }
            for key in keys { try logs.removeTag(key, ofGroup: group.id) }
        }
    }

    private func tags(
        of name: String,
        _ context: RequestContext,
        missing: ResourceNotFoundException
    ) async throws -> [String: String] {
        try await store.read(context.scope) { logs in
            guard let group = try logs.group(name) else { throw missing }
            return try logs.tags(ofGroup: group.id)
        }
    }

    /// Throws `InvalidParameterException` for keys that belong to AWS.
    static func check(_ tags: [String: String]) throws {
        for key in tags.keys where key.lowercased().hasPrefix("aws:") {
            throw InvalidParameterException("Tag keys that begin with aws: are reserved.")
        }
    }
}
