// SPDX-License-Identifier: Apache-2.0
import Storage

/// Prepared statements that are not in use, by their text. Bounded: the one that was not used for longest goes first.
///
/// A statement is taken out while it runs, so that the same text may run inside its own loop.
struct StatementCache {
    private struct Entry {
        var statement: Statement
        var usedAt: UInt64
    }

    private let limit: Int
    private var entries: [[String]: Entry] = [:]
    private var uses: UInt64 = 0

    init(limit: Int) { self.limit = limit }

    var count: Int { entries.count }

    func contains(_ key: [String]) -> Bool { entries[key] != nil }

    mutating func take(_ key: [String]) -> Statement? { entries.removeValue(forKey: key)?.statement }

    mutating func put(_ statement: Statement, for key: [String]) {
        uses &+= 1
        entries[key] = Entry(statement: statement, usedAt: uses)
        guard entries.count > limit else { return }
        // A search through all is nothing beside the preparing that led here.
        if let oldest = entries.min(by: { $0.value.usedAt < $1.value.usedAt }) { entries[oldest.key] = nil }
    }

    mutating func removeAll() { entries = [:] }
}
