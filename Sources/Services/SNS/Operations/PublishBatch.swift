// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

extension SNSService {
    /// Each entry by itself is stored or refused; those that are stored, in one transaction. AWS: PublishBatch
    func publishBatch(_ input: PublishBatchInput, _ context: RequestContext) async throws -> PublishBatchOutput {
        let entries = input.publishBatchRequestEntries
        try Self.check(entries)
        let reference = try TopicReference(input.topicArn, for: context)
        let size = entries.reduce(0) { $0 + $1.message.utf8.count + Self.attributeBytes($1) }
        let topic = try await store.read { try $0.requireTopic(reference) }
        guard size <= topic.attributes.maximumMessageBytes else {
            throw BatchRequestTooLongException("The length of all the messages put together is more than the limit.")
        }
        if topic.isFIFO, entries.contains(where: { $0.messageGroupId == nil }) {
            throw InvalidParameterException.of("The MessageGroupId parameter is required for FIFO topics")
        }
        let drafts = entries.map { MessageDraft($0, traceHeader: context.traceHeader) }
        let results = try await publish(drafts, to: reference)
        var output = PublishBatchOutput()
        (output.successful, output.failed) = ([], [])
        for (entry, result) in zip(entries, results) {
            switch result {
            case .success(let receipt):
                var success = PublishBatchResultEntry()
                success.id = entry.id
                success.messageId = receipt.messageID
                success.sequenceNumber = receipt.sequenceNumber
                output.successful?.append(success)
            case .failure(let error): output.failed?.append(try Self.failure(entry.id, error))
            }
        }
        return output
    }

    private static func failure(_ id: String, _ error: any Error) throws -> BatchResultErrorEntry {
        guard let error = error as? any ServiceError else { throw error }
        var failure = BatchResultErrorEntry()
        failure.id = id
        failure.code = error.code
        failure.message = error.message
        failure.senderFault = error.httpStatus < 500
        return failure
    }

    private static func check(_ entries: [PublishBatchRequestEntry]) throws {
        guard !entries.isEmpty else {
            throw EmptyBatchRequestException("The batch request doesn't contain any entries.")
        }
        guard entries.count <= SNSLimits.entriesPerBatch else {
            throw TooManyEntriesInBatchRequestException("The batch request contains more entries than permissible.")
        }
        for entry in entries {
            guard (1...80).contains(entry.id.utf8.count), entry.id.utf8.allSatisfy(\.isNameByte) else {
                throw InvalidBatchEntryIdException(
                    "The Id of a batch entry in a batch request doesn't abide by the specification."
                )
            }
        }
        guard Set(entries.map(\.id)).count == entries.count else {
            throw BatchEntryIdsNotDistinctException("Two or more batch entries in the request have the same Id.")
        }
    }

    private static func attributeBytes(_ entry: PublishBatchRequestEntry) -> Int {
        (entry.messageAttributes ?? [:]).reduce(0) { sum, attribute in
            sum + attribute.key.utf8.count + attribute.value.dataType.utf8.count
                + (attribute.value.stringValue?.utf8.count ?? 0) + (attribute.value.binaryValue?.readableBytes ?? 0)
        }
    }
}
