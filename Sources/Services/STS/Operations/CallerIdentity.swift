// SPDX-License-Identifier: Apache-2.0
import MartletCore

extension STSService {
    /// AWS: GetCallerIdentity
    func getCallerIdentity(
        _ input: GetCallerIdentityInput,
        _ context: RequestContext
    ) async throws -> GetCallerIdentityOutput {
        var output = GetCallerIdentityOutput()
        output.userId = context.principal.userID
        output.account = context.principal.account.text
        output.arn = context.principal.arn.description
        return output
    }

    /// The account is written in the key, so nothing is looked up. AWS: GetAccessKeyInfo
    func getAccessKeyInfo(
        _ input: GetAccessKeyInfoInput,
        _ context: RequestContext
    ) async throws -> GetAccessKeyInfoOutput {
        guard let account = AccessKeyID.account(of: input.accessKeyId) else {
            throw CommonError("InvalidParameterValue", "The access key \(input.accessKeyId) names no account.")
        }
        var output = GetAccessKeyInfoOutput()
        output.account = account.text
        return output
    }
}
