// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Lambda
import MartletCore
import MartletServer
import NIOCore

/// `/_martlet/usage?function=F&since=2026-01-31`: what functions used, by day. The last thirty days unless said otherwise.
struct UsageReport: ControlReport {
    private static let usualDays: Int64 = 30
    private static let millisecondsADay: Int64 = 86_400_000

    let meter: FunctionMeter
    let clock: any WallClock
    let name = "usage"

    func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
        let since =
            try query["since"].map(Self.day) ?? clock.now.milliseconds / Self.millisecondsADay - Self.usualDays + 1
        let rows = try await meter.usage(of: query["function"], account: account, since: since)
        let body = JSONValue.object([
            .init(
                "usage",
                .array(rows.map { row in Self.value(row.function, row.day, row.counts) })
            )
        ])
        return WireResponse(
            status: 200,
            headers: [.contentType: "application/json"],
            body: .buffer(body.compactBuffer)
        )
    }

    private static func day(_ text: String) throws -> Int64 {
        guard let instant = Instant(iso8601: "\(text)T00:00:00Z") else {
            throw CommonError.validation("since must be a day such as 2026-01-31.")
        }
        return instant.milliseconds / millisecondsADay
    }

    private static func value(_ function: MeteredFunction, _ day: Int64, _ counts: UsageCounts) -> JSONValue {
        let date = Instant(milliseconds: (day.clampedDay) * millisecondsADay).iso8601Milliseconds.prefix(10)
        return .object([
            .init("account", .string(function.scope.account.text)),
            .init("region", .string(function.scope.region.name)),
            .init("function", .string(function.name)),
            .init("day", .string(String(date))),
            .init("requests", .integer(counts.requests)),
            .init("errors", .integer(counts.errors)),
            .init("throttles", .integer(counts.throttles)),
            .init("coldStarts", .integer(counts.coldStarts)),
            .init("billedMilliseconds", .integer(counts.billedMilliseconds)),
            .init("durationMilliseconds", .integer(counts.durationMicroseconds / 1_000)),
            .init("gigabyteSeconds", .number(counts.gigabyteSeconds)),
        ])
    }
}

extension Int64 {
    /// What the store holds is not trusted to be a day of this era.
    fileprivate var clampedDay: Int64 { Swift.min(Swift.max(self, 0), 100_000) }
}
