// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// Where e-mails, text messages and pushes go: this server sends none of them over a network.
package protocol Outbox: Sendable {
    /// Returns once it is kept. Throws when it cannot be; the delivery is tried again.
    func put(_ letter: OutboxLetter) async throws
}

package struct OutboxLetter: Sendable, Equatable {
    package enum Channel: String, Sendable { case email, sms, application }

    package var channel: Channel
    /// The address, the number, the endpoint's ARN.
    package var recipient: String
    /// The sender's name, of e-mails.
    package var sender: String
    package var subject: String
    package var body: String
    package var messageID: String
    package var scope: Scope
    package var sentAt: Instant

    package init(
        channel: Channel,
        recipient: String,
        sender: String,
        subject: String,
        body: String,
        messageID: String,
        scope: Scope,
        sentAt: Instant
    ) {
        self.channel = channel
        self.recipient = recipient
        self.sender = sender
        self.subject = subject
        self.body = body
        self.messageID = messageID
        self.scope = scope
        self.sentAt = sentAt
    }
}
