// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SQSService {
    /// A message that has gone already is no error. AWS: DeleteMessage
    func deleteMessage(_ input: DeleteMessageInput, _ context: RequestContext) async throws -> DeleteMessageOutput {
        let address = try address(input.queueUrl, in: context)
        let text = try required(input.receiptHandle, "ReceiptHandle")
        let now = clock.now
        let queue = try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            try queues.delete(ReceiptHandle(parsing: text, of: queue.id), of: queue, at: now)
            return queue
        }
        hasFreed(queue)
        return DeleteMessageOutput()
    }

    /// AWS: DeleteMessageBatch
    func deleteMessageBatch(
        _ input: DeleteMessageBatchInput,
        _ context: RequestContext
    ) async throws -> DeleteMessageBatchOutput {
        let address = try address(input.queueUrl, in: context)
        let entries = input.entries ?? []
        let entryIDs = try Batch.check(entries.map(\.id), "DeleteMessageBatchRequestEntry")
        let now = clock.now
        let (queue, results) = try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            let results = try Batch.run(entryIDs, entries) { entry in
                let text = try required(entry.receiptHandle, "ReceiptHandle")
                try queues.delete(ReceiptHandle(parsing: text, of: queue.id), of: queue, at: now)
            }
            return (queue, results)
        }
        hasFreed(queue)
        var output = DeleteMessageBatchOutput()
        output.successful = results.done.map { DeleteMessageBatchResultEntry(id: $0.id) }
        output.failed = results.failed
        return output
    }

    /// In a FIFO queue the next message of the group can be had now.
    func hasFreed(_ queue: Queue) {
        if queue.isFIFO { waiters.signal(queue.id) }
    }

    /// AWS: ChangeMessageVisibility
    func changeMessageVisibility(
        _ input: ChangeMessageVisibilityInput,
        _ context: RequestContext
    ) async throws -> ChangeMessageVisibilityOutput {
        let address = try address(input.queueUrl, in: context)
        let text = try required(input.receiptHandle, "ReceiptHandle")
        let seconds = try Self.visibility(required(input.visibilityTimeout, "VisibilityTimeout"))
        let now = clock.now
        let queueID = try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            let handle = try ReceiptHandle(parsing: text, of: queue.id)
            try queues.changeVisibility(of: handle, in: queue, toSeconds: seconds, at: now)
            return queue.id
        }
        hasChangedVisibility(in: queueID, toSeconds: [seconds], at: now)
        return ChangeMessageVisibilityOutput()
    }

    /// AWS: ChangeMessageVisibilityBatch
    func changeMessageVisibilityBatch(
        _ input: ChangeMessageVisibilityBatchInput,
        _ context: RequestContext
    ) async throws -> ChangeMessageVisibilityBatchOutput {
        let address = try address(input.queueUrl, in: context)
        let entries = input.entries ?? []
        let entryIDs = try Batch.check(entries.map(\.id), "ChangeMessageVisibilityBatchRequestEntry")
        let now = clock.now
        let (queueID, results) = try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            let results = try Batch.run(entryIDs, entries) { entry in
                let handle = try ReceiptHandle(
                    parsing: required(entry.receiptHandle, "ReceiptHandle"),
                    of: queue.id
                )
                let seconds = try Self.visibility(required(entry.visibilityTimeout, "VisibilityTimeout"))
                try queues.changeVisibility(of: handle, in: queue, toSeconds: seconds, at: now)
                return seconds
            }
            return (queue.id, results)
        }
        hasChangedVisibility(in: queueID, toSeconds: results.done.map(\.result), at: now)
        var output = ChangeMessageVisibilityBatchOutput()
        output.successful = results.done.map { ChangeMessageVisibilityBatchResultEntry(id: $0.id) }
        output.failed = results.failed
        return output
    }

    private static func visibility(_ seconds: Int) throws -> Int {
        guard (0...SQSLimits.visibilitySeconds).contains(seconds) else {
            throw InvalidParameterValueException.value(
                seconds,
                of: "VisibilityTimeout",
                "Must be between 0 and 43200, if provided."
            )
        }
        return seconds
    }

    func hasChangedVisibility(in queueID: Int, toSeconds seconds: [Int], at now: Instant) {
        waiters.signal(queueID, count: seconds.count { $0 == 0 })
        if let soonest = seconds.filter({ $0 > 0 }).min() {
            waiters.note(queueID, dueAt: now + .seconds(Int64(soonest)))
        }
    }
}
