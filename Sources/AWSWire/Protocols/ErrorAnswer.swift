// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes
import MartletCore
import NIOCore

/// The name and the message of an error answer, however its protocol wraps them.
struct ErrorAnswer {
    var code: String
    var message: String
    var status: Int

    /// The modelled error that the code names, read by `read`; a `CommonError` where the operation lists none.
    func error(of operation: OperationBinding, read: (any ModelledError.Type) throws -> any ModelledError) -> any Error
    {
        guard let type = operation.errors.first(where: { $0.errorCode == code || $0.shapeName == code }),
            var error = try? read(type)
        else { return CommonError(code, message, status: status) }
        if error.message.isEmpty { error.message = message }
        return error
    }

    /// `com.amazonaws.sqs#QueueDoesNotExist` and `Name:http://…` name the same as the bare name.
    static func bareCode(_ text: String) -> String {
        let name = text.split(separator: "#").last ?? ""
        return String(name.prefix { $0 != ":" })
    }
}

extension HTTPFields {
    static func answer(contentType: String?, requestID: String) -> HTTPFields {
        var fields = HTTPFields()
        fields[.amznRequestID] = requestID
        if let contentType { fields[.contentType] = contentType }
        return fields
    }

    /// Sets a header unless the value cannot be one: an error must reach the client in any case.
    mutating func setIfValid(_ name: HTTPField.Name, _ value: String) {
        if HTTPField.isValidValue(value) { self[name] = value }
    }
}

extension HTTPField.Name {
    package static let amznRequestID = written("x-amzn-RequestId")
    package static let amznErrorType = written("x-amzn-ErrorType")
    package static let amznRemappedContentType = written("x-amzn-Remapped-Content-Type")
    package static let amznQueryError = written("x-amzn-query-error")
}

extension WireResponse {
    /// The body of an answer that a client reads as a whole.
    func buffered() throws -> ByteBuffer {
        guard case .buffer(let bytes) = body else {
            throw MartletError("wire.body", "the answer has not been collected")
        }
        return bytes
    }
}

extension Shape {
    /// Runs a reader over a new shape.
    static func read(with coder: any ShapeCoder) throws -> Self {
        var shape = Self()
        try shape.code(coder)
        return shape
    }
}

extension ServiceModel {
    /// Throws the error with every violation in what was read.
    func validate(_ shape: any Shape, _ notes: ReadingNotes, _ wire: WireProtocol) throws {
        let style = validation ?? .usual(for: wire)
        if let error = try Validator.error(in: shape, style, missing: notes.missing) { throw error }
    }
}
