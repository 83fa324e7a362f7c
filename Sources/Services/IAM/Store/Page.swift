// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// `Marker` and `MaxItems`: everything after a key, and how many.
struct PageRequest: Sendable, Equatable {
    /// Empty for the first page.
    var after: String
    var limit: Int

    init(after: String, limit: Int) {
        self.after = after
        self.limit = limit
    }

    /// Throws the ValidationError of a marker that IAM did not make.
    init(marker: String?, maxItems: Int?) throws {
        limit = min(max(maxItems ?? 100, 1), 1_000)
        guard let marker else {
            after = ""
            return
        }
        guard let keys = PageToken.decode(marker, count: 1) else {
            throw CommonError("ValidationError", "Invalid Marker.")
        }
        after = keys[0]
    }
}

struct Page<Item: Sendable>: Sendable {
    var items: [Item]
    /// Nil on the last page.
    var marker: String?
    var isTruncated: Bool { marker != nil }

    private init(items: [Item], marker: String?) {
        self.items = items
        self.marker = marker
    }

    /// `rows` are in the order of their keys and hold one more than `limit` when there is a next page.
    init(_ rows: [Item], limit: Int, key: (Item) -> String) {
        items = Array(rows.prefix(limit))
        marker = rows.count > limit ? items.last.map { PageToken.encode([key($0)]) } : nil
    }

    /// Cuts a page out of a whole list that is small by its nature.
    init(cutting all: [Item], _ request: PageRequest, key: (Item) -> String) {
        let rest = all.sorted { key($0) < key($1) }.filter { request.after.isEmpty || key($0) > request.after }
        self.init(Array(rest.prefix(request.limit + 1)), limit: request.limit, key: key)
    }

    func map<Other>(_ transform: (Item) throws -> Other) rethrows -> Page<Other> {
        Page<Other>(items: try items.map(transform), marker: marker)
    }
}
