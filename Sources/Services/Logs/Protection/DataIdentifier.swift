// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import RegularExpressions

/// Something sensitive that can be found in a text: by its form, its check digits, and words that stand before it.
struct DataIdentifier: Sendable {
    static let arnPrefix = "arn:aws:dataprotection::aws:data-identifier/"
    /// How far before it one of its words may stand, in bytes.
    static let proximity = 40
    /// Of one identifier in one text. Where there are more, all of the text counts as found.
    static let maximumFindings = 1_000
    private static let maximumNameLength = 128
    private static let maximumPatternLength = 200

    let name: String
    private let expression: RegularExpression
    private let keywords: RegularExpression?
    private let check: DigitCheck?

    /// By its ARN, or the name of a custom one. Throws `InvalidParameterException` for one that AWS does not know, 501 for one
    /// that cannot be told by its form.
    init(named text: String, custom: [String: String]) throws {
        guard text.hasPrefix(Self.arnPrefix) else {
            self = try Self.custom(text, custom[text])
            return
        }
        let name = String(text.dropFirst(Self.arnPrefix.count))
        guard let known = ManagedIdentifiers.all[name] else {
            guard ManagedIdentifiers.isKnown(name) else {
                throw InvalidParameterException("Unknown data identifier: \(text)")
            }
            throw CommonError.notImplemented("the data identifier \(name)")
        }
        guard let expression = RegularExpression(known.pattern) else {
            throw MartletError("logs.protection", "the expression of \(name) cannot be compiled")
        }
        let words = known.keywords.map { $0.replacing("#", with: "\\#").replacing(" ", with: "[ _-]?") }
        let keywords = words.isEmpty ? nil : RegularExpression("(?i)(?:\(words.joined(separator: "|")))")
        self.init(name, expression, keywords, known.check)
    }

    private init(
        _ name: String,
        _ expression: RegularExpression,
        _ keywords: RegularExpression?,
        _ check: DigitCheck?
    ) {
        self.name = name
        self.expression = expression
        self.keywords = keywords
        self.check = check
    }

    private static func custom(_ name: String, _ pattern: String?) throws -> DataIdentifier {
        guard let pattern else { throw InvalidParameterException("Unknown data identifier: \(name)") }
        guard (1...maximumNameLength).contains(name.utf8.count),
            name.utf8.allSatisfy({ $0.isWordCharacter || $0 == UInt8(ascii: "-") }), !ManagedIdentifiers.isKnown(name)
        else { throw InvalidParameterException("Invalid name of a custom data identifier: \(name)") }
        let signs = Set(#"_#=@/;,- ^$?[]{}|\*+."#.utf8)
        guard (1...maximumPatternLength).contains(pattern.utf8.count),
            pattern.utf8.allSatisfy({ ($0.isWordCharacter && $0 != UInt8(ascii: "_")) || signs.contains($0) }),
            let expression = RegularExpression(pattern)
        else { throw InvalidParameterException("Invalid regular expression of a custom data identifier: \(name)") }
        return DataIdentifier(name, expression, nil, nil)
    }

    /// Where it is in a text, in bytes. A text that cannot be searched to its end counts as found as a whole: what nobody has
    /// looked at must not be shown.
    func findings(in text: String) -> [Range<Int>] {
        guard let found = expression.ranges(in: text, limit: Self.maximumFindings + 1),
            found.count <= Self.maximumFindings
        else { return [0..<text.utf8.count] }
        guard !found.isEmpty, check != nil || keywords != nil else { return found }
        let bytes = Array(text.utf8)
        return found.filter { range in
            if let check, !check.accepts(bytes[range]) { return false }
            guard let keywords else { return true }
            let start = max(range.lowerBound - Self.proximity, 0)
            return keywords.matchesPart(of: String(decoding: bytes[start..<range.lowerBound], as: UTF8.self))
        }
    }
}
