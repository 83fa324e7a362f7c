// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@Suite("An instant")
struct InstantTests {
    private let instant = Instant(milliseconds: 1_769_903_999_007)

    @Test("prints in every form that AWS uses")
    func printing() {
        #expect(instant.iso8601 == "2026-01-31T23:59:59Z")
        #expect(instant.iso8601Milliseconds == "2026-01-31T23:59:59.007Z")
        #expect(instant.lambdaText == "2026-01-31T23:59:59.007+0000")
        #expect(instant.httpDate == "Sat, 31 Jan 2026 23:59:59 GMT")
        #expect(instant.basicISO8601 == "20260131T235959Z")
    }

    @Test(
        "reads ISO 8601 with fractions and offsets",
        arguments: [
            ("2026-01-31T23:59:59.007Z", 1_769_903_999_007),
            ("2026-01-31T23:59:59.0079999Z", 1_769_903_999_007),
            ("2026-02-01T01:29:59.007+01:30", 1_769_903_999_007),
            ("2026-01-31T18:59:59.007-0500", 1_769_903_999_007),
            ("20260131T235959Z", 1_769_903_999_000),
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ]
    )
    func reading(text: String, milliseconds: Int64) {
        #expect(Instant(iso8601: text)?.milliseconds == milliseconds)
    }

    @Test(
        "reads nothing else",
        arguments: [
            "", "2026", "2026-01-31", "2026-01-31T23:59:59", "2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T23:60:00Z", "2026-01-31T23:59:59.Z", "2026-01-31T23:59:59ZZ", "2026-01-31T23:59:59+25:00",
            "2026-01-31 23:59:59Z", "+026-01-31T23:59:59Z", "20260131T23595Z",
            "2026-01-31T23:59:59.999999999999999999999999",
        ]
    )
    func malformed(text: String) {
        #expect(Instant(iso8601: text) == nil)
    }

    @Test("and its calendar fields are the same thing, over four centuries of days")
    func calendar() throws {
        var instant = try #require(Instant(iso8601: "1899-12-31T12:34:56Z"))
        let end = try #require(Instant(iso8601: "2301-01-01T00:00:00Z"))
        var weekday = 0
        while instant < end {
            let date = UTCDate(instant)
            #expect(date.instant == instant)
            #expect(date.weekday == weekday, "\(instant.iso8601)")
            instant = instant + .seconds(86_400)
            weekday = (weekday + 1) % 7
        }
    }

    @Test("survives any number of seconds")
    func extremes() {
        for seconds in [Double.nan, .infinity, -.infinity, 1e300, -1e300, .leastNonzeroMagnitude] {
            let instant = Instant(seconds: seconds)
            #expect(!instant.iso8601.isEmpty)
        }
        #expect(Instant(seconds: 1.0005).milliseconds == 1_001)
        #expect(Instant(seconds: .nan).milliseconds == 0)
        #expect(UTCDate(Instant(milliseconds: .max)).year > 9_999)
        #expect(UTCDate(Instant(milliseconds: .min)).year < 0)
    }

    @Test("moves by durations without trapping")
    func arithmetic() {
        #expect(instant + .milliseconds(5) - instant == .milliseconds(5))
        #expect((instant - .seconds(1)).milliseconds == 1_769_903_998_007)
        #expect(Duration.milliseconds(-1_500).wholeMilliseconds == -1_500)
        #expect(Duration.microseconds(1_999).wholeMilliseconds == 1)
    }

    @Test("a date with a field out of range is none")
    func ranges() {
        #expect(UTCDate(year: 2026, month: 0, day: 1) == nil)
        #expect(UTCDate(year: 10_000, month: 1, day: 1) == nil)
        #expect(UTCDate(year: 2026, month: 1, day: 1, hour: 24) == nil)
        #expect(UTCDate(year: 2024, month: 2, day: 29)?.instant.iso8601 == "2024-02-29T00:00:00Z")
    }

    @Test("numbers are padded", arguments: [(7, 2, "07"), (123, 2, "123"), (-5, 3, "-005"), (0, 1, "0")])
    func padding(number: Int, width: Int, text: String) {
        #expect(number.padded(width) == text)
    }
}
