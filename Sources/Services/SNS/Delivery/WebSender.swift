// SPDX-License-Identifier: Apache-2.0

/// Posts to web servers that subscribers name.
package protocol WebSender: Sendable {
    /// The status that the server answered. Throws `WebFailure` when it did not, or may not be asked.
    func post(_ request: WebPost) async throws -> Int
}

package struct WebPost: Sendable, Equatable {
    package var url: String
    package var headers: [String: String]
    package var body: String

    package init(url: String, headers: [String: String], body: String) {
        self.url = url
        self.headers = headers
        self.body = body
    }
}

package struct WebFailure: Error, Equatable, CustomStringConvertible {
    package var description: String
    /// Trying again cannot help.
    package var isFinal: Bool

    package init(_ description: String, isFinal: Bool = false) {
        self.description = description
        self.isFinal = isFinal
    }
}
