// SPDX-License-Identifier: Apache-2.0
package import NIOCore

// How events travel between services. The composition root fills these protocols; no service imports another.

/// Delivers an event to what an ARN names: a function, a queue, a topic.
package protocol EventTarget: Sendable {
    /// The ARN's service part that this target serves, such as `lambda`.
    var service: String { get }

    /// Returns once the target has accepted the event durably. At least once: a caller that is not told of success tries
    /// again. Throws the target's own `ServiceError`, such as `QueueDoesNotExist`, when it refuses, as an `EventTooLarge` when
    /// it does so for the event's size.
    func deliver(_ event: EventDelivery, to arn: ARN) async throws
}

/// One event on its way to a target.
package struct EventDelivery: Sendable {
    /// What the target gets as its body: the function's event, the message.
    package var payload: ByteBuffer
    /// Queues and topics carry these beside the body, functions do not see them.
    package var attributes: [String: EventAttribute]
    package var subject: String?
    /// For FIFO queues and topics.
    package var messageGroupID: String?
    package var deduplicationID: String?
    /// `Root=…;Parent=…;Sampled=…;Lineage=…`
    package var traceHeader: String?
    package var source: EventSource
    /// What is delivered where the whole is too large for the target.
    package var remainder: EventRemainder?

    package init(_ payload: ByteBuffer, from source: EventSource) {
        self.payload = payload
        self.source = source
        attributes = [:]
    }

    /// The event as its remainder, which has none itself; nil without one.
    package var shortened: EventDelivery? {
        guard let remainder else { return nil }
        var event = self
        event.remainder = nil
        switch remainder {
        case .payload(let payload): event.payload = payload
        case .withoutAttributes: event.attributes = [:]
        }
        return event
    }
}

/// What is left of an event for a target that finds all of it too large. Only the target knows its limit: queues and topics have
/// settings for it.
package enum EventRemainder: Sendable, Equatable {
    /// Another body.
    case payload(ByteBuffer)
    /// The same body and nothing beside it.
    case withoutAttributes
}

/// A target refuses an event for its size alone: less of it may be taken. In the target's own words.
package struct EventTooLarge: ServiceError {
    package let refusal: any ServiceError

    package init(_ refusal: any ServiceError) { self.refusal = refusal }

    package var code: String { refusal.code }
    package var message: String { refusal.message }
    package var httpStatus: Int { refusal.httpStatus }
}

/// A typed value beside a message's body, as SQS and SNS have them.
package struct EventAttribute: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case text(String)
        case binary([UInt8])
    }

    /// `String`, `Number`, `Binary`, each perhaps with a suffix: `Number.int`; SNS also has `String.Array`.
    package var dataType: String
    package var value: Value

    package init(dataType: String, value: Value) {
        self.dataType = dataType
        self.value = value
    }

    package static func string(_ text: String) -> EventAttribute { .init(dataType: "String", value: .text(text)) }
    package static func number(_ text: String) -> EventAttribute { .init(dataType: "Number", value: .text(text)) }
}

/// Who delivers, for the target's resource policy and its records.
package struct EventSource: Sendable {
    /// Such as `s3.amazonaws.com`.
    package var servicePrincipal: String
    package var arn: ARN?
    package var account: AccountID
    /// The role that the delivery acts as, when it is one's: a function's destinations are written as its role.
    package var role: ARN?

    package init(servicePrincipal: String, arn: ARN?, account: AccountID, role: ARN? = nil) {
        self.servicePrincipal = servicePrincipal
        self.arn = arn
        self.account = account
        self.role = role
    }
}

/// A queue that an event source mapping reads. SQS is one.
package protocol QueueSource: Sendable {
    /// Nil when there is no such queue.
    func facts(of queue: ARN) async throws -> QueueFacts?

    /// Hides up to `limit` (1–10) messages for the queue's visibility timeout and returns them; waits up to `wait` (0–20 s)
    /// for the first. Throws `QueueDoesNotExist`.
    func receive(from queue: ARN, limit: Int, wait: Duration) async throws -> [QueueMessage]

    /// Unknown handles are no error.
    func delete(_ receiptHandles: [String], from queue: ARN) async throws

    /// Makes the messages visible again after `timeout`; zero at once.
    func changeVisibility(of receiptHandles: [String], in queue: ARN, to timeout: Duration) async throws
}

package struct QueueFacts: Sendable, Equatable {
    package var isFIFO: Bool
    package var visibilityTimeout: Duration

    package init(isFIFO: Bool, visibilityTimeout: Duration) {
        self.isFIFO = isFIFO
        self.visibilityTimeout = visibilityTimeout
    }
}

package struct QueueMessage: Sendable {
    package var id: String
    package var receiptHandle: String
    package var body: String
    package var bodyMD5: String
    /// `ApproximateReceiveCount`, `SentTimestamp`, `SenderId`, …, for FIFO queues `MessageGroupId` too: all that SQS gives.
    package var attributes: [String: String]
    package var messageAttributes: [String: EventAttribute]
    package var messageAttributesMD5: String?

    package init(
        id: String,
        receiptHandle: String,
        body: String,
        bodyMD5: String,
        attributes: [String: String],
        messageAttributes: [String: EventAttribute],
        messageAttributesMD5: String?
    ) {
        self.id = id
        self.receiptHandle = receiptHandle
        self.body = body
        self.bodyMD5 = bodyMD5
        self.attributes = attributes
        self.messageAttributes = messageAttributes
        self.messageAttributesMD5 = messageAttributesMD5
    }
}
