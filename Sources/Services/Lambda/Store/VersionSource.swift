// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Reads from the store what the cache keeps, and sees to it that the code is unpacked on this machine.
struct VersionSource: Sendable {
    let store: LambdaStore
    let packages: UnpackedPackages
    let images: FunctionImages

    func changeCount(of name: String, in scope: Scope) async throws -> Int {
        try await store.read { try $0.changeCount(of: name, in: scope) }
    }

    func claimedConcurrency(in scope: Scope) async throws -> ClaimedConcurrency {
        try await store.read { try $0.claimedConcurrency(in: scope) }
    }

    func url(id: String) async throws -> FunctionURL? { try await store.read { try $0.url(id: id) } }

    /// Throws AWS's errors for what does not exist or cannot be invoked in its state.
    func load(function name: String, qualifier: String?, in scope: Scope) async throws -> (Resolution, changeCount: Int)
    {
        let reference = FunctionReference(scope: scope, name: name, qualifier: qualifier)
        let found = try await store.read { try Found(reference, $0) }
        var resolution = Resolution(first: try await invocation(of: found.version, found), other: nil)
        if let other = found.other {
            resolution.other = (try await invocation(of: other.version, found), other.weight)
        }
        return (resolution, found.changeCount)
    }

    private struct Found: Sendable {
        var invokedARN: ARN
        var reservedConcurrency: Int?
        var provisionedConcurrency: Int
        var terminatesLoops: Bool
        var changeCount: Int
        var version: VersionRecord
        var other: (version: VersionRecord, weight: Double)?

        init(_ reference: FunctionReference, _ tx: LambdaRead) throws {
            let function = try tx.existingFunction(reference, showing: reference.qualifiedARN)
            let target = try tx.target(of: reference)
            invokedARN = reference.qualifiedARN
            reservedConcurrency = function.reservedConcurrency
            provisionedConcurrency = try tx.provisionedTotal(of: reference.name, in: reference.scope)
            terminatesLoops = function.recursiveLoop != RecursiveLoop.allow.rawValue
            changeCount = try tx.changeCount(of: reference.name, in: reference.scope)
            version = try Self.invocable(tx.existingVersion(target.version, of: reference))
            other = try target.routing.map {
                (try Self.invocable(tx.existingVersion($0.version, of: reference)), $0.weight)
            }
        }

        private static func invocable(_ version: VersionRecord) throws -> VersionRecord {
            guard version.status.state == "Active" else {
                // What invoking an inactive one sets going is `WakingDirectory`'s.
                if version.snapStarts, version.status.state != "Failed" {
                    throw SnapStartNotReadyException.initializing
                }
                throw ResourceConflictException.inState(version.status.state)
            }
            return version
        }
    }

    private func invocation(of version: VersionRecord, _ found: Found) async throws -> ResolvedInvocation {
        ResolvedInvocation(
            version: try await executable(version),
            invokedARN: found.invokedARN,
            reservedConcurrency: found.reservedConcurrency,
            provisionedConcurrency: found.provisionedConcurrency,
            terminatesLoops: found.terminatesLoops
        )
    }

    func executable(_ version: VersionRecord) async throws -> ExecutableVersion {
        let settings = version.settings
        guard let role = ARN(settings.role) else { throw MartletError("lambda.row", "a role in the store is damaged") }
        let image = try await settings.image.asyncMap {
            try await images.execution(of: $0, architecture: settings.architecture)
        }
        return ExecutableVersion(
            key: version.key,
            runtime: settings.runtime,
            handler: settings.handler,
            timeoutSeconds: settings.sizes.timeoutSeconds,
            memoryMiB: settings.sizes.memoryMiB,
            temporaryMiB: settings.sizes.temporaryMiB,
            environment: settings.environment ?? [:],
            role: role,
            codePath: image == nil ? try await packages.path(of: version.code.address) : "",
            layersPath: try await packages.path(ofLayers: settings.layers.map(\.code.address)),
            architecture: settings.architecture,
            logging: settings.logging,
            tracingMode: settings.tracingMode,
            lastModified: version.marks.lastModified,
            image: image,
            isolatesTenants: settings.tenantIsolation != nil,
            snapStarts: version.snapStarts,
            fileSystem: settings.fileSystem
        )
    }
}
