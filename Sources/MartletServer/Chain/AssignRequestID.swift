// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore

/// Gives the request the id that its answer, its log lines and its trace carry.
struct AssignRequestID: ChainStep {
    let ids: any IDSource

    func run(_ exchange: Exchange) {
        exchange.requestID = ids.uuid()
    }
}
