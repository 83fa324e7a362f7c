// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import Storage

/// The rows of CloudWatch Logs, in transactions of one account and region.
struct LogsStore: Sendable {
    let database: any Database
    let deliveries: DeliveryEngine

    func read<T: Sendable>(_ scope: Scope, _ body: @escaping @Sendable (LogRows) throws -> T) async throws -> T {
        try await database.read { tx in try body(LogRows(tx: tx, scope: scope)) }
    }

    func write<T: Sendable>(_ scope: Scope, _ body: @escaping @Sendable (LogChanges) throws -> T) async throws -> T {
        try await database.write { tx in try body(LogChanges(tx: tx, scope: scope)) }
    }

    /// A write that somebody is to be told of: what `body` appends is stored in the same transaction, and delivered from then on.
    func send<T: Sendable>(
        _ scope: Scope,
        _ body: @escaping @Sendable (LogChanges, inout [NewDelivery]) throws -> T
    ) async throws -> T {
        try await deliveries.accept { tx in
            var outgoing: [NewDelivery] = []
            let result = try body(LogChanges(tx: tx, scope: scope), &outgoing)
            return (result, outgoing)
        }
    }
}

/// What can be read inside a transaction.
struct LogRows {
    let tx: any ReadTransaction
    let scope: Scope
}

/// What can be changed inside a transaction.
struct LogChanges {
    let tx: any WriteTransaction
    let scope: Scope

    var rows: LogRows { LogRows(tx: tx, scope: scope) }
}
