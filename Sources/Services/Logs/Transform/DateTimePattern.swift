// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// A date pattern as Java writes it (`yyyy-MM-dd'T'HH:mm:ss.SSSZ`), with the names of English: read and printed.
struct DateTimePattern: Sendable {
    fileprivate enum Item: Sendable, Equatable {
        case literal([UInt8])
        case field(Character, Int)
    }

    private static let letters: Set<Character> = [
        "y", "u", "M", "L", "d", "H", "k", "K", "h", "m", "s", "S", "a", "E", "z", "Z", "X", "x",
    ]
    private let items: [Item]

    /// Nil for letters that mean something else, or nothing, and for quotes that do not end.
    init?(_ pattern: String) {
        var items: [Item] = []
        var rest = pattern[...]
        while let first = rest.first {
            if first == "'" {
                guard let text = Self.quoted(&rest) else { return nil }
                items.append(.literal(Array(text.utf8)))
            } else if first.isASCII, first.isLetter {
                guard Self.letters.contains(first) else { return nil }
                let run = rest.prefix { $0 == first }
                items.append(.field(first, run.count))
                rest = rest[run.endIndex...]
            } else {
                guard first != "[", first != "]", first != "{", first != "}", first != "#" else { return nil }
                items.append(.literal(Array(String(first).utf8)))
                rest = rest.dropFirst()
            }
        }
        self.items = items
    }

    /// Two quotes in a row are one.
    private static func quoted(_ rest: inout Substring) -> String? {
        var text = ""
        rest = rest.dropFirst()
        if rest.first == "'" {
            rest = rest.dropFirst()
            return "'"
        }
        while let character = rest.first {
            rest = rest.dropFirst()
            guard character == "'" else {
                text.append(character)
                continue
            }
            guard rest.first == "'" else { return text }
            text.append("'")
            rest = rest.dropFirst()
        }
        return nil
    }

    // MARK: Reading

    /// The instant that a text means, all of it; nil for texts of another form. `offsetSeconds` is that of texts without one.
    func instant(of text: String, offsetSeconds: Int = 0) -> Instant? {
        var reader = DateTimeReader(text)
        for item in items {
            switch item {
            case .literal(let bytes): guard reader.take(bytes) else { return nil }
            case .field(let letter, let count): guard reader.read(letter, count) else { return nil }
            }
        }
        return reader.isAtEnd ? reader.instant(offsetSeconds) : nil
    }

    // MARK: Printing

    func text(of instant: Instant, offsetSeconds: Int = 0) -> String {
        let date = UTCDate(Instant(milliseconds: instant.milliseconds + Int64(offsetSeconds) * 1_000))
        return items.map { item in
            switch item {
            case .literal(let bytes): String(decoding: bytes, as: UTF8.self)
            case .field(let letter, let count): Self.print(letter, count, date, offsetSeconds)
            }
        }.joined()
    }

    private static func print(_ letter: Character, _ count: Int, _ date: UTCDate, _ offset: Int) -> String {
        switch letter {
        case "y", "u": count == 2 ? (date.year % 100).padded(2) : date.year.padded(count)
        case "M", "L":
            switch count {
            case 1, 2: date.month.padded(count)
            case 3: String(DateNames.months[date.month - 1].prefix(3))
            default: DateNames.months[date.month - 1]
            }
        case "d": date.day.padded(count)
        case "H": date.hour.padded(count)
        case "k": (date.hour == 0 ? 24 : date.hour).padded(count)
        case "K": (date.hour % 12).padded(count)
        case "h": (date.hour % 12 == 0 ? 12 : date.hour % 12).padded(count)
        case "m": date.minute.padded(count)
        case "s": date.second.padded(count)
        case "S": fraction(date.millisecond, count)
        case "a": date.hour < 12 ? "AM" : "PM"
        case "E": count < 4 ? String(DateNames.days[date.weekday].prefix(3)) : DateNames.days[date.weekday]
        default: zone(letter, count, offset)
        }
    }

    private static func fraction(_ millisecond: Int, _ count: Int) -> String {
        let digits = millisecond.padded(3)
        return count <= 3 ? String(digits.prefix(count)) : digits + String(repeating: "0", count: count - 3)
    }

    private static func zone(_ letter: Character, _ count: Int, _ offset: Int) -> String {
        if letter == "z" { return offset == 0 ? "UTC" : clock(offset, colon: true) }
        if letter == "X", offset == 0 { return "Z" }
        if letter == "Z", count == 4 { return offset == 0 ? "GMT" : "GMT" + clock(offset, colon: true) }
        if letter != "Z", count == 1, offset % 3_600 == 0 { return String(clock(offset, colon: false).prefix(3)) }
        return clock(offset, colon: letter == "Z" ? count == 5 : count == 3 || count == 5)
    }

    private static func clock(_ offset: Int, colon: Bool) -> String {
        let minutes = Swift.abs(offset) / 60
        return (offset < 0 ? "-" : "+") + (minutes / 60).padded(2) + (colon ? ":" : "") + (minutes % 60).padded(2)
    }
}

enum DateNames {
    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
}

/// Reads the fields of a date, one after the other.
private struct DateTimeReader {
    private var rest: ArraySlice<UInt8>
    private var (year, month, day) = (1970, 1, 1)
    private var (hour, minute, second, millisecond) = (0, 0, 0, 0)
    private var isTwelveHours = false
    private var isAfternoon = false
    private var offset: Int?

    init(_ text: String) { rest = Array(text.utf8)[...] }

    var isAtEnd: Bool { rest.isEmpty }

    func instant(_ zone: Int) -> Instant? {
        var hour = hour
        if isTwelveHours { hour = hour % 12 + (isAfternoon ? 12 : 0) }
        guard
            let date = UTCDate(
                year: year,
                month: month,
                day: day,
                hour: hour == 24 ? 0 : hour,
                minute: minute,
                second: second,
                millisecond: millisecond
            )
        else { return nil }
        // The 31st of a shorter month is no day.
        guard UTCDate(year: year, month: month, day: day).map({ UTCDate($0.instant).day }) == day else { return nil }
        return Instant(milliseconds: date.instant.milliseconds - Int64(offset ?? zone) * 1_000)
    }

    mutating func take(_ literal: [UInt8]) -> Bool {
        guard rest.starts(with: literal) else { return false }
        rest = rest.dropFirst(literal.count)
        return true
    }

    mutating func read(_ letter: Character, _ count: Int) -> Bool {
        switch letter {
        case "y", "u":
            guard let number = number(count, atMost: 4) else { return false }
            year = count == 2 ? 2_000 + number : number
        case "M", "L":
            if count > 2 { return name(DateNames.months, isShort: count == 3) { $0.month = $1 + 1 } }
            return set(\.month, count)
        case "d": return set(\.day, count)
        case "H", "k": return set(\.hour, count)
        case "h", "K":
            isTwelveHours = true
            return set(\.hour, count)
        case "m": return set(\.minute, count)
        case "s": return set(\.second, count)
        case "S": return fraction(count)
        case "a": return name(["AM", "PM"], isShort: false) { $0.isAfternoon = $1 == 1 }
        case "E": return name(DateNames.days, isShort: count < 4) { _, _ in }
        default: return zone(letter)
        }
        return true
    }

    private mutating func set(_ field: WritableKeyPath<DateTimeReader, Int>, _ count: Int) -> Bool {
        guard let number = number(count, atMost: 2) else { return false }
        self[keyPath: field] = number
        return true
    }

    /// So many digits, or any number of them where one letter stands.
    private mutating func number(_ count: Int, atMost most: Int) -> Int? {
        let digits = rest.prefix(count == 1 ? most : min(count, 9)).prefix { $0.isDigit }
        guard digits.count >= count, let number = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
        rest = rest.dropFirst(digits.count)
        return number
    }

    private mutating func fraction(_ count: Int) -> Bool {
        let digits = rest.prefix(min(count, 9)).prefix { $0.isDigit }
        guard digits.count == min(count, 9), count <= 9 else { return false }
        let text = String(decoding: digits, as: UTF8.self) + "00"
        millisecond = Int(text.prefix(3)) ?? 0
        rest = rest.dropFirst(digits.count)
        return true
    }

    private mutating func name(
        _ names: [String],
        isShort: Bool,
        _ found: (inout DateTimeReader, Int) -> Void
    ) -> Bool {
        for (index, name) in names.enumerated() {
            let wanted = isShort ? String(name.prefix(3)) : name
            let next = String(decoding: rest.prefix(wanted.utf8.count), as: UTF8.self)
            guard next.lowercased() == wanted.lowercased() else { continue }
            rest = rest.dropFirst(wanted.utf8.count)
            found(&self, index)
            return true
        }
        return false
    }

    private mutating func zone(_ letter: Character) -> Bool {
        for name in ["UTC", "GMT", "Z"] where letter != "Z" || name == "GMT" {
            if take(Array(name.utf8)) {
                offset = 0
                return true
            }
        }
        let sign = rest.first
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return false }
        rest = rest.dropFirst()
        guard let hours = number(2, atMost: 2), hours <= 18 else { return false }
        var minutes = 0
        if rest.first == UInt8(ascii: ":") { rest = rest.dropFirst() }
        if rest.first?.isDigit == true {
            guard let found = number(2, atMost: 2), found < 60 else { return false }
            minutes = found
        }
        offset = (hours * 3_600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
        return true
    }
}
