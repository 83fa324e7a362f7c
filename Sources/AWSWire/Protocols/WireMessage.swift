// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes
package import NIOCore

/// An HTTP request as a codec sees it: nothing decoded yet.
package struct WireRequest: Sendable {
    package var method: String
    /// Still percent-encoded, without the query.
    package var path: String
    /// Still percent-encoded, without the question mark.
    package var query: String
    package var headers: HTTPFields
    package var body: ByteStream

    package init(
        method: String,
        path: String,
        query: String = "",
        headers: HTTPFields = [:],
        body: ByteStream = .buffer(ByteBuffer())
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }
}

/// An HTTP answer as a codec makes it. The length and the date are the server's to add.
package struct WireResponse: Sendable {
    package var status: Int
    package var headers: HTTPFields
    package var body: ByteStream

    package init(status: Int, headers: HTTPFields = [:], body: ByteStream = .buffer(ByteBuffer())) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

extension ByteStream {
    /// The whole body. Nil when it is longer than `limit`; what came so far is dropped.
    package func collect(upTo limit: Int) async throws -> ByteBuffer? {
        switch self {
        case .buffer(let bytes): return bytes.readableBytes <= limit ? bytes : nil
        case .sequence(let pieces, let length):
            if let length, length > limit { return nil }
            var whole = ByteBuffer()
            for try await piece in pieces {
                guard whole.readableBytes + piece.readableBytes <= limit else { return nil }
                whole.writeImmutableBuffer(piece)
            }
            return whole
        }
    }
}
