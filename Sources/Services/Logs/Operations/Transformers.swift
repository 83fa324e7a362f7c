// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// Gives a group a transformer: events that come from now on are stored as they are and as what it makes of them.
    /// Throws `InvalidParameterException`, `InvalidOperationException`, `ResourceNotFoundException`. AWS: PutTransformer
    ///
    /// Differs from AWS: `parseToOCSF` answers 501, and so do time zones and languages of `dateTimeConverter` that need a
    /// database.
    func putTransformer(_ input: PutTransformerInput, _ context: RequestContext) async throws -> PutTransformerOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        _ = try LogTransformer(input.transformerConfig)
        let document = try TransformerDocument.text(input.transformerConfig)
        let now = clock.now
        try await store.write(context.scope) { logs in
            let group = try logs.rows.requireGroup(name)
            guard group.groupClass == .standard else {
                throw InvalidOperationException("Transformers are supported only for log groups of the Standard class.")
            }
            try logs.setPolicy(.transformer, document, of: group, at: now)
        }
        return PutTransformerOutput()
    }

    /// AWS: GetTransformer
    func getTransformer(_ input: GetTransformerInput, _ context: RequestContext) async throws -> GetTransformerOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        let found = try await store.read(context.scope) { logs in
            try logs.policy(.transformer, ofGroup: logs.requireGroup(name).id)
        }
        guard let found else { throw Self.noTransformer }
        var output = GetTransformerOutput()
        output.logGroupIdentifier = StoredGroup.arn(name, in: context.scope).description
        output.creationTime = Int(found.createdAt.milliseconds)
        output.lastModifiedTime = Int(found.updatedAt.milliseconds)
        output.transformerConfig = try TransformerDocument.read(found.document)
        return output
    }

    private static let noTransformer = ResourceNotFoundException("The specified transformer does not exist.")

    /// What was transformed stays so. AWS: DeleteTransformer
    func deleteTransformer(
        _ input: DeleteTransformerInput,
        _ context: RequestContext
    ) async throws -> DeleteTransformerOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        try await store.write(context.scope) { logs in
            guard try logs.deletePolicy(.transformer, of: logs.rows.requireGroup(name)) else {
                throw Self.noTransformer
            }
        }
        return DeleteTransformerOutput()
    }

    /// What a transformer makes of some messages; an event that it can do nothing with has no transformed form.
    /// AWS: TestTransformer
    func testTransformer(
        _ input: TestTransformerInput,
        _ context: RequestContext
    ) async throws -> TestTransformerOutput {
        let transformer = try LogTransformer(input.transformerConfig)
        let origin = EventOrigin(account: context.scope.account.text, region: context.scope.region.name)
        var output = TestTransformerOutput()
        output.transformedLogs = input.logEventMessages.enumerated().map { index, message in
            var record = TransformedLogRecord()
            record.eventNumber = index + 1
            record.eventMessage = message
            record.transformedEventMessage = transformer.transform(message, from: origin)
            return record
        }
        return output
    }
}
