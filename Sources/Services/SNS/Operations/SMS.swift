// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore

extension SNSService {
    private static let smsAttributeNames: Set<String> = [
        "MonthlySpendLimit", "DeliveryStatusIAMRole", "DeliveryStatusSuccessSamplingRate", "DefaultSenderID",
        "DefaultSMSType", "UsageReportS3Bucket",
    ]

    /// AWS: SetSMSAttributes
    func setSMSAttributes(
        _ input: SetSMSAttributesInput,
        _ context: RequestContext
    ) async throws -> SetSMSAttributesOutput {
        for (name, value) in input.attributes { try Self.checkSMS(name, value) }
        try await store.write { sns in
            var attributes = try sns.rows.smsAttributes(of: context.scope)
            for (name, value) in input.attributes { attributes[name] = value.isEmpty ? nil : value }
            try sns.setSMSAttributes(attributes, of: context.scope)
        }
        return SetSMSAttributesOutput()
    }

    private static func checkSMS(_ name: String, _ value: String) throws {
        guard smsAttributeNames.contains(name) else {
            throw InvalidParameterException.of("\(name) is not a valid attribute")
        }
        let isWellFormed: Bool =
            switch name {
            case _ where value.isEmpty: true
            case "MonthlySpendLimit": Int(value).map { (0...1_000_000).contains($0) } ?? false
            case "DeliveryStatusSuccessSamplingRate": Int(value).map((0...100).contains) ?? false
            case "DefaultSMSType": ["Promotional", "Transactional"].contains(value)
            case "DefaultSenderID":
                (1...11).contains(value.utf8.count) && value.utf8.allSatisfy { $0.isNameByte && $0 != 0x5f }
            case "DeliveryStatusIAMRole": ARN(value)?.service == "iam"
            default: value.utf8.count <= 2_048
            }
        guard isWellFormed else { throw InvalidParameterException.of("\(name) Reason: invalid value") }
    }

    /// AWS: GetSMSAttributes
    func getSMSAttributes(
        _ input: GetSMSAttributesInput,
        _ context: RequestContext
    ) async throws -> GetSMSAttributesOutput {
        let all = try await store.read { try $0.smsAttributes(of: context.scope) }
        var output = GetSMSAttributesOutput()
        let names = input.attributes ?? []
        output.attributes = names.isEmpty ? all : all.filter { names.contains($0.key) }
        return output
    }

    /// AWS: CheckIfPhoneNumberIsOptedOut
    func checkIfPhoneNumberIsOptedOut(
        _ input: CheckIfPhoneNumberIsOptedOutInput,
        _ context: RequestContext
    ) async throws -> CheckIfPhoneNumberIsOptedOutOutput {
        try Self.check(number: input.phoneNumber)
        var output = CheckIfPhoneNumberIsOptedOutOutput()
        output.isOptedOut = try await store.read { try $0.isOptedOut(input.phoneNumber, in: context.scope) }
        return output
    }

    /// AWS: ListPhoneNumbersOptedOut
    func listPhoneNumbersOptedOut(
        _ input: ListPhoneNumbersOptedOutInput,
        _ context: RequestContext
    ) async throws -> ListPhoneNumbersOptedOutOutput {
        let last = try Self.cursor(input.nextToken)
        let limit = SNSLimits.itemsPerPage
        let found = try await store.read { try $0.optedOut(in: context.scope, beyond: last, limit: limit + 1) }
        let page = Page(found, limit: limit, key: { $0 })
        var output = ListPhoneNumbersOptedOutOutput()
        output.phoneNumbers = page.items
        output.nextToken = page.nextToken
        return output
    }

    /// AWS: OptInPhoneNumber
    func optInPhoneNumber(
        _ input: OptInPhoneNumberInput,
        _ context: RequestContext
    ) async throws -> OptInPhoneNumberOutput {
        try Self.check(number: input.phoneNumber)
        try await store.write { try $0.optIn(input.phoneNumber, in: context.scope) }
        return OptInPhoneNumberOutput()
    }

    /// What an answer of `STOP` does where there is a telephone network.
    package func optOut(_ number: String, in scope: Scope) async throws {
        try Self.check(number: number)
        try await store.write { try $0.optOut(number, in: scope) }
    }

    static func check(number: String) throws {
        guard PhoneNumber.isWellFormed(number) else {
            throw InvalidParameterException.of("PhoneNumber Reason: input incorrectly formatted")
        }
    }

    /// Publishes to one number.
    func text(_ number: String, _ draft: MessageDraft, _ context: RequestContext) async throws -> PublishOutput {
        guard number.hasPrefix("+"), PhoneNumber.isWellFormed(number) else {
            throw InvalidParameterException.of("PhoneNumber Reason: \(number) is not valid to publish to")
        }
        var content = try draft.checked()
        content.body = content.body(for: .sms)
        content.bodies = [:]
        guard content.body.count <= SNSLimits.smsCharacters else {
            throw InvalidParameterException.of("Message Reason: text message too long")
        }
        let target = DeliveryTarget(wire: .sms, endpoint: number, server: context.endpoint.description)
        return try await send(content, to: target, context) { sns in
            guard try !sns.rows.isOptedOut(number, in: context.scope) else {
                throw InvalidParameterException.of("PhoneNumber Reason: phone number is opted out")
            }
        }
    }
}
