// SPDX-License-Identifier: Apache-2.0

/// The calendar fields of an instant in UTC, by the proleptic Gregorian calendar. Pure arithmetic: no ICU, no tz database.
package struct UTCDate: Hashable, Sendable {
    package var year: Int
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int
    package var millisecond: Int

    package init(_ instant: Instant) {
        let dayLength: Int64 = 86_400_000
        var days = instant.milliseconds / dayLength
        var rest = instant.milliseconds % dayLength
        if rest < 0 {
            rest += dayLength
            days -= 1
        }
        (year, month, day) = Self.civil(daysSince1970: Int(days))
        hour = Int(rest / 3_600_000)
        minute = Int(rest / 60_000 % 60)
        second = Int(rest / 1_000 % 60)
        millisecond = Int(rest % 1_000)
    }

    /// Nil when a field is outside its range. Years 0–9999.
    package init?(
        year: Int,
        month: Int,
        day: Int,
        hour: Int = 0,
        minute: Int = 0,
        second: Int = 0,
        millisecond: Int = 0
    ) {
        guard (0...9_999).contains(year), (1...12).contains(month), (1...31).contains(day), (0...23).contains(hour),
            (0...59).contains(minute), (0...60).contains(second), (0...999).contains(millisecond)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.millisecond = millisecond
    }

    package var instant: Instant {
        let days = Int64(Self.days(year: year, month: month, day: day))
        let seconds = days * 86_400 + Int64(hour) * 3_600 + Int64(minute) * 60 + Int64(second)
        return Instant(milliseconds: seconds * 1_000 + Int64(millisecond))
    }

    /// 0 is Sunday.
    package var weekday: Int {
        let days = Self.days(year: year, month: month, day: day)
        return ((days % 7) + 11) % 7
    }

    /// Howard Hinnant's algorithm: eras of 400 years, years beginning in March.
    private static func civil(daysSince1970: Int) -> (Int, Int, Int) {
        let z = daysSince1970 + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func days(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Int {
    /// Decimal digits, at least `width` of them.
    package func padded(_ width: Int) -> String {
        let digits = String(magnitude)
        let zeros = String(repeating: "0", count: Swift.max(0, width - digits.utf8.count))
        return (self < 0 ? "-" : "") + zeros + digits
    }
}

extension Instant {
    private var dayText: String {
        let date = UTCDate(self)
        return "\(date.year.padded(4))-\(date.month.padded(2))-\(date.day.padded(2))"
    }

    private var timeText: String {
        let date = UTCDate(self)
        return "\(date.hour.padded(2)):\(date.minute.padded(2)):\(date.second.padded(2))"
    }

    /// `2026-01-31T23:59:59Z`
    package var iso8601: String { "\(dayText)T\(timeText)Z" }

    /// `2026-01-31T23:59:59.000Z`
    package var iso8601Milliseconds: String { "\(dayText)T\(timeText).\(UTCDate(self).millisecond.padded(3))Z" }

    /// `2026-01-31T23:59:59.000+0000`, as Lambda writes LastModified.
    package var lambdaText: String { "\(dayText)T\(timeText).\(UTCDate(self).millisecond.padded(3))+0000" }

    /// `Sat, 31 Jan 2026 23:59:59 GMT`, as HTTP writes dates.
    package var httpDate: String {
        let date = UTCDate(self)
        let day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][date.weekday]
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][date.month - 1]
        return "\(day), \(date.day.padded(2)) \(month) \(date.year.padded(4)) \(timeText) GMT"
    }

    /// `20260131T235959Z`, as SigV4 writes dates.
    package var basicISO8601: String {
        let date = UTCDate(self)
        return "\(date.year.padded(4))\(date.month.padded(2))\(date.day.padded(2))T"
            + "\(date.hour.padded(2))\(date.minute.padded(2))\(date.second.padded(2))Z"
    }

    /// Reads `2026-01-31T23:59:59[.fraction](Z|±hh:mm)` and `20260131T235959Z`. Nil for anything else.
    package init?(iso8601 text: String) {
        let bytes = Array(text.utf8)
        let isExtended = bytes.count > 4 && bytes[4] == 0x2d
        var scanner = DigitScanner(bytes)
        let date: UTCDate? =
            isExtended
            ? scanner.date(dateSeparator: 0x2d, timeSeparator: 0x3a)
            : scanner.date(dateSeparator: nil, timeSeparator: nil)
        guard let date, let offset = scanner.zone() else { return nil }
        self.init(milliseconds: date.instant.milliseconds - Int64(offset) * 60_000)
    }
}

/// Reads fixed-width numbers from hostile text; every step may fail, none may trap.
private struct DigitScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func date(dateSeparator: UInt8?, timeSeparator: UInt8?) -> UTCDate? {
        guard let year = number(4), skip(dateSeparator), let month = number(2), skip(dateSeparator),
            let day = number(2),
            skip(0x54), let hour = number(2), skip(timeSeparator), let minute = number(2), skip(timeSeparator),
            let second = number(2), let millisecond = fraction()
        else { return nil }
        return UTCDate(
            year: year,
            month: month,
            day: day,
            hour: hour,
            minute: minute,
            second: second,
            millisecond: millisecond
        )
    }

    /// Minutes east of Greenwich; nil when there is neither `Z` nor an offset, or something follows it.
    mutating func zone() -> Int? {
        guard position < bytes.count else { return nil }
        let sign = bytes[position]
        position += 1
        if sign == 0x5a { return position == bytes.count ? 0 : nil }
        guard sign == 0x2b || sign == 0x2d, let hours = number(2) else { return nil }
        if position < bytes.count, bytes[position] == 0x3a { position += 1 }
        guard let minutes = number(2), position == bytes.count, hours < 24, minutes < 60 else { return nil }
        return (sign == 0x2b ? 1 : -1) * (hours * 60 + minutes)
    }

    private mutating func number(_ width: Int) -> Int? {
        guard position + width <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[position..<position + width] {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        position += width
        return value
    }

    private mutating func skip(_ byte: UInt8?) -> Bool {
        guard let byte else { return true }
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func fraction() -> Int? {
        guard position < bytes.count, bytes[position] == 0x2e else { return 0 }
        position += 1
        var value = 0
        var digits = 0
        while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 {
            if digits < 3 { value = value * 10 + Int(bytes[position] - 0x30) }
            digits += 1
            position += 1
        }
        guard digits > 0 else { return nil }
        for _ in 0..<max(0, 3 - digits) { value *= 10 }
        return value
    }
}
