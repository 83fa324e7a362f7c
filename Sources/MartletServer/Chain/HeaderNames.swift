// SPDX-License-Identifier: Apache-2.0
import HTTPTypes

extension HTTPField.Name {
    /// A name that is written in this program.
    private static func written(_ text: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name(text.description) else { preconditionFailure("\(text) is no header name") }
        return name
    }

    static let amznRequestID = written("x-amzn-requestid")
    static let amzRequestID = written("x-amz-request-id")
    static let amznTraceID = written("x-amzn-trace-id")
    static let amznErrorType = written("x-amzn-errortype")
}
