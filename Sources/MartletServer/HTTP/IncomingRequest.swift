// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import HTTPTypes

/// One HTTP request as it came, before anybody knows what it is.
package struct IncomingRequest: Sendable {
    package var method: String
    /// Still percent-encoded, beginning with a slash.
    package var path: String
    /// Still percent-encoded, without the question mark.
    package var query: String
    /// Without `Host`.
    package var headers: HTTPFields
    /// `Host`, empty when the client sent none.
    package var authority: String { didSet { host = HostName(authority).name } }
    /// The host without its port, in lower case, brackets of IPv6 kept.
    package private(set) var host: String
    package var body: IncomingBody
    package var sourceAddress: String
    /// Which of the server's sockets it came in by, for the log; nil for the main one.
    package var listener: String?

    package init(
        method: String,
        path: String,
        query: String = "",
        headers: HTTPFields = [:],
        authority: String,
        body: IncomingBody,
        sourceAddress: String = "127.0.0.1"
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.authority = authority
        host = HostName(authority).name
        self.body = body
        self.sourceAddress = sourceAddress
    }

    /// The part that SigV4 signs.
    package var signable: SignableRequest {
        SignableRequest(method: method, path: path, query: query, headers: headers, authority: authority)
    }
}

/// A `Host` header taken apart.
struct HostName {
    let name: String
    let port: Int?

    init(_ authority: String) {
        let text = authority.lowercased()
        let bytes = text.utf8
        let afterAddress = bytes.firstIndex(of: 0x5d).map(bytes.index(after:)) ?? bytes.startIndex
        guard let colon = bytes[afterAddress...].firstIndex(of: 0x3a) else {
            (name, port) = (text, nil)
            return
        }
        name = String(text[..<colon])
        port = Int(text[bytes.index(after: colon)...])
    }
}
