// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// AWS's limits of queues and messages.
enum SQSLimits {
    static let messageBytes = 1_048_576
    static let batchBytes = 1_048_576
    static let batchEntries = 10
    static let messagesPerReceive = 10
    static let attributesPerMessage = 10
    static let attributeNameBytes = 256
    static let identifierLength = 128
    static let batchIDLength = 80
    static let queueNameLength = 80
    static let delaySeconds = 900
    static let waitSeconds = 20
    static let visibilitySeconds = 43_200
    /// Messages of one queue that have been received and not yet deleted.
    static let inFlight = 120_000
    static let tagsPerQueue = 50
    static let queuesPerPage = 1_000
    static let deduplicationWindow = Duration.seconds(300)
    /// How long a `ReceiveRequestAttemptId` gives the same messages again.
    static let attemptWindow = Duration.seconds(300)
    static let purgeInterval = Duration.seconds(60)
    static let allowedSourceQueues = 10
    static let moveTasksListed = 10
    static let moveRate = 500
}

/// What the composition root may choose.
package struct SQSConfiguration: Sendable {
    /// How long the name of a deleted queue is not free. AWS: 60 seconds. Zero for servers that tests use, which make and
    /// delete queues of one name all the time.
    package var nameRest: Duration
    /// Receivers that may wait for messages on this node at once. One more gets its answer without waiting.
    package var waitersLimit: Int
    /// Whether the policies of queues decide what other services deliver.
    package var enforcesPolicies: Bool

    package init(nameRest: Duration = .seconds(60), waitersLimit: Int = 16_384, enforcesPolicies: Bool = false) {
        self.nameRest = nameRest
        self.waitersLimit = waitersLimit
        self.enforcesPolicies = enforcesPolicies
    }
}
