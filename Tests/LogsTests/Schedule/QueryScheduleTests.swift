// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Logs

@Suite("Schedules of queries") struct QueryScheduleTests {
    private static func instant(_ text: String) throws -> Instant { try #require(Instant(iso8601: text)) }

    private static func times(
        _ expression: String,
        after text: String,
        count: Int = 3,
        zone: ZoneRules = .utc
    ) throws -> [String] {
        let start = try instant(text)
        let schedule = try QuerySchedule(expression, zone: zone, from: start)
        var (found, last) = ([String](), start)
        while found.count < count, let next = schedule.next(after: last) {
            found.append(String(next.iso8601.dropLast(4)))
            last = next
        }
        return found
    }

    @Test(
        "cron expressions name AWS's times",
        arguments: [
            (
                "cron(0 9 * * ? *)", "2026-01-31T12:00:00Z",
                ["2026-02-01T09:00", "2026-02-02T09:00", "2026-02-03T09:00"]
            ),
            (
                "cron(8 * * * ? *)", "2026-01-31T22:08:00Z",
                ["2026-01-31T23:08", "2026-02-01T00:08", "2026-02-01T01:08"]
            ),
            (
                "cron(0/20 10 * * ? *)", "2026-01-31T10:05:00Z",
                ["2026-01-31T10:20", "2026-01-31T10:40", "2026-02-01T10:00"]
            ),
            (
                "cron(0 18 ? * MON-FRI *)", "2026-01-30T18:00:00Z",
                ["2026-02-02T18:00", "2026-02-03T18:00", "2026-02-04T18:00"]
            ),
            (
                "cron(0 12 ? * sun *)", "2026-01-31T12:00:00Z",
                ["2026-02-01T12:00", "2026-02-08T12:00", "2026-02-15T12:00"]
            ),
            (
                "cron(30 8 1 1 ? *)", "2026-01-31T12:00:00Z",
                ["2027-01-01T08:30", "2028-01-01T08:30", "2029-01-01T08:30"]
            ),
            (
                "cron(0 0 L * ? *)", "2026-01-31T12:00:00Z",
                ["2026-02-28T00:00", "2026-03-31T00:00", "2026-04-30T00:00"]
            ),
            (
                "cron(0 0 29 2 ? *)", "2026-01-31T12:00:00Z",
                ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]
            ),
            (
                "cron(0 0 ? * 6#3 *)", "2026-01-31T12:00:00Z",
                ["2026-02-20T00:00", "2026-03-20T00:00", "2026-04-17T00:00"]
            ),
            (
                "cron(0 0 ? * 6L *)", "2026-01-31T12:00:00Z",
                ["2026-02-27T00:00", "2026-03-27T00:00", "2026-04-24T00:00"]
            ),
            (
                "cron(0 0 1W * ? *)", "2026-01-31T12:00:00Z",
                ["2026-02-02T00:00", "2026-03-02T00:00", "2026-04-01T00:00"]
            ),
            (
                "cron(0 0 LW * ? *)", "2026-01-31T12:00:00Z",
                ["2026-02-27T00:00", "2026-03-31T00:00", "2026-04-30T00:00"]
            ),
            (
                "cron(0 0 1,15 JAN,3 ? 2027)", "2026-01-31T12:00:00Z",
                ["2027-01-01T00:00", "2027-01-15T00:00", "2027-03-01T00:00"]
            ),
            ("cron(0 0 1 1 ? 2025)", "2026-01-31T12:00:00Z", []), ("cron(0 0 31 2 ? *)", "2026-01-31T12:00:00Z", []),
            ("rate(1 minute)", "2026-01-31T12:00:30Z", ["2026-01-31T12:01", "2026-01-31T12:02", "2026-01-31T12:03"]),
            ("rate(12 hours)", "2026-01-31T12:00:00Z", ["2026-02-01T00:00", "2026-02-01T12:00", "2026-02-02T00:00"]),
            ("rate(2 days)", "2026-01-31T12:00:00Z", ["2026-02-02T12:00", "2026-02-04T12:00", "2026-02-06T12:00"]),
        ]
    )
    func known(_ expression: String, _ start: String, _ expected: [String]) throws {
        #expect(try Self.times(expression, after: start) == expected)
    }

    @Test(
        "what is no schedule is refused",
        arguments: [
            "", "cron", "cron()", "cron(0 9 * * ?)", "cron(0 9 * * ? * *)", "cron(60 9 * * ? *)", "cron(0 24 * * ? *)",
            "cron(0 9 0 * ? *)", "cron(0 9 32 * ? *)", "cron(0 9 * 13 ? *)", "cron(0 9 ? * 8 *)", "cron(0 9 * * * *)",
            "cron(0 9 ? * ? *)", "cron(0 9 * * ? 1969)", "cron(0 9 * * ? 2200)", "cron(5-1 9 * * ? *)",
            "cron(*/0 9 * * ? *)", "cron(1/2/3 9 * * ? *)", "cron(a 9 * * ? *)", "cron(0 9 * FOO ? *)",
            "cron(-1 9 * * ? *)",
            "cron(0 9 ? * 6#6 *)", "cron(0 9 ? * 6#0 *)", "cron(0 9 W * ? *)", "cron(99999999999999999999 9 * * ? *)",
            "cron(0, 9 * * ? *)", "rate()", "rate(0 minutes)", "rate(1 minutes)", "rate(5 minute)", "rate(5 weeks)",
            "rate(-5 minutes)", "rate(1.5 hours)", "rate(99999 days)", "at(2026-01-01T00:00:00)", "rate(5 minutes",
            "every(5 minutes)", "cron(0 9 * * ? *))", "rate(1 minutess)", "rate(2 minutess)",
            "cron(" + String(repeating: "1,", count: 200) + "1 9 * * ? *)",
        ]
    )
    func refused(_ expression: String) {
        #expect(throws: ScheduleFault.self, "\(expression)") {
            try QuerySchedule(expression, from: Instant(milliseconds: 0))
        }
    }

    @Test("nothing runs before the start and after the end; a rate counts from the start")
    func bounds() throws {
        let created = try Self.instant("2026-01-31T12:00:10Z")
        let schedule = try QuerySchedule(
            "rate(1 hour)",
            from: created,
            start: Self.instant("2026-02-01T00:30:00Z"),
            end: Self.instant("2026-02-01T02:30:00Z")
        )
        var (times, last) = ([String](), created)
        while let next = schedule.next(after: last) {
            times.append(next.iso8601)
            last = next
        }
        #expect(times == ["2026-02-01T00:30:00Z", "2026-02-01T01:30:00Z", "2026-02-01T02:30:00Z"])
    }

    @Test(
        "next and previous are each other's inverse",
        arguments: ["cron(0/7 * * * ? *)", "cron(15 3 ? * 2#2 *)", "cron(0 0 29 2 ? *)", "rate(7 hours)"]
    )
    func inverse(_ expression: String) throws {
        let zone = try #require(ZoneCatalog().zone("Europe/Berlin"))
        let schedule = try QuerySchedule(expression, zone: zone, from: Self.instant("2026-01-01T00:00:00Z"))
        var time = try Self.instant("2026-01-31T12:00:00Z")
        for _ in 0..<20 {
            let next = try #require(schedule.next(after: time))
            #expect(schedule.previous(upTo: next) == next)
            let before = try #require(schedule.previous(upTo: next - .milliseconds(1)))
            #expect(before <= time && schedule.next(after: before) == next)
            time = next
        }
    }

    @Test("the clock of a place is followed through its summer time")
    func summerTime() throws {
        let berlin = try #require(ZoneCatalog().zone("Europe/Berlin"))
        // 02:00 to 03:00 does not exist on March 29th 2026, and exists twice on October 25th.
        #expect(
            try Self.times("cron(30 2 * * ? *)", after: "2026-03-28T00:00:00Z", zone: berlin)
                == ["2026-03-28T01:30", "2026-03-30T00:30", "2026-03-31T00:30"]
        )
        #expect(
            try Self.times("cron(30 2 * * ? *)", after: "2026-10-24T12:00:00Z", zone: berlin)
                == ["2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30"]
        )
        // Every hour is every hour.
        #expect(
            try Self.times("cron(0 * * * ? *)", after: "2026-10-24T23:30:00Z", count: 4, zone: berlin)
                == ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00", "2026-10-25T03:00"]
        )
        // Beyond the table of changes the rule at its end holds.
        #expect(
            try Self.times("cron(0 9 1 7 ? 2150)", after: "2026-01-01T00:00:00Z", zone: berlin) == ["2150-07-01T07:00"]
        )
        #expect(
            try Self.times("cron(0 9 1 1 ? 2150)", after: "2026-01-01T00:00:00Z", zone: berlin) == ["2150-01-01T08:00"]
        )
    }

    @Test("zones on both sides of the equator and of Greenwich, with rules of both forms")
    func zones() throws {
        let expected = [
            ("America/New_York", -18_000, -14_400), ("Australia/Sydney", 39_600, 36_000),
            ("Asia/Kolkata", 19_800, 19_800), ("America/St_Johns", -12_600, -9_000),
            ("Pacific/Kiritimati", 50_400, 50_400),
        ]
        for (name, january, july) in expected {
            let zone = try #require(ZoneCatalog().zone(name))
            for year in [2026, 2100] {
                #expect(zone.offset(at: try Self.instant("\(year)-01-15T12:00:00Z").milliseconds / 1_000) == january)
                #expect(zone.offset(at: try Self.instant("\(year)-07-15T12:00:00Z").milliseconds / 1_000) == july)
            }
        }
        #expect(try #require(ZoneRule("AAA3BBB,J60/0,300")).offset(at: 0) == -10_800)
        for text in [
            "", "A3", "AAA", "AAA3BBB", "AAA3BBB,M13.1.0,M1.1.0", "AAA3BBB,M3.2.0", "AAA3BBB,M3.2.0,M11.1.0x", "<AAA3",
        ] {
            #expect(ZoneRule(Substring(text)) == nil, "\(text)")
        }
    }

    @Test(
        "a name that leads elsewhere, or to no zone, is none",
        arguments: [
            "", "Nowhere/Land", "../../etc/passwd", "/etc/passwd", "Europe", "Europe/../Europe/Berlin", "a\u{0}b",
            "tzdata.zi",
            String(repeating: "x", count: 10_000),
        ]
    )
    func names(_ name: String) {
        #expect(ZoneCatalog().zone(name) == nil)
    }

    @Test("no file of a zone, however broken, can do more than be refused")
    func brokenFiles() throws {
        // A zone without a change, by hand: headers of both versions, one type, two names, a footer.
        let header = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
        let counts: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4]
        let body: [UInt8] = [0, 0, 14, 16, 0, 0] + Array("CET\0".utf8)
        let whole = header + counts + body + header + counts + body + Array("\nCET-1\n".utf8)
        #expect(try #require(ZoneRules(tzif: whole)).offset(at: 0) == 3_600)
        for length in 0..<whole.count - 7 { #expect(ZoneRules(tzif: Array(whole.prefix(length))) == nil) }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<4 {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            guard let zone = ZoneRules(tzif: bytes) else { continue }
            _ = zone.offset(at: 1_769_860_800)
            _ = zone.seconds(ofLocal: 1_769_860_800)
        }
    }

    @Test("rubbish in place of an expression is refused or a schedule, and ends")
    func fuzz() {
        let pieces = [
            "cron(", "rate(", ")", "*", "?", "L", "W", "#", "/", "-", ",", " ", "0", "7", "31", "MON", "JAN", "minutes",
            "é",
        ]
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<3_000 {
            let text = (0..<Int.random(in: 1...16, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }
            guard let schedule = try? QuerySchedule(text.joined(), from: Instant(milliseconds: 0)) else { continue }
            _ = schedule.next(after: Instant(milliseconds: 1_769_860_800_000))
            _ = schedule.previous(upTo: Instant(milliseconds: 1_769_860_800_000))
        }
    }
}
