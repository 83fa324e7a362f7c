// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// What the operator has chosen for which function, network or sandbox: the first rule that matches decides.
package struct FunctionRules<Choice: Sendable>: Sendable {
    package struct Rule: Sendable {
        var pattern: FunctionPattern
        package var choice: Choice
    }

    package var ofOthers: Choice
    package var rules: [Rule]

    package init(ofOthers: Choice, rules: [Rule] = []) {
        self.ofOthers = ofOthers
        self.rules = rules
    }

    func choice(of key: VersionKey) -> Choice { choice(of: key.functionName, in: key.scope) }

    func choice(of name: String, in scope: Scope) -> Choice {
        guard !rules.isEmpty else { return ofOthers }
        let arn = scope.arn("lambda", "function:\(name)")
        return rules.first { $0.pattern.matches(arn, name) }?.choice ?? ofOthers
    }

    /// What may be any function's, that of most first.
    package var choices: [Choice] { [ofOthers] + rules.map(\.choice) }

    package func map<Other>(_ transform: (Choice) throws -> Other) rethrows -> FunctionRules<Other> {
        try FunctionRules<Other>(
            ofOthers: transform(ofOthers),
            rules: rules.map { try .init(pattern: $0.pattern, choice: transform($0.choice)) }
        )
    }
}

extension FunctionRules where Choice: Equatable {
    /// Whether any function has it.
    package func includes(_ choice: Choice) -> Bool { choices.contains(choice) }
}

extension FunctionRules.Rule where Choice: RawRepresentable<String> {
    /// `PATTERN=CHOICE`; nil when `text` is something else.
    package init?(_ text: String) {
        guard let sign = text.lastIndex(of: "="), sign > text.startIndex,
            let choice = Choice(rawValue: String(text[text.index(after: sign)...]))
        else { return nil }
        self.init(pattern: FunctionPattern(text: String(text[..<sign])), choice: choice)
    }
}

/// An ARN without qualifier, or only a name, in which `*` stands for any characters.
struct FunctionPattern: Sendable {
    var text: String

    func matches(_ arn: ARN, _ name: String) -> Bool {
        Self.matches(text[...].utf8, (text.hasPrefix("arn:") ? arn.description : name)[...].utf8)
    }

    /// Goes back to the last star only, so it reads the text once for each.
    private static func matches(_ pattern: Substring.UTF8View, _ text: Substring.UTF8View) -> Bool {
        var (p, t) = (pattern.startIndex, text.startIndex)
        var star: (after: Substring.UTF8View.Index, from: Substring.UTF8View.Index)?
        while t < text.endIndex {
            if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                p = pattern.index(after: p)
                star = (p, t)
            } else if p < pattern.endIndex, pattern[p] == text[t] {
                (p, t) = (pattern.index(after: p), text.index(after: t))
            } else if let last = star {
                let next = text.index(after: last.from)
                (p, t, star) = (last.after, next, (last.after, next))
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
