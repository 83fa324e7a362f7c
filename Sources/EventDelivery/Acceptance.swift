// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers
import Storage

/// Stores deliveries inside a transaction, and keeps the room that was reserved for them until they begin or it is given
/// back. The transaction's body may run again: each run starts over.
final class Acceptance: Sendable {
    struct Stored: Sendable {
        enum Place: Sendable {
            /// By this session, which begins it as soon as the transaction is committed.
            case held(String)
            /// For whoever has room.
            case inStore
            /// Waits for the one before it, whose end will say so.
            case behind
        }

        var new: NewDelivery
        var sequence: Int
        var place: Place
    }

    private let dispatch: DeliveryDispatch
    private let stored = NIOLockedValueBox<[Stored]>([])

    init(_ dispatch: DeliveryDispatch) { self.dispatch = dispatch }

    /// Gives back what an earlier run has reserved, and what a transaction that failed had.
    func startOver() { dispatch.giveBack(takeAll()) }

    func store(_ new: NewDelivery, _ tx: any WriteTransaction) throws {
        var place = Stored.Place.behind
        if try !DeliveryStore.isBehind(new, tx) {
            place = dispatch.reserve(new).map { .held($0) } ?? .inStore
        }
        do {
            let sequence = try DeliveryStore.insert(new, place, tx)
            stored.withLockedValue { $0.append(Stored(new: new, sequence: sequence, place: place)) }
        } catch {
            dispatch.giveBack([Stored(new: new, sequence: 0, place: place)])
            throw error
        }
    }

    /// The transaction is committed.
    func begin() { dispatch.begin(takeAll()) }

    private func takeAll() -> [Stored] {
        stored.withLockedValue { stored in
            defer { stored = [] }
            return stored
        }
    }
}
