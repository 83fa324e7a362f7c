// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Storage

/// A stored delivery as the store returns it.
struct DeliveryRow: RowDecodable {
    static let columns: SQL =
        "sequence, queue, lane, order_key, due_at, id, account, region, target, payload, detail, accepted_at, tries"

    var sequence: Int
    var queue: String
    var lane: String
    var orderKey: String?
    var dueAt: Instant
    var delivery: Delivery

    init(row: inout Row) throws {
        (sequence, queue, lane) = (try row.integer(), try row.text(), try row.text())
        (orderKey, dueAt) = (try row.optionalText(), try row.instant())
        let id = try row.text()
        guard let account = AccountID(try row.text()), let region = Region(try row.text()) else {
            throw MartletError("delivery.row", "the delivery \(sequence) names no account or region")
        }
        delivery = Delivery(
            id: id,
            scope: Scope(account: account, region: region),
            target: try row.text(),
            payload: ByteBuffer(bytes: try row.bytes()),
            detail: try row.text(),
            acceptedAt: try row.instant(),
            earlierTries: try row.integer()
        )
    }

    func held(by session: String) -> HeldDelivery {
        HeldDelivery(
            sequence: sequence,
            queue: queue,
            lane: lane,
            orderKey: orderKey,
            session: session,
            delivery: delivery
        )
    }
}
