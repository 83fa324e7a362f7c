// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore

/// Gives the request the id that its answer, its log lines and its trace carry.
struct AssignRequestID: ChainStep {
    let ids: any IDSource

    func run(_ exchange: inout Exchange) {
        exchange.requestID = ids.uuid()
        exchange.logger[metadataKey: "request"] = "\(exchange.requestID)"
        if let listener = exchange.request.listener { exchange.logger[metadataKey: "listener"] = "\(listener)" }
    }
}
