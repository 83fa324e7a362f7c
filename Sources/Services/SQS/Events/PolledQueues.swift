// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore

/// Queues as what event source mappings read.
package struct PolledQueues: QueueSource {
    private let queues: SQSService

    package init(_ service: SQSService) { queues = service }

    package func facts(of queue: ARN) async throws -> QueueFacts? {
        guard let address = QueueAddress(queue) else { return nil }
        return try await queues.store.read { rows in
            try rows.queue(address).map { queue in
                MartletCore.QueueFacts(
                    isFIFO: queue.isFIFO,
                    visibilityTimeout: .seconds(Int64(queue.settings.visibilitySeconds))
                )
            }
        }
    }

    package func receive(from queue: ARN, limit: Int, wait: Duration) async throws -> [QueueMessage] {
        let order = ReceiveOrder(limit: min(max(limit, 1), SQSLimits.messagesPerReceive))
        let seconds = Int(clamping: min(max(wait.components.seconds, 0), Int64(SQSLimits.waitSeconds)))
        let found = try await queues.receive(order, from: try address(queue), waitSeconds: seconds)
        return try found.messages.map { try $0.queueMessage(of: found.queue.id) }
    }

    package func delete(_ receiptHandles: [String], from queue: ARN) async throws {
        let address = try address(queue)
        let now = queues.clock.now
        let found = try await queues.store.write { changes in
            let queue = try changes.rows.requireQueue(address)
            for text in receiptHandles {
                do {
                    try changes.delete(ReceiptHandle(parsing: text, of: queue.id), of: queue, at: now)
                } catch is any ServiceError {
                    // A handle that is unknown, or has expired: somebody else has the message now.
                    continue
                }
            }
            return queue
        }
        queues.hasFreed(found)
    }

    package func changeVisibility(of receiptHandles: [String], in queue: ARN, to timeout: Duration) async throws {
        let address = try address(queue)
        let now = queues.clock.now
        let seconds = Int(clamping: min(max(timeout.components.seconds, 0), Int64(SQSLimits.visibilitySeconds)))
        let (id, changed) = try await queues.store.write { changes in
            let queue = try changes.rows.requireQueue(address)
            var changed: [Int] = []
            for text in receiptHandles {
                do {
                    let handle = try ReceiptHandle(parsing: text, of: queue.id)
                    try changes.changeVisibility(of: handle, in: queue, toSeconds: seconds, at: now)
                    changed.append(seconds)
                } catch is any ServiceError {
                    // The message has gone, or is visible already.
                    continue
                }
            }
            return (queue.id, changed)
        }
        queues.hasChangedVisibility(in: id, toSeconds: changed, at: now)
    }

    private func address(_ arn: ARN) throws -> QueueAddress {
        guard let address = QueueAddress(arn) else { throw QueueDoesNotExist.here }
        return address
    }
}

extension StoredMessage {
    fileprivate func queueMessage(of queueID: Int) throws -> QueueMessage {
        let attributes = try MessageAttributes(stored: attributes)
        return QueueMessage(
            id: id,
            receiptHandle: handle(of: queueID),
            body: body,
            bodyMD5: MD5.text(of: body.utf8),
            attributes: systemAttributes,
            messageAttributes: attributes.values,
            messageAttributesMD5: attributes.md5
        )
    }
}
