// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Stores the code, then the function in state Pending; it becomes Active in the background. With `Publish` version 1 is
    /// made in the same transaction.
    /// Throws InvalidParameterValueException, ResourceConflictException, CodeStorageExceededException. AWS: CreateFunction
    func createFunction(_ input: CreateFunctionInput, _ context: RequestContext) async throws -> CreateFunctionOutput {
        try Unsupported.check(input)
        let reference = try newReference(input.functionName, context)
        var settings = try FunctionSettings(input, name: reference.name)
        try control.checkSnapStart(settings, of: reference)
        try FileSystemRules.check(settings.fileSystem, in: reference.scope, control.configuration.folders)
        let tags = try TagRules.check(input.tags ?? [:], existing: [:])
        guard try await store.read({ try $0.function(reference.name, in: reference.scope) }) == nil else {
            throw ResourceConflictException.functionExists(reference.name)
        }
        settings.layers = try await attach(input.layers ?? [], context)
        try await checkRole(settings.role, of: reference, context)
        try await checkDeadLetters(settings)
        let code = try await firstCode(input, &settings, context)
        try SettingsRules.checkUnpackedSize(code, settings.layers)
        let latest = newVersion(of: reference, settings, code)
        let answer = try await store(latest, tags: tags, publishing: input.publish == true)
        control.transitions.begin()
        return FunctionConfiguration(answer, qualifier: nil)
    }

    private func firstCode(
        _ input: CreateFunctionInput,
        _ settings: inout FunctionSettings,
        _ context: RequestContext
    ) async throws -> CodePackage {
        guard input.packageType == .image else {
            try control.runtimes.check(runtime: settings.runtime, architecture: settings.architecture)
            return try await intake.admit(input.code.zipFile, context)
        }
        guard let uri = input.code.imageUri, !uri.isEmpty, input.code.zipFile == nil else {
            throw InvalidParameterValueException(
                "Please provide ImageUri when creating a function with packageType Image."
            )
        }
        var (image, code) = try await control.images.find(uri, architecture: settings.architecture)
        if let overrides = input.imageConfig { image.overrides = FunctionImage.Overrides(overrides) }
        try image.overrides.check()
        settings.image = image
        return code
    }

    private func store(_ latest: VersionRecord, tags: [String: String], publishing: Bool) async throws -> VersionRecord
    {
        let publication = publishing ? self.publication() : nil
        return try await changes.of(latest.functionName, in: latest.scope) { tx in
            guard try tx.function(latest.functionName, in: latest.scope) == nil else {
                throw ResourceConflictException.functionExists(latest.functionName)
            }
            try tx.checkStorage(for: latest.code, in: latest.scope)
            let function = FunctionRecord(
                scope: latest.scope,
                name: latest.functionName,
                lastVersion: 0,
                reservedConcurrency: nil,
                recursiveLoop: RecursiveLoop.terminate.rawValue
            )
            try tx.insert(function)
            try tx.save(latest)
            try tx.addTags(tags, to: latest.functionName, in: latest.scope)
            guard let publication else { return latest }
            return try tx.publish(latest, of: function, description: nil, publication)
        }
    }

    /// A name, or the ARN of a function that the caller could own, without a qualifier.
    private func newReference(_ text: String, _ context: RequestContext) throws -> FunctionReference {
        let reference = try FunctionReference(text, in: context.scope)
        guard reference.qualifier == nil else { throw CommonError.invalidFunctionName(text) }
        guard reference.scope == context.scope else { throw CommonError.accessDenied() }
        guard reference.name.utf8.count <= 64 else {
            throw InvalidParameterValueException(
                CommonError.constraint(
                    reference.name,
                    at: "functionName",
                    "Member must have length less than or equal to 64"
                ).message
            )
        }
        guard reference.name.utf8.allSatisfy(\.isNameByte) else { throw CommonError.invalidFunctionName(text) }
        return reference
    }

    private func newVersion(
        of reference: FunctionReference,
        _ settings: FunctionSettings,
        _ code: CodePackage
    ) -> VersionRecord {
        var version = VersionRecord(
            scope: reference.scope,
            functionName: reference.name,
            number: .latest,
            settings: settings,
            code: code,
            status: .pending,
            marks: marks(),
            runtimeUpdates: .automatic
        )
        version.marks.fingerprint = version.computedFingerprint
        return version
    }

    /// Fresh ids and the present time.
    func marks() -> VersionRecord.Marks {
        VersionRecord.Marks(revisionID: ids.uuid(), generation: ids.hex(16), fingerprint: "", lastModified: clock.now)
    }
}

extension ResourceConflictException {
    static func functionExists(_ name: String) -> ResourceConflictException { .init("Function already exist: \(name)") }
}

extension CommonError {
    static func accessDenied(_ message: String = "Access Denied") -> CommonError {
        CommonError("AccessDeniedException", message, status: 403)
    }
}
