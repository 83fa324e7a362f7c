// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

// What the control plane asks of the parts that run functions.

/// Says whether this host can serve a runtime, at the moment a function is made or changed.
protocol RuntimeAvailability: Sendable {
    /// Throws the AWS error that the caller is to get.
    func check(runtime: String, architecture: String) throws
}

/// Runs functions. The control plane forwards these operations.
protocol Invoker: Sendable {
    func invoke(_ input: InvokeInput, _ context: RequestContext) async throws -> InvokeOutput
    func invokeAsync(_ input: InvokeAsyncInput, _ context: RequestContext) async throws -> InvokeAsyncOutput
    func invokeWithResponseStream(
        _ input: InvokeWithResponseStreamInput,
        _ context: RequestContext
    ) async throws -> InvokeWithResponseStreamOutput
}

/// Keeps environments initialised ahead, as provisioned concurrency asks.
protocol Provisioner: Sendable {
    /// What has come of the configuration so far.
    func standing(of configuration: ProvisionedConcurrency) -> ProvisionedStanding
}

/// Takes the snapshots of versions with SnapStart and keeps them on this node.
protocol VersionSnapshots: Sendable {
    /// Throws what a caller who asks for SnapStart is to get when this host can have no snapshots of the function.
    func checkHost(for function: FunctionReference) throws

    /// Initialises an environment of the version and takes its snapshot. Throws `SnapshotFault` for what is not to be tried
    /// again.
    func take(of version: ExecutableVersion) async throws

    /// Whether there is one that this host can start from.
    func isThere(_ key: VersionKey) async -> Bool

    /// Has it taken beside the requests, if it is still missing then.
    func renew(_ version: ExecutableVersion)

    /// The generations of the versions that something is kept of.
    func generations() throws -> Set<String>

    /// Removes what is kept of them. Environments that were started from it go on.
    func discard(_ generations: Set<String>) async
}

/// Why a version can have no snapshot.
struct SnapshotFault: Error, Sendable, Equatable {
    var reason: VersionStatus.Reason
}

/// Hears of every change that an invocation could see, after it is stored: environments of gone versions can retire.
protocol FunctionObserver: Sendable {
    /// The function was changed or deleted. Must not block.
    func functionChanged(_ name: String, in scope: Scope)

    /// A new version's code is in place on this node; soon it can be invoked. Must not block.
    func versionPrepared(_ version: ExecutableVersion)
}
