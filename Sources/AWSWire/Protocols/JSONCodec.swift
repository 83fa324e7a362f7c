// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
package import MartletCore
import NIOCore

/// JSON 1.0 and 1.1: the operation in `X-Amz-Target`, everything else in the body.
package struct JSONCodec: WireCodec, UncheckedDecoding {
    package let wireProtocol: WireProtocol
    private let model: ServiceModel

    package init(_ model: ServiceModel, _ wire: WireProtocol) {
        self.model = model
        self.wireProtocol = wire
    }

    private var contentType: String {
        wireProtocol == .json10 ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1"
    }

    package func readInput(of operation: OperationBinding, from request: WireRequest) throws -> any Shape {
        let notes = ReadingNotes()
        let input = try decode(operation, request, notes)
        try model.validate(input, notes, wireProtocol)
        return input
    }

    func decode(_ operation: OperationBinding, _ request: WireRequest, _ notes: ReadingNotes) throws -> any Shape {
        guard case .buffer(let body) = request.body else {
            throw MartletError("wire.body", "the body has not been collected")
        }
        return try read(operation.inputType, from: body, notes)
    }

    private func read<S: Shape>(_ type: S.Type, from body: ByteBuffer, _ notes: ReadingNotes) throws -> S {
        try JSONReader(body, notes).read(type)
    }

    package func writeOutput(
        _ output: any Shape,
        of operation: OperationBinding,
        requestID: String
    ) throws -> WireResponse {
        guard operation.output == .events else {
            // An operation without output answers without a body.
            let body = operation.output == .none ? ByteBuffer() : try JSONWriter.document(output)
            return response(200, .buffer(body), requestID)
        }
        let writer = HTTPWriter(body: .events, sendsInitialResponse: true)
        var output = output
        try output.code(writer)
        var response = response(200, writer.body().bytes, requestID)
        response.headers[.contentType] = "application/vnd.amazon.eventstream"
        return response
    }

    private func response(_ status: Int, _ body: ByteStream, _ requestID: String) -> WireResponse {
        WireResponse(status: status, headers: .answer(contentType: contentType, requestID: requestID), body: body)
    }

    package func writeError(_ error: any ServiceError, requestID: String) -> WireResponse {
        let type = model.errorNamespace.map { "\($0)#\(error.code)" } ?? error.code
        let modelled = (error as? any ModelledError).flatMap { try? JSONWriter.document($0, type: type) }
        let body =
            modelled
            ?? JSONValue.object([.init("__type", .string(type)), .init("message", .string(error.message))])
            .compactBuffer
        var response = response(error.httpStatus, .buffer(body), requestID)
        if let known = error as? any ModelledError, let code = Swift.type(of: known).queryCode {
            response.headers.setIfValid(.amznQueryError, "\(code);\(error.httpStatus < 500 ? "Sender" : "Receiver")")
        }
        return response
    }
}

// For clients.
extension JSONCodec {
    package func writeInput(_ input: any Shape, of operation: OperationBinding) throws -> WireRequest {
        var headers = HTTPFields()
        headers[.contentType] = contentType
        headers[.amzTarget] = model.targetPrefix.map { "\($0).\(operation.name)" } ?? operation.name
        return WireRequest(method: "POST", path: "/", headers: headers, body: .buffer(try JSONWriter.document(input)))
    }

    /// Members beside an event stream stay nil: they come in the stream, which has not been read yet.
    package func readOutput(of operation: OperationBinding, from response: WireResponse) throws -> any Shape {
        guard response.status == 200 else { throw try error(in: response, of: operation) }
        if operation.output == .events {
            return try operation.outputType.read(with: StreamFinder(response.body))
        }
        return try read(operation.outputType, from: response.buffered(), ReadingNotes())
    }

    private func error(in response: WireResponse, of operation: OperationBinding) throws -> any Error {
        let bytes = try response.buffered()
        let body = try? JSONValue(parsing: bytes)
        let code = body?["__type"]?.stringValue ?? response.headers[.amznErrorType] ?? "UnknownError"
        let message = body?["message"]?.stringValue ?? body?["Message"]?.stringValue ?? ""
        let answer = ErrorAnswer(code: ErrorAnswer.bareCode(code), message: message, status: response.status)
        return answer.error(of: operation) { try read($0, from: bytes, ReadingNotes()) }
    }
}
