// SPDX-License-Identifier: Apache-2.0
package import MartletCore
package import NIOCore
package import Storage

/// Work to be done once it is stored: an event for a function, a message for a queue.
package struct NewDelivery: Sendable {
    /// Whose it is: the `DeliveryHandler` of that queue does it.
    package var queue: String
    /// What one busy or throttled target is told apart by, such as its ARN: each target is a lane of its own.
    package var target: String
    /// An id in the handler's words, such as the request's.
    package var id: String
    package var scope: Scope
    package var payload: ByteBuffer
    /// What the handler needs beside the payload, in its own form; it may change from try to try.
    package var detail: String
    package var acceptedAt: Instant
    package var dueAt: Instant
    /// Deliveries to one target with the same key are made one after the other, in the order in which they were accepted:
    /// each waits until the one before it is finished. Nil where no order has to be kept.
    package var orderKey: String?

    package init(
        queue: String,
        target: String,
        id: String,
        scope: Scope,
        payload: ByteBuffer = ByteBuffer(),
        detail: String = "",
        acceptedAt: Instant,
        dueAt: Instant? = nil,
        orderKey: String? = nil
    ) {
        (self.queue, self.target, self.id, self.scope) = (queue, target, id, scope)
        (self.payload, self.detail) = (payload, detail)
        (self.acceptedAt, self.dueAt) = (acceptedAt, dueAt ?? acceptedAt)
        self.orderKey = orderKey
    }

    var lane: String { "\(queue) \(target)" }
}

/// One try at a stored delivery.
package struct Delivery: Sendable {
    package var id: String
    package var scope: Scope
    package var target: String
    package var payload: ByteBuffer
    package var detail: String
    package var acceptedAt: Instant
    /// Of the earlier tries, 0 at first.
    package var earlierTries: Int

    package init(
        id: String,
        scope: Scope,
        target: String,
        payload: ByteBuffer,
        detail: String,
        acceptedAt: Instant,
        earlierTries: Int
    ) {
        (self.id, self.scope, self.target, self.payload) = (id, scope, target, payload)
        (self.detail, self.acceptedAt, self.earlierTries) = (detail, acceptedAt, earlierTries)
    }
}

/// What a handler writes in the transaction of an end. May run again after a conflict, so it changes nothing else.
package typealias DeliveryWrite = @Sendable (any WriteTransaction) throws -> Void

/// How a try ended.
package enum DeliveryVerdict: Sendable {
    /// Done, or given up. In one transaction the delivery is removed, what follows from it is stored, and `writing` runs:
    /// all of it, or, when another node has the delivery by now, nothing.
    case finished(then: [NewDelivery] = [], writing: DeliveryWrite? = nil)
    /// To be tried again. `detail` replaces the delivery's.
    case again(after: Duration, detail: String)
    /// The target takes no more for now: to be tried again, and the rest of its lane waits for as long.
    case throttled(after: Duration, detail: String)
}

/// Does the deliveries of one queue.
package protocol DeliveryHandler: Sendable {
    var queue: String { get }
    /// What the queue may take of a node. Without limits of its own it shares with all others.
    var share: DeliveryShare { get }

    /// One try, which must end by itself within a bounded time. May run twice for one delivery, after a crash.
    func attempt(_ delivery: Delivery) async -> DeliveryVerdict
}

extension DeliveryHandler {
    package var share: DeliveryShare { DeliveryShare() }
}
