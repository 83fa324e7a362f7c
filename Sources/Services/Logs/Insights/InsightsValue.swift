// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What a field or an expression of Logs Insights is for one event.
enum InsightsValue: Sendable, Equatable {
    case null
    /// As the event has it: shown with all its digits.
    case number(Double)
    /// What was computed: shown with up to four decimals, as AWS does.
    case computed(Double)
    case text(String)
    case bool(Bool)
    /// Milliseconds since 1970.
    case time(Int)
    /// A list or a map.
    case json(JSONValue)

    static func from(_ json: JSONValue?) -> InsightsValue {
        switch json {
        case nil, .null?: .null
        case .bool(let flag)?: .bool(flag)
        case .integer(let number)?: .number(Double(number))
        case .number(let number)?: .number(number)
        case .string(let text)?: .text(text)
        case .array?, .object?: json.map(InsightsValue.json) ?? .null
        }
    }

    /// As a number, where it is one or a text looks like one.
    var number: Double? {
        switch self {
        case .number(let number), .computed(let number): number
        case .time(let milliseconds): Double(milliseconds)
        case .bool(let flag): flag ? 1 : 0
        case .text(let text): NumberText.parse(text.utf8)
        case .null, .json: nil
        }
    }

    /// As AWS prints it; nil for null, which results leave out.
    var text: String? {
        switch self {
        case .null: nil
        case .number(let number): Self.shortest(number)
        case .computed(let number): Self.fourDecimals(number)
        case .text(let text): text
        case .bool(let flag): flag ? "1" : "0"
        case .time(let milliseconds): Self.timeText(milliseconds)
        case .json(let json): json.compactText
        }
    }

    var isTrue: Bool {
        switch self {
        case .bool(let flag): flag
        case .number(let number), .computed(let number): number != 0
        case .text(let text): text == "true" || text == "1"
        case .null, .time, .json: false
        }
    }

    /// A number that is computed, or null where that is impossible: by zero, of no number, beyond all bounds.
    static func finite(_ number: Double?) -> InsightsValue {
        guard let number, number.isFinite else { return .null }
        return .computed(number)
    }

    /// `2026-01-31 12:00:00.000`
    static func timeText(_ milliseconds: Int) -> String {
        let clamped = min(max(milliseconds, 0), EventPosition.latestTimestamp)
        let text = Instant(milliseconds: Int64(clamped)).iso8601Milliseconds
        return String(text.replacing("T", with: " ").dropLast())
    }

    /// The greatest number whose whole numbers doubles tell apart.
    private static let exact = 9_007_199_254_740_992.0

    static func shortest(_ number: Double) -> String {
        if number == number.rounded(), abs(number) < exact { return String(Int64(number)) }
        return "\(number)"
    }

    static func fourDecimals(_ number: Double) -> String {
        guard abs(number) < exact / 10_000 else { return shortest(number) }
        let scaled = (number * 10_000).rounded()
        let magnitude = Int64(abs(scaled))
        let fraction = magnitude % 10_000
        let sign = scaled < 0 ? "-" : ""
        guard fraction != 0 else { return sign + String(magnitude / 10_000) }
        var digits = String(10_000 + fraction).dropFirst()
        while digits.last == "0" { digits = digits.dropLast() }
        return "\(sign)\(magnitude / 10_000).\(digits)"
    }
}

extension InsightsValue {
    /// Less, equal or greater: as numbers where both are, else as text. Nil where one is null.
    static func order(_ left: InsightsValue, _ right: InsightsValue) -> Int? {
        if case .null = left { return nil }
        if case .null = right { return nil }
        if let a = left.number, let b = right.number { return a < b ? -1 : (a > b ? 1 : 0) }
        if let flags = truths(left, right) { return flags.0 == flags.1 ? 0 : (flags.1 ? -1 : 1) }
        guard let a = left.text, let b = right.text else { return nil }
        return a == b ? 0 : (a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1)
    }

    /// Both as truth values, where one is and the other reads like one.
    private static func truths(_ left: InsightsValue, _ right: InsightsValue) -> (Bool, Bool)? {
        func flag(_ value: InsightsValue) -> Bool? {
            switch value {
            case .bool(let flag): flag
            case .text("true"): true
            case .text("false"): false
            default: nil
            }
        }
        guard let a = flag(left), let b = flag(right) else { return nil }
        if case .text = left, case .text = right { return nil }
        return (a, b)
    }

    /// For sorting: null before all others, numbers before texts.
    static func precedes(_ left: InsightsValue, _ right: InsightsValue) -> Int {
        switch (left, right) {
        case (.null, .null): return 0
        case (.null, _): return -1
        case (_, .null): return 1
        default: break
        }
        switch (left.number, right.number) {
        case (let a?, let b?): return a < b ? -1 : (a > b ? 1 : 0)
        case (.some, nil): return -1
        case (nil, .some): return 1
        case (nil, nil): return order(left, right) ?? 0
        }
    }
}
