// SPDX-License-Identifier: Apache-2.0
package import Logging

/// What a handler may know about the request beside its input. A handler never sees HTTP.
package struct RequestContext: Sendable {
    /// The id that the answer, the log lines and the trace carry.
    package var requestID: String
    package var scope: Scope
    package var principal: Principal
    /// The server as the client reached it, for addresses in answers (queue URLs, function URLs).
    package var endpoint: Endpoint
    package var sourceAddress: String
    package var userAgent: String
    /// `X-Amzn-Trace-Id`, when the client sent one.
    package var traceHeader: String?
    package var receivedAt: Instant
    private let base: Logger

    /// Carries the request's id. Made when it is asked for: most requests log nothing.
    package var logger: Logger {
        var logger = base
        logger[metadataKey: "request"] = .string(requestID)
        return logger
    }

    package init(
        requestID: String,
        scope: Scope,
        principal: Principal,
        endpoint: Endpoint,
        sourceAddress: String = "127.0.0.1",
        userAgent: String = "",
        traceHeader: String? = nil,
        receivedAt: Instant,
        logger: Logger
    ) {
        self.requestID = requestID
        self.scope = scope
        self.principal = principal
        self.endpoint = endpoint
        self.sourceAddress = sourceAddress
        self.userAgent = userAgent
        self.traceHeader = traceHeader
        self.receivedAt = receivedAt
        base = logger
    }
}

/// Scheme, host and port of the server, as one client sees them.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package var scheme: String
    package var host: String
    package var port: Int

    package init(scheme: String = "http", host: String, port: Int) {
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    package var description: String { "\(scheme)://\(host):\(port)" }
}
