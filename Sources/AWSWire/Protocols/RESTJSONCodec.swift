// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
package import MartletCore
import NIOCore

/// REST with JSON bodies: Lambda, API Gateway and their like.
package struct RESTJSONCodec: WireCodec, UncheckedDecoding {
    package let wireProtocol = WireProtocol.restJSON
    private let model: ServiceModel

    package init(_ model: ServiceModel) { self.model = model }

    package func readInput(of operation: OperationBinding, from request: WireRequest) throws -> any Shape {
        let notes = ReadingNotes()
        let input = try decode(operation, request, notes)
        try model.validate(input, notes, wireProtocol)
        return input
    }

    func decode(_ operation: OperationBinding, _ request: WireRequest, _ notes: ReadingNotes) throws -> any Shape {
        guard let labels = operation.template.match(PathTemplate.split(request.path)) else { throw model.unknown("") }
        let parts = HTTPParts(
            labels: labels,
            query: FormItems(request.query.utf8),
            headers: request.headers,
            body: request.body
        )
        return try operation.inputType.read(with: HTTPReader(parts, notes))
    }

    package func writeOutput(
        _ output: any Shape,
        of operation: OperationBinding,
        requestID: String
    ) throws -> WireResponse {
        let writer = HTTPWriter(body: operation.output)
        var output = output
        try output.code(writer)
        var answer = response(writer, status: operation.status, requestID)
        // The frames have a media type of their own, whatever is in them.
        if operation.output == .events, let inner = writer.headers[.contentType] {
            answer.headers[.contentType] = "application/vnd.amazon.eventstream"
            answer.headers[.amznRemappedContentType] = inner
        }
        return answer
    }

    private func response(_ writer: HTTPWriter, status: Int, _ requestID: String) -> WireResponse {
        let status = writer.status ?? status
        var (body, contentType) = writer.body()
        // No content: HTTP allows neither a body nor its type.
        if status == 204 || status == 304 { (body, contentType) = (.buffer(ByteBuffer()), nil) }
        if writer.headers[.contentType] != nil { contentType = nil }
        var headers = HTTPFields.answer(contentType: contentType, requestID: requestID)
        headers.append(contentsOf: writer.headers)
        return WireResponse(status: status, headers: headers, body: body)
    }

    package func writeError(_ error: any ServiceError, requestID: String) -> WireResponse {
        var response = (error as? any ModelledError).flatMap { modelled($0, requestID) } ?? common(error, requestID)
        response.headers.setIfValid(.amznErrorType, error.code)
        return response
    }

    private func modelled(_ error: any ModelledError, _ requestID: String) -> WireResponse? {
        let writer = HTTPWriter(body: .document)
        var error = error
        guard (try? error.code(writer)) != nil else { return nil }
        return response(writer, status: error.httpStatus, requestID)
    }

    private func common(_ error: any ServiceError, _ requestID: String) -> WireResponse {
        // IAM's refusals alone are written by another layer of AWS, with a capital.
        let name = error.code == "AccessDeniedException" ? "Message" : "message"
        let body = JSONValue.object([.init(name, .string(error.message))]).compactBuffer
        return WireResponse(
            status: error.httpStatus,
            headers: .answer(contentType: "application/json", requestID: requestID),
            body: .buffer(body)
        )
    }
}

// For clients.
extension RESTJSONCodec {
    package func writeInput(_ input: any Shape, of operation: OperationBinding) throws -> WireRequest {
        let writer = HTTPWriter(body: operation.input)
        var input = input
        try input.code(writer)
        guard let path = operation.template.filled(with: writer.labels) else {
            throw CommonError("MissingParameter", "\(operation.name) needs every part of its path.")
        }
        var query = writer.query
        for (name, value) in operation.template.fixedQuery { query.append(name, value ?? "") }
        let (body, contentType) = writer.body()
        var headers = writer.headers
        if let contentType, headers[.contentType] == nil { headers[.contentType] = contentType }
        return WireRequest(method: operation.method, path: path, query: query.encoded, headers: headers, body: body)
    }

    package func readOutput(of operation: OperationBinding, from response: WireResponse) throws -> any Shape {
        guard (200..<300).contains(response.status) else { throw try error(in: response, of: operation) }
        let parts = HTTPParts(headers: response.headers, status: response.status, body: response.body)
        return try operation.outputType.read(with: HTTPReader(parts, ReadingNotes()))
    }

    private func error(in response: WireResponse, of operation: OperationBinding) throws -> any Error {
        let body = try? JSONValue(parsing: response.buffered())
        let code =
            response.headers[.amznErrorType] ?? body?["__type"]?.stringValue ?? body?["code"]?.stringValue
            ?? "UnknownError"
        let message = body?["message"]?.stringValue ?? body?["Message"]?.stringValue ?? ""
        let answer = ErrorAnswer(code: ErrorAnswer.bareCode(code), message: message, status: response.status)
        let parts = HTTPParts(headers: response.headers, status: response.status, body: response.body)
        return answer.error(of: operation) { try $0.read(with: HTTPReader(parts, ReadingNotes())) }
    }
}
