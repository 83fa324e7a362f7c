// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// The only answer that shows the secret. AWS: CreateAccessKey
    func createAccessKey(_ input: CreateAccessKeyInput, _ context: RequestContext) async throws -> CreateAccessKeyOutput
    {
        let name = try input.userName ?? callingUser(context)
        let new = NewAccessKey(account: context.account, ids: ids)
        let sealed = try new.sealed(by: cipher)
        let createdAt = now
        try await store.write(context.account) { iam in
            let userID = try name.map { try iam.identity(.user, named: $0).id }
            try iam.insert(
                StoredAccessKey(
                    id: new.accessKeyID,
                    account: iam.account,
                    userID: userID,
                    sealedSecret: sealed,
                    createdAt: createdAt
                )
            )
        }
        var output = CreateAccessKeyOutput()
        output.accessKey.userName = name ?? ""
        output.accessKey.accessKeyId = new.accessKeyID
        output.accessKey.secretAccessKey = new.secretAccessKey
        output.accessKey.status = .active
        output.accessKey.createDate = createdAt
        return output
    }

    /// AWS: ListAccessKeys
    func listAccessKeys(_ input: ListAccessKeysInput, _ context: RequestContext) async throws -> ListAccessKeysOutput {
        let name = try input.userName ?? callingUser(context)
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) { iam in
            let keys = try iam.accessKeys(ofUser: try name.map { try iam.identity(.user, named: $0).id })
            return Page(cutting: keys, request) { $0.id }
        }
        var output = ListAccessKeysOutput()
        output.accessKeyMetadata = page.items.map { key in
            var metadata = AccessKeyMetadata()
            metadata.userName = name
            metadata.accessKeyId = key.id
            metadata.status = key.isActive ? .active : .inactive
            metadata.createDate = key.createdAt
            return metadata
        }
        (output.isTruncated, output.marker) = (page.isTruncated, page.marker)
        return output
    }

    /// AWS: UpdateAccessKey
    func updateAccessKey(_ input: UpdateAccessKeyInput, _ context: RequestContext) async throws -> UpdateAccessKeyOutput
    {
        guard input.status == .active || input.status == .inactive else {
            throw InvalidInputException("Status \(input.status) cannot be set.")
        }
        try await withKey(input.accessKeyId, of: input.userName, context) {
            try $0.setActive(input.status == .active, $1)
        }
        return UpdateAccessKeyOutput()
    }

    /// AWS: DeleteAccessKey
    func deleteAccessKey(_ input: DeleteAccessKeyInput, _ context: RequestContext) async throws -> DeleteAccessKeyOutput
    {
        try await withKey(input.accessKeyId, of: input.userName, context) { try $0.delete($1) }
        return DeleteAccessKeyOutput()
    }

    /// A minute late at most: uses are noted off the requests' path. AWS: GetAccessKeyLastUsed
    func getAccessKeyLastUsed(
        _ input: GetAccessKeyLastUsedInput,
        _ context: RequestContext
    ) async throws -> GetAccessKeyLastUsedOutput {
        let (key, user) = try await store.read(context.account) { iam in
            guard let key = try iam.accessKey(input.accessKeyId) else {
                throw CommonError(
                    "AccessDenied",
                    "User \(context.principal.arn) is not authorized to perform: "
                        + "iam:GetAccessKeyLastUsed on resource: access key \(input.accessKeyId)",
                    status: 403
                )
            }
            return (key, try key.userID.flatMap { try iam.identity(id: $0) })
        }
        var used = AccessKeyLastUsed()
        used.lastUsedDate = key.lastUsedAt
        used.serviceName = key.lastUsedService ?? "N/A"
        used.region = key.lastUsedRegion ?? "N/A"
        var output = GetAccessKeyLastUsedOutput()
        output.userName = user?.name
        output.accessKeyLastUsed = used
        return output
    }

    private func withKey(
        _ id: String,
        of userName: String?,
        _ context: RequestContext,
        _ body: @escaping @Sendable (IAMWriter, StoredAccessKey) throws -> Void
    ) async throws {
        let name = try userName ?? callingUser(context)
        try await store.write(context.account) { iam in
            try body(iam, try iam.accessKey(id, ofUser: try name.map { try iam.identity(.user, named: $0).id }))
        }
    }
}
