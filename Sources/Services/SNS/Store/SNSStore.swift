// SPDX-License-Identifier: Apache-2.0
import Crypto
import EventDelivery
import MartletCore
import Storage

/// The rows of SNS.
struct SNSStore: Sendable {
    let database: any Database
    let cipher: any Cipher
    let deliveries: DeliveryEngine

    func read<T: Sendable>(_ body: @escaping @Sendable (SNSRows) throws -> T) async throws -> T {
        try await database.read { tx in try body(SNSRows(tx: tx)) }
    }

    func write<T: Sendable>(_ body: @escaping @Sendable (SNSChanges) throws -> T) async throws -> T {
        try await database.write { tx in try body(SNSChanges(tx: tx)) }
    }

    /// A write that sends something: what `body` appends is stored in the same transaction, and delivered from then on.
    func send<T: Sendable>(
        _ body: @escaping @Sendable (SNSChanges, inout [NewDelivery]) throws -> T
    ) async throws -> T {
        try await deliveries.accept { tx in
            var outgoing: [NewDelivery] = []
            let result = try body(SNSChanges(tx: tx), &outgoing)
            return (result, outgoing)
        }
    }
}

/// What can be read inside a transaction.
struct SNSRows {
    let tx: any ReadTransaction
}

/// What can be changed inside a transaction.
struct SNSChanges {
    let tx: any WriteTransaction

    var rows: SNSRows { SNSRows(tx: tx) }
}

extension Row {
    mutating func scope() throws -> Scope {
        guard let account = AccountID(try text()), let region = Region(try text()) else {
            throw MartletError("sns.row", "a row names no account or no region")
        }
        return Scope(account: account, region: region)
    }
}

/// Codes and tokens are kept as what they hash to.
enum SecretHash {
    static func of(_ secret: String) -> String { Hex.encode(SHA256.hash(data: Array(secret.utf8))) }
}
