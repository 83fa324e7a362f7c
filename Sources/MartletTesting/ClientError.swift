// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import MartletCore

/// An error answer, as a client sees it.
package struct ClientError: Error, Equatable, CustomStringConvertible {
    package var code: String
    package var message: String
    package var status: Int
    /// The modelled error with its members, when the operation lists it.
    package var modelled: (any ModelledError)?

    package init(_ code: String, _ message: String = "", status: Int = 400) {
        self.code = code
        self.message = message
        self.status = status
    }

    init(_ error: any ServiceError) {
        self.init(error.code, error.message, status: error.httpStatus)
        modelled = error as? any ModelledError
    }

    package static func == (left: ClientError, right: ClientError) -> Bool {
        left.code == right.code && left.message == right.message && left.status == right.status
    }

    package var description: String { "\(status) \(code): \(message)" }
}
