// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import RegularExpressions

/// `grok`: named patterns take fields out of a text.
struct GrokStep: TransformStep {
    private let source: FieldKey
    private let pattern: GrokPattern

    init(_ settings: Grok) throws {
        source = try settings.source.map { try FieldKey($0) } ?? .message
        pattern = try GrokPattern(settings.match)
    }

    func apply(to event: inout EventDocument) -> Bool {
        guard let text = event.text(at: source), let fields = pattern.fields(of: text) else { return false }
        for (key, value) in fields { event.set(value, at: key) }
        return true
    }
}

/// A grok pattern, `%{IPORHOST:client} %{WORD:verb}`, as the regular expression that it stands for. What is written between
/// the patterns stands for itself, and the whole text has to match.
struct GrokPattern: Sendable {
    static let maximumLength = 512
    static let maximumPatterns = 20
    /// Of one of the patterns that cost most, and of the costliest together.
    static let maximumCostly = 5
    /// Of the expression that comes out.
    static let maximumExpandedLength = 131_072

    private let expression: RegularExpression
    private let captures: [GrokCapture]

    /// Throws `InvalidParameterException`.
    init(_ text: String, allowsInner: Bool = false) throws {
        var expansion = GrokExpansion(allowsInner: allowsInner)
        let source = try expansion.expand(text)
        guard
            let expression = RegularExpression(
                "\\A(?:\(source))[\\r\\n]*+\\z",
                maximumLength: Self.maximumExpandedLength
            )
        else { throw InvalidParameterException("Invalid grok pattern: \(text)") }
        self.expression = expression
        captures = expansion.captures
    }

    /// The fields of a text that matches, without those that took no part.
    func fields(of text: String) -> [(FieldKey, JSONValue)]? {
        guard let groups = expression.firstMatch(in: text) else { return nil }
        return captures.enumerated().compactMap { index, capture in
            groups["f\(index)"].flatMap(capture.value).map { (capture.key, $0) }
        }
    }
}

/// What becomes of a part that a grok pattern has found.
struct GrokCapture: Sendable {
    enum Kind: String, Sendable {
        case text
        /// Without the quotes around it.
        case quoted
        case int
        /// `03/Aug/2023:12:34:56 +0000`, shown in UTC.
        case date
        /// Nothing where it is a hyphen.
        case optional
    }

    var key: FieldKey
    var kind: Kind

    func value(_ text: String) -> JSONValue? {
        switch kind {
        case .text: .string(text)
        case .quoted: .string(String(text.dropFirst().dropLast()))
        case .int: Int(text).map(JSONValue.integer)
        case .date: Self.time?.instant(of: text).map { .string($0.iso8601) } ?? .string(text)
        case .optional: text == "-" || text.isEmpty ? nil : .string(text)
        }
    }

    private static let time = DateTimePattern("d/MMM/yyyy:HH:mm:ss Z")
}

/// Replaces `%{NAME:field}` by the expression of that name.
private struct GrokExpansion {
    init(allowsInner: Bool) { self.allowsInner = allowsInner }

    let allowsInner: Bool
    private(set) var captures: [GrokCapture] = []
    private var uses: [String: Int] = [:]
    private var count = 0
    private var hasCommon = false

    mutating func expand(_ text: String) throws -> String {
        guard text.utf8.count <= GrokPattern.maximumLength else {
            throw InvalidParameterException("The grok match must not exceed \(GrokPattern.maximumLength) characters.")
        }
        let source = try replaceReferences(in: text, literally: true) { try $0.reference($1) }
        guard count > 0 else {
            throw InvalidParameterException("The grok match must contain at least one grok pattern.")
        }
        return source
    }

    private mutating func reference(_ parts: [String]) throws -> String {
        let name = parts[0]
        count += 1
        guard count <= GrokPattern.maximumPatterns else {
            throw InvalidParameterException("A grok match can contain at most \(GrokPattern.maximumPatterns) patterns.")
        }
        guard parts.count <= 2 else {
            throw InvalidParameterException("Type conversion is not supported in grok patterns: \(parts[2])")
        }
        guard let definition = GrokDictionary.definitions[name], allowsInner || !GrokDictionary.inner.contains(name)
        else {
            throw InvalidParameterException("Unsupported grok pattern: \(name)")
        }
        try checkUse(of: name)
        if parts.count == 1 { return "(?:\(try self.definition(definition, capturing: true)))" }
        return try captured(definition, as: parts[1], GrokDictionary.quoted.contains(name) ? .quoted : .text)
    }

    private mutating func checkUse(of name: String) throws {
        if hasCommon {
            guard count == 2, GrokDictionary.anything.contains(name) else {
                throw InvalidParameterException(
                    "Only one DATA, GREEDYDATA or GREEDYDATA_MULTILINE pattern can follow a common log pattern."
                )
            }
        }
        if GrokDictionary.common.contains(name) {
            guard count == 1 else {
                throw InvalidParameterException("The pattern \(name) must be the first in a grok match.")
            }
            hasCommon = true
        }
        uses[name, default: 0] += 1
        let costliest = GrokDictionary.costliest.reduce(0) { $0 + (uses[$1] ?? 0) }
        let most = name == "GREEDYDATA_MULTILINE" ? 1 : GrokPattern.maximumCostly
        let isLimited = GrokDictionary.costly.contains(name) || GrokDictionary.costliest.contains(name)
        guard costliest <= GrokPattern.maximumCostly, !isLimited || uses[name] ?? 0 <= most else {
            throw InvalidParameterException("A grok match can contain at most \(most) patterns of the type \(name).")
        }
    }

    private mutating func captured(_ definition: String, as name: String, _ kind: GrokCapture.Kind) throws -> String {
        let number = captures.count
        captures.append(GrokCapture(key: try FieldKey(name), kind: kind))
        return "(?<f\(number)>\(try self.definition(definition, capturing: true)))"
    }

    /// Definitions are made of each other, none of itself. What they name becomes a field where they are used directly.
    private mutating func definition(_ source: String, capturing: Bool) throws -> String {
        try replaceReferences(in: source, literally: false) { expansion, parts in
            // A name that is missing here is missing in the dictionary.
            guard let inner = GrokDictionary.definitions[parts[0]] else {
                throw MartletError("logs.grok", "the pattern \(parts[0]) is not defined")
            }
            guard capturing, parts.count > 1 else {
                return "(?:\(try expansion.definition(inner, capturing: false)))"
            }
            let number = expansion.captures.count
            let kind = parts.count > 2 ? GrokCapture.Kind(rawValue: parts[2]) ?? .text : .text
            expansion.captures.append(GrokCapture(key: try FieldKey(parts[1]), kind: kind))
            return "(?<f\(number)>\(try expansion.definition(inner, capturing: false)))"
        }
    }

    private mutating func replaceReferences(
        in text: String,
        literally: Bool,
        by replacement: (inout GrokExpansion, [String]) throws -> String
    ) throws -> String {
        var result = ""
        var rest = text[...]
        while let open = rest.firstRange(of: "%{") {
            guard let close = rest[open.upperBound...].firstIndex(of: "}") else {
                throw InvalidParameterException("Invalid grok pattern: a brace is not closed.")
            }
            result += literally ? Self.literal(rest[..<open.lowerBound]) : String(rest[..<open.lowerBound])
            let body = rest[open.upperBound..<close].split(separator: ":", omittingEmptySubsequences: false)
            result += try replacement(&self, body.map(String.init))
            rest = rest[rest.index(after: close)...]
        }
        return result + (literally ? Self.literal(rest) : String(rest))
    }

    /// A backslash that somebody has written before a sign of regular expressions is not meant itself.
    private static func literal(_ text: Substring) -> String {
        let special = Set(#"\^$.|?*+()[]{}/"-"#)
        var result = ""
        var isEscaped = false
        for character in text {
            if character == "\\", !isEscaped {
                isEscaped = true
                continue
            }
            if isEscaped, !special.contains(character) { result += "\\\\" }
            isEscaped = false
            if special.contains(character) { result += "\\" }
            result.append(character)
        }
        return isEscaped ? result + "\\\\" : result
    }
}
