// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// A stored delivery that this node holds.
struct HeldDelivery: Sendable {
    var sequence: Int
    var queue: String
    var lane: String
    var orderKey: String?
    /// Under which it is held: what another session has taken since is not touched any more.
    var session: String
    var delivery: Delivery

    var bytes: Int { delivery.payload.readableBytes + delivery.detail.utf8.count }
    var order: DeliveryOrder? { orderKey.map { DeliveryOrder(lane: lane, key: $0) } }
}

/// What is made one after the other.
struct DeliveryOrder: Sendable, Hashable {
    var lane: String
    var key: String
}

extension NewDelivery {
    var order: DeliveryOrder? { orderKey.map { DeliveryOrder(lane: lane, key: $0) } }
    var bytes: Int { payload.readableBytes + detail.utf8.count }

    func held(_ sequence: Int, by session: String) -> HeldDelivery {
        HeldDelivery(
            sequence: sequence,
            queue: queue,
            lane: lane,
            orderKey: orderKey,
            session: session,
            delivery: Delivery(
                id: id,
                scope: scope,
                target: target,
                payload: payload,
                detail: detail,
                acceptedAt: acceptedAt,
                earlierTries: 0
            )
        )
    }
}
