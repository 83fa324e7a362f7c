// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
package import MartletCore
import NIOCore

/// Forms in, XML out: IAM, STS and other services of the first years.
package struct QueryCodec: WireCodec, UncheckedDecoding {
    package let wireProtocol = WireProtocol.query
    private let model: ServiceModel

    package init(_ model: ServiceModel) { self.model = model }

    private var namespace: String { model.xmlNamespace.map { " xmlns=\"\(XMLText.escaped($0))\"" } ?? "" }

    package func readInput(of operation: OperationBinding, from request: WireRequest) throws -> any Shape {
        let notes = ReadingNotes()
        let input = try decode(operation, request, notes)
        try model.validate(input, notes, wireProtocol)
        return input
    }

    func decode(_ operation: OperationBinding, _ request: WireRequest, _ notes: ReadingNotes) throws -> any Shape {
        var form = FormItems.of(request)
        if let member = model.pathMember, request.path != "/", !request.path.isEmpty, form.first(member) == nil {
            form.append(member, request.path)
        }
        return try operation.inputType.read(with: QueryReader(FormTree(form), notes))
    }

    package func writeOutput(
        _ output: any Shape,
        of operation: OperationBinding,
        requestID: String
    ) throws -> WireResponse {
        let writer = XMLWriter()
        var output = output
        try writer.element("\(operation.name)Response", attributes: namespace) {
            if let wrapper = operation.resultWrapper { try writer.element(wrapper) { try output.code(writer) } }
            writer.element("ResponseMetadata") { writer.element("RequestId", text: requestID) }
        }
        return response(200, writer, requestID)
    }

    private func response(_ status: Int, _ writer: XMLWriter, _ requestID: String) -> WireResponse {
        WireResponse(
            status: status,
            headers: .answer(contentType: "text/xml", requestID: requestID),
            body: .buffer(writer.buffer)
        )
    }

    package func writeError(_ error: any ServiceError, requestID: String) -> WireResponse {
        let writer = XMLWriter(omitting: ["message", "Message"])
        let modelled = error as? any ModelledError
        let code = modelled.flatMap { type(of: $0).queryCode } ?? error.code
        let message = modelled.flatMap { type(of: $0).queryMessage } ?? error.message
        let isSenders = modelled.map { type(of: $0).isSenderFault } ?? (error.httpStatus < 500)
        writer.element("ErrorResponse", attributes: namespace) {
            writer.element("Error") {
                writer.element("Type", text: isSenders ? "Sender" : "Receiver")
                writer.element("Code", text: code)
                writer.element("Message", text: message)
                // A member that cannot be printed must not keep the error itself from the client.
                if var modelled { try? modelled.code(writer) }
            }
            writer.element("RequestId", text: requestID)
        }
        return response(error.httpStatus, writer, requestID)
    }
}

// For clients.
extension QueryCodec {
    package func writeInput(_ input: any Shape, of operation: OperationBinding) throws -> WireRequest {
        var form = FormItems()
        form.append("Action", operation.name)
        form.append("Version", model.apiVersion)
        let writer = QueryWriter(form)
        var input = input
        try input.code(writer)
        var headers = HTTPFields()
        headers[.contentType] = "application/x-www-form-urlencoded; charset=utf-8"
        return WireRequest(
            method: "POST",
            path: "/",
            headers: headers,
            body: .buffer(ByteBuffer(string: writer.form.encoded))
        )
    }

    package func readOutput(of operation: OperationBinding, from response: WireResponse) throws -> any Shape {
        let document: XMLDocument
        do {
            document = try XMLDocument(Array(response.buffered().readableBytesView))
        } catch let fault as XMLFault {
            throw CommonError("MalformedXML", "The answer is not XML: \(fault).", status: response.status)
        }
        guard response.status == 200 else { throw error(in: document, response.status, of: operation) }
        let result = operation.resultWrapper.flatMap { document.child($0, of: XMLDocument.root) } ?? XMLDocument.root
        return try operation.outputType.read(with: XMLReader(document, at: result, ReadingNotes()))
    }

    private func error(in document: XMLDocument, _ status: Int, of operation: OperationBinding) -> any Error {
        let error = document.first("Error") ?? XMLDocument.root
        func text(_ name: String) -> String { document.child(name, of: error).map { document.elements[$0].text } ?? "" }
        let answer = ErrorAnswer(code: text("Code"), message: text("Message"), status: status)
        return answer.error(of: operation) { try $0.read(with: XMLReader(document, at: error, ReadingNotes())) }
    }
}
