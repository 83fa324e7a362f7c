// SPDX-License-Identifier: Apache-2.0

/// What AWS answers a caller: a code, a message, an HTTP status. Generated errors conform; services throw them by name.
package protocol ServiceError: Error {
    /// As the SDKs match it, such as `ResourceNotFoundException`.
    var code: String { get }
    var message: String { get }
    /// 400–499 blame the caller, 500–599 the service.
    var httpStatus: Int { get }
}

/// An AWS error that no model lists: the common errors of every service, and those of the front door.
package struct CommonError: ServiceError, Equatable {
    package var code: String
    package var message: String
    package var httpStatus: Int

    package init(_ code: String, _ message: String, status: Int = 400) {
        self.code = code
        self.message = message
        self.httpStatus = status
    }

    /// AWS: ValidationException
    package static func validation(_ message: String) -> CommonError { .init("ValidationException", message) }

    /// AWS: InternalFailure. The cause is logged, never shown.
    package static let internalFailure = CommonError(
        "InternalFailure",
        "The request processing has failed because of an unknown error, exception or failure.",
        status: 500
    )

    /// The clear answer for what AWS can and Martlet cannot do yet.
    package static func notImplemented(_ what: String) -> CommonError {
        .init("NotImplemented", "Martlet does not implement \(what) yet.", status: 501)
    }
}

/// A failure inside Martlet. Each layer adds what it was doing; the edge logs the whole chain once and answers `InternalFailure`.
package struct MartletError: Error, CustomStringConvertible {
    /// Extensible: each subsystem declares its own.
    package struct Code: Hashable, Sendable, ExpressibleByStringLiteral {
        package let name: String
        package init(stringLiteral value: String) { name = value }
    }

    package var code: Code
    package var message: String
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        guard let cause else { return "\(code.name): \(message)" }
        return "\(code.name): \(message); because: \(cause)"
    }
}
