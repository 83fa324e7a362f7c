// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore
import NIOCore

/// Queues as what other services deliver to.
package struct QueueTarget: EventTarget {
    private let queues: SQSService

    package init(_ service: SQSService) { queues = service }

    package var service: String { "sqs" }

    /// Stores the event as a message. Where policies count, the queue's must let the source send, unless the delivery acts as a
    /// role: then the role's permissions count too. Throws `QueueDoesNotExist`, `AccessDenied`, `EventTooLarge`, and what SendMessage
    /// throws.
    package func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        guard let address = QueueAddress(arn) else { throw QueueDoesNotExist.here }
        try await authorize(event.source, address)
        guard let body = event.payload.getString(at: event.payload.readerIndex, length: event.payload.readableBytes),
            !body.isEmpty
        else { throw InvalidMessageContents("The message must not be empty.") }
        try MessageText.check(body)
        var message = NewMessage(
            id: queues.ids.uuid(),
            body: body,
            attributes: MessageAttributes(event.attributes),
            groupID: event.messageGroupID,
            deduplicationID: event.deduplicationID,
            traceHeader: event.traceHeader,
            sender: event.source.role?.resource.split(separator: "/").last.map(String.init) ?? event.source.account.text
        )
        // A standard queue knows no deduplication; the source may not know the queue's kind.
        if !address.isFIFO { message.deduplicationID = nil }
        do {
            try await queues.send(message, to: address)
        } catch let refusal as InvalidParameterValueException where refusal.isOfTooLongMessage {
            throw EventTooLarge(refusal)
        }
    }

    private func authorize(_ source: EventSource, _ address: QueueAddress) async throws {
        guard queues.configuration.enforcesPolicies else { return }
        var keys = ["aws:sourceaccount": [source.account.text]]
        if let arn = source.arn { keys["aws:sourcearn"] = [arn.description] }
        try await queues.authorizer.authorize(
            AuthorizationRequest(
                principal: Principal(delivering: source, to: address.scope.account),
                action: "sqs:SendMessage",
                resources: [address.arn],
                scope: address.scope,
                sourceAddress: "",
                userAgent: source.servicePrincipal,
                at: queues.clock.now,
                conditionKeys: keys
            )
        )
    }
}

extension Principal {
    /// Who a delivery is: a session of its role, or the service by itself.
    fileprivate init(delivering source: EventSource, to owner: AccountID) {
        guard let role = source.role, let account = AccountID(role.account),
            let name = role.resource.split(separator: "/").last.map(String.init)
        else {
            self.init(
                // The queue's policy alone decides about a service.
                account: owner,
                kind: .service(source.servicePrincipal),
                arn: ARN(service: "iam", region: "", account: owner.text, resource: source.servicePrincipal),
                userID: source.servicePrincipal
            )
            return
        }
        let session = String(source.servicePrincipal.prefix { $0 != "." })
        self.init(
            account: account,
            kind: .assumedRole(roleName: name, sessionName: session),
            arn: ARN(
                partition: role.partition,
                service: "sts",
                region: "",
                account: account.text,
                resource: "assumed-role/\(name)/\(session)"
            ),
            userID: "\(name):\(session)"
        )
    }
}
