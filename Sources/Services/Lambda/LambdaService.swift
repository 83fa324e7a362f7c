// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import MartletCore

/// AWS Lambda's API: the control plane's operations, and the way to the data plane for those that run functions.
package struct LambdaService: LambdaAPI, ServiceProvider {
    let control: LambdaControlPlane
    let invoker: any Invoker
    let provisioner: any Provisioner

    init(_ control: LambdaControlPlane, invoker: any Invoker, provisioner: any Provisioner) {
        self.control = control
        self.invoker = invoker
        self.provisioner = provisioner
    }

    package var model: ServiceModel { .lambda }
    package var operations: [Operation] { lambdaOperations }

    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] {
        RequestedResources.arns(in: input, scope)
    }

    /// AWS: Invoke
    func invoke(_ input: InvokeInput, _ context: RequestContext) async throws -> InvokeOutput {
        try await invoker.invoke(input, context)
    }

    /// AWS: InvokeAsync
    func invokeAsync(_ input: InvokeAsyncInput, _ context: RequestContext) async throws -> InvokeAsyncOutput {
        try await invoker.invokeAsync(input, context)
    }

    /// AWS: InvokeWithResponseStream
    func invokeWithResponseStream(
        _ input: InvokeWithResponseStreamInput,
        _ context: RequestContext
    ) async throws -> InvokeWithResponseStreamOutput {
        try await invoker.invokeWithResponseStream(input, context)
    }
}

extension LambdaService {
    var store: LambdaStore { control.store }
    var changes: FunctionChanges { control.changes }
    var intake: PackageIntake { control.intake }
    var clock: any WallClock { control.environment.clock }
    var ids: any IDSource { control.environment.ids }
}
