// SPDX-License-Identifier: Apache-2.0
package import MartletCore
internal import NIOConcurrencyHelpers
internal import Storage

/// How a queue does: its tries on this node since the start, and what waits of it in the store.
package struct DeliveryFigures: Sendable, Equatable {
    /// Tries by how they ended. Throttled ones count for no attempt of the target.
    package struct Tries: Sendable, Equatable {
        package var finished = 0
        package var retried = 0
        package var throttled = 0
        /// Deliveries that followed from an end: dead letters, records for destinations.
        package var followers = 0
    }

    package var queue: String
    package var tries = Tries()
    /// Held by no node: there was no room, or the next try is not due. Those behind another of their order are not counted.
    package var waiting = 0
    /// When the first of them was accepted.
    package var oldest: Instant?
}

/// Counts the ends of tries.
final class DeliveryCounter: Sendable {
    private let tries = NIOLockedValueBox<[String: DeliveryFigures.Tries]>([:])

    func note(_ verdict: DeliveryVerdict, of queue: String) {
        tries.withLockedValue { tries in
            switch verdict {
            case .finished(let then, _):
                tries[queue, default: .init()].finished &+= 1
                tries[queue, default: .init()].followers &+= then.count
            case .again: tries[queue, default: .init()].retried &+= 1
            case .throttled: tries[queue, default: .init()].throttled &+= 1
            }
        }
    }

    var counts: [String: DeliveryFigures.Tries] { tries.withLockedValue { $0 } }
}

extension DeliveryEngine {
    /// Of each queue of which something waits or was tried, by name. Reads the index of what waits.
    package func figures() async throws -> [DeliveryFigures] {
        var figures = counter.counts.mapValues { DeliveryFigures(queue: "", tries: $0) }
        for row in try await store.backlog() {
            figures[row.queue, default: DeliveryFigures(queue: "")].waiting = row.count
            figures[row.queue]?.oldest = row.oldest
        }
        return figures.map { queue, one in
            var one = one
            one.queue = queue
            return one
        }.sorted { $0.queue < $1.queue }
    }
}

/// What waits of one queue.
struct Backlog: RowDecodable {
    var queue: String
    var count: Int
    var oldest: Instant?

    init(row: inout Row) throws {
        queue = try row.text()
        count = try row.integer()
        oldest = try row.optionalInstant()
    }
}
