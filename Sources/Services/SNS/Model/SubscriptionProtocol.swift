// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// How a subscription is reached.
enum SubscriptionProtocol: String, Sendable, CaseIterable {
    case http, https, email, sqs, lambda, sms, application
    case emailJSON = "email-json"

    /// Whether the endpoint has to say yes first. Queues and functions of the subscriber himself need not.
    func needsConfirmation(endpoint: String, subscriber: AccountID) -> Bool {
        switch self {
        case .http, .https, .email, .emailJSON: true
        case .sqs: ARN(endpoint)?.account != subscriber.text
        case .lambda, .sms, .application: false
        }
    }

    var isWeb: Bool { self == .http || self == .https }
    var takesRawMessages: Bool { isWeb || self == .sqs }
    /// Whose messages of more than 256 KiB SNS takes.
    var takesLargeMessages: Bool { self == .sqs || self == .lambda }

    /// Throws `InvalidParameterException` for an endpoint that is none of this protocol.
    func check(_ endpoint: String, isFIFO: Bool) throws {
        let isWellFormed: Bool =
            switch self {
            case .http, .https: Self.isURL(endpoint, scheme: rawValue)
            case .email, .emailJSON: Self.isAddress(endpoint)
            case .sms: PhoneNumber.isWellFormed(endpoint)
            case .sqs, .lambda, .application: true
            }
        switch self {
        case .http, .https:
            guard isWellFormed else { throw InvalidParameterException.of("Endpoint must match the specified protocol") }
        case .email, .emailJSON: guard isWellFormed else { throw InvalidParameterException.of("Email address") }
        case .sms: guard isWellFormed else { throw InvalidParameterException.of("Invalid SMS endpoint: \(endpoint)") }
        case .sqs: try Self.checkQueue(endpoint, isFIFO: isFIFO)
        case .lambda:
            guard let arn = ARN(endpoint), arn.service == "lambda", arn.scope != nil,
                arn.resource.hasPrefix("function:")
            else { throw InvalidParameterException.of("Lambda endpoint ARN") }
        case .application:
            guard let arn = ARN(endpoint), arn.service == "sns", arn.resource.hasPrefix("endpoint/") else {
                throw InvalidParameterException.of("Application endpoint arn invalid:\(endpoint)")
            }
        }
        guard !isFIFO || self == .sqs else {
            throw InvalidParameterException.of("Endpoint Reason: FIFO topics can only have Amazon SQS subscriptions")
        }
    }

    private static func checkQueue(_ endpoint: String, isFIFO: Bool) throws {
        guard let arn = ARN(endpoint), arn.service == "sqs", arn.scope != nil else {
            throw InvalidParameterException.of("SQS endpoint ARN")
        }
        guard isFIFO || !arn.resource.hasSuffix(TopicName.fifoSuffix) else {
            throw InvalidParameterException.of(
                "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
            )
        }
    }

    private static func isURL(_ text: String, scheme: String) -> Bool {
        text.lowercased().hasPrefix("\(scheme)://") && WebAddress(text) != nil
    }

    private static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && text.utf8.count <= 320
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"\",:;<>()[]\\".utf8.contains($0) }
    }
}

enum PhoneNumber {
    /// E.164: a plus and up to fifteen digits. Spaces, hyphens, dots and parentheses between them are let pass.
    static func isWellFormed(_ text: String) -> Bool {
        guard text.utf8.count <= 32, text.hasPrefix("+") || text.utf8.first.map({ $0 >= 0x30 && $0 <= 0x39 }) == true
        else { return false }
        let digits = text.utf8.filter { $0 >= 0x30 && $0 <= 0x39 }.count
        return (3...15).contains(digits)
            && text.utf8.dropFirst().allSatisfy { byte in
                (0x30...0x39).contains(byte) || " -.()".utf8.contains(byte)
            }
    }
}
