// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: CreateLogStream
    func createLogStream(_ input: CreateLogStreamInput, _ context: RequestContext) async throws -> CreateLogStreamOutput
    {
        let now = clock.now
        try await store.write(context.scope) { logs in
            let group = try logs.rows.requireGroup(input.logGroupName)
            try logs.createStream(input.logStreamName, in: group, at: now)
        }
        return CreateLogStreamOutput()
    }

    /// AWS: DeleteLogStream
    func deleteLogStream(_ input: DeleteLogStreamInput, _ context: RequestContext) async throws -> DeleteLogStreamOutput
    {
        try await store.write(context.scope) { logs in
            let group = try logs.rows.requireGroup(input.logGroupName)
            try Self.checkUnprotected(group)
            try logs.deleteStream(logs.rows.requireStream(input.logStreamName, of: group), of: group)
        }
        return DeleteLogStreamOutput()
    }

    /// AWS: DescribeLogStreams
    func describeLogStreams(
        _ input: DescribeLogStreamsInput,
        _ context: RequestContext
    ) async throws -> DescribeLogStreamsOutput {
        let name = try Self.groupName(input.logGroupName, or: input.logGroupIdentifier, in: context.scope)
        let order = input.orderBy ?? .logStreamName
        guard order == .logStreamName || input.logStreamNamePrefix == nil else {
            throw InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
        }
        let request = StreamPage(
            order: order,
            descending: input.descending ?? false,
            prefix: input.logStreamNamePrefix ?? "",
            limit: input.limit ?? LogLimits.itemsPerPage,
            token: input.nextToken
        )
        let page = try await store.read(context.scope) { logs in try request.read(try logs.requireGroup(name), logs) }
        var output = DescribeLogStreamsOutput()
        output.logStreams = page.streams.map { $0.description(of: name, in: context.scope) }
        output.nextToken = page.nextToken
        return output
    }
}

/// One page of DescribeLogStreams.
private struct StreamPage: Sendable {
    let order: OrderBy
    let descending: Bool
    let prefix: String
    let limit: Int
    let token: String?

    func read(_ group: StoredGroup, _ logs: LogRows) throws -> (streams: [StoredStream], nextToken: String?) {
        var streams: [StoredStream] = []
        var hasMore = false
        let take = { (stream: StoredStream) -> Bool in
            hasMore = streams.count == limit
            if !hasMore { streams.append(stream) }
            return !hasMore
        }
        if order == .logStreamName {
            let cursor = try token.map { try LogsService.cursor($0, keys: 1)[0] }
            try logs.streams(of: group, beyond: cursor, prefix: prefix, descending: descending, take)
        } else {
            try logs.streamsByLastEvent(of: group, beyond: try eventCursor(), descending: descending, take)
        }
        return (streams, hasMore ? streams.last.map(nextToken) : nil)
    }

    private func nextToken(behind stream: StoredStream) -> String {
        guard order != .logStreamName else { return PageToken.encode([stream.name]) }
        let lastEventAt = stream.lastEventAt.map { Int($0.milliseconds) } ?? StoredStream.noEvent
        return PageToken.encode([String(lastEventAt), stream.name])
    }

    private func eventCursor() throws -> (at: Int, name: String)? {
        guard let token else { return nil }
        let keys = try LogsService.cursor(token, keys: 2)
        guard let at = Int(keys[0]) else { throw InvalidParameterException("The specified nextToken is invalid.") }
        return (at, keys[1])
    }
}
