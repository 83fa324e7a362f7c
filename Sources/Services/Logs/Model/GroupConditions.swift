// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Which accounts a listing covers. No accounts are linked in Martlet, so it is the caller's own or none.
struct LinkedAccounts: Sendable {
    private let named: [String]?

    init(_ includesLinked: Bool?, _ identifiers: [String]?) { named = includesLinked == true ? identifiers : nil }

    func include(_ account: AccountID) -> Bool { named.map { $0.isEmpty || $0.contains(account.text) } ?? true }
}

/// Up to five parts of names, `^/aws/lambda|orders`: a caret ties one to the beginning.
struct NameAlternatives: Sendable {
    private struct Alternative: Sendable {
        var text: [UInt8]
        var isPrefix: Bool
    }

    private let alternatives: [Alternative]

    init(_ pattern: String) {
        alternatives = pattern.split(separator: "|").map { part in
            let isPrefix = part.hasPrefix("^")
            return Alternative(text: Array((isPrefix ? part.dropFirst() : part).utf8), isPrefix: isPrefix)
        }
    }

    func match(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { bytes in
            let text = ByteText(bytes)
            return alternatives.contains { $0.isPrefix ? text.hasPrefix($0.text) : text.contains($0.text) }
        }
    }
}

/// A tag that a group has, with one of some values: `prod*`, `!test`. Wildcards do not look at case.
struct TagCondition: Sendable {
    private struct Value: Sendable {
        var isNegated: Bool
        /// Nil for text without an asterisk.
        var wildcard: Wildcard?
        var text: String

        init(_ source: String) {
            isNegated = source.hasPrefix("!")
            text = isNegated ? String(source.dropFirst()) : source
            guard text.utf8.contains(UInt8(ascii: "*")) else { return }
            var wildcard = Wildcard()
            for byte in text.lowercased().utf8 {
                if byte == UInt8(ascii: "*") { wildcard.appendAsterisk() } else { wildcard.append(byte) }
            }
            self.wildcard = wildcard
        }

        func holds(for value: String) -> Bool {
            guard let wildcard else { return (value == text) != isNegated }
            var lower = value.lowercased()
            return lower.withUTF8 { wildcard.matches(ByteText($0)) } != isNegated
        }
    }

    private let key: String
    private let values: [Value]

    init(_ filter: TagFilter) {
        key = filter.key
        values = (filter.values ?? []).map(Value.init)
    }

    func holds(for tags: [String: String]) -> Bool {
        guard let value = tags[key] else { return false }
        return values.isEmpty || values.contains { $0.holds(for: value) }
    }
}
