// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SNSService {
    /// An empty policy removes the one that is there. AWS: PutDataProtectionPolicy
    ///
    /// Differs from AWS: the policy is kept and shown, and no message is searched for what it names.
    func putDataProtectionPolicy(
        _ input: PutDataProtectionPolicyInput,
        _ context: RequestContext
    ) async throws -> PutDataProtectionPolicyOutput {
        let reference = try TopicReference(input.resourceArn, member: "ResourceArn", for: context)
        let policy = input.dataProtectionPolicy
        if !policy.isEmpty { try Self.checkDataProtection(policy) }
        try await store.write { sns in
            var topic = try sns.rows.requireTopic(reference)
            topic.dataProtectionPolicy = policy.isEmpty ? nil : policy
            try sns.update(topic)
        }
        return PutDataProtectionPolicyOutput()
    }

    /// AWS: GetDataProtectionPolicy
    func getDataProtectionPolicy(
        _ input: GetDataProtectionPolicyInput,
        _ context: RequestContext
    ) async throws -> GetDataProtectionPolicyOutput {
        let reference = try TopicReference(input.resourceArn, member: "ResourceArn", for: context)
        var output = GetDataProtectionPolicyOutput()
        output.dataProtectionPolicy = try await store.read { try $0.requireTopic(reference).dataProtectionPolicy }
        return output
    }

    /// Throws `InvalidParameterException` for what is no such policy.
    static func checkDataProtection(_ text: String) throws {
        guard text.utf8.count <= SNSLimits.dataProtectionPolicyBytes, let json = try? JSONValue(parsing: text),
            json["Name"]?.stringValue != nil, json["Version"]?.stringValue != nil,
            json["Statement"]?.arrayValue?.isEmpty == false
        else { throw InvalidParameterException.of("DataProtectionPolicy Reason: Invalid data protection policy") }
    }
}
