// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Testing

@testable import Logs

/// Data protection policies as clients write them.
enum PolicyText {
    static func arn(_ name: String) -> String { DataIdentifier.arnPrefix + name }

    static func protecting(
        _ identifiers: [String],
        findings: String = "{}",
        configuration: String = "",
        masking: Bool = true
    ) -> String {
        let list = JSONValue.array(identifiers.map(JSONValue.string)).compactText
        let mask = #", {"Sid": "m", "DataIdentifier": \#(list), "Operation": {"Deidentify": {"MaskConfig": {}}}}"#
        return """
            {"Name": "p", "Version": "2021-06-01"\(configuration), "Statement": [{"Sid": "a", "DataIdentifier": \(list),
            "Operation": {"Audit": {"FindingsDestination": \(findings)}}}\(masking ? mask : "")]}
            """
    }
}

@Suite("Data protection") struct ProtectionTests {
    private func masked(_ text: String, _ names: String..., configuration: String = "") throws -> String {
        let policy = try ProtectionPolicy(PolicyText.protecting(names, configuration: configuration))
        let plan = ProtectionPlan(policies: [policy])
        return EventMasks.mask(text, plan.masks(plan.findings(in: text)))
    }

    @Test(
        "what an identifier is for is masked, a sign for each character",
        arguments: [
            ("EmailAddress", "from jane.doe+x@example.co.uk, ok", "from ************************, ok"),
            ("IpAddress", "a 192.0.2.24:80 b", "a **********:80 b"),
            ("IpAddress", "a 2001:db8::1 b", "a *********** b"),
            ("CreditCardNumber", "card 4111 1111 1111 1111.", "card *******************."),
            ("CreditCardNumber", "card 378282246310005", "card ***************"),
            (
                "AwsSecretKey", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "aws_secret_access_key = ****************************************"
            ),
            ("Ssn-US", "SSN: 123-45-6789", "SSN: ***********"),
            ("PhoneNumber-US", "phone (206) 555-0100!", "phone **************!"),
            ("NhsNumber-GB", "NHS 943 476 5919", "NHS ************"),
            ("NationalProviderId-US", "npi 1234567893", "npi **********"),
            ("BankAccountNumber-DE", "IBAN DE89 3704 0044 0532 0130 00", "IBAN ***************************"),
            ("VehicleIdentificationNumber", "VIN 1M8GDM9AXKP042788", "VIN *****************"),
            ("DrugEnforcementAgencyNumber-US", "DEA number F91234563", "DEA number *********"),
            (
                "OpenSshPrivateKey", "k -----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY----- z",
                "k ***********************************\n****\n********************************* z"
            ),
        ]
    )
    func finds(name: String, text: String, expected: String) throws {
        #expect(try masked(text, PolicyText.arn(name)) == expected)
    }

    @Test(
        "what only looks like it is left alone",
        arguments: [
            ("EmailAddress", "user@host, @here, a@b"), ("IpAddress", "v1.2.3.4.5 999.1.1.1 12:30:45"),
            ("CreditCardNumber", "order 4111 1111 1111 1112"),
            ("AwsSecretKey", "id wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), ("Ssn-US", "number 123-45-6789"),
            ("NhsNumber-GB", "NHS 943 476 5918"), ("BankAccountNumber-DE", "DE89370400440532013001"),
            ("VehicleIdentificationNumber", "VIN 1M8GDM9A0KP042788"),
        ]
    )
    func leaves(name: String, text: String) throws { #expect(try masked(text, PolicyText.arn(name)) == text) }

    @Test("a custom identifier is found by its expression")
    func custom() throws {
        let configuration =
            #", "Configuration": {"CustomDataIdentifier": [{"Name": "EmployeeId", "Regex": "EID-\\d{9}-US"}]}"#
        #expect(
            try masked("é EID-123456789-US é", "EmployeeId", configuration: configuration) == "é **************** é"
        )
    }

    @Test("characters of several bytes are masked as one each, and ranges beyond the text do no harm")
    func masks() {
        #expect(EventMasks.mask("aéb", [1..<3]) == "a*b")
        #expect(EventMasks.mask("abc", [1..<100]) == "a**")
        #expect(EventMasks.mask("abc", [50..<100]) == "abc")
        #expect(EventMasks("0-2,4-5|1-3") == EventMasks(message: [0..<2, 4..<5], transformed: [1..<3]))
        #expect(EventMasks(message: [0..<2], transformed: [1..<3]).text == "0-2|1-3")
        #expect(EventMasks.mask("secret", EventMasks("rubbish").message) == "******")
        #expect(EventMasks.joined([5..<7, 1..<3, 2..<6, 9..<9]) == [1..<7])
    }

    @Test("a text that cannot be searched to its end is masked as a whole")
    func unsearchable() throws {
        let configuration =
            #", "Configuration": {"CustomDataIdentifier": [{"Name": "x", "Regex": "a*a*a*a*a*a*a*a*bx"}]}"#
        let text = String(repeating: "a", count: 400) + " x"
        #expect(try masked(text, "x", configuration: configuration).allSatisfy { $0 == "*" })
        let many = String(repeating: "1.1.1.1 ", count: 1_001)
        #expect(try masked(many, PolicyText.arn("IpAddress")).allSatisfy { $0 == "*" })
    }

    @Test(
        "what AWS refuses is refused",
        arguments: [
            ("no JSON", "not a valid JSON"), (#"{"Version": "2021-06-01", "Statement": []}"#, "must have a Name"),
            (#"{"Name": "p", "Version": "2020-01-01", "Statement": []}"#, "must have the Version"),
            (#"{"Name": "p", "Version": "2021-06-01", "Statement": []}"#, "exactly one Audit"),
            (PolicyText.protecting([]), "at least one DataIdentifier"),
            (PolicyText.protecting(["nobody"]), "Unknown data identifier"),
            (PolicyText.protecting([PolicyText.arn("Nobody")]), "Unknown data identifier"),
            (
                PolicyText.protecting([PolicyText.arn("IpAddress")]).replacing(
                    "\"MaskConfig\": {}",
                    with: "\"MaskConfig\": {\"a\": 1}"
                ), "empty MaskConfig"
            ),
            (PolicyText.protecting([PolicyText.arn("IpAddress")], findings: "1"), "FindingsDestination"),
            (
                PolicyText.protecting(
                    ["a"],
                    configuration: #", "Configuration": {"CustomDataIdentifier": [{"Name": "a", "Regex": "(b)"}]}"#
                ),
                "Invalid regular expression"
            ),
            (
                PolicyText.protecting(
                    ["a b"],
                    configuration: #", "Configuration": {"CustomDataIdentifier": [{"Name": "a b", "Regex": "b"}]}"#
                ),
                "Invalid name"
            ),
            (
                PolicyText.protecting(
                    ["Address"],
                    configuration: #", "Configuration": {"CustomDataIdentifier": [{"Name": "Address", "Regex": "b"}]}"#
                ),
                "Invalid name"
            ),
            (String(repeating: " ", count: 30_721), "30720"),
        ]
    )
    func refused(document: String, part: String) {
        let error = #expect(throws: InvalidParameterException.self) { try ProtectionPolicy(document) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test("what cannot be told by its form, and destinations that are not there, answer 501")
    func notImplemented() {
        let documents = [
            PolicyText.protecting([PolicyText.arn("Address")]),
            PolicyText.protecting([PolicyText.arn("DriversLicense-US")]),
            PolicyText.protecting([PolicyText.arn("IpAddress")], findings: #"{"S3": {"Bucket": "b"}}"#),
        ]
        for document in documents {
            #expect(throws: CommonError.self) { try ProtectionPolicy(document) }
        }
    }
}
