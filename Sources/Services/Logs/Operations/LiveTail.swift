// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// Follows up to ten groups: a first event says what is followed, then one each second brings what has come. Throws
    /// `InvalidParameterException`, `LimitExceededException`, `ResourceNotFoundException`. AWS: StartLiveTail
    func startLiveTail(_ input: StartLiveTailInput, _ context: RequestContext) async throws -> StartLiveTailOutput {
        guard input.logStreamNames == nil || input.logStreamNamePrefixes == nil else {
            throw InvalidParameterException(
                "LogStream names and LogStream name prefixes are mutually exclusive parameters."
            )
        }
        if input.logStreamNames != nil || input.logStreamNamePrefixes != nil, input.logGroupIdentifiers.count > 1 {
            throw InvalidParameterException("Log streams can be specified only together with exactly one log group.")
        }
        let pattern: FilterPattern
        do { pattern = try FilterPattern(input.logEventFilterPattern ?? "") } catch {
            throw InvalidParameterException(error.message)
        }
        let names = try input.logGroupIdentifiers.map { try Self.groupName(nil, or: $0, in: context.scope) }
        let (groups, newest) = try await store.read(context.scope) { logs in
            let groups = try names.map { name in
                let arn = StoredGroup.arn(name, in: context.scope).description
                return LiveTailSession.Group(id: try logs.requireGroup(name).id, arn: arn)
            }
            return (groups, try logs.newestSequence())
        }
        try liveTails.take(in: context.scope)
        let session = LiveTailSession(
            sessionStart(input, context),
            .init(
                groups: groups,
                streams: input.logStreamNames,
                prefixes: input.logStreamNamePrefixes,
                pattern: pattern
            ),
            in: context.scope,
            behind: newest,
            store: store,
            clock: clock,
            seats: liveTails
        )
        var output = StartLiveTailOutput()
        output.responseStream = EventStream(AsyncThrowingStream { try await session.next() })
        return output
    }

    private func sessionStart(_ input: StartLiveTailInput, _ context: RequestContext) -> LiveTailSessionStart {
        var start = LiveTailSessionStart()
        start.requestId = context.requestID
        start.sessionId = ids.uuid()
        start.logGroupIdentifiers = input.logGroupIdentifiers
        start.logStreamNames = input.logStreamNames ?? []
        start.logStreamNamePrefixes = input.logStreamNamePrefixes ?? []
        start.logEventFilterPattern = input.logEventFilterPattern ?? ""
        return start
    }
}
