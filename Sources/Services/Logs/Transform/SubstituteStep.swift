// SPDX-License-Identifier: Apache-2.0
import AWSWire
import RegularExpressions

/// `substituteString`: whatever a regular expression finds becomes another text.
struct SubstituteStep: TransformStep {
    private static let maximumReplacements = 10_000
    private let entries: [(source: FieldKey, expression: RegularExpression, replacement: Replacement)]

    init(_ settings: SubstituteString) throws {
        entries = try settings.entries.map { entry in
            guard let expression = RegularExpression(entry.from) else {
                throw InvalidParameterException("Invalid regular expression in substituteString: \(entry.from)")
            }
            return (try FieldKey(entry.source), expression, try Replacement(entry.to, of: expression))
        }
    }

    func apply(to event: inout EventDocument) -> Bool {
        for (source, expression, replacement) in entries {
            guard let text = event.text(at: source), let changed = replacement.apply(expression, to: text) else {
                continue
            }
            event.set(.string(changed), at: source)
        }
        return true
    }

    /// A text with `$1` and `${name}` in it.
    private struct Replacement: Sendable {
        private enum Piece: Sendable {
            case text([UInt8])
            case group(Int)
        }

        private static let maximumReferences = 10
        private static let maximumRepeats = 2
        private var pieces: [Piece] = []

        init(_ source: String, of expression: RegularExpression) throws {
            var rest = source[...]
            while let dollar = rest.firstIndex(of: "$") {
                pieces.append(.text(Array(rest[..<dollar].utf8)))
                rest = rest[rest.index(after: dollar)...]
                guard let group = Self.reference(&rest, expression) else {
                    throw InvalidParameterException("Invalid backreference in substituteString: \(source)")
                }
                pieces.append(.group(group))
            }
            pieces.append(.text(Array(rest.utf8)))
            try checkReferences(in: source)
        }

        private static func reference(_ rest: inout Substring, _ expression: RegularExpression) -> Int? {
            if rest.first == "{", let close = rest.firstIndex(of: "}") {
                let name = rest[rest.index(after: rest.startIndex)..<close]
                rest = rest[rest.index(after: close)...]
                return expression.groupNumber(String(name))
            }
            let digits = rest.prefix { $0.isASCII && $0.isNumber }.prefix(3)
            rest = rest[digits.endIndex...]
            return Int(digits).flatMap { (0...expression.groupCount).contains($0) ? $0 : nil }
        }

        private func checkReferences(in source: String) throws {
            let groups = pieces.compactMap { if case .group(let number) = $0 { number } else { nil } }
            let repeats = Dictionary(groups.map { ($0, 1) }, uniquingKeysWith: +).values.max() ?? 0
            guard groups.count <= Self.maximumReferences, repeats <= Self.maximumRepeats else {
                throw InvalidParameterException("Too many backreferences in substituteString: \(source)")
            }
        }

        /// Nil where nothing can be said, or the result would be longer than a log event may be.
        func apply(_ expression: RegularExpression, to text: String) -> String? {
            guard let matches = expression.matches(in: text, limit: SubstituteStep.maximumReplacements) else {
                return nil
            }
            let bytes = Array(text.utf8)
            var (result, position): ([UInt8], Int) = ([], 0)
            for match in matches {
                guard let whole = match[0] else { continue }
                result += bytes[position..<whole.lowerBound]
                for piece in pieces {
                    switch piece {
                    case .text(let text): result += text
                    case .group(let number):
                        if number < match.count, let range = match[number] { result += bytes[range] }
                    }
                }
                position = whole.upperBound
                guard result.count <= LogTransformer.maximumBytes else { return nil }
            }
            result += bytes[position...]
            return result.count <= LogTransformer.maximumBytes ? String(decoding: result, as: UTF8.self) : nil
        }
    }
}
