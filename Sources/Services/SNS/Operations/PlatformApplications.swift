// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SNSService {
    /// Credentials are sealed and never shown. AWS: CreatePlatformApplication
    ///
    /// Differs from AWS: no push service is asked whether the credentials are right.
    func createPlatformApplication(
        _ input: CreatePlatformApplicationInput,
        _ context: RequestContext
    ) async throws -> CreatePlatformApplicationOutput {
        guard let platform = Platform(rawValue: input.platform) else {
            throw InvalidParameterException.of("Platform Reason: \(input.platform) is not supported")
        }
        guard ApplicationReference.isName(input.name) else { throw InvalidParameterException.of("Name") }
        let reference = ApplicationReference(scope: context.scope, platform: platform, name: input.name)
        guard input.attributes["PlatformCredential"]?.isEmpty == false else {
            throw InvalidParameterException.of("Attributes Reason: PlatformCredential is required")
        }
        var settings = ApplicationSettings()
        try settings.change(by: input.attributes)
        let (attributes, secrets) = (settings.attributes, settings.secrets)
        let cipher = store.cipher
        try await store.write { sns in
            if let existing = try sns.rows.application(reference) {
                guard try existing.settings(cipher) == ApplicationSettings(attributes: attributes, secrets: secrets)
                else {
                    throw InvalidParameterException.of(
                        "Attributes Reason: Platform application already exists with different attributes"
                    )
                }
                return
            }
            try sns.put(reference, attributes, secrets: secrets.sealed(cipher, of: reference))
        }
        var output = CreatePlatformApplicationOutput()
        output.platformApplicationArn = reference.arn.description
        return output
    }

    /// With its endpoints. One that is not there is no error. AWS: DeletePlatformApplication
    func deletePlatformApplication(
        _ input: DeletePlatformApplicationInput,
        _ context: RequestContext
    ) async throws -> DeletePlatformApplicationOutput {
        let reference = try ApplicationReference(input.platformApplicationArn, for: context)
        try await store.write { try $0.delete(reference) }
        return DeletePlatformApplicationOutput()
    }

    /// AWS: ListPlatformApplications
    func listPlatformApplications(
        _ input: ListPlatformApplicationsInput,
        _ context: RequestContext
    ) async throws -> ListPlatformApplicationsOutput {
        var last = ("", "")
        if let token = input.nextToken, !token.isEmpty {
            guard let keys = PageToken.decode(token, count: 2) else {
                throw InvalidParameterException.of("NextToken")
            }
            last = (keys[0], keys[1])
        }
        let cursor = last
        let limit = SNSLimits.itemsPerPage
        let found = try await store.read { try $0.applications(in: context.scope, beyond: cursor, limit: limit + 1) }
        var output = ListPlatformApplicationsOutput()
        output.platformApplications = found.prefix(limit).map { application in
            var shown = PlatformApplication()
            shown.platformApplicationArn = application.reference.arn.description
            shown.attributes = application.attributes
            return shown
        }
        if found.count > limit {
            let reference = found[limit - 1].reference
            output.nextToken = PageToken.encode([reference.platform.rawValue, reference.name])
        }
        return output
    }

    /// AWS: GetPlatformApplicationAttributes
    func getPlatformApplicationAttributes(
        _ input: GetPlatformApplicationAttributesInput,
        _ context: RequestContext
    ) async throws -> GetPlatformApplicationAttributesOutput {
        let reference = try ApplicationReference(input.platformApplicationArn, for: context)
        var output = GetPlatformApplicationAttributesOutput()
        output.attributes = try await store.read { try $0.requireApplication(reference).attributes }
        return output
    }

    /// AWS: SetPlatformApplicationAttributes
    func setPlatformApplicationAttributes(
        _ input: SetPlatformApplicationAttributesInput,
        _ context: RequestContext
    ) async throws -> SetPlatformApplicationAttributesOutput {
        let reference = try ApplicationReference(input.platformApplicationArn, for: context)
        let cipher = store.cipher
        try await store.write { sns in
            var settings = try sns.rows.requireApplication(reference).settings(cipher)
            try settings.change(by: input.attributes)
            try sns.put(
                reference,
                settings.attributes,
                secrets: settings.secrets.sealed(cipher, of: reference)
            )
        }
        return SetPlatformApplicationAttributesOutput()
    }
}

/// What is shown of an application, and what is not.
struct ApplicationSettings: Sendable, Equatable {
    var attributes = ["Enabled": "true"]
    var secrets: [String: String] = [:]

    private static let secretNames: Set<String> = ["PlatformCredential", "PlatformPrincipal"]
    private static let names: Set<String> = [
        "EventEndpointCreated", "EventEndpointDeleted", "EventEndpointUpdated", "EventDeliveryFailure",
        "SuccessFeedbackRoleArn", "FailureFeedbackRoleArn", "SuccessFeedbackSampleRate", "ApplePlatformTeamID",
        "ApplePlatformBundleID", "Enabled",
    ]

    /// An empty value takes an attribute back. Throws `InvalidParameterException`.
    mutating func change(by changes: [String: String]) throws {
        for (name, value) in changes.sorted(by: { $0.key < $1.key }) {
            guard value.utf8.count <= 16_384 else { throw InvalidParameterException.of("Attributes Reason: \(name)") }
            if Self.secretNames.contains(name) {
                secrets[name] = value
                continue
            }
            guard Self.names.contains(name) else {
                throw InvalidParameterException.of("Attributes Reason: Unknown attribute \(name)")
            }
            if name == "Enabled", value != "true", value != "false" {
                throw InvalidParameterException.of("Attributes Reason: Invalid value for attribute: Enabled")
            }
            if name.hasPrefix("Event"), !value.isEmpty, ARN(value).flatMap(TopicReference.init) == nil {
                throw InvalidParameterException.of("Attributes Reason: Invalid value for attribute: \(name)")
            }
            if name == "SuccessFeedbackSampleRate", Int(value).map((0...100).contains) != true, !value.isEmpty {
                throw InvalidParameterException.of("Attributes Reason: Invalid value for attribute: \(name)")
            }
            attributes[name] = value.isEmpty ? nil : value
        }
    }
}

extension StoredApplication {
    fileprivate func settings(_ cipher: any Cipher) throws -> ApplicationSettings {
        let bytes = try secrets.map { try cipher.open($0, context: "sns/\(reference.arn)") }
        let opened = try bytes.map { try StringMap.parse(String(decoding: $0, as: UTF8.self)) } ?? [:]
        return ApplicationSettings(attributes: attributes, secrets: opened)
    }
}

extension [String: String] {
    fileprivate func sealed(_ cipher: any Cipher, of reference: ApplicationReference) throws -> [UInt8] {
        try cipher.seal(Array(StringMap.text(self).utf8), context: "sns/\(reference.arn)")
    }
}
