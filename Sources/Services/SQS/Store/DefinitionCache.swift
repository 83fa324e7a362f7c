// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// What a queue is, apart from its messages. Never changes: another revision is another definition.
final class QueueDefinition: Sendable {
    let id: Int
    let revision: Int
    let address: QueueAddress
    let settings: QueueSettings
    let createdAt: Instant
    let modifiedAt: Instant

    init(
        id: Int,
        revision: Int,
        address: QueueAddress,
        settings: QueueSettings,
        createdAt: Instant,
        modifiedAt: Instant
    ) {
        self.id = id
        self.revision = revision
        self.address = address
        self.settings = settings
        self.createdAt = createdAt
        self.modifiedAt = modifiedAt
    }
}

/// A queue as a transaction found it.
struct Queue: Sendable {
    let pileID: Int
    let definition: QueueDefinition

    var id: Int { definition.id }
    var address: QueueAddress { definition.address }
    var settings: QueueSettings { definition.settings }
    var isFIFO: Bool { definition.settings.isFIFO }
}

/// Definitions by revision, so that their text is parsed once. Each transaction reads the revision itself from the store;
/// revisions are drawn at random and never come again, not even when a transaction is undone. So nothing here goes stale.
final class DefinitionCache: Sendable {
    private let known = NIOLockedValueBox<[Int: QueueDefinition]>([:])
    static let limit = 16_384

    func find(_ id: Int, revision: Int) -> QueueDefinition? {
        known.withLockedValue { $0[id] }.flatMap { $0.revision == revision ? $0 : nil }
    }

    func keep(_ definition: QueueDefinition) {
        known.withLockedValue { known in
            // Beginning anew is cheap beside remembering which one was not used for longest.
            if known.count >= Self.limit, known[definition.id] == nil { known.removeAll(keepingCapacity: true) }
            known[definition.id] = definition
        }
    }
}
