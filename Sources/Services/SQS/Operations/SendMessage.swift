// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SQSService {
    /// Stores one message; it becomes visible after the delay. Atomic with deduplication. AWS: SendMessage
    func sendMessage(_ input: SendMessageInput, _ context: RequestContext) async throws -> SendMessageOutput {
        let address = try address(input.queueUrl, in: context)
        let wish = NewMessage.Wish(
            body: input.messageBody,
            delaySeconds: input.delaySeconds,
            attributes: input.messageAttributes,
            systemAttributes: input.messageSystemAttributes,
            groupID: input.messageGroupId,
            deduplicationID: input.messageDeduplicationId
        )
        var message = try NewMessage(wish, from: context.principal.userID, id: ids.uuid())
        message.callTraceHeader = context.traceHeader
        let sent = try await send(message, to: address)
        return SendMessageOutput(
            md5OfMessageBody: message.bodyMD5,
            md5OfMessageAttributes: message.attributes.md5,
            md5OfMessageSystemAttributes: message.systemAttributesMD5,
            messageId: sent.id,
            sequenceNumber: sent.sequence.map(SequenceNumber.text)
        )
    }

    /// Stores a message and wakes who waits for it.
    @discardableResult
    func send(_ message: NewMessage, to address: QueueAddress) async throws -> SentMessage {
        let now = clock.now
        let (id, sent) = try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            return (queue.id, try queues.send(message, to: queue, at: now))
        }
        announce([sent], in: id, at: now)
        return sent
    }

    /// Tells those who wait about messages that were stored.
    func announce(_ sent: [SentMessage], in queueID: Int, at now: Instant) {
        let new = sent.filter { !$0.isDuplicate }
        waiters.signal(queueID, count: new.count { $0.visibleAt <= now })
        if let dueAt = new.map(\.visibleAt).filter({ $0 > now }).min() { waiters.note(queueID, dueAt: dueAt) }
    }

    /// All entries in one transaction; each may fail for a reason of its own. AWS: SendMessageBatch
    func sendMessageBatch(
        _ input: SendMessageBatchInput,
        _ context: RequestContext
    ) async throws -> SendMessageBatchOutput {
        let address = try address(input.queueUrl, in: context)
        let entries = input.entries ?? []
        let entryIDs = try Batch.check(entries.map(\.id), "SendMessageBatchRequestEntry")
        let sender = context.principal.userID
        let made = try Batch.run(entryIDs, entries) { entry in
            var message = try NewMessage(NewMessage.Wish(entry), from: sender, id: ids.uuid())
            message.callTraceHeader = context.traceHeader
            return message
        }
        try Self.checkLength(entries, made.done.map(\.result))
        let now = clock.now
        let (queueID, stored) = try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            return (
                queue.id,
                try Batch.run(made.done.map(\.id), made.done.map(\.result)) { message in
                    (message, try queues.send(message, to: queue, at: now))
                }
            )
        }
        announce(stored.done.map(\.result.1), in: queueID, at: now)
        var output = SendMessageBatchOutput()
        output.successful = stored.done.map { Self.result($0.id, $0.result.0, $0.result.1) }
        output.failed = made.failed + stored.failed
        return output
    }

    private static func checkLength(_ entries: [SendMessageBatchRequestEntry], _ good: [NewMessage]) throws {
        let bodies = entries.reduce(0) { $0 + ($1.messageBody?.utf8.count ?? 0) }
        let length = good.reduce(bodies) { $0 + $1.attributes.byteCount }
        guard length <= SQSLimits.batchBytes else {
            throw BatchRequestTooLong(
                "Batch requests cannot be longer than \(SQSLimits.batchBytes) bytes. You have sent \(length) bytes."
            )
        }
    }

    private static func result(
        _ id: String,
        _ message: NewMessage,
        _ sent: SentMessage
    ) -> SendMessageBatchResultEntry {
        var entry = SendMessageBatchResultEntry()
        entry.id = id
        entry.messageId = sent.id
        entry.md5OfMessageBody = message.bodyMD5
        entry.md5OfMessageAttributes = message.attributes.md5
        entry.md5OfMessageSystemAttributes = message.systemAttributesMD5
        entry.sequenceNumber = sent.sequence.map(SequenceNumber.text)
        return entry
    }
}

extension NewMessage.Wish {
    fileprivate init(_ entry: SendMessageBatchRequestEntry) {
        self.init(
            body: entry.messageBody,
            delaySeconds: entry.delaySeconds,
            attributes: entry.messageAttributes,
            systemAttributes: entry.messageSystemAttributes,
            groupID: entry.messageGroupId,
            deduplicationID: entry.messageDeduplicationId
        )
    }
}
