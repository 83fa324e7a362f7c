// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SNSService {
    /// A token that is known answers its endpoint, when nothing else differs. AWS: CreatePlatformEndpoint
    func createPlatformEndpoint(
        _ input: CreatePlatformEndpointInput,
        _ context: RequestContext
    ) async throws -> CreatePlatformEndpointOutput {
        let application = try ApplicationReference(input.platformApplicationArn, for: context)
        guard (1...2_048).contains(input.token.utf8.count) else { throw InvalidParameterException.of("Token") }
        var wanted = input.attributes ?? [:]
        if let data = input.customUserData { wanted["CustomUserData"] = data }
        wanted["Token"] = nil
        try Self.checkEndpoint(wanted)
        let (attributes, id) = (wanted, ids.uuid())
        let arn = try await store.write { sns in
            _ = try sns.rows.requireApplication(application)
            if let existing = try sns.rows.endpoint(of: application, token: input.token) {
                let reference = EndpointReference(application: application, id: existing.id)
                for (name, value) in attributes where (existing.attributes[name] ?? "") != value {
                    throw InvalidParameterException.of(
                        """
                        Token Reason: Endpoint \(reference.arn) already exists with the same Token, but different attributes.
                        """
                    )
                }
                return reference.arn
            }
            let reference = EndpointReference(application: application, id: id)
            try sns.put(reference, token: input.token, attributes.merging(["Enabled": "true"]) { old, _ in old })
            return reference.arn
        }
        var output = CreatePlatformEndpointOutput()
        output.endpointArn = arn.description
        return output
    }

    private static func checkEndpoint(_ attributes: [String: String]) throws {
        for (name, value) in attributes {
            switch name {
            case "CustomUserData":
                guard value.utf8.count <= 2_048 else {
                    throw InvalidParameterException.of("CustomUserData Reason: must be at most 2048 bytes long")
                }
            case "Enabled":
                guard value == "true" || value == "false" else {
                    throw InvalidParameterException.of("Attributes Reason: Invalid value for attribute: Enabled")
                }
            case "Token":
                guard (1...2_048).contains(value.utf8.count) else { throw InvalidParameterException.of("Token") }
            default: throw InvalidParameterException.of("Attributes Reason: Unknown attribute \(name)")
            }
        }
    }

    /// One that is not there is no error. AWS: DeleteEndpoint
    func deleteEndpoint(_ input: DeleteEndpointInput, _ context: RequestContext) async throws -> DeleteEndpointOutput {
        let reference = try EndpointReference(input.endpointArn, for: context)
        try await store.write { try $0.delete(reference) }
        return DeleteEndpointOutput()
    }

    /// AWS: ListEndpointsByPlatformApplication
    func listEndpointsByPlatformApplication(
        _ input: ListEndpointsByPlatformApplicationInput,
        _ context: RequestContext
    ) async throws -> ListEndpointsByPlatformApplicationOutput {
        let application = try ApplicationReference(input.platformApplicationArn, for: context)
        let last = try Self.cursor(input.nextToken)
        let found = try await store.read { sns in
            _ = try sns.requireApplication(application)
            return try sns.endpoints(of: application, beyond: last, limit: SNSLimits.itemsPerPage + 1)
        }
        let page = Page(found, limit: SNSLimits.itemsPerPage, key: \.id)
        var output = ListEndpointsByPlatformApplicationOutput()
        output.endpoints = page.items.map { endpoint in
            var shown = SNSEndpoint()
            shown.endpointArn = EndpointReference(application: application, id: endpoint.id).arn.description
            shown.attributes = endpoint.shown
            return shown
        }
        output.nextToken = page.nextToken
        return output
    }

    /// AWS: GetEndpointAttributes
    func getEndpointAttributes(
        _ input: GetEndpointAttributesInput,
        _ context: RequestContext
    ) async throws -> GetEndpointAttributesOutput {
        let reference = try EndpointReference(input.endpointArn, for: context)
        var output = GetEndpointAttributesOutput()
        output.attributes = try await store.read { try $0.requireEndpoint(reference).shown }
        return output
    }

    /// AWS: SetEndpointAttributes
    func setEndpointAttributes(
        _ input: SetEndpointAttributesInput,
        _ context: RequestContext
    ) async throws -> SetEndpointAttributesOutput {
        let reference = try EndpointReference(input.endpointArn, for: context)
        try Self.checkEndpoint(input.attributes)
        try await store.write { sns in
            let endpoint = try sns.rows.requireEndpoint(reference)
            var shown = endpoint.shown.merging(input.attributes) { $1 }
            let token = shown.removeValue(forKey: "Token") ?? endpoint.token
            if let other = try sns.rows.endpoint(of: reference.application, token: token), other.id != endpoint.id {
                let arn = EndpointReference(application: reference.application, id: other.id).arn
                throw InvalidParameterException.of(
                    "Token Reason: Endpoint \(arn) already exists with the same Token, but different attributes."
                )
            }
            try sns.put(reference, token: token, shown)
        }
        return SetEndpointAttributesOutput()
    }

    /// Publishes to one endpoint.
    func push(
        _ reference: EndpointReference,
        _ draft: MessageDraft,
        _ context: RequestContext
    ) async throws -> PublishOutput {
        var content = try draft.checked()
        guard draft.message.utf8.count <= SNSLimits.messageBytes else {
            throw InvalidParameterException.of("Message too long")
        }
        content.body = content.bodies[reference.application.platform.rawValue] ?? content.body
        content.bodies = [:]
        let target = DeliveryTarget(
            wire: .application,
            endpoint: reference.arn.description,
            server: context.endpoint.description
        )
        return try await send(content, to: target, context) { sns in
            guard let endpoint = try sns.rows.endpoint(reference) else {
                throw InvalidParameterException.of("TargetArn Reason: No endpoint found for the target arn specified")
            }
            guard endpoint.isEnabled else { throw EndpointDisabledException("Endpoint is disabled") }
            guard try sns.rows.requireApplication(reference.application).isEnabled else {
                throw PlatformApplicationDisabledException("Platform application is disabled")
            }
        }
    }

    /// Stores a message that one recipient gets, without a topic.
    func send(
        _ content: PublishedMessage,
        to target: DeliveryTarget,
        _ context: RequestContext,
        when check: @escaping @Sendable (SNSChanges) throws -> Void
    ) async throws -> PublishOutput {
        let now = clock.now
        let message = try NewMessage(
            content,
            id: ids.uuid(),
            topic: nil,
            scope: context.scope,
            at: now,
            cipher: store.cipher
        )
        let delivery = NotificationDelivery(messageID: message.id, recipient: .target(target))
            .new(NotificationQueue(target.wire), in: message.scope, at: now)
        try await store.send { sns, outgoing in
            try check(sns)
            try sns.insert(message, deliveries: 1)
            outgoing.append(delivery)
        }
        var output = PublishOutput()
        output.messageId = message.id
        return output
    }
}

extension SNSRows {
    /// Throws `NotFoundException`.
    fileprivate func requireEndpoint(_ reference: EndpointReference) throws -> StoredEndpoint {
        guard let endpoint = try endpoint(reference) else { throw NotFoundException("Endpoint does not exist") }
        return endpoint
    }
}
