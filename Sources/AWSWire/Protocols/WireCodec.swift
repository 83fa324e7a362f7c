// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
package import MartletCore

/// One protocol of one service: bytes to shapes and back, for the server and for clients.
///
/// A server's order: `ServiceRouter.codec(for:)`, then `ServiceRouter.operation(for:speaking:)`, then `readInput`, the
/// handler, `writeOutput`; whatever is thrown on the way goes to `writeError`.
package protocol WireCodec: Sendable {
    var wireProtocol: WireProtocol { get }

    /// Decodes and validates. Throws AWS's error: `SerializationException`, or one `ValidationException` that names every
    /// violation. The body must be a buffer, unless the operation's `input` is a stream.
    func readInput(of operation: OperationBinding, from request: WireRequest) throws -> any Shape

    /// Throws only for an output that this protocol cannot carry (a control character in a header): a `MartletError`.
    func writeOutput(_ output: any Shape, of operation: OperationBinding, requestID: String) throws -> WireResponse

    /// The error's status, headers and body. Modelled members go over the wire as the model names them.
    func writeError(_ error: any ServiceError, requestID: String) -> WireResponse

    /// For clients. The path has no endpoint in front, and nothing is signed.
    func writeInput(_ input: any Shape, of operation: OperationBinding) throws -> WireRequest

    /// For clients. An error answer is thrown: the modelled error if the operation lists it, else a `CommonError`.
    func readOutput(of operation: OperationBinding, from response: WireResponse) throws -> any Shape
}

extension ServiceModel {
    /// The codec of one of the service's protocols.
    package func codec(_ wire: WireProtocol) -> any WireCodec {
        switch wire {
        case .restJSON: RESTJSONCodec(self)
        case .json10, .json11: JSONCodec(self, wire)
        case .query: QueryCodec(self)
        }
    }
}

/// A codec that can read without checking.
protocol UncheckedDecoding: WireCodec {
    /// What is missing goes into `notes`.
    func decode(_ operation: OperationBinding, _ request: WireRequest, _ notes: ReadingNotes) throws -> any Shape
}
