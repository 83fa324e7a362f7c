// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import MartletCore
import NIOCore

/// The decoded names and values of a query string or a form, in order.
struct FormItems: Sendable {
    struct Item: Sendable, Equatable {
        var name: String
        /// Empty for `name=` and for `name` alone.
        var value: String
    }

    /// More than any operation takes; keeps the work for a hostile body small.
    static let maximumItems = 20_000

    private(set) var items: [Item] = []
    /// Whether there were more than that, which are not in `items`.
    private(set) var isCut = false

    init() {}

    init(_ text: some Collection<UInt8>) {
        let parts = text.split(separator: 0x26, maxSplits: Self.maximumItems)
        isCut = parts.count > Self.maximumItems
        for part in parts.prefix(Self.maximumItems) {
            let halves = part.split(separator: 0x3d, maxSplits: 1, omittingEmptySubsequences: false)
            items.append(Item(name: Self.decode(halves[0]), value: halves.count > 1 ? Self.decode(halves[1]) : ""))
        }
    }

    /// Bytes that are not UTF-8 become U+FFFD, as a string holds nothing else.
    private static func decode(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: URIEncoding.decode(bytes, plusIsSpace: true), as: UTF8.self)
    }

    /// Of a request that speaks Query: what the query string says, then what the body says.
    static func of(_ request: WireRequest) -> FormItems {
        var form = FormItems(request.query.utf8)
        guard case .buffer(let bytes) = request.body else { return form }
        let body = FormItems(bytes.readableBytesView)
        form.items += body.items
        form.isCut = form.isCut || body.isCut
        return form
    }

    func first(_ name: String) -> String? { items.first { $0.name == name }?.value }

    func values(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    mutating func append(_ name: String, _ value: String) { items.append(Item(name: name, value: value)) }

    var encoded: String {
        items.map { "\(URIEncoding.encode($0.name))=\(URIEncoding.encode($0.value))" }.joined(separator: "&")
    }
}
