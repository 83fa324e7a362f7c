// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How a zone goes on for ever, as POSIX writes it: `EST5EDT,M3.2.0,M11.1.0`, `<+0330>-3:30`.
struct ZoneRule: Sendable, Equatable {
    /// A day of each year, and seconds from its midnight on.
    private struct Day: Sendable, Equatable {
        enum Form: Sendable, Equatable {
            /// The n-th such weekday of a month, zero being Sunday; the fifth is the last.
            case weekday(month: Int, week: Int, day: Int)
            /// From one on, without counting the 29th of February.
            case ofYear(Int)
            /// From zero on.
            case zeroBased(Int)
        }

        var form: Form
        var time = 7_200

        /// Seconds since 1970 by the zone's own clock.
        func seconds(in year: Int) -> Int64 {
            func midnight(_ month: Int, _ day: Int) -> Int64 {
                (UTCDate(year: year, month: month, day: day)?.instant.milliseconds ?? 0) / 1_000
            }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            switch form {
            case .zeroBased(let day): return midnight(1, 1) + Int64(day * 86_400 + time)
            case .ofYear(let day):
                return midnight(1, 1) + Int64((day - 1 + (isLeap && day > 59 ? 1 : 0)) * 86_400 + time)
            case .weekday(let month, let week, let day):
                let first = UTCDate(year: year, month: month, day: 1)?.weekday ?? 0
                var date = 1 + (day - first + 7) % 7 + (week - 1) * 7
                let length = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
                while date > length { date -= 7 }
                return midnight(month, date) + Int64(time)
            }
        }
    }

    private let standard: Int
    private var summer: Int?
    private var begin: Day?
    private var end: Day?

    /// Nil for what POSIX does not know.
    init?(_ text: Substring) {
        var rest = text
        guard Self.skipName(&rest), let west = Self.time(&rest) else { return nil }
        standard = -west
        guard !rest.isEmpty else { return }
        guard Self.skipName(&rest) else { return nil }
        summer = rest.first == "," ? standard + 3_600 : Self.time(&rest).map { -$0 }
        guard summer != nil, let begin = Self.day(&rest), let end = Self.day(&rest), rest.isEmpty else { return nil }
        (self.begin, self.end) = (begin, end)
    }

    func offset(at seconds: Int64) -> Int {
        guard let summer, let begin, let end else { return standard }
        let year = UTCDate(Instant(milliseconds: (seconds + Int64(standard)) * 1_000)).year
        let starts = begin.seconds(in: year) - Int64(standard)
        let ends = end.seconds(in: year) - Int64(summer)
        let isSummer =
            starts < ends ? starts <= seconds && seconds < ends : !(ends <= seconds && seconds < starts)
        return isSummer ? summer : standard
    }

    private static func skipName(_ rest: inout Substring) -> Bool {
        if rest.first == "<" {
            guard let close = rest.firstIndex(of: ">") else { return false }
            rest = rest[rest.index(after: close)...]
            return true
        }
        let letters = rest.prefix { $0.isLetter }
        rest = rest[letters.endIndex...]
        return letters.utf8.count >= 3
    }

    /// `-3:30:15` in seconds.
    private static func time(_ rest: inout Substring) -> Int? {
        var sign = 1
        if let first = rest.first, first == "-" || first == "+" {
            sign = first == "-" ? -1 : 1
            rest = rest.dropFirst()
        }
        var (total, unit) = (0, 3_600)
        while unit > 0 {
            guard let number = number(&rest), number <= 167 else { return nil }
            total += number * unit
            unit /= 60
            guard rest.first == ":" else { break }
            rest = rest.dropFirst()
        }
        return sign * total
    }

    private static func number(_ rest: inout Substring) -> Int? {
        let digits = rest.prefix { ("0"..."9").contains($0) }
        rest = rest[digits.endIndex...]
        return CronField.digits(digits)
    }

    /// `,M3.2.0/2`, `,J60`, `,59`
    private static func day(_ rest: inout Substring) -> Day? {
        guard rest.first == "," else { return nil }
        rest = rest.dropFirst()
        guard let form = form(&rest) else { return nil }
        var day = Day(form: form)
        if rest.first == "/" {
            rest = rest.dropFirst()
            guard let time = time(&rest) else { return nil }
            day.time = time
        }
        return day
    }

    private static func form(_ rest: inout Substring) -> Day.Form? {
        switch rest.first {
        case "M":
            rest = rest.dropFirst()
            var parts: [Int] = []
            for index in 0..<3 {
                guard let number = number(&rest) else { return nil }
                parts.append(number)
                if index < 2 {
                    guard rest.first == "." else { return nil }
                    rest = rest.dropFirst()
                }
            }
            guard 1...12 ~= parts[0], 1...5 ~= parts[1], 0...6 ~= parts[2] else { return nil }
            return .weekday(month: parts[0], week: parts[1], day: parts[2])
        case "J":
            rest = rest.dropFirst()
            return number(&rest).flatMap { 1...365 ~= $0 ? .ofYear($0) : nil }
        default: return number(&rest).flatMap { 0...365 ~= $0 ? .zeroBased($0) : nil }
        }
    }
}
