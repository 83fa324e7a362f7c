// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// Lambda's tables in Lambda's words. One call is one transaction: what its body throws undoes all of it.
struct LambdaStore: Sendable {
    private let database: any Database
    private let seal: EnvironmentSeal

    init(database: any Database, cipher: any Cipher) {
        self.database = database
        seal = EnvironmentSeal(cipher: cipher)
    }

    func migrate() async throws { try await database.migrate(LambdaSchema.migrations, of: LambdaSchema.service) }

    func read<T: Sendable>(_ body: @escaping @Sendable (LambdaRead) throws -> T) async throws -> T {
        try await database.read { [seal] tx in try body(LambdaRead(tx: tx, seal: seal)) }
    }

    func write<T: Sendable>(_ body: @escaping @Sendable (LambdaWrite) throws -> T) async throws -> T {
        try await database.write { [seal] tx in try body(LambdaWrite(writer: tx, seal: seal)) }
    }
}

/// What can be asked of the tables, inside a transaction of either kind.
protocol LambdaReading {
    var tx: any ReadTransaction { get }
    var seal: EnvironmentSeal { get }
}

struct LambdaRead: LambdaReading {
    let tx: any ReadTransaction
    let seal: EnvironmentSeal
}

struct LambdaWrite: LambdaReading {
    let writer: any WriteTransaction
    let seal: EnvironmentSeal
    var tx: any ReadTransaction { writer }
}

/// One page of a list: the items after a key, and the key to go on from.
struct ListPage<Item: Sendable>: Sendable {
    var items: [Item]
    /// Nil at the end.
    var next: String?

    /// `rows` holds one more than the page when there is a next one.
    init(_ rows: [Item], limit: Int, key: (Item) -> [String]) {
        items = Array(rows.prefix(limit))
        next = rows.count > limit ? items.last.map { PageToken.encode(key($0)) } : nil
    }

    func map<T>(_ transform: (Item) throws -> T) rethrows -> ListPage<T> {
        ListPage<T>(items: try items.map(transform), next: next)
    }

    private init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }
}
