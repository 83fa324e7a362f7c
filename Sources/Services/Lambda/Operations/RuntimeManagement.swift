// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// AWS: GetRuntimeManagementConfig
    func getRuntimeManagementConfig(
        _ input: GetRuntimeManagementConfigInput,
        _ context: RequestContext
    ) async throws -> GetRuntimeManagementConfigOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        let version = try await store.read { try $0.existingVersion(reference) }
        return GetRuntimeManagementConfigOutput(
            updateRuntimeOn: UpdateRuntimeOn(version.runtimeUpdates.updateOn),
            functionArn: reference.qualifiedARN.description,
            runtimeVersionArn: version.runtimeUpdates.runtimeVersionARN
        )
    }

    /// `Manual` pins a runtime version. There is only the host's interpreter, so only the present version can be pinned.
    /// AWS: PutRuntimeManagementConfig
    func putRuntimeManagementConfig(
        _ input: PutRuntimeManagementConfigInput,
        _ context: RequestContext
    ) async throws -> PutRuntimeManagementConfigOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        let isManual = input.updateRuntimeOn == .manual
        guard isManual == (input.runtimeVersionArn != nil) else {
            throw InvalidParameterValueException(
                isManual
                    ? "RuntimeVersionArn must be provided when UpdateRuntimeOn is Manual."
                    : "RuntimeVersionArn can be provided only when UpdateRuntimeOn is Manual."
            )
        }
        let revisionID = ids.uuid()
        try await store.write { tx in
            var version = try tx.existingVersion(reference)
            let present = RuntimeCatalog.versionARN(of: version.settings.runtime, in: version.scope.region)
            if let pinned = input.runtimeVersionArn, pinned != present {
                throw InvalidParameterValueException("Runtime version \(pinned) does not exist.")
            }
            version.runtimeUpdates = .init(
                updateOn: input.updateRuntimeOn.rawValue,
                runtimeVersionARN: input.runtimeVersionArn
            )
            version.marks.revisionID = revisionID
            try tx.save(version)
        }
        return PutRuntimeManagementConfigOutput(
            updateRuntimeOn: input.updateRuntimeOn,
            functionArn: reference.qualifiedARN.description,
            runtimeVersionArn: input.runtimeVersionArn
        )
    }

    /// AWS: GetFunctionRecursionConfig
    func getFunctionRecursionConfig(
        _ input: GetFunctionRecursionConfigInput,
        _ context: RequestContext
    ) async throws -> GetFunctionRecursionConfigOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let function = try await store.read { try $0.existingFunction(reference) }
        return GetFunctionRecursionConfigOutput(recursiveLoop: RecursiveLoop(function.recursiveLoop))
    }

    /// AWS: PutFunctionRecursionConfig
    func putFunctionRecursionConfig(
        _ input: PutFunctionRecursionConfigInput,
        _ context: RequestContext
    ) async throws -> PutFunctionRecursionConfigOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        try await changes.of(reference.name, in: reference.scope) { tx in
            var function = try tx.existingFunction(reference)
            function.recursiveLoop = input.recursiveLoop.rawValue
            try tx.update(function)
        }
        return PutFunctionRecursionConfigOutput(recursiveLoop: input.recursiveLoop)
    }
}
