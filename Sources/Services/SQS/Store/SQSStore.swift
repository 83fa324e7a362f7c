// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// The rows of SQS, in transactions.
struct SQSStore: Sendable {
    let database: any Database
    let definitions = DefinitionCache()

    func read<T: Sendable>(_ body: @escaping @Sendable (QueueRows) throws -> T) async throws -> T {
        try await database.read { [definitions] tx in try body(QueueRows(tx: tx, definitions: definitions)) }
    }

    func write<T: Sendable>(_ body: @escaping @Sendable (QueueChanges) throws -> T) async throws -> T {
        try await database.write { [definitions] tx in try body(QueueChanges(tx: tx, definitions: definitions)) }
    }
}

/// What can be read inside a transaction.
struct QueueRows {
    let tx: any ReadTransaction
    let definitions: DefinitionCache
}

/// What can be changed inside a transaction.
struct QueueChanges {
    let tx: any WriteTransaction
    let definitions: DefinitionCache

    var rows: QueueRows { QueueRows(tx: tx, definitions: definitions) }
}
