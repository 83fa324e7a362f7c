// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Replaces the code of `$LATEST`. With `DryRun` everything is checked and nothing stored; with `Publish` a version is made
    /// in the same transaction and answered.
    /// Throws PreconditionFailedException, ResourceConflictException while another change is in progress.
    /// AWS: UpdateFunctionCode
    func updateFunctionCode(
        _ input: UpdateFunctionCodeInput,
        _ context: RequestContext
    ) async throws -> UpdateFunctionCodeOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let before = try await changeable(reference, input.revisionId)
        try Unsupported.check(input)
        let architecture = try FunctionSettings.architecture(input.architectures) ?? before.settings.architecture
        let (code, image) = try await newCode(input, architecture, before.settings, context)
        guard input.dryRun != true else {
            return FunctionConfiguration(before.holding(code, image, architecture), qualifier: nil)
        }
        let (version, isPublished) = try await change(
            reference,
            input.revisionId,
            publishing: input.publish == true
        ) { $0.holding(code, image, architecture) }
        return FunctionConfiguration(version, qualifier: isPublished ? version.number.text : nil)
    }

    private func newCode(
        _ input: UpdateFunctionCodeInput,
        _ architecture: String,
        _ settings: FunctionSettings,
        _ context: RequestContext
    ) async throws -> (CodePackage, FunctionImage?) {
        if settings.image != nil {
            guard let uri = input.imageUri, !uri.isEmpty, input.zipFile == nil else {
                throw InvalidParameterValueException(
                    "Please provide ImageUri when updating a function with packageType Image."
                )
            }
            let (image, code) = try await control.images.find(uri, architecture: architecture)
            return (code, image)
        }
        if input.imageUri?.isEmpty == false {
            throw InvalidParameterValueException(
                "Please don't provide ImageUri when updating a function with packageType Zip."
            )
        }
        try control.runtimes.check(runtime: settings.runtime, architecture: architecture)
        let code =
            input.dryRun == true
            ? try await intake.inspect(input.zipFile, context) : try await intake.admit(input.zipFile, context)
        try SettingsRules.checkUnpackedSize(code, settings.layers)
        return (code, nil)
    }

    /// Changes the settings of `$LATEST` that the request names.
    /// Throws PreconditionFailedException, ResourceConflictException while another change is in progress.
    /// AWS: UpdateFunctionConfiguration
    func updateFunctionConfiguration(
        _ input: UpdateFunctionConfigurationInput,
        _ context: RequestContext
    ) async throws -> UpdateFunctionConfigurationOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let before = try await changeable(reference, input.revisionId)
        try Unsupported.check(input)
        try before.settings.checkPackageType(input)
        let layers = try await input.layers.asyncMap { try await attach($0, context) }
        let preview = try before.settings.changed(by: input)
        if input.snapStart != nil { try control.checkSnapStart(preview, of: reference) }
        if input.fileSystemConfigs != nil {
            try FileSystemRules.check(preview.fileSystem, in: reference.scope, control.configuration.folders)
        }
        if input.role != nil { try await checkRole(preview.role, of: reference, context) }
        if input.deadLetterConfig != nil || input.role != nil { try await checkDeadLetters(preview) }
        if input.runtime != nil {
            try control.runtimes.check(runtime: preview.runtime, architecture: preview.architecture)
        }
        let (version, _) = try await change(reference, input.revisionId, publishing: false) { latest in
            var latest = latest
            latest.settings = try latest.settings.changed(by: input)
            latest.settings.layers = layers ?? latest.settings.layers
            try SettingsRules.checkUnpackedSize(latest.code, latest.settings.layers)
            return latest
        }
        return FunctionConfiguration(version, qualifier: nil)
    }

    /// Cheap refusals first: nothing is unpacked for a request that cannot succeed.
    private func changeable(_ reference: FunctionReference, _ revisionID: String?) async throws -> VersionRecord {
        try await store.read { tx in
            let latest = try tx.existingLatest(reference)
            try PreconditionFailedException.check(revisionID, is: latest.marks.revisionID)
            return latest
        }
    }

    /// Applies `edit` to `$LATEST` as it is now. The answer is `$LATEST`, or the version that was published with it.
    private func change(
        _ reference: FunctionReference,
        _ revisionID: String?,
        publishing: Bool,
        _ edit: @escaping @Sendable (VersionRecord) throws -> VersionRecord
    ) async throws -> (VersionRecord, isPublished: Bool) {
        let (marks, publication) = (marks(), publishing ? publication() : nil)
        let result = try await changes.of(reference.name, in: reference.scope) { tx in
            let function = try tx.existingFunction(reference)
            let current = try tx.existingLatest(reference)
            try PreconditionFailedException.check(revisionID, is: current.marks.revisionID)
            try current.refuseUnsettled()
            var latest = try edit(current)
            latest.status = current.status.updating
            latest.marks = marks
            latest.marks.fingerprint = latest.computedFingerprint
            try tx.checkStorage(for: latest.code, replacing: current.code, in: reference.scope)
            try tx.save(latest)
            guard let publication else { return latest }
            return try tx.publish(latest, of: function, description: nil, publication)
        }
        control.transitions.begin()
        return (result, publication != nil)
    }
}

extension LambdaReading {
    fileprivate func checkStorage(for code: CodePackage, replacing old: CodePackage, in scope: Scope) throws {
        let added = CodePackage(address: code.address, size: max(0, code.size - old.size), unpackedSize: 0)
        try checkStorage(for: added, in: scope)
    }
}

extension VersionRecord {
    /// What the function has changed about how its image is run stays.
    fileprivate func holding(
        _ code: CodePackage,
        _ image: FunctionImage?,
        _ architecture: String
    ) -> VersionRecord {
        var version = self
        version.code = code
        if var image {
            image.overrides = settings.image?.overrides ?? image.overrides
            version.settings.image = image
        }
        version.settings.architecture = architecture
        return version
    }
}

extension Optional {
    func asyncMap<T>(_ transform: (Wrapped) async throws -> T) async rethrows -> T? {
        guard let self else { return nil }
        return try await transform(self)
    }
}
