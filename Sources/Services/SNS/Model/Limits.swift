// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// AWS's quotas, and where noted Martlet's own.
enum SNSLimits {
    static let standardTopicsPerAccount = 100_000
    static let fifoTopicsPerAccount = 1_000
    /// Martlet's: AWS allows 12.5 million. One publish stores a row for each.
    static let subscriptionsPerTopic = 10_000
    static let subscriptionsPerFIFOTopic = 100
    static let filterPoliciesPerTopic = 200
    static let tagsPerTopic = 50
    static let itemsPerPage = 100

    /// Bytes of body and attributes together, unless the topic says otherwise.
    static let messageBytes = 262_144
    static let messageBytesRange = 1_024...1_048_576
    static let subjectCharacters = 100
    static let smsCharacters = 1_600
    static let entriesPerBatch = 10
    static let policyBytes = 30_720
    static let dataProtectionPolicyBytes = 30_720
    static let filterPolicyBytes = 262_144

    static let deduplicationInterval = Duration.seconds(300)
    /// How long a token confirms. What is not confirmed by then is removed.
    static let confirmationLifetime = Duration.seconds(2 * 86_400)
    /// Phone numbers of the sandbox.
    static let sandboxNumbers = 10
    /// Martlet's: a code of the sandbox is good for this many tries.
    static let sandboxTries = 5
    static let sandboxCodeLifetime = Duration.seconds(86_400)
}

extension InvalidParameterException {
    /// As SNS begins each of these.
    static func of(_ what: String) -> InvalidParameterException { .init("Invalid parameter: \(what)") }

    /// Larger than the topic takes.
    static let messageTooLong = InvalidParameterException.of("Message too long")
}
