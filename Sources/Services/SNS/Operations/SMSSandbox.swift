// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SNSService {
    /// A code is on its way to the number when this returns. AWS: CreateSMSSandboxPhoneNumber
    func createSMSSandboxPhoneNumber(
        _ input: CreateSMSSandboxPhoneNumberInput,
        _ context: RequestContext
    ) async throws -> CreateSMSSandboxPhoneNumberOutput {
        let number = input.phoneNumber
        try Self.check(number: number)
        let (scope, now) = (context.scope, clock.now)
        let code = ids.token(6, from: "0123456789")
        let content = PublishedMessage(body: "Your verification code is \(code)")
        let target = DeliveryTarget(wire: .sms, endpoint: number, server: context.endpoint.description)
        _ = try await send(content, to: target, context) { sns in
            guard try !sns.rows.isOptedOut(number, in: scope) else {
                throw OptedOutException("The phone number is opted out.")
            }
            if try sns.rows.sandboxNumber(number, in: scope) == nil {
                let known = try sns.rows.sandboxNumbers(in: scope, beyond: "", limit: SNSLimits.sandboxNumbers)
                guard known.count < SNSLimits.sandboxNumbers else {
                    throw UserErrorException(
                        "The limit of \(SNSLimits.sandboxNumbers) sandbox phone numbers is reached."
                    )
                }
            }
            try sns.putSandboxNumber(number, code: code, until: now + SNSLimits.sandboxCodeLifetime, in: scope)
        }
        return CreateSMSSandboxPhoneNumberOutput()
    }

    /// AWS: VerifySMSSandboxPhoneNumber
    func verifySMSSandboxPhoneNumber(
        _ input: VerifySMSSandboxPhoneNumberInput,
        _ context: RequestContext
    ) async throws -> VerifySMSSandboxPhoneNumberOutput {
        let (scope, now) = (context.scope, clock.now)
        // A wrong try counts, so it is written before it is refused.
        let isRight = try await store.write { sns in
            guard var number = try sns.rows.sandboxNumber(input.phoneNumber, in: scope) else {
                throw ResourceNotFoundException("The phone number does not exist in the SMS sandbox.")
            }
            guard !number.isVerified else { return true }
            guard let hash = number.codeHash, let expiry = number.codeExpiresAt, expiry > now,
                number.tries < SNSLimits.sandboxTries
            else { return false }
            number.tries += 1
            number.isVerified = hash == SecretHash.of(input.oneTimePassword)
            if number.isVerified { (number.codeHash, number.codeExpiresAt) = (nil, nil) }
            try sns.update(number, in: scope)
            return number.isVerified
        }
        guard isRight else {
            var error = VerificationException("The one-time password is not valid.")
            error.status = "INVALID_OTP"
            throw error
        }
        return VerifySMSSandboxPhoneNumberOutput()
    }

    /// AWS: DeleteSMSSandboxPhoneNumber
    func deleteSMSSandboxPhoneNumber(
        _ input: DeleteSMSSandboxPhoneNumberInput,
        _ context: RequestContext
    ) async throws -> DeleteSMSSandboxPhoneNumberOutput {
        let wasThere = try await store.write { try $0.deleteSandboxNumber(input.phoneNumber, in: context.scope) }
        guard wasThere else {
            throw ResourceNotFoundException("The phone number does not exist in the SMS sandbox.")
        }
        return DeleteSMSSandboxPhoneNumberOutput()
    }

    /// AWS: ListSMSSandboxPhoneNumbers
    func listSMSSandboxPhoneNumbers(
        _ input: ListSMSSandboxPhoneNumbersInput,
        _ context: RequestContext
    ) async throws -> ListSMSSandboxPhoneNumbersOutput {
        let last = try Self.cursor(input.nextToken)
        let limit = input.maxResults ?? SNSLimits.itemsPerPage
        let found = try await store.read { try $0.sandboxNumbers(in: context.scope, beyond: last, limit: limit + 1) }
        let page = Page(found, limit: limit, key: \.number)
        var output = ListSMSSandboxPhoneNumbersOutput()
        output.phoneNumbers = page.items.map { number in
            var shown = SMSSandboxPhoneNumber()
            shown.phoneNumber = number.number
            shown.status = number.isVerified ? .verified : .pending
            return shown
        }
        output.nextToken = page.nextToken
        return output
    }

    /// No text message is held back, so no account is in it. AWS: GetSMSSandboxAccountStatus
    func getSMSSandboxAccountStatus(
        _ input: GetSMSSandboxAccountStatusInput,
        _ context: RequestContext
    ) async throws -> GetSMSSandboxAccountStatusOutput {
        GetSMSSandboxAccountStatusOutput(isInSandbox: false)
    }

    /// Text messages end in a log and come from nobody's number, so the list is empty. AWS: ListOriginationNumbers
    func listOriginationNumbers(
        _ input: ListOriginationNumbersInput,
        _ context: RequestContext
    ) async throws -> ListOriginationNumbersOutput {
        _ = try Self.cursor(input.nextToken)
        var output = ListOriginationNumbersOutput()
        output.phoneNumbers = []
        return output
    }
}
