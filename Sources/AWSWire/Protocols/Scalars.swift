// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Scalars as text: in headers, paths, query strings, forms and XML.
enum ScalarText {
    static func double(_ text: String) -> Double? {
        switch text {
        case "NaN": return .nan
        case "Infinity": return .infinity
        case "-Infinity": return -.infinity
        default:
            // Swift would take hexadecimal digits and words too.
            let isPlain = text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains($0)
            }
            return isPlain ? Double(text) : nil
        }
    }

    static func double(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        return value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : JSONText.number(value)
    }

    static func bool(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// Any of the formats, whichever the field names: clients of all ages send all of them.
    static func timestamp(_ text: String) -> Instant? {
        Instant(iso8601: text) ?? double(text).flatMap { $0.isFinite ? Instant(seconds: $0) : nil }
            ?? Instant(httpDate: text)
    }

    static func timestamp(_ value: Instant, _ format: Field.TimestampFormat, standard: Field.TimestampFormat) -> String
    {
        switch format == .standard ? standard : format {
        case .epochSeconds: epochSeconds(value)
        case .httpDate: value.httpDate
        case .iso8601, .standard: value.milliseconds % 1_000 == 0 ? value.iso8601 : value.iso8601Milliseconds
        }
    }

    /// Seconds, with milliseconds behind the point where there are any: no detour through binary fractions.
    static func epochSeconds(_ value: Instant) -> String {
        let magnitude = value.milliseconds.magnitude
        let sign = value.milliseconds < 0 ? "-" : ""
        let fraction = Int(magnitude % 1_000)
        guard fraction > 0 else { return "\(sign)\(magnitude / 1_000)" }
        var digits = fraction.padded(3)
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(sign)\(magnitude / 1_000).\(digits)"
    }
}

extension Instant {
    /// Reads `Sat, 31 Jan 2026 23:59:59 GMT`.
    init?(httpDate text: String) {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let day = Int(parts[1]),
            let month = months.firstIndex(of: String(parts[2])),
            let year = Int(parts[3])
        else { return nil }
        let time = parts[4].split(separator: ":").map { Int($0) ?? -1 }
        guard time.count == 3,
            let date = UTCDate(year: year, month: month + 1, day: day, hour: time[0], minute: time[1], second: time[2])
        else { return nil }
        self = date.instant
    }
}
