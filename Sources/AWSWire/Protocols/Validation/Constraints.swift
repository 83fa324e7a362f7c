// SPDX-License-Identifier: Apache-2.0
import RegularExpressions

/// The constraints of one field in AWS's words, and whether values meet them.
enum Constraints {
    static let notNull = "Member must not be null"

    /// Those that `text` breaks: the pattern first, then the length, as AWS orders them.
    static func broken(by text: String, _ field: Field) -> [String] {
        var broken: [String] = []
        if let pattern = field.pattern, pattern.expression?.matchesWhole(text) == false {
            broken.append(Self.pattern(pattern))
        }
        // Unicode code points, as AWS counts; no string has more of them than bytes.
        return broken + lengths(brokenBy: text.unicodeScalars.count, field)
    }

    static func lengths(brokenBy count: Int, _ field: Field) -> [String] {
        guard let length = field.length else { return [] }
        if count > length.upperBound { return [atMost(length.upperBound)] }
        return count < length.lowerBound ? [atLeast(length.lowerBound)] : []
    }

    static func range(brokenBy value: Double, _ field: Field) -> [String] {
        guard let range = field.range else { return [] }
        if value > range.upperBound {
            return ["Member must have value less than or equal to \(JSONText.number(range.upperBound))"]
        }
        guard value < range.lowerBound else { return [] }
        return ["Member must have value greater than or equal to \(JSONText.number(range.lowerBound))"]
    }

    static func enumeration<E: StringEnumeration>(brokenBy value: E) -> [String] {
        E.allValues.contains(value.rawValue) ? [] : [self.enumeration(E.allValues)]
    }

    static func enumeration(_ values: [String]) -> String {
        "Member must satisfy enum value set: [\(values.joined(separator: ", "))]"
    }

    /// All constraints of an element, for the sentence that a list or map with a bad one gets.
    static func all(of field: Field, values: [String]?) -> [String] {
        if let values { return [enumeration(values)] }
        var all: [String] = []
        if let length = field.length {
            if length.upperBound != Int.max { all.append(atMost(length.upperBound)) }
            all.append(atLeast(length.lowerBound))
        }
        if let range = field.range {
            if range.upperBound.isFinite {
                all.append("Member must have value less than or equal to \(JSONText.number(range.upperBound))")
            }
            all.append("Member must have value greater than or equal to \(JSONText.number(range.lowerBound))")
        }
        if let pattern = field.pattern { all.append(Self.pattern(pattern)) }
        return all
    }

    private static func pattern(_ pattern: Pattern) -> String {
        "Member must satisfy regular expression pattern: \(pattern.text)"
    }

    private static func atMost(_ length: Int) -> String { "Member must have length less than or equal to \(length)" }
    private static func atLeast(_ length: Int) -> String {
        "Member must have length greater than or equal to \(length)"
    }
}
