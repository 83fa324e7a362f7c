// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// Which groups an account's policy is for, read from its selection criteria.
enum GroupSelection: Sendable, Equatable {
    case all
    case none
    /// `LogGroupName NOT IN ["a", "b"]`
    case except(Set<String>)
    /// `LogGroupNamePrefix IN ["my-log"]`, `LogGroupNamePrefix = "my-log"`
    case prefixes([String])

    static let maximumNames = 50
    /// Bytes of the excluded names, AWS's 25 KB.
    static let maximumLength = 25_600

    /// Nil for criteria of another form.
    init?(_ criteria: String) {
        var rest = criteria[...]
        Self.skip(&rest)
        guard !rest.isEmpty else {
            self = .all
            return
        }
        guard criteria.utf8.count <= Self.maximumLength else { return nil }
        let field = rest.prefix { $0.isLetter }
        rest = rest[field.endIndex...]
        switch field {
        case "LogGroupName":
            guard Self.takeWord("NOT", &rest), Self.takeWord("IN", &rest), let names = Self.list(rest) else {
                return nil
            }
            self = .except(Set(names))
        case "LogGroupNamePrefix":
            let isList = Self.takeWord("IN", &rest)
            guard isList || Self.take("=", &rest), let names = isList ? Self.list(rest) : Self.list("[" + rest + "]"),
                !names.isEmpty, names.count <= Self.maximumNames
            else { return nil }
            self = .prefixes(names)
        default: return nil
        }
    }

    private static func skip(_ rest: inout Substring) { rest = rest.drop { $0.isWhitespace } }

    private static func take(_ sign: String, _ rest: inout Substring) -> Bool {
        skip(&rest)
        guard rest.hasPrefix(sign) else { return false }
        rest = rest.dropFirst(sign.count)
        return true
    }

    private static func takeWord(_ word: String, _ rest: inout Substring) -> Bool {
        skip(&rest)
        let found = rest.prefix { $0.isLetter }
        guard found.uppercased() == word else { return false }
        rest = rest[found.endIndex...]
        return true
    }

    /// Texts in brackets, as JSON has them.
    private static func list(_ text: some StringProtocol) -> [String]? {
        // What is no JSON is no list.
        guard let elements = (try? JSONValue(parsing: String(text)))?.arrayValue else { return nil }
        let names = elements.compactMap(\.stringValue)
        return names.count == elements.count ? names : nil
    }

    func covers(_ group: String) -> Bool {
        switch self {
        case .all: true
        case .none: false
        case .except(let names): !names.contains(group)
        case .prefixes(let prefixes): prefixes.contains { group.utf8.starts(with: $0.utf8) }
        }
    }

    /// Whether there could be a group that both are for.
    func overlaps(_ other: GroupSelection) -> Bool {
        guard case .prefixes(let mine) = self, case .prefixes(let others) = other else { return true }
        return mine.contains { a in others.contains { a.utf8.starts(with: $0.utf8) || $0.utf8.starts(with: a.utf8) } }
    }
}
