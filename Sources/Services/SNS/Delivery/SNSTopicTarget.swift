// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore
import NIOCore

/// Topics, as other services publish to them: a function's destination, a bucket's events, a rule's target.
package struct SNSTopicTarget: EventTarget {
    private let sns: SNSService
    private let authorizer: any Authorizer

    package init(_ sns: SNSService, authorizer: any Authorizer) {
        self.sns = sns
        self.authorizer = authorizer
    }

    package var service: String { "sns" }

    /// Durable when it returns. Throws `NotFoundException`, `AuthorizationError`, `InvalidParameterException`, `EventTooLarge`.
    package func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        guard let reference = TopicReference(arn) else { throw InvalidParameterException.of("TopicArn") }
        try await authorize(event.source, reference)
        do {
            let stored = try await sns.publish([MessageDraft(event)], to: reference)
            for case .failure(let error) in stored { throw error }
        } catch let refusal as InvalidParameterException
            where refusal.message == InvalidParameterException.messageTooLong.message
        {
            throw EventTooLarge(refusal)
        }
    }

    /// A delivery as a role is that role's call; any other needs the topic's policy to name the service.
    private func authorize(_ source: EventSource, _ topic: TopicReference) async throws {
        var request = AuthorizationRequest(
            principal: source.principal,
            action: "sns:Publish",
            resources: [topic.arn],
            scope: topic.scope,
            sourceAddress: source.servicePrincipal,
            userAgent: source.servicePrincipal,
            at: sns.clock.now
        )
        request.conditionKeys["aws:sourceaccount"] = [source.account.text]
        if let arn = source.arn { request.conditionKeys["aws:sourcearn"] = [arn.description] }
        try await authorizer.authorize(request)
    }
}

extension EventSource {
    fileprivate var principal: Principal {
        let service = ARN(service: "iam", region: "", account: account.text, resource: servicePrincipal)
        guard let role, let name = role.resource.split(separator: "/").last.map(String.init) else {
            return Principal(account: account, kind: .service(servicePrincipal), arn: service, userID: servicePrincipal)
        }
        let session = ARN(
            partition: role.partition,
            service: "sts",
            region: "",
            account: role.account,
            resource: "assumed-role/\(name)/\(servicePrincipal)"
        )
        return Principal(
            account: AccountID(role.account) ?? account,
            kind: .assumedRole(roleName: name, sessionName: servicePrincipal),
            arn: session,
            userID: servicePrincipal
        )
    }
}

extension MessageDraft {
    fileprivate init(_ event: EventDelivery) {
        message = String(buffer: event.payload)
        subject = event.subject
        structure = nil
        attributes = event.attributes.mapValues { attribute in
            var value = MessageAttributeValue()
            value.dataType = attribute.dataType
            switch attribute.value {
            case .text(let text): value.stringValue = text
            case .binary(let bytes): value.binaryValue = .init(bytes: bytes)
            }
            return value
        }
        deduplicationID = event.deduplicationID
        groupID = event.messageGroupID
        traceHeader = event.traceHeader
    }
}
