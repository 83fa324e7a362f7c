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

/// Hears of every change that an invocation could see, after it is stored: environments of gone versions can retire.
protocol FunctionObserver: Sendable {
    /// The function was changed or deleted. Must not block.
    func functionChanged(_ name: String, in scope: Scope)

    /// A new version's code is in place on this node; soon it can be invoked. Must not block.
    func versionPrepared(_ version: ExecutableVersion)
}
