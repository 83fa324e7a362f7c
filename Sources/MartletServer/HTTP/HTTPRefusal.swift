// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import NIOCore

/// The answer to what never became a request: no service is known yet, so it is plain JSON with the code in both places
/// where the SDKs look.
struct HTTPRefusal {
    let status: Int
    let code: String
    let message: String

    static let malformed = HTTPRefusal(
        status: 400,
        code: "BadRequest",
        message: "The request could not be understood as HTTP."
    )
    static let headersTooLarge = HTTPRefusal(
        status: 431,
        code: "RequestHeaderSectionTooLarge",
        message: "Your request header and query string sizes exceed the maximum allowed size."
    )

    var body: ByteBuffer { ByteBuffer(string: #"{"__type":"\#(code)","message":"\#(message)"}"#) }

    var response: WireResponse {
        WireResponse(
            status: status,
            headers: [.contentType: "application/json", .amznErrorType: code],
            body: .buffer(body)
        )
    }
}
