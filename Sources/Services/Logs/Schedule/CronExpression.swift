// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// `cron(minute hour day-of-month month day-of-week year)`
struct CronExpression: Sendable, Equatable {
    static let years = 1970...2199
    /// No place's clock is farther from UTC.
    private static let farthest = Duration.seconds(26 * 3_600)

    private let minutes: [Int]
    private let hours: [Int]
    private let months: Set<Int>
    private let namedYears: Set<Int>
    private let days: CronDays

    /// What stands between the brackets.
    init(_ text: Substring) throws(ScheduleFault) {
        let fields = text.split(separator: " ")
        guard fields.count == 6 else { throw ScheduleFault("a cron expression has six fields") }
        minutes = try CronField.values(fields[0], in: 0...59).sorted()
        hours = try CronField.values(fields[1], in: 0...23).sorted()
        days = try CronDays(ofMonth: fields[2], ofWeek: fields[4])
        months = try CronField.values(fields[3], in: 1...12, names: CronField.months)
        namedYears = try CronField.values(fields[5], in: Self.years)
    }

    /// The first instant after another one; nil where there is none any more.
    func next(after instant: Instant, in zone: ZoneRules) -> Instant? {
        let start = UTCDate(instant - Self.farthest)
        for year in max(start.year, Self.years.lowerBound)...Self.years.upperBound where namedYears.contains(year) {
            for month in 1...12 where months.contains(month) && (year, month) >= (start.year, start.month) {
                for day in daysOf(year, month) where (year, month, day) >= (start.year, start.month, start.day) {
                    let all = instants(year, month, day, zone)
                    if let last = all.last, last > instant { return all.first { $0 > instant } }
                }
            }
        }
        return nil
    }

    /// The last instant before another one.
    func previous(before instant: Instant, in zone: ZoneRules) -> Instant? {
        let end = UTCDate(instant + Self.farthest)
        let latest = min(end.year, Self.years.upperBound)
        guard latest >= Self.years.lowerBound else { return nil }
        for year in (Self.years.lowerBound...latest).reversed() where namedYears.contains(year) {
            for month in (1...12).reversed() where months.contains(month) && (year, month) <= (end.year, end.month) {
                for day in daysOf(year, month).reversed() where (year, month, day) <= (end.year, end.month, end.day) {
                    let all = instants(year, month, day, zone)
                    if let first = all.first, first < instant { return all.last { $0 < instant } }
                }
            }
        }
        return nil
    }

    private func daysOf(_ year: Int, _ month: Int) -> [Int] {
        guard let first = UTCDate(year: year, month: month, day: 1) else { return [] }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
        return days.days(inMonthOf: length, firstWeekday: first.weekday + 1)
    }

    /// In order. A time that the clock passes over does not come; one that it shows twice comes at the first of them, and at
    /// both where every hour is named.
    private func instants(_ year: Int, _ month: Int, _ day: Int, _ zone: ZoneRules) -> [Instant] {
        guard let midnight = UTCDate(year: year, month: month, day: day)?.instant else { return [] }
        let base = midnight.milliseconds / 1_000
        var found: [Int64] = []
        for hour in hours {
            for minute in minutes {
                let all = zone.seconds(ofLocal: base + Int64(hour * 3_600 + minute * 60))
                found += hours.count == 24 ? all : Array(all.prefix(1))
            }
        }
        return found.sorted().map { Instant(milliseconds: $0 * 1_000) }
    }
}
