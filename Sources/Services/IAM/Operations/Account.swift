// SPDX-License-Identifier: Apache-2.0
import MartletCore

extension IAMService {
    /// AWS: CreateAccountAlias
    func createAccountAlias(
        _ input: CreateAccountAliasInput,
        _ context: RequestContext
    ) async throws -> CreateAccountAliasOutput {
        try await store.write(context.account) { try $0.setAccountAlias(input.accountAlias) }
        return CreateAccountAliasOutput()
    }

    /// AWS: ListAccountAliases
    func listAccountAliases(
        _ input: ListAccountAliasesInput,
        _ context: RequestContext
    ) async throws -> ListAccountAliasesOutput {
        var output = ListAccountAliasesOutput()
        output.accountAliases = try await store.read(context.account) { try $0.accountAlias() }.map { [$0] } ?? []
        output.isTruncated = false
        return output
    }

    /// AWS: DeleteAccountAlias
    func deleteAccountAlias(
        _ input: DeleteAccountAliasInput,
        _ context: RequestContext
    ) async throws -> DeleteAccountAliasOutput {
        try await store.write(context.account) { try $0.deleteAccountAlias(input.accountAlias) }
        return DeleteAccountAliasOutput()
    }

    /// AWS: GetAccountSummary
    func getAccountSummary(
        _ input: GetAccountSummaryInput,
        _ context: RequestContext
    ) async throws -> GetAccountSummaryOutput {
        var output = GetAccountSummaryOutput()
        output.summaryMap = try await store.read(context.account) { try $0.summary() }
        return output
    }
}

extension IAMReading {
    fileprivate func summary() throws -> [String: Int] {
        [
            "Users": try count(.user), "UsersQuota": Quota.usersPerAccount,
            "Groups": try count(.group), "GroupsQuota": Quota.groupsPerAccount,
            "Roles": try count(.role), "RolesQuota": Quota.rolesPerAccount,
            "InstanceProfiles": try count(.instanceProfile), "InstanceProfilesQuota": Quota.profilesPerAccount,
            "Policies": try policyCount(),
            "PoliciesQuota": Quota.policiesPerAccount,
            "PolicyVersionsInUse": try policyVersionCount(), "PolicyVersionsInUseQuota": 10_000,
            "VersionsPerPolicyQuota": Quota.versionsPerPolicy,
            "PolicySizeQuota": Quota.managedPolicySize, "AssumeRolePolicySizeQuota": Quota.trustPolicySize,
            "UserPolicySizeQuota": Quota.userPolicySize, "GroupPolicySizeQuota": Quota.groupPolicySize,
            "RolePolicySizeQuota": Quota.rolePolicySize,
            "AttachedPoliciesPerUserQuota": Quota.attachedPolicies,
            "AttachedPoliciesPerGroupQuota": Quota.attachedPolicies,
            "AttachedPoliciesPerRoleQuota": Quota.attachedPolicies,
            "GroupsPerUserQuota": Quota.groupsPerUser, "AccessKeysPerUserQuota": Quota.accessKeysPerUser,
            "AccountAccessKeysPresent": try accessKeys(ofUser: nil).isEmpty ? 0 : 1,
            "AccountMFAEnabled": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0,
            "MFADevices": 0, "MFADevicesInUse": 0, "Providers": 0, "ServerCertificates": 0,
            "ServerCertificatesQuota": 20,
            "SigningCertificatesPerUserQuota": 2, "GlobalEndpointTokenVersion": 2,
        ]
    }
}
