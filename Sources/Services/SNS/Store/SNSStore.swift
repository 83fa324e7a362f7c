// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore
import Storage

/// The rows of SNS.
struct SNSStore: Sendable {
    let database: any Database
    let cipher: any Cipher

    func read<T: Sendable>(_ body: @escaping @Sendable (SNSRows) throws -> T) async throws -> T {
        try await database.read { tx in try body(SNSRows(tx: tx)) }
    }

    func write<T: Sendable>(_ body: @escaping @Sendable (SNSChanges) throws -> T) async throws -> T {
        try await database.write { tx in try body(SNSChanges(tx: tx)) }
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
