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
    package var authority: String
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
        self.body = body
        self.sourceAddress = sourceAddress
    }

    /// The part that SigV4 signs.
    package var signable: SignableRequest {
        SignableRequest(method: method, path: path, query: query, headers: headers, authority: authority)
    }

    /// The host without its port, in lower case, brackets of IPv6 kept.
    package var host: String { HostName(authority).name }
}

/// A `Host` header taken apart.
struct HostName {
    let name: String
    let port: Int?

    init(_ authority: String) {
        let text = authority.lowercased()
        let afterAddress = text.firstIndex(of: "]").map(text.index(after:)) ?? text.startIndex
        guard let colon = text[afterAddress...].firstIndex(of: ":") else {
            (name, port) = (text, nil)
            return
        }
        name = String(text[..<colon])
        port = Int(text[text.index(after: colon)...])
    }
}
