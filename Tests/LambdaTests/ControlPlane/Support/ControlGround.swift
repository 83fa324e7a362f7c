// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import Logging
import MartletCore
import MartletTesting
import NIOCore
import Storage
import Synchronization
import Testing

@testable import Lambda

/// A server with Lambda's control plane and nothing that runs functions. Versions reach their next state when a test says so.
struct ControlGround: Sendable {
    let server: TestServer
    let lambda: TestClient
    let control: LambdaControlPlane
    let service: LambdaService
    let roles: FakeRoles

    static let role = "arn:aws:iam::000000000000:role/lambda"

    static func run(
        roles: FakeRoles = FakeRoles(),
        enforcesPolicies: Bool = false,
        takesUnknownRoles: Bool = false,
        revalidatesAfter: Duration? = nil,
        authorizer: any Authorizer = PermissiveAuthorizer(),
        sources: EventSources = EventSources(),
        snapshots: (any VersionSnapshots)? = nil,
        clock: MemoryClock = MemoryClock(),
        _ body: @escaping @Sendable (ControlGround) async throws -> Void
    ) async throws {
        let built = Box<LambdaService>()
        let files = try DirectoryFileStore.temporary()
        let providers: @Sendable (TestGround) async throws -> TestAssembly = { ground in
            let control = try await LambdaControlPlane(
                .init(
                    database: ground.database,
                    files: files,
                    cipher: KeyFileCipher.ephemeral(),
                    roles: roles,
                    authorizer: authorizer,
                    sources: sources,
                    clock: ground.clock,
                    ids: ground.ids,
                    logger: ground.logger
                ),
                .init(
                    directory: "\(files.root)-lambda",
                    takesUnknownRoles: takesUnknownRoles,
                    enforcesPolicies: enforcesPolicies,
                    revalidatesAfter: revalidatesAfter
                ),
                runtimes: EveryRuntime(),
                snapshots: snapshots
            )
            let service = LambdaService(control, invoker: NoInvoker(), provisioner: NoProvisioner())
            built.value = service
            return [service]
        }
        try await TestServer.run(providers: providers, clock: clock) { server in
            let service = try #require(built.value)
            try await body(
                ControlGround(
                    server: server,
                    lambda: server.client(.lambda),
                    control: service.control,
                    service: service,
                    roles: roles
                )
            )
        }
        await files.close()
    }

    var directory: String { control.configuration.directory }

    /// Creates a function and lets it become Active.
    @discardableResult
    func create(
        _ name: String = "f",
        _ change: (inout CreateFunctionInput) -> Void = { _ in }
    ) async throws -> FunctionConfiguration {
        let answer = try await lambda.call(LambdaOperations.createFunction, Self.input(name, change))
        try await control.settle()
        return answer
    }

    static func input(
        _ name: String = "f",
        _ change: (inout CreateFunctionInput) -> Void = { _ in }
    ) -> CreateFunctionInput {
        var input = CreateFunctionInput(
            functionName: name,
            runtime: .python312,
            role: role,
            handler: "handler.handler",
            code: FunctionCode(zipFile: ByteBuffer(bytes: TestZip.function()))
        )
        change(&input)
        return input
    }

    func configuration(_ name: String = "f", _ qualifier: String? = nil) async throws -> FunctionConfiguration {
        try await lambda.call(
            LambdaOperations.getFunctionConfiguration,
            .init(functionName: name, qualifier: qualifier)
        )
    }

    @discardableResult
    func publish(_ name: String = "f", description: String? = nil) async throws -> FunctionConfiguration {
        let answer = try await lambda.call(
            LambdaOperations.publishVersion,
            .init(functionName: name, description: description)
        )
        try await control.settle()
        return answer
    }

    /// A change that makes the next publication a new version.
    func touch(_ name: String = "f", description: String) async throws {
        _ = try await lambda.call(
            LambdaOperations.updateFunctionConfiguration,
            .init(functionName: name, description: description)
        )
        try await control.settle()
    }

    /// The body of an answer, as it went over the wire.
    func text(_ operation: OperationBinding, _ input: any Shape) async throws -> String {
        let body = try await lambda.send(operation, input).body.collect(upTo: 1 << 20)
        return String(buffer: try #require(body))
    }

    static let arn = "arn:aws:lambda:us-east-1:000000000000:function"
}

/// A value that one closure leaves for another.
final class Box<Value: Sendable>: Sendable {
    private let state = Mutex<Value?>(nil)

    var value: Value? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// Roles trust Lambda unless told otherwise.
struct FakeRoles: RoleDirectory {
    var standings: [String: RoleStanding] = [:]

    func standing(of role: ARN, for service: String) async throws -> RoleStanding {
        #expect(service == "lambda.amazonaws.com")
        return standings[role.description] ?? .trusts
    }
}

struct EveryRuntime: RuntimeAvailability {
    func check(runtime: String, architecture: String) throws {}
}

struct NoInvoker: Invoker {
    func invoke(_ input: InvokeInput, _ context: RequestContext) async throws -> InvokeOutput {
        throw CommonError.notImplemented("running functions in a test of the control plane")
    }

    func invokeAsync(_ input: InvokeAsyncInput, _ context: RequestContext) async throws -> InvokeAsyncOutput {
        throw CommonError.notImplemented("running functions in a test of the control plane")
    }

    func invokeWithResponseStream(
        _ input: InvokeWithResponseStreamInput,
        _ context: RequestContext
    ) async throws -> InvokeWithResponseStreamOutput {
        throw CommonError.notImplemented("running functions in a test of the control plane")
    }
}

/// The error that a call answers.
func refusal(_ call: () async throws -> Void) async -> ClientError? {
    do {
        try await call()
        return nil
    } catch {
        return error as? ClientError
    }
}

extension ClientError {
    static func invalid(_ message: String) -> ClientError { ClientError("InvalidParameterValueException", message) }
    static func missing(_ message: String) -> ClientError {
        ClientError("ResourceNotFoundException", message, status: 404)
    }
    static func conflict(_ message: String) -> ClientError {
        ClientError("ResourceConflictException", message, status: 409)
    }
}

/// Nothing is ever initialised here.
struct NoProvisioner: Provisioner {
    func standing(of configuration: ProvisionedConcurrency) -> ProvisionedStanding { ProvisionedStanding() }
}
