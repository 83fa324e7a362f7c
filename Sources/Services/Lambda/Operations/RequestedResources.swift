// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What a request touches, as IAM's policies name it.
enum RequestedResources {
    /// Empty for operations on everything, and for names that the operation will refuse.
    static func arns(in input: any Shape, _ scope: Scope) -> [ARN] {
        switch input {
        case let input as any NamesFunction:
            // A name that is none: the operation answers AWS's error.
            guard let reference = try? FunctionReference(input.functionName, qualifier: input.qualifier, in: scope)
            else { return [] }
            return [reference.qualifiedARN]
        case let input as any NamesLayer:
            guard let reference = try? LayerReference(input.layerName, in: scope) else { return [] }
            return [input.layerVersion.map { reference.arn(version: $0) } ?? reference.arn]
        case let input as GetLayerVersionByArnInput: return ARN(input.arn).map { [$0] } ?? []
        case let input as any NamesMapping: return [scope.arn("lambda", "event-source-mapping:\(input.uuid)")]
        case let input as any NamesTaggedResource: return ARN(input.resource).map { [$0] } ?? []
        default: return []
        }
    }
}

private protocol NamesFunction {
    var functionName: String { get }
    var qualifier: String? { get }
}

extension NamesFunction {
    fileprivate var qualifier: String? { nil }
}

private protocol NamesLayer {
    var layerName: String { get }
    var layerVersion: Int? { get }
}

extension NamesLayer {
    fileprivate var layerVersion: Int? { nil }
}

private protocol NamesMapping {
    var uuid: String { get }
}

extension GetEventSourceMappingInput: NamesMapping {}
extension UpdateEventSourceMappingInput: NamesMapping {}
extension DeleteEventSourceMappingInput: NamesMapping {}

private protocol NamesTaggedResource {
    var resource: String { get }
}

extension CreateFunctionInput: NamesFunction {}
extension GetFunctionInput: NamesFunction {}
extension GetFunctionConfigurationInput: NamesFunction {}
extension UpdateFunctionCodeInput: NamesFunction {}
extension UpdateFunctionConfigurationInput: NamesFunction {}
extension DeleteFunctionInput: NamesFunction {}
extension PublishVersionInput: NamesFunction {}
extension ListVersionsByFunctionInput: NamesFunction {}
extension CreateAliasInput: NamesFunction {}
extension GetAliasInput: NamesFunction {}
extension UpdateAliasInput: NamesFunction {}
extension ListAliasesInput: NamesFunction {}
extension DeleteAliasInput: NamesFunction {}
extension AddPermissionInput: NamesFunction {}
extension RemovePermissionInput: NamesFunction {}
extension GetPolicyInput: NamesFunction {}
extension PutFunctionConcurrencyInput: NamesFunction {}
extension GetFunctionConcurrencyInput: NamesFunction {}
extension DeleteFunctionConcurrencyInput: NamesFunction {}
extension PutFunctionEventInvokeConfigInput: NamesFunction {}
extension UpdateFunctionEventInvokeConfigInput: NamesFunction {}
extension GetFunctionEventInvokeConfigInput: NamesFunction {}
extension ListFunctionEventInvokeConfigsInput: NamesFunction {}
extension DeleteFunctionEventInvokeConfigInput: NamesFunction {}
extension CreateFunctionUrlConfigInput: NamesFunction {}
extension GetFunctionUrlConfigInput: NamesFunction {}
extension UpdateFunctionUrlConfigInput: NamesFunction {}
extension ListFunctionUrlConfigsInput: NamesFunction {}
extension DeleteFunctionUrlConfigInput: NamesFunction {}
extension GetRuntimeManagementConfigInput: NamesFunction {}
extension PutRuntimeManagementConfigInput: NamesFunction {}
extension GetFunctionRecursionConfigInput: NamesFunction {}
extension PutFunctionRecursionConfigInput: NamesFunction {}
extension InvokeInput: NamesFunction {}
extension InvokeAsyncInput: NamesFunction {}
extension InvokeWithResponseStreamInput: NamesFunction {}

extension PublishLayerVersionInput: NamesLayer {}
extension ListLayerVersionsInput: NamesLayer {}
extension GetLayerVersionInput: NamesLayer { fileprivate var layerVersion: Int? { versionNumber } }
extension DeleteLayerVersionInput: NamesLayer { fileprivate var layerVersion: Int? { versionNumber } }
extension AddLayerVersionPermissionInput: NamesLayer { fileprivate var layerVersion: Int? { versionNumber } }
extension RemoveLayerVersionPermissionInput: NamesLayer { fileprivate var layerVersion: Int? { versionNumber } }
extension GetLayerVersionPolicyInput: NamesLayer { fileprivate var layerVersion: Int? { versionNumber } }

extension TagResourceInput: NamesTaggedResource {}
extension UntagResourceInput: NamesTaggedResource {}
extension ListTagsInput: NamesTaggedResource {}
