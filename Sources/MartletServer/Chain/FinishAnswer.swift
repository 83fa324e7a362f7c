// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Logging
import MartletCore
import NIOConcurrencyHelpers

/// What every answer gets, good or bad: the request id, the date, leave for browsers, and a line in the access log.
struct FinishAnswer: Sendable {
    let clock: any WallClock
    let cors: CORS
    private let dates = HTTPDates()

    init(clock: any WallClock, cors: CORS) { (self.clock, self.cors) = (clock, cors) }

    func run(_ exchange: Exchange) -> WireResponse {
        var response = exchange.response ?? WireResponse(status: 500)
        if !response.headers.contains(.amznRequestID) && !response.headers.contains(.amzRequestID) {
            response.headers[.amznRequestID] = exchange.requestID
        }
        // The SDKs correct their clocks by it.
        response.headers[.date] = dates.text(of: exchange.receivedAt)
        if exchange.isOpenToBrowsers { cors.decorate(&response, for: exchange.request) }
        log(response.status, exchange)
        return response
    }

    private func log(_ status: Int, _ exchange: Exchange) {
        let level: Logger.Level = status >= 500 && status != 501 ? .warning : .debug
        guard exchange.plainLogger.logLevel <= level else { return }
        exchange.logger.log(
            level: level,
            "\(exchange.request.method) \(exchange.request.path)",
            metadata: [
                "status": "\(status)",
                "us": "\(clock.monotonicMicroseconds - exchange.startedMicroseconds)",
                "from": "\(exchange.request.sourceAddress)",
                "principal": "\(exchange.principal?.arn.description ?? "-")",
            ]
        )
    }
}

/// The text of the current second, which thousands of answers share.
private final class HTTPDates: Sendable {
    private let last = NIOLockedValueBox((second: Int64.min, text: ""))

    func text(of instant: Instant) -> String {
        let second = instant.milliseconds / 1_000
        return last.withLockedValue { last in
            if last.second != second { last = (second, instant.httpDate) }
            return last.text
        }
    }
}
