// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SQSService {
    /// AWS: GetQueueAttributes
    func getQueueAttributes(
        _ input: GetQueueAttributesInput,
        _ context: RequestContext
    ) async throws -> GetQueueAttributesOutput {
        let address = try address(input.queueUrl, in: context)
        let names = Set((input.attributeNames ?? []).map(\.rawValue))
        for name in names.sorted() where !QueueAttributeName.allValues.contains(name) {
            throw InvalidAttributeName.unknown(name)
        }
        guard !names.isEmpty else {
            _ = try await store.read { try $0.requireQueue(address) }
            return GetQueueAttributesOutput()
        }
        let now = clock.now
        let wantsCounts = names.contains { $0 == "All" || $0.hasPrefix("ApproximateNumber") }
        let (queue, counts) = try await store.read { queues in
            let queue = try queues.requireQueue(address)
            return (queue, wantsCounts ? try queues.counts(of: queue, at: now) : MessageCounts())
        }
        let all = Self.attributes(of: queue, counts)
        let shown = names.contains("All") ? all : all.filter { names.contains($0.key) }
        return GetQueueAttributesOutput(attributes: shown.isEmpty ? nil : shown)
    }

    static func attributes(of queue: Queue, _ counts: MessageCounts) -> [String: String] {
        var all = queue.settings.shown
        all["QueueArn"] = queue.address.arn.description
        all["CreatedTimestamp"] = "\(queue.definition.createdAt.milliseconds / 1_000)"
        all["LastModifiedTimestamp"] = "\(queue.definition.modifiedAt.milliseconds / 1_000)"
        all["ApproximateNumberOfMessages"] = "\(counts.visible)"
        all["ApproximateNumberOfMessagesNotVisible"] = "\(counts.inFlight)"
        all["ApproximateNumberOfMessagesDelayed"] = "\(counts.delayed)"
        return all
    }

    /// AWS: SetQueueAttributes
    func setQueueAttributes(
        _ input: SetQueueAttributesInput,
        _ context: RequestContext
    ) async throws -> SetQueueAttributesOutput {
        let address = try address(input.queueUrl, in: context)
        let changes = try required(input.attributes, "Attributes")
        try await change(address) { settings, rows in
            if let kind = changes["FifoQueue"], kind != (settings.isFIFO ? "true" : "false") {
                throw InvalidAttributeValue(
                    "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
                )
            }
            try settings.set(changes)
            if changes["RedrivePolicy"] != nil { try Self.checkRedrive(of: address, settings, rows) }
        }
        return SetQueueAttributesOutput()
    }

    /// Reads, changes and stores a queue's settings in one transaction.
    func change(
        _ address: QueueAddress,
        _ body: @escaping @Sendable (inout QueueSettings, QueueRows) throws -> Void
    ) async throws {
        let (now, revision) = (clock.now, newRevision())
        let id = try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            var settings = queue.settings
            try body(&settings, queues.rows)
            try queues.update(queue, to: settings, revision: revision, at: now)
            return queue.id
        }
        // What waits may have to wait for less now.
        waiters.signal(id)
    }
}
