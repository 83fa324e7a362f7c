// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

// Errors of SQS that its model does not list, with the code of each protocol, and the words of those that have only one.

/// AWS: InvalidParameterValue
struct InvalidParameterValueException: ModelledError {
    var message = ""
    static let shapeName = "InvalidParameterValueException"
    static let errorCode = "InvalidParameterValueException"
    static let status = 400
    static let isSenderFault = true
    static let queryCode: String? = "InvalidParameterValue"

    mutating func code(_ c: any ShapeCoder) throws { try c.string(&message, Field("message")) }

    static func value(_ value: some CustomStringConvertible, of parameter: String, _ reason: String) -> Self {
        Self("Value \(value) for parameter \(parameter) is invalid. Reason: \(reason)")
    }

    /// For a parameter that only the other kind of queue has.
    static func wrongQueueType(_ value: some CustomStringConvertible, of parameter: String) -> Self {
        .value(value, of: parameter, "The request include parameter that is not valid for this queue type.")
    }
}

/// AWS: MissingParameter
struct MissingRequiredParameterException: ModelledError {
    var message = ""
    static let shapeName = "MissingRequiredParameterException"
    static let errorCode = "MissingRequiredParameterException"
    static let status = 400
    static let isSenderFault = true
    static let queryCode: String? = "MissingParameter"

    mutating func code(_ c: any ShapeCoder) throws { try c.string(&message, Field("message")) }

    static func parameter(_ name: String) -> Self { Self("The request must contain the parameter \(name).") }
}

extension QueueDoesNotExist {
    static var here: Self { Self("The specified queue does not exist.") }
}

extension ReceiptHandleIsInvalid {
    static func handle(_ text: String) -> Self {
        Self("The input receipt handle \"\(text)\" is not a valid receipt handle.")
    }
}

extension InvalidAttributeName {
    static func unknown(_ name: String) -> Self { Self("Unknown Attribute \(name).") }
}

extension InvalidAttributeValue {
    static func parameter(_ name: String) -> Self { Self("Invalid value for the parameter \(name).") }
}

/// The value of a parameter that every request needs. Throws `MissingParameter` when there is none.
func required<T>(_ value: T?, _ name: String) throws -> T {
    guard let value else { throw MissingRequiredParameterException.parameter(name) }
    return value
}
