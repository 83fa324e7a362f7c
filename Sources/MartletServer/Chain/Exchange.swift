// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Logging
import MartletCore
import NIOCore

/// One request on its way through the chain, with what the steps so far have found out. A class, so that a step costs no
/// copies; only one step at a time has it.
final class Exchange {
    let request: IncomingRequest
    let receivedAt: Instant
    let startedMicroseconds: Int64
    private let baseLogger: Logger
    var requestID = ""

    /// From `RefuseForeignCallers`: whether a web page may read the answer.
    var isOpenToBrowsers = false
    /// From `RecogniseService`: whose key and which service the signature names, not yet believed.
    var claim: PresentedCredential?
    var service: Service?
    /// The region that the host name gives, for requests whose signature names none.
    var hostRegion: Region?
    /// From `FindOperation`.
    var operation: Operation?
    /// From `Authenticate`: without chunk framing.
    var body = ByteBuffer()
    var principal: Principal?
    var scope: Scope?
    /// From `DecodeInput` and `Dispatch`.
    var input: (any Shape)?
    var output: (any Shape)?
    /// Set by whichever step answers; the steps behind it are passed over.
    var response: WireResponse?

    /// A recognised service and the protocol that this request speaks.
    struct Service {
        let entry: ServiceDispatcher.Entry
        let router: ServiceRouter
        let codec: any WireCodec
        /// Where it can be told without the body; `FindOperation` says what is wrong with one that cannot.
        let operation: Operation?

        var model: ServiceModel { entry.model }
    }

    init(_ request: IncomingRequest, at instant: Instant, microseconds: Int64, logger: Logger) {
        self.request = request
        receivedAt = instant
        startedMicroseconds = microseconds
        baseLogger = logger
    }

    /// Says which request it is about. Made when there is something to say.
    var logger: Logger {
        var logger = baseLogger
        if !requestID.isEmpty { logger[metadataKey: "request"] = .string(requestID) }
        if let listener = request.listener { logger[metadataKey: "listener"] = .string(listener) }
        if let service, let operation { logger[metadataKey: "operation"] = "\(service.model.name):\(operation.name)" }
        return logger
    }

    /// Without a word about this request, for whoever adds its own.
    var plainLogger: Logger { baseLogger }

    /// For the codecs, which see the decoded body.
    var wireRequest: WireRequest {
        WireRequest(
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: .buffer(body)
        )
    }

    /// The server as this client reached it.
    var endpoint: Endpoint {
        let host = HostName(request.authority)
        return Endpoint(host: host.name.isEmpty ? "localhost" : host.name, port: host.port ?? 80)
    }
}

/// One step of the chain. It does its part of the exchange; an answer in `response` ends the chain, and so does an
/// error.
protocol ChainStep: Sendable {
    func run(_ exchange: Exchange) async throws
}
