// SPDX-License-Identifier: Apache-2.0

/// An opaque marker for the next page: what the last item's sort key was, armoured so that nobody parses it.
package enum PageToken {
    /// Keys are joined by a zero byte, which no AWS name holds.
    package static func encode(_ keys: [String]) -> String {
        Base64.encode(Array(keys.joined(separator: "\u{0}").utf8), alphabet: .urlSafe)
    }

    /// Nil when `text` is not a token with `count` keys.
    package static func decode(_ text: String, count: Int) -> [String]? {
        guard text.utf8.count <= 4_096, let bytes = Base64.decode(text),
            let joined = String(validating: bytes, as: UTF8.self)
        else { return nil }
        let keys = joined.split(separator: "\u{0}", omittingEmptySubsequences: false).map(String.init)
        return keys.count == count ? keys : nil
    }
}
