// SPDX-License-Identifier: Apache-2.0

/// An ARN with wildcards, as `Resource` and the Arn operators hold it. Each of the six parts is matched for itself, so a
/// wildcard never reaches across a colon, except in the last part, where colons are plain text.
struct ARNPattern: Sendable, Equatable {
    /// Empty means everything.
    private let parts: [PolicyTemplate]

    /// `*` alone is everything. With `fillingUp`, missing parts at the end are `*`, as in a policy's `Resource`.
    init(_ text: String, variables: Bool, fillingUp: Bool) {
        guard text != "*" else {
            parts = []
            return
        }
        let everything = PolicyTemplate("*", variables: false, wildcards: true)
        var parts = Self.split(text).map { PolicyTemplate($0, variables: variables, wildcards: true) }
        if fillingUp, parts.count < 6 { parts += Array(repeating: everything, count: 6 - parts.count) }
        self.parts = parts
    }

    func matches(_ arn: ARNText, _ keys: ConditionKeys) -> Bool {
        guard !parts.isEmpty else { return true }
        guard parts.count == arn.parts.count else { return false }
        return zip(parts, arn.parts).allSatisfy { pattern, part in
            pattern.resolved(keys).map { Wildcard(symbols: $0).matches(part) } ?? false
        }
    }

    /// Splits at the first five colons that are not inside `${…}`.
    private static func split(_ text: String) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var isInVariable = false
        var previous: Character = " "
        for index in text.indices {
            let character = text[index]
            if character == "{", previous == "$" { isInVariable = true }
            if character == "}" { isInVariable = false }
            if character == ":", !isInVariable, parts.count < 5 {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
            previous = character
        }
        return parts + [text[start...]]
    }
}

/// A request's ARN, or a text that should be one, cut into its parts once.
struct ARNText: Sendable, Equatable {
    let parts: [[UInt32]]

    init(_ text: String) {
        parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(Wildcard.literals(of:))
    }
}
