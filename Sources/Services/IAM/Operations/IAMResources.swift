// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Which resource an operation touches, for IAM's own authorisation.
///
/// Inputs name identities without their paths; `IAMAuthorizer` completes the ARNs of those that exist.
enum IAMResources {
    static func named(by input: any Shape, in scope: Scope) -> [ARN] {
        switch input {
        case let input as CreateRoleInput: [arn(.role, input.path, input.roleName, scope)]
        case let input as CreateUserInput: [arn(.user, input.path, input.userName, scope)]
        case let input as CreateGroupInput: [arn(.group, input.path, input.groupName, scope)]
        case let input as CreateInstanceProfileInput:
            [arn(.instanceProfile, input.path, input.instanceProfileName, scope)]
        case let input as CreatePolicyInput: [scope.globalARN("iam", "policy\(input.path ?? "/")\(input.policyName)")]
        case let input as any InstanceProfileNamed: [arn(.instanceProfile, nil, input.instanceProfileName, scope)]
        case let input as any RoleNamed: [arn(.role, nil, input.roleName, scope)]
        case let input as any GroupNamed: [arn(.group, nil, input.groupName, scope)]
        case let input as any UserNamed: [arn(.user, nil, input.userName, scope)]
        case let input as any OptionallyUserNamed: input.userName.map { [arn(.user, nil, $0, scope)] } ?? []
        case let input as any PolicyNamed: ARN(input.policyArn).map { [$0] } ?? []
        case let input as SimulatePrincipalPolicyInput: ARN(input.policySourceArn).map { [$0] } ?? []
        default: []
        }
    }

    private static func arn(_ kind: Identity.Kind, _ path: String?, _ name: String, _ scope: Scope) -> ARN {
        scope.globalARN("iam", "\(kind.rawValue)\(path ?? "/")\(name)")
    }
}

protocol InstanceProfileNamed { var instanceProfileName: String { get } }
protocol PolicyNamed { var policyArn: String { get } }
protocol RoleNamed { var roleName: String { get } }
protocol GroupNamed { var groupName: String { get } }
protocol UserNamed { var userName: String { get } }
/// Without a name the caller is meant: `IAMAuthorizer` knows it.
protocol OptionallyUserNamed { var userName: String? { get } }

extension AddRoleToInstanceProfileInput: InstanceProfileNamed {}
extension CreateInstanceProfileInput: InstanceProfileNamed {}
extension DeleteInstanceProfileInput: InstanceProfileNamed {}
extension GetInstanceProfileInput: InstanceProfileNamed {}
extension RemoveRoleFromInstanceProfileInput: InstanceProfileNamed {}

extension CreatePolicyVersionInput: PolicyNamed {}
extension DeletePolicyInput: PolicyNamed {}
extension DeletePolicyVersionInput: PolicyNamed {}
extension GetPolicyInput: PolicyNamed {}
extension GetPolicyVersionInput: PolicyNamed {}
extension ListEntitiesForPolicyInput: PolicyNamed {}
extension ListPolicyTagsInput: PolicyNamed {}
extension ListPolicyVersionsInput: PolicyNamed {}
extension SetDefaultPolicyVersionInput: PolicyNamed {}
extension TagPolicyInput: PolicyNamed {}
extension UntagPolicyInput: PolicyNamed {}

extension AttachRolePolicyInput: RoleNamed {}
extension CreateRoleInput: RoleNamed {}
extension DeleteRoleInput: RoleNamed {}
extension DeleteRolePermissionsBoundaryInput: RoleNamed {}
extension DeleteRolePolicyInput: RoleNamed {}
extension DetachRolePolicyInput: RoleNamed {}
extension GetRoleInput: RoleNamed {}
extension GetRolePolicyInput: RoleNamed {}
extension ListAttachedRolePoliciesInput: RoleNamed {}
extension ListInstanceProfilesForRoleInput: RoleNamed {}
extension ListRolePoliciesInput: RoleNamed {}
extension ListRoleTagsInput: RoleNamed {}
extension PutRolePermissionsBoundaryInput: RoleNamed {}
extension PutRolePolicyInput: RoleNamed {}
extension TagRoleInput: RoleNamed {}
extension UntagRoleInput: RoleNamed {}
extension UpdateAssumeRolePolicyInput: RoleNamed {}
extension UpdateRoleInput: RoleNamed {}
extension UpdateRoleDescriptionInput: RoleNamed {}

extension AddUserToGroupInput: GroupNamed {}
extension AttachGroupPolicyInput: GroupNamed {}
extension CreateGroupInput: GroupNamed {}
extension DeleteGroupInput: GroupNamed {}
extension DeleteGroupPolicyInput: GroupNamed {}
extension DetachGroupPolicyInput: GroupNamed {}
extension GetGroupInput: GroupNamed {}
extension GetGroupPolicyInput: GroupNamed {}
extension ListAttachedGroupPoliciesInput: GroupNamed {}
extension ListGroupPoliciesInput: GroupNamed {}
extension PutGroupPolicyInput: GroupNamed {}
extension RemoveUserFromGroupInput: GroupNamed {}
extension UpdateGroupInput: GroupNamed {}

extension AttachUserPolicyInput: UserNamed {}
extension CreateUserInput: UserNamed {}
extension DeleteUserInput: UserNamed {}
extension DeleteUserPermissionsBoundaryInput: UserNamed {}
extension DeleteUserPolicyInput: UserNamed {}
extension DetachUserPolicyInput: UserNamed {}
extension GetUserPolicyInput: UserNamed {}
extension ListAttachedUserPoliciesInput: UserNamed {}
extension ListGroupsForUserInput: UserNamed {}
extension ListUserPoliciesInput: UserNamed {}
extension ListUserTagsInput: UserNamed {}
extension PutUserPermissionsBoundaryInput: UserNamed {}
extension PutUserPolicyInput: UserNamed {}
extension TagUserInput: UserNamed {}
extension UntagUserInput: UserNamed {}
extension UpdateUserInput: UserNamed {}

extension GetUserInput: OptionallyUserNamed {}
extension CreateAccessKeyInput: OptionallyUserNamed {}
extension ListAccessKeysInput: OptionallyUserNamed {}
extension UpdateAccessKeyInput: OptionallyUserNamed {}
extension DeleteAccessKeyInput: OptionallyUserNamed {}
