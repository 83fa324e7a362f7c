// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// `dateTimeConverter`: a date in one of some patterns becomes a date in another.
///
/// Differs from AWS: the names of months and days are English, and time zones are distances from UTC; others answer 501.
struct DateTimeStep: TransformStep {
    private static let maximumTargetFormat = 64
    private let source: FieldKey
    private let target: FieldKey
    private let patterns: [DateTimePattern]
    private let format: DateTimePattern
    private let sourceZone: Int
    private let targetZone: Int

    init(_ settings: DateTimeConverter) throws {
        source = try FieldKey(settings.source)
        target = try FieldKey(settings.target)
        patterns = try settings.matchPatterns.map(Self.pattern)
        format = try Self.pattern(settings.targetFormat ?? "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
        sourceZone = try Self.zone(settings.sourceTimezone)
        targetZone = try Self.zone(settings.targetTimezone)
        let language = settings.locale?.lowercased().prefix { $0 != "_" && $0 != "-" } ?? "root"
        guard ["root", "locale", "en", "", "c"].contains(String(language)) else {
            throw CommonError.notImplemented("the locale \(settings.locale ?? "") of dateTimeConverter")
        }
    }

    private static func pattern(_ text: String) throws -> DateTimePattern {
        guard let pattern = DateTimePattern(text) else {
            throw InvalidParameterException("Invalid date pattern in dateTimeConverter: \(text)")
        }
        return pattern
    }

    private static func zone(_ name: String?) throws -> Int {
        guard let name else { return 0 }
        guard let offset = ZoneOffset.seconds(name) else {
            throw CommonError.notImplemented("the time zone \(name) of log transformers and scheduled queries")
        }
        return offset
    }

    func apply(to event: inout EventDocument) -> Bool {
        let value = event.value(at: source)
        guard
            let text = value?.stringValue
                ?? value.flatMap({ if case .integer(let number) = $0 { String(number) } else { nil } }),
            let instant = patterns.lazy.compactMap({ $0.instant(of: text, offsetSeconds: sourceZone) }).first
        else { return true }
        event.set(.string(format.text(of: instant, offsetSeconds: targetZone)), at: target)
        return true
    }
}

/// Time zones without a history: UTC and distances from it.
enum ZoneOffset {
    /// Nil for names of places.
    static func seconds(_ name: String) -> Int? {
        var rest = name[...]
        if ["UTC", "GMT", "Z", "UT", "Etc/UTC", "Etc/GMT", "Universal", "Zulu"].contains(name) { return 0 }
        for prefix in ["UTC", "GMT", "UT"] where rest.hasPrefix(prefix) {
            rest = rest.dropFirst(prefix.count)
            break
        }
        guard let sign = rest.first, sign == "+" || sign == "-" else { return nil }
        let digits = rest.dropFirst().filter { $0 != ":" }
        guard (1...4).contains(digits.count), digits.allSatisfy({ $0.isASCII && $0.isNumber }),
            let hours = Int(digits.prefix(digits.count > 2 ? digits.count - 2 : 2)),
            let minutes = digits.count > 2 ? Int(digits.suffix(2)) : 0, hours <= 18, minutes < 60
        else { return nil }
        return (hours * 3_600 + minutes * 60) * (sign == "-" ? -1 : 1)
    }
}
