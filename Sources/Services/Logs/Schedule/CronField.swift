// SPDX-License-Identifier: Apache-2.0

/// Why an expression is no schedule.
struct ScheduleFault: Error, Equatable {
    let message: String

    init(_ message: String) { self.message = message }
}

/// The numbers that one field of a cron expression names: `5`, `1-5`, `*/10`, `MON,WED`.
enum CronField {
    static let months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    /// From one on, as AWS counts.
    static let weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

    /// - Parameter names: what may stand for the numbers from the first on.
    static func values(
        _ text: Substring,
        in range: ClosedRange<Int>,
        names: [String] = []
    ) throws(ScheduleFault) -> Set<Int> {
        var values: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            values.formUnion(try part.contains("/") ? steps(part, range, names) : span(part, range, names))
        }
        return values
    }

    private static func steps(
        _ text: Substring,
        _ range: ClosedRange<Int>,
        _ names: [String]
    ) throws(ScheduleFault) -> Set<Int> {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let step = digits(parts[1]), step > 0 else { throw fault(text) }
        let base = parts[0].isEmpty ? "*" : parts[0]
        var bounds = try limits(base, range, names)
        // `5/10` goes on to the end.
        if base != "*", !base.contains("-") { bounds = bounds.lowerBound...range.upperBound }
        return Set(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
    }

    private static func span(
        _ text: Substring,
        _ range: ClosedRange<Int>,
        _ names: [String]
    ) throws(ScheduleFault) -> Set<Int> {
        Set(try limits(text, range, names))
    }

    private static func limits(
        _ text: Substring,
        _ range: ClosedRange<Int>,
        _ names: [String]
    ) throws(ScheduleFault) -> ClosedRange<Int> {
        if text == "*" { return range }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let last = parts.last else { throw fault(text) }
        let lower = try value(first, range, names)
        let upper = try value(last, range, names)
        guard lower <= upper else { throw fault(text) }
        return lower...upper
    }

    static func value(
        _ text: Substring,
        _ range: ClosedRange<Int>,
        _ names: [String]
    ) throws(ScheduleFault) -> Int {
        if let index = names.firstIndex(of: text.uppercased()) { return range.lowerBound + index }
        guard let number = digits(text), range.contains(number) else { throw fault(text) }
        return number
    }

    /// At most four, so that nothing overflows.
    static func digits(_ text: Substring) -> Int? {
        (1...4).contains(text.utf8.count) && text.utf8.allSatisfy(\.isDigit) ? Int(text) : nil
    }

    static func fault(_ text: Substring) -> ScheduleFault {
        ScheduleFault("\(text.prefix(40)) is not valid in its field")
    }
}

/// Which days of a month a cron expression names.
enum CronDays: Sendable, Equatable {
    case ofMonth(Set<Int>)
    /// `L`
    case last
    /// `15W`, `LW`: the weekday that is nearest, in the same month.
    case nearestWeekday(Int?)
    /// One is Sunday.
    case ofWeek(Set<Int>)
    /// `6L`
    case lastOfWeek(Int)
    /// `6#3`: the third Friday.
    case nthOfWeek(Int, Int)

    /// One of the two fields must be `?`.
    init(ofMonth month: Substring, ofWeek week: Substring) throws(ScheduleFault) {
        guard (month == "?") != (week == "?") else {
            throw ScheduleFault("exactly one of day-of-month and day-of-week must be ?")
        }
        self = try week == "?" ? Self.month(month) : Self.week(week)
    }

    private static func month(_ text: Substring) throws(ScheduleFault) -> CronDays {
        switch text.uppercased() {
        case "L": return .last
        case "LW": return .nearestWeekday(nil)
        case let upper where upper.hasSuffix("W"):
            return .nearestWeekday(try CronField.value(text.dropLast(), 1...31, []))
        default: return .ofMonth(try CronField.values(text, in: 1...31))
        }
    }

    private static func week(_ text: Substring) throws(ScheduleFault) -> CronDays {
        let names = CronField.weekdays
        if text.uppercased() == "L" { return .ofWeek([7]) }
        if text.uppercased().hasSuffix("L") {
            return .lastOfWeek(try CronField.value(text.dropLast(), 1...7, names))
        }
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return .ofWeek(try CronField.values(text, in: 1...7, names: names)) }
        let day = try CronField.value(parts[0], 1...7, names)
        guard let count = CronField.digits(parts[1]), 1...5 ~= count else { throw CronField.fault(text) }
        return .nthOfWeek(day, count)
    }

    /// In ascending order.
    /// - Parameter firstWeekday: of the month's first day; one is Sunday.
    func days(inMonthOf length: Int, firstWeekday: Int) -> [Int] {
        func weekday(_ day: Int) -> Int { (firstWeekday - 1 + day - 1) % 7 + 1 }
        switch self {
        case .ofMonth(let days): return days.filter { $0 <= length }.sorted()
        case .last: return [length]
        case .nearestWeekday(let day): return Self.nearest(day ?? length, length, weekday).map { [$0] } ?? []
        case .ofWeek(let days): return (1...length).filter { days.contains(weekday($0)) }
        case .lastOfWeek(let day): return (1...length).filter { weekday($0) == day }.suffix(1)
        case .nthOfWeek(let day, let count):
            let all = (1...length).filter { weekday($0) == day }
            return all.count >= count ? [all[count - 1]] : []
        }
    }

    private static func nearest(_ day: Int, _ length: Int, _ weekday: (Int) -> Int) -> Int? {
        guard day <= length else { return nil }
        switch weekday(day) {
        case 7: return day > 1 ? day - 1 : day + 2
        case 1: return day < length ? day + 1 : day - 2
        default: return day
        }
    }
}
