// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// Everything that running one version of a function needs, resolved: what the control plane hands to the pool.
/// Immutable; an update of `$LATEST` makes a new one with another `generation`, and environments of the old one retire.
struct ExecutableVersion: Sendable {
    var key: VersionKey
    var runtime: String
    var handler: String
    var timeoutSeconds: Int
    var memoryMiB: Int
    var temporaryMiB: Int
    var environment: [String: String]
    var role: ARN
    /// Absolute path of the unpacked, read-only package: becomes `/var/task`.
    var codePath: String
    /// Absolute path of the merged, read-only layers, nil when there are none: becomes `/opt`.
    var layersPath: String?
    var architecture: String
    var logging: FunctionLogging
    /// `Active` or `PassThrough`
    var tracingMode: String
    /// Of `$LATEST` the time of the last update, of a version that of its publication.
    var lastModified: Instant
    /// Nil for PackageType Zip. With it there is neither package nor layer, and `runtime` is empty.
    var image: ExecutableImage? = nil
    /// AWS: TenancyConfig, `PER_TENANT`
    var isolatesTenants = false
    /// Its environments start from a snapshot. AWS: SnapStart
    var snapStarts = false
    var fileSystem: FileSystemMount? = nil

    /// As GetFunction names it: where a version is pinned, it is pinned to this one.
    var runtimeVersionARN: String { RuntimeCatalog.versionARN(of: runtime, in: key.scope.region) }
}

/// Names one version's environments: two executions with equal keys may share a warm environment, others never.
struct VersionKey: Hashable, Sendable {
    var scope: Scope
    var functionName: String
    /// `$LATEST` or a number.
    var version: String
    /// Changes with every change of code or configuration that an environment can see.
    var generation: String
    /// Of a function with tenant isolation: whose invocations the environment takes, and nobody else's.
    var tenantID: String? = nil

    /// With the version, as `AWS_LAMBDA_FUNCTION_VERSION` and log streams show it; without the qualifier.
    var functionARN: ARN { scope.arn("lambda", "function:\(functionName)") }
}

/// AWS: LoggingConfig
struct FunctionLogging: Sendable, Equatable {
    /// `Text` or `JSON`
    var format: String
    var applicationLevel: String?
    var systemLevel: String?
    /// `/aws/lambda/{name}` unless the function names another.
    var group: String
}

/// Finds what an invocation names. The control plane's store is one; tests have their own.
protocol VersionDirectory: Sendable {
    /// Resolves a name and qualifier (nil, `$LATEST`, a version, an alias: then the alias's weights decide with `draw`, a
    /// number in 0..<1). Throws AWS's ResourceNotFoundException, or what the function's state demands
    /// (ResourceConflictException while Pending, the reason's error when Failed).
    func resolve(
        function name: String,
        qualifier: String?,
        in scope: Scope,
        draw: Double
    ) async throws -> ResolvedInvocation

    /// What the account has set aside for some of its functions; the rest is the pool of the others.
    func claimedConcurrency(in scope: Scope) async throws -> ClaimedConcurrency
}

struct ResolvedInvocation: Sendable {
    var version: ExecutableVersion
    /// As the caller named it, with the qualifier where there was one: `Lambda-Runtime-Invoked-Function-Arn`.
    var invokedARN: ARN
    /// Nil: the function shares the account's pool.
    var reservedConcurrency: Int?
    /// What the function's configurations request together.
    var provisionedConcurrency = 0
    /// AWS: RecursiveLoop, `Terminate`
    var terminatesLoops = true
}
