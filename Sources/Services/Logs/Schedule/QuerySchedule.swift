// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// When a query runs: `cron(0 9 * * ? *)` in a time zone, or `rate(5 minutes)` from an instant on.
struct QuerySchedule: Sendable {
    private enum Form: Sendable {
        case cron(CronExpression)
        case rate(milliseconds: Int64)
    }

    static let maximumLength = 256

    private let form: Form
    private let zone: ZoneRules
    /// Where rates count from.
    private let anchor: Instant
    /// Nothing runs before and after.
    private let start: Instant?
    private let end: Instant?

    /// Throws `ScheduleFault`.
    init(
        _ expression: String,
        zone: ZoneRules = .utc,
        from anchor: Instant,
        start: Instant? = nil,
        end: Instant? = nil
    ) throws(ScheduleFault) {
        form = try Self.form(expression)
        self.zone = zone
        self.anchor = start ?? anchor
        self.start = start
        self.end = end
    }

    private static func form(_ expression: String) throws(ScheduleFault) -> Form {
        let known = "the expression must be cron(…) or rate(…)"
        guard expression.utf8.count <= maximumLength, expression.hasSuffix(")"),
            let open = expression.firstIndex(of: "(")
        else { throw ScheduleFault(known) }
        let inner = expression[expression.index(after: open)...].dropLast()
        switch expression[..<open] {
        case "cron": return .cron(try CronExpression(inner))
        case "rate": return .rate(milliseconds: try rate(inner))
        default: throw ScheduleFault(known)
        }
    }

    /// `1 minute`, `5 minutes`: the unit agrees with the number, as in AWS.
    private static func rate(_ text: Substring) throws(ScheduleFault) -> Int64 {
        let parts = text.split(separator: " ")
        let units: [String: Int64] = ["minute": 60_000, "hour": 3_600_000, "day": 86_400_000]
        guard parts.count == 2, let count = CronField.digits(parts[0]), count > 0 else {
            throw ScheduleFault("a rate is a number and a unit")
        }
        let name = count == 1 ? String(parts[1]) : String(parts[1].dropLast())
        guard count == 1 || parts[1].hasSuffix("s"), let unit = units[name] else {
            throw ScheduleFault(
                "the unit of a rate is minute, hour or day, and minutes, hours or days beside more than one"
            )
        }
        return Int64(count) * unit
    }

    /// The first time after an instant; nil where there is none any more.
    func next(after instant: Instant) -> Instant? {
        let floor = start.map { max($0 - .milliseconds(1), instant) } ?? instant
        let next: Instant?
        switch form {
        case .cron(let cron): next = cron.next(after: floor, in: zone)
        case .rate(let period): next = Self.step(after: floor, period, from: anchor)
        }
        guard let next, end.map({ next <= $0 }) ?? true else { return nil }
        return next
    }

    /// The last time at or before an instant, without regard to start and end.
    func previous(upTo instant: Instant) -> Instant? {
        switch form {
        case .cron(let cron): cron.previous(before: instant + .milliseconds(1), in: zone)
        case .rate(let period): Self.step(after: instant, period, from: anchor).map { $0 - .milliseconds(period) }
        }
    }

    /// Of the times that have come since one of them, the last one.
    func latest(since first: Instant, upTo now: Instant) -> Instant {
        max(previous(upTo: end.map { min($0, now) } ?? now) ?? first, first)
    }

    private static func step(after instant: Instant, _ period: Int64, from anchor: Instant) -> Instant? {
        let distance = instant.milliseconds - anchor.milliseconds
        guard distance >= 0 else { return anchor }
        return Instant(milliseconds: anchor.milliseconds + (distance / period + 1) * period)
    }
}
