// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Logging
import MartletCore

/// Turns whatever a step threw into AWS's answer. The one place where internal failures are logged.
struct ErrorAnswers: Sendable {
    func answer(to error: any Error, in exchange: Exchange) -> WireResponse {
        let shown = serviceError(for: error, in: exchange)
        if let service = exchange.service { return service.codec.writeError(shown, requestID: exchange.requestID) }
        return UnrecognisedService(exchange.request).answer(shown, requestID: exchange.requestID)
    }

    private func serviceError(for error: any Error, in exchange: Exchange) -> any ServiceError {
        switch error {
        case let error as any ServiceError: return error
        case let failure as SignatureFailure:
            let wire = exchange.service?.codec.wireProtocol ?? UnrecognisedService(exchange.request).wireProtocol
            return failure.serviceError(wire)
        case let error as BodyTooLarge: return tooLarge(error, exchange)
        case is CancellationError:
            return CommonError("ServiceUnavailable", "The server is shutting down. Try again.", status: 503)
        case is BodyCutShort:
            // Nobody reads the answer.
            return CommonError("IncompleteBody", "The request ended before its body was complete.", status: 400)
        default:
            exchange.logger.error("request failed", metadata: ["cause": "\(error)"])
            return CommonError.internalFailure
        }
    }

    private func tooLarge(_ error: BodyTooLarge, _ exchange: Exchange) -> CommonError {
        let operation = exchange.service?.operation?.name
        // AWS names the action of policies here: `InvokeFunction`.
        let suffix = BodyLimits.actionName(operation).map { " for the \($0) operation" } ?? ""
        return CommonError(
            exchange.service?.codec.wireProtocol == .query ? "RequestEntityTooLarge" : "RequestEntityTooLargeException",
            "Request must be smaller than \(BodyLimits.announced(error.limit)) bytes\(suffix)",
            status: 413
        )
    }
}

/// A request that no service of ours is meant by: answered in the form that its sender most likely understands.
struct UnrecognisedService {
    let wireProtocol: WireProtocol

    init(_ request: IncomingRequest) {
        let type = request.headers[.contentType] ?? ""
        if request.headers.contains(.amzTarget) || type.hasPrefix("application/x-amz-json") {
            wireProtocol = type.hasSuffix("1.0") ? .json10 : .json11
        } else {
            wireProtocol = type.hasPrefix("application/x-www-form-urlencoded") ? .query : .restJSON
        }
    }

    func answer(_ error: any ServiceError, requestID: String) -> WireResponse {
        let model = ServiceModel(
            name: "martlet",
            signingName: "martlet",
            apiVersion: "",
            xmlNamespace: "https://martlet.invalid/doc/",
            protocols: [wireProtocol],
            endpointPrefix: "martlet",
            actionPrefix: "martlet",
            unimplemented: []
        )
        return model.codec(wireProtocol).writeError(error, requestID: requestID)
    }
}
