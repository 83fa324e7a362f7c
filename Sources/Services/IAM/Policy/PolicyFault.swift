// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a policy document, in IAM's words. AWS: MalformedPolicyDocument
struct PolicyFault: Error, Equatable {
    let message: String

    init(_ message: String) { self.message = message }

    static let syntax = PolicyFault("Syntax errors in policy.")
    static let invalidJSON = PolicyFault("This policy contains invalid Json")
    static let version = PolicyFault("Policy document must be version 2012-10-17 or greater.")
    /// Values that have the form of JSON and not the form that their element demands.
    static let legacyParsing = PolicyFault("The policy failed legacy parsing")
    static let duplicateSid = PolicyFault("Statement IDs (SID) in a single policy must be unique.")
    static let sid = PolicyFault(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )
    static let noActions = PolicyFault("Policy statement must contain actions.")
    static let noResources = PolicyFault("Policy statement must contain resources.")
    static let principalInIdentityPolicy = PolicyFault("Policy document should not specify a principal.")
    static let vendor = PolicyFault("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    static let twoColons = PolicyFault("Actions/Condition can contain only one colon.")
    static let trustActions = PolicyFault("AssumeRole policy may only specify STS AssumeRole actions.")

    static func vendor(_ name: some StringProtocol) -> PolicyFault { PolicyFault("Vendor \(name) is not valid") }
    static func missing(_ field: String) -> PolicyFault { PolicyFault("Missing required field \(field)") }
    static func prohibited(_ field: String) -> PolicyFault { PolicyFault("Has prohibited field \(field)") }

    static func principal(_ kind: String, _ name: String) -> PolicyFault {
        PolicyFault("Invalid principal in policy: \"\(kind)\":\"\(name)\"")
    }
}
