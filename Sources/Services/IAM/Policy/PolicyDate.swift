// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Dates as the Date operators take them: W3C's profile of ISO 8601 (`2026`, `2026-01`, `2026-01-31`,
/// `2026-01-31T23:59Z`, with seconds, fractions and offsets), or seconds since 1970.
enum PolicyDate {
    static func parse(_ text: String) -> Instant? {
        // Four digits are a year.
        if text.utf8.count != 4, let seconds = PolicyNumber.parse(text) { return Instant(seconds: seconds) }
        if let exact = Instant(iso8601: text) { return exact }
        let halves = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        guard let day = day(halves[0]) else { return nil }
        guard halves.count == 2 else { return day }
        return withSeconds(halves[1]).flatMap { Instant(iso8601: "\(halves[0])T\($0)") }
    }

    private static func day(_ text: Substring) -> Instant? {
        let fields = text.split(separator: "-", omittingEmptySubsequences: false)
        let widths = [4, 2, 2]
        guard fields.count <= 3, zip(fields, widths).allSatisfy({ $0.utf8.count == $1 }) else { return nil }
        let numbers = fields.compactMap { Int($0) }
        guard numbers.count == fields.count, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
        return UTCDate(
            year: numbers[0],
            month: numbers.count > 1 ? numbers[1] : 1,
            day: numbers.count > 2 ? numbers[2] : 1
        )?.instant
    }

    /// `23:59Z` becomes `23:59:00Z`.
    private static func withSeconds(_ time: Substring) -> String? {
        guard time.count > 5 else { return nil }
        return "\(time.prefix(5)):00\(time.dropFirst(5))"
    }
}

/// Decimal numbers as the Numeric operators take them: no hexadecimal, no infinity.
enum PolicyNumber {
    static func parse(_ text: String) -> Double? {
        let allowed = text.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
        guard allowed, let number = Double(text), number.isFinite else { return nil }
        return number
    }
}
