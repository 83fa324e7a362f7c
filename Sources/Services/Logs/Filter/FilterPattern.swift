// SPDX-License-Identifier: Apache-2.0

/// A filter pattern of CloudWatch Logs, compiled once and asked of many messages.
///
/// Patterns come from clients: their length, nesting and number of regular expressions are limited, and no pattern makes
/// `matches` do more than a small multiple of the message's length, except for regular expressions, which have their own limits.
struct FilterPattern: Sendable {
    /// Bytes: four for each of the 1,024 characters that the API takes.
    static let maximumLength = 4_096

    private enum Form: Sendable {
        case everything
        case terms(TermPattern)
        case json(JSONCondition)
        case fields(FieldPattern)
    }

    private let form: Form

    init(_ text: String) throws(FilterFault) {
        guard text.utf8.count <= Self.maximumLength else { throw .malformed }
        let trimmed = Array(text.utf8).trimmed
        switch (trimmed.first, trimmed.last) {
        case (nil, _): form = .everything
        case (UInt8(ascii: "{"), UInt8(ascii: "}")):
            form = .json(try JSONPatternParser.parse(trimmed[1..<(trimmed.count - 1)]))
        case (UInt8(ascii: "{"), _): throw .unclosed("{", "}")
        case (UInt8(ascii: "["), UInt8(ascii: "]")): form = .fields(try FieldPattern(trimmed[1..<(trimmed.count - 1)]))
        case (UInt8(ascii: "["), _): throw .unclosed("[", "]")
        default: form = .terms(try TermPattern(trimmed))
        }
    }

    func matches(_ message: String) -> Bool {
        if case .everything = form { return true }
        var message = message
        return message.withUTF8 { matches(ByteText($0).withoutLineEnd) }
    }

    /// What the pattern names, with what it is in a message that matches: fields as `$name` or `$3`, selectors of JSON as they
    /// are written.
    func extractedValues(of message: String) -> [String: String] {
        var message = message
        switch form {
        case .everything, .terms: return [:]
        case .json(let condition):
            let pairs = condition.selectors.map { ($0.text, $0.firstText(in: message)) }
            return Dictionary(pairs) { first, _ in first }.compactMapValues(\.self)
        case .fields(let fields): return message.withUTF8 { fields.values(of: ByteText($0).withoutLineEnd) }
        }
    }

    private func matches(_ message: ByteText) -> Bool {
        switch form {
        case .everything: true
        case .terms(let terms): terms.matches(message)
        case .json(let condition): condition.matches(message)
        case .fields(let fields): fields.matches(message)
        }
    }
}

extension [UInt8] {
    /// Without spaces at both ends.
    fileprivate var trimmed: [UInt8] {
        guard let first = firstIndex(where: { !$0.isSpace }), let last = lastIndex(where: { !$0.isSpace }) else {
            return []
        }
        return Array(self[first...last])
    }
}
