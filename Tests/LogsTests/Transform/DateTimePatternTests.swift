// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Logs

@Suite("Date patterns") struct DateTimePatternTests {
    @Test(
        "a date is read by its pattern",
        arguments: [
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "1998-12-05T11:00:00.250+02:00", "1998-12-05T09:00:00.250Z"),
            ("EEEE dd. MMMM yyyy HH:mm:ss", "Saturday 05. December 1998 11:00:00", "1998-12-05T11:00:00.000Z"),
            ("d/MMM/yyyy:HH:mm:ss Z", "3/Aug/2023:12:34:56 -0130", "2023-08-03T14:04:56.000Z"),
            ("yyyyMMddHHmmss", "20230515143000", "2023-05-15T14:30:00.000Z"),
            ("yy-M-d h:mm a", "24-2-9 12:05 am", "2024-02-09T00:05:00.000Z"),
            ("h 'o''clock' a, d MMM yy", "7 o'clock PM, 1 Jan 25", "2025-01-01T19:00:00.000Z"),
            ("yyyy-MM-dd HH:mm:ss z", "2024-02-29 23:59:60 UTC", "2024-03-01T00:00:00.000Z"),
        ]
    )
    func reads(pattern: String, text: String, expected: String) throws {
        #expect(try #require(DateTimePattern(pattern)).instant(of: text)?.iso8601Milliseconds == expected)
    }

    @Test(
        "what is no such date is none",
        arguments: [
            ("yyyy-MM-dd", "2023-02-30"), ("yyyy-MM-dd", "2023-13-01"), ("yyyy-MM-dd", "2023-1-1"), ("yyyy", "2023x"),
            ("yyyy", ""), ("HH", "99"), ("Z", "+99"), ("MMM", "Foo"), ("SSS", "12"),
        ]
    )
    func refuses(pattern: String, text: String) throws {
        #expect(try #require(DateTimePattern(pattern)).instant(of: text) == nil)
    }

    @Test("a date is printed by its pattern, at a distance from UTC")
    func prints() throws {
        let instant = Instant(milliseconds: 912_852_000_250)
        #expect(
            try #require(DateTimePattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")).text(of: instant)
                == "1998-12-05T10:00:00.250Z"
        )
        let pattern = try #require(DateTimePattern("EEE d MMM yy hh:mm:ss a XXX xx Z"))
        #expect(pattern.text(of: instant, offsetSeconds: -18_000) == "Sat 5 Dec 98 05:00:00 AM -05:00 -0500 -0500")
    }

    @Test(
        "patterns with unknown letters or open quotes are refused",
        arguments: ["yyyy-QQ", "'open", "yyyy[-MM]", "é#"]
    )
    func malformed(pattern: String) { #expect(DateTimePattern(pattern) == nil) }

    @Test("zones are distances from UTC, or places that are not known")
    func zones() {
        #expect(ZoneOffset.seconds("UTC") == 0)
        #expect(ZoneOffset.seconds("UTC+9") == 32_400)
        #expect(ZoneOffset.seconds("GMT-05:30") == -19_800)
        #expect(ZoneOffset.seconds("+0100") == 3_600)
        #expect(ZoneOffset.seconds("Europe/Berlin") == nil)
        #expect(ZoneOffset.seconds("+") == nil)
        #expect(ZoneOffset.seconds("+99") == nil)
    }
}
