// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import SNS

@Suite("SNS mobile push", .timeLimit(.minutes(20))) struct PushTests {
    private func createApplication(_ sns: SNSTestBench, _ name: String = "app") async throws -> String {
        let input = CreatePlatformApplicationInput(
            name: name,
            platform: "GCM",
            attributes: ["PlatformCredential": "a secret"]
        )
        return try await sns.client.call(SNSOperations.createPlatformApplication, input).platformApplicationArn ?? ""
    }

    @Test("applications are kept with sealed credentials that nobody is shown")
    func applications() async throws {
        try await SNSTestBench.run { sns in
            let arn = try await createApplication(sns)
            #expect(arn == "arn:aws:sns:us-east-1:000000000000:app/GCM/app")
            #expect(try await createApplication(sns) == arn)
            let get = GetPlatformApplicationAttributesInput(platformApplicationArn: arn)
            let shown = try await sns.client.call(SNSOperations.getPlatformApplicationAttributes, get).attributes
            #expect(shown == ["Enabled": "true"])
            let row = try await sns.service.store.read {
                try $0.applications(in: SNSTestBench.scope, beyond: ("", ""), limit: 1)
            }
            let secrets = row.first?.secrets ?? []
            #expect(!secrets.isEmpty)
            let text = String(decoding: secrets, as: UTF8.self)
            #expect(!text.contains("secret"))
            for (platform, attributes) in [
                ("X", ["PlatformCredential": "a"]), ("APNS", [:]), ("GCM", ["Nope": "a", "PlatformCredential": "a"]),
            ] {
                await #expect(throws: ClientError.self) {
                    try await sns.client.call(
                        SNSOperations.createPlatformApplication,
                        CreatePlatformApplicationInput(name: "b", platform: platform, attributes: attributes)
                    )
                }
            }
            let delete = DeletePlatformApplicationInput(platformApplicationArn: arn)
            for _ in 0..<2 { _ = try await sns.client.call(SNSOperations.deletePlatformApplication, delete) }
            await #expect(throws: error("NotFound", "PlatformApplication does not exist", 404)) {
                try await sns.client.call(SNSOperations.getPlatformApplicationAttributes, get)
            }
        }
    }

    @Test("endpoints are one for each token, and take messages while they are enabled")
    func endpoints() async throws {
        try await SNSTestBench.run { sns in
            let application = try await createApplication(sns)
            let input = CreatePlatformEndpointInput(platformApplicationArn: application, token: "device")
            let arn = try #require(try await sns.client.call(SNSOperations.createPlatformEndpoint, input).endpointArn)
            #expect(try await sns.client.call(SNSOperations.createPlatformEndpoint, input).endpointArn == arn)
            var other = input
            other.customUserData = "x"
            let differing = other
            await #expect(
                throws: invalid(
                    "Token Reason: Endpoint \(arn) already exists with the same Token, but different attributes."
                )
            ) { try await sns.client.call(SNSOperations.createPlatformEndpoint, differing) }

            var publish = PublishInput()
            (publish.targetArn, publish.message) = (arn, "hello")
            let message = publish
            _ = try await sns.client.call(SNSOperations.publish, message)
            let letter = await sns.outbox.letters.first(1)[0]
            #expect(letter.channel == .application)
            #expect(letter.recipient == arn)
            _ = try await sns.client.call(
                SNSOperations.setEndpointAttributes,
                SetEndpointAttributesInput(endpointArn: arn, attributes: ["Enabled": "false"])
            )
            await #expect(throws: error("EndpointDisabled", "Endpoint is disabled")) {
                try await sns.client.call(SNSOperations.publish, message)
            }
            let list = ListEndpointsByPlatformApplicationInput(platformApplicationArn: application)
            let endpoints = try await sns.client.call(SNSOperations.listEndpointsByPlatformApplication, list).endpoints
            #expect(endpoints?.map(\.attributes) == [["Enabled": "false", "Token": "device"]])
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic, "application", arn)
            await #expect(throws: ClientError.self) { try await sns.subscribe(topic, "application", arn + "x") }
            _ = try await sns.client.call(SNSOperations.deleteEndpoint, DeleteEndpointInput(endpointArn: arn))
            await #expect(throws: error("NotFound", "Endpoint does not exist", 404)) {
                try await sns.client.call(
                    SNSOperations.getEndpointAttributes,
                    GetEndpointAttributesInput(endpointArn: arn)
                )
            }
        }
    }
}

@Suite("SNS text messages", .timeLimit(.minutes(20))) struct SMSTests {
    @Test("go to a number, unless it has opted out")
    func text() async throws {
        try await SNSTestBench.run { sns in
            var input = PublishInput()
            (input.phoneNumber, input.message) = ("+15550100", "hello")
            let message = input
            #expect(try await sns.client.call(SNSOperations.publish, message).messageId != nil)
            #expect(await sns.outbox.letters.first(1)[0].recipient == "+15550100")
            try await sns.service.optOut("+15550100", in: SNSTestBench.scope)
            let check = CheckIfPhoneNumberIsOptedOutInput(phoneNumber: "+15550100")
            #expect(try await sns.client.call(SNSOperations.checkIfPhoneNumberIsOptedOut, check).isOptedOut == true)
            await #expect(throws: ClientError.self) { try await sns.client.call(SNSOperations.publish, message) }
            let list = try await sns.client.call(
                SNSOperations.listPhoneNumbersOptedOut,
                ListPhoneNumbersOptedOutInput()
            )
            #expect(list.phoneNumbers == ["+15550100"])
            _ = try await sns.client.call(
                SNSOperations.optInPhoneNumber,
                OptInPhoneNumberInput(phoneNumber: "+15550100")
            )
            #expect(try await sns.client.call(SNSOperations.checkIfPhoneNumberIsOptedOut, check).isOptedOut == false)
            input.phoneNumber = "5550100x"
            let wrong = input
            await #expect(throws: invalid("PhoneNumber Reason: 5550100x is not valid to publish to")) {
                try await sns.client.call(SNSOperations.publish, wrong)
            }
        }
    }

    @Test("have attributes that are checked and kept")
    func attributes() async throws {
        try await SNSTestBench.run { sns in
            let set = SetSMSAttributesInput(attributes: ["DefaultSMSType": "Transactional", "MonthlySpendLimit": "5"])
            _ = try await sns.client.call(SNSOperations.setSMSAttributes, set)
            let get = GetSMSAttributesInput(attributes: ["DefaultSMSType"])
            #expect(
                try await sns.client.call(SNSOperations.getSMSAttributes, get).attributes == [
                    "DefaultSMSType": "Transactional"
                ]
            )
            for wrong in [
                ["Nope": "x"], ["DefaultSMSType": "x"], ["MonthlySpendLimit": "-1"], ["DefaultSenderID": "a b"],
            ] {
                await #expect(throws: ClientError.self) {
                    try await sns.client.call(SNSOperations.setSMSAttributes, SetSMSAttributesInput(attributes: wrong))
                }
            }
        }
    }

    @Test("are in no sandbox, and send from nobody's number") func account() async throws {
        try await SNSTestBench.run { sns in
            let status = try await sns.client.call(SNSOperations.getSMSSandboxAccountStatus, .init())
            #expect(!status.isInSandbox)
            var input = ListOriginationNumbersInput()
            #expect(
                try await sns.client.call(SNSOperations.listOriginationNumbers, input).phoneNumbers?.isEmpty == true
            )
            input.nextToken = "rubbish"
            await #expect(throws: ClientError.self) {
                _ = try await sns.client.call(SNSOperations.listOriginationNumbers, input)
            }
        }
    }

    @Test("verify numbers of the sandbox by a code that was sent to them, in five tries")
    func sandbox() async throws {
        try await SNSTestBench.run { sns in
            let create = CreateSMSSandboxPhoneNumberInput(phoneNumber: "+15550100")
            _ = try await sns.client.call(SNSOperations.createSMSSandboxPhoneNumber, create)
            let code = String(try #require(await sns.outbox.letters.first(1)[0].body.split(separator: " ").last))
            func verify(_ code: String) async throws {
                let input = VerifySMSSandboxPhoneNumberInput(phoneNumber: "+15550100", oneTimePassword: code)
                _ = try await sns.client.call(SNSOperations.verifySMSSandboxPhoneNumber, input)
            }
            func status() async throws -> [SMSSandboxPhoneNumberVerificationStatus?] {
                let input = ListSMSSandboxPhoneNumbersInput()
                return try await sns.client.call(SNSOperations.listSMSSandboxPhoneNumbers, input).phoneNumbers.map(
                    \.status
                )
            }
            let wrong = code == "000000" ? "000001" : "000000"
            await #expect(throws: ClientError.self) { try await verify(wrong) }
            #expect(try await status() == [.pending])
            try await verify(code)
            #expect(try await status() == [.verified])
            _ = try await sns.client.call(
                SNSOperations.deleteSMSSandboxPhoneNumber,
                DeleteSMSSandboxPhoneNumberInput(phoneNumber: "+15550100")
            )
            _ = try await sns.client.call(SNSOperations.createSMSSandboxPhoneNumber, create)
            let next = String(try #require(await sns.outbox.letters.first(2)[1].body.split(separator: " ").last))
            let bad = next == "000000" ? "000001" : "000000"
            for _ in 0..<5 { await #expect(throws: ClientError.self) { try await verify(bad) } }
            let error = await #expect(throws: ClientError.self) { try await verify(next) }
            #expect(error?.code == "VerificationException", "the tries are used up")
        }
    }
}
