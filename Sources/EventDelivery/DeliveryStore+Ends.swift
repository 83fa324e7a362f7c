// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension DeliveryStore {
    /// Writes ends in their order. What another session has by now is left alone, and nothing follows from its end.
    static func write(
        _ ends: [DeliveryEnds.End],
        _ acceptance: Acceptance,
        _ tx: any WriteTransaction
    ) throws -> [DeliveryEnds.Outcome] {
        let finished = ends.filter(\.isFinished)
        try lockOrders(finished.compactMap(\.held.order) + finished.flatMap(\.followers).compactMap(\.order), tx)
        let removed = try remove(finished.map(\.held), tx)
        return try ends.map { end in
            switch end.verdict {
            case .finished(let new, let writing):
                guard removed.contains(end.held.sequence) else { return DeliveryEnds.Outcome() }
                for delivery in new { try acceptance.store(delivery, tx) }
                try writing?(tx)
                return try passOn(from: end, tx)
            case .again(let pause, let detail), .throttled(let pause, let detail):
                let isBack = try putBack(end.held, detail: detail, dueAt: end.at + pause, tx)
                return DeliveryEnds.Outcome(leavesWork: isBack && pause <= .zero)
            }
        }
    }

    /// One statement for all of a session. Returns the sequences of those that it held until now.
    private static func remove(_ held: [HeldDelivery], _ tx: any WriteTransaction) throws -> Set<Int> {
        var removed: Set<Int> = []
        for (session, held) in Dictionary(grouping: held, by: \.session) {
            let sequences = try tx.rows(
                Int.self,
                """
                DELETE FROM delivery WHERE sequence IN \(list: held.map(\.sequence)) AND session = \(session)
                RETURNING sequence
                """
            )
            removed.formUnion(sequences)
        }
        return removed
    }

    /// True when the session held it until now.
    private static func putBack(
        _ held: HeldDelivery,
        detail: String,
        dueAt: Instant,
        _ tx: any WriteTransaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE delivery SET session = NULL, due_at = \(dueAt), detail = \(detail), tries = tries + 1
            WHERE sequence = \(held.sequence) AND session = \(held.session)
            """
        ) > 0
    }

    /// The next one of the order may be taken from now on, or is held already.
    private static func passOn(from end: DeliveryEnds.End, _ tx: any WriteTransaction) throws -> DeliveryEnds.Outcome {
        guard let order = end.held.order else { return DeliveryEnds.Outcome() }
        let next = try tx.rows(
            DeliveryRow.self,
            """
            UPDATE delivery SET is_behind = 0, session = CASE WHEN due_at <= \(end.at) THEN \(end.heirSession) END
            WHERE is_behind = 1 AND sequence = (
                SELECT MIN(sequence) FROM delivery WHERE lane = \(order.lane) AND order_key = \(order.key))
            RETURNING \(DeliveryRow.columns)
            """
        ).first
        guard let next, next.dueAt <= end.at else { return DeliveryEnds.Outcome() }
        guard let session = end.heirSession else { return DeliveryEnds.Outcome(leavesWork: true) }
        return DeliveryEnds.Outcome(heir: next.held(by: session))
    }
}

extension DeliveryEnds.End {
    fileprivate var isFinished: Bool {
        if case .finished = verdict { return true }
        return false
    }

    fileprivate var followers: [NewDelivery] {
        if case .finished(let new, _) = verdict { return new }
        return []
    }
}
