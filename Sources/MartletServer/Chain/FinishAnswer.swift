// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Logging
import MartletCore

/// What every answer gets, good or bad: the request id, the date, leave for browsers, and a line in the access log.
struct FinishAnswer: Sendable {
    let clock: any WallClock
    let cors: CORS

    func run(_ exchange: Exchange) -> WireResponse {
        var response = exchange.response ?? WireResponse(status: 500)
        if !response.headers.contains(.amznRequestID) && !response.headers.contains(.amzRequestID) {
            response.headers[.amznRequestID] = exchange.requestID
        }
        // The SDKs correct their clocks by it.
        response.headers[.date] = exchange.receivedAt.httpDate
        if exchange.isOpenToBrowsers { cors.decorate(&response, for: exchange.request) }
        log(response.status, exchange)
        return response
    }

    private func log(_ status: Int, _ exchange: Exchange) {
        exchange.logger.log(
            level: status >= 500 && status != 501 ? .warning : .debug,
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
