// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import NIOHTTP1

/// A request that a connection has handed on, and the way to answer it. It must be answered exactly once.
struct HTTPJob: Sendable {
    let head: HTTPRequestHead
    let body: IncomingBody
    let sourceAddress: String
    let connection: HTTPConnection

    /// Nil when the head is not one that HTTP allows.
    func request() -> IncomingRequest? {
        var headers = HTTPFields()
        headers.reserveCapacity(head.headers.count)
        var authority: String?
        for (name, value) in head.headers {
            if name.utf8.count == 4, name.lowercased() == "host" {
                guard authority == nil else { return nil }
                authority = value
            } else {
                let value = Self.trimmed(value)
                guard let name = HTTPField.Name(name), HTTPField.isValidValue(value) else { return nil }
                headers.append(HTTPField(name: name, value: value))
            }
        }
        guard let target = RequestTarget(head.uri) else { return nil }
        return IncomingRequest(
            method: head.method.rawValue,
            path: target.path,
            query: target.query,
            headers: headers,
            authority: target.authority ?? authority ?? "",
            body: body,
            sourceAddress: sourceAddress
        )
    }
}

extension HTTPJob {
    /// Blanks around a value are not part of it; NIO leaves those behind it.
    private static func trimmed(_ value: String) -> String {
        guard let last = value.utf8.last, last == 0x20 || last == 0x09 else { return value }
        let end = value.utf8.lastIndex { $0 != 0x20 && $0 != 0x09 }.map(value.utf8.index(after:)) ?? value.startIndex
        return String(value[..<end])
    }
}

/// The second word of a request line: `/path?query`, `http://host/path?query` or `*`.
struct RequestTarget: Equatable {
    var authority: String?
    var path: String
    var query: String

    /// Nil for anything else.
    init?(_ text: String) {
        var rest = text[...]
        // Nearly all begin with a slash.
        if text.utf8.first != 0x2f,
            let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) })
        {
            rest = rest.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            authority = String(rest[..<end])
            rest = rest[end...]
            if !rest.hasPrefix("/") { rest = "/" + rest }
        }
        guard rest.utf8.first == 0x2f || rest == "*" else { return nil }
        let whole = rest.utf8.firstIndex(of: 0x23).map { rest[..<$0] } ?? rest
        let mark = whole.utf8.firstIndex(of: 0x3f) ?? whole.endIndex
        path = String(whole[..<mark])
        query = mark < whole.endIndex ? String(whole[whole.utf8.index(after: mark)...]) : ""
    }
}
