// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

// From what is stored to what the wire shows.

extension AttachedPermissionsBoundary {
    init?(_ arn: String?) {
        guard let arn else { return nil }
        self.init()
        permissionsBoundaryType = PermissionsBoundaryAttachmentType("Policy")
        permissionsBoundaryArn = arn
    }
}

extension Role {
    /// `isListed`: ListRoles and profiles leave out tags, the boundary and the last use.
    init(_ identity: Identity, _ partition: String, tags: [Tag]? = nil, isListed: Bool = false) {
        self.init()
        path = identity.path
        roleName = identity.name
        roleId = identity.id
        arn = identity.arn(partition).description
        createDate = identity.createdAt
        assumeRolePolicyDocument = identity.trust.map { URIEncoding.encode($0) }
        description = identity.description
        maxSessionDuration = identity.maxSessionSeconds
        guard !isListed else { return }
        permissionsBoundary = AttachedPermissionsBoundary(identity.boundary)
        self.tags = tags.flatMap { $0.isEmpty ? nil : $0 }
        roleLastUsed = RoleLastUsed()
        roleLastUsed?.lastUsedDate = identity.lastUsedAt
        roleLastUsed?.region = identity.lastUsedRegion
    }
}

extension User {
    init(_ identity: Identity, _ partition: String, tags: [Tag]? = nil) {
        self.init()
        path = identity.path
        userName = identity.name
        userId = identity.id
        arn = identity.arn(partition).description
        createDate = identity.createdAt
        permissionsBoundary = AttachedPermissionsBoundary(identity.boundary)
        self.tags = tags.flatMap { $0.isEmpty ? nil : $0 }
    }
}

extension Group {
    init(_ identity: Identity, _ partition: String) {
        self.init()
        path = identity.path
        groupName = identity.name
        groupId = identity.id
        arn = identity.arn(partition).description
        createDate = identity.createdAt
    }
}

extension InstanceProfile {
    init(_ identity: Identity, _ partition: String, roles: [Identity], tags: [Tag]? = nil) {
        self.init()
        path = identity.path
        instanceProfileName = identity.name
        instanceProfileId = identity.id
        arn = identity.arn(partition).description
        createDate = identity.createdAt
        self.roles = roles.map { Role($0, partition, isListed: true) }
        self.tags = tags.flatMap { $0.isEmpty ? nil : $0 }
    }
}

extension Policy {
    init(_ policy: ManagedPolicy, _ partition: String, usage: (attachments: Int, boundaries: Int)) {
        self.init()
        policyName = policy.name
        policyId = policy.id
        arn = policy.arn(partition)
        path = policy.path
        defaultVersionId = "v\(policy.defaultVersion)"
        attachmentCount = usage.attachments
        permissionsBoundaryUsageCount = usage.boundaries
        isAttachable = true
        createDate = policy.createdAt
        updateDate = policy.updatedAt
    }
}

extension PolicyVersion {
    init(_ version: ManagedPolicyVersion, of policy: ManagedPolicy, withDocument: Bool = false) {
        self.init()
        versionId = version.versionID
        isDefaultVersion = version.number == policy.defaultVersion
        createDate = version.createdAt
        document = withDocument ? URIEncoding.encode(version.document) : nil
    }
}

extension AttachedPolicy {
    init(arn: String) {
        self.init()
        policyName = PolicyName(arn: arn)?.name
        policyArn = arn
    }
}
