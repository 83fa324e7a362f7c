// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes

/// The parts of an HTTP request that SigV4 signs, as they were on the wire.
package struct SignableRequest: Sendable, Equatable {
    package var method: String
    /// Still percent-encoded, without the query.
    package var path: String
    /// Still percent-encoded, without the question mark.
    package var query: String
    /// Without `Host`, which is `authority`.
    package var headers: HTTPFields
    package var authority: String

    package init(method: String, path: String, query: String = "", headers: HTTPFields = [:], authority: String) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.authority = authority
    }

    /// The first value of a header; nil when it is absent.
    func header(_ name: HTTPField.Name) -> String? { headers[values: name].first }

    /// The decoded value of the first query parameter of that name.
    func queryValue(_ name: String) -> String? {
        QueryParameters(query).pairs.first { $0.name.elementsEqual(name.utf8) }.map {
            String(decoding: $0.value, as: UTF8.self)
        }
    }
}

/// A query string taken apart into decoded names and values, in order.
struct QueryParameters {
    struct Pair {
        var name: [UInt8]
        var value: [UInt8]
    }

    var pairs: [Pair]

    init(_ query: String) {
        pairs = query.utf8.split(separator: 0x26).map { part in
            let halves = part.split(separator: 0x3d, maxSplits: 1, omittingEmptySubsequences: false)
            return Pair(
                name: URIEncoding.decode(halves[0], plusIsSpace: true),
                value: halves.count > 1 ? URIEncoding.decode(halves[1], plusIsSpace: true) : []
            )
        }
    }
}

extension HTTPField.Name {
    /// A name that is written in this program.
    static func written(_ text: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name(text.description) else { preconditionFailure("\(text) is no header name") }
        return name
    }

    package static let amzDate = written("x-amz-date")
    package static let amzSecurityToken = written("x-amz-security-token")
    package static let amzContentSHA256 = written("x-amz-content-sha256")
    package static let amzDecodedContentLength = written("x-amz-decoded-content-length")
    package static let amzTarget = written("x-amz-target")
    package static let amzTrailer = written("x-amz-trailer")
}
