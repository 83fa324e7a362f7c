// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Logging
import MartletCore

/// Finds the operation; unknown ones get AWS's error, known but missing ones 501 with their name.
struct FindOperation: ChainStep {
    func run(_ exchange: Exchange) throws {
        guard let service = exchange.service else { return }
        exchange.operation =
            try service.operation ?? service.router.operation(for: exchange.wireRequest, speaking: service.codec)
    }
}

/// Reads and validates the input.
struct DecodeInput: ChainStep {
    func run(_ exchange: Exchange) throws {
        guard let service = exchange.service, let operation = exchange.operation else { return }
        exchange.input = try service.codec.readInput(of: operation.binding, from: exchange.wireRequest)
    }
}

/// Asks the authorizer and runs the handler, which never sees HTTP.
struct Dispatch: ChainStep {
    let dispatcher: ServiceDispatcher

    func run(_ exchange: Exchange) async throws {
        guard let service = exchange.service, let operation = exchange.operation, let input = exchange.input,
            let principal = exchange.principal, let scope = exchange.scope
        else { return }
        let context = RequestContext(
            requestID: exchange.requestID,
            scope: scope,
            principal: principal,
            endpoint: exchange.endpoint,
            sourceAddress: exchange.request.sourceAddress,
            userAgent: exchange.request.headers[.userAgent] ?? "",
            traceHeader: exchange.request.headers[.amznTraceID],
            receivedAt: exchange.receivedAt,
            logger: exchange.plainLogger
        )
        exchange.output = try await dispatcher.run(operation, of: service.entry, input, context)
    }
}

/// Writes the answer in the protocol of the request.
struct EncodeOutput: ChainStep {
    func run(_ exchange: Exchange) throws {
        guard let service = exchange.service, let operation = exchange.operation, let output = exchange.output else {
            return
        }
        exchange.response = try service.codec.writeOutput(output, of: operation.binding, requestID: exchange.requestID)
    }
}
