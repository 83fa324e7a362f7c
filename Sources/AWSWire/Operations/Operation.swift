// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// The wire protocols of AWS, each with its own reader and writer.
package enum WireProtocol: String, Sendable, CaseIterable {
    case restJSON = "rest-json"
    case json10 = "json-1.0"
    case json11 = "json-1.1"
    case query
    // To come with their first service: `ec2`, `rest-xml`, `smithy-rpc-v2-cbor`.
}

/// What the model says of one operation: a typed key for servers and for test clients.
///
/// Its parameters are bare, as a constraint would be looked up among all conformances of the program for each operation at
/// the server's start: half of the time until the first answer.
package struct OperationDescriptor<Input, Output>: Sendable {
    package let name: String
    /// `GET`, `POST`, … of the REST binding; `POST` elsewhere.
    package let method: String
    /// The REST path template, `/2015-03-31/functions/{FunctionName}/invocations`; `{Name+}` takes slashes. May carry a fixed
    /// query (`/x?list-type=2`).
    package let path: String
    /// The status of success.
    package let status: Int
    /// The action of IAM policies, such as `lambda:InvokeFunction`.
    package let action: String
    /// The element that wraps the answer of the Query protocol (`CreateRoleResult`); nil for operations without output.
    package let resultWrapper: String?
    package let errors: [any ModelledError.Type]

    package init(
        _ name: String,
        method: String = "POST",
        path: String = "/",
        status: Int = 200,
        action: String,
        resultWrapper: String? = nil,
        errors: [any ModelledError.Type] = []
    ) {
        self.name = name
        self.method = method
        self.path = path
        self.status = status
        self.action = action
        self.resultWrapper = resultWrapper
        self.errors = errors
    }
}

/// One operation of one service with its handler, types erased, as the dispatcher's table holds it. A class, like all
/// that is made once and carried along by every request, so that carrying it is one reference.
package final class Operation: Sendable {
    package let binding: OperationBinding
    package let handle: @Sendable (_ input: any Shape, _ context: RequestContext) async throws -> any Shape

    package var name: String { binding.name }
    package var method: String { binding.method }
    package var path: String { binding.path }
    package var status: Int { binding.status }
    package var action: String { binding.action }
    package var resultWrapper: String? { binding.resultWrapper }
    package var inputType: any Shape.Type { binding.inputType }
    package var outputType: any Shape.Type { binding.outputType }

    package init<I: Shape, O: Shape>(
        _ descriptor: OperationDescriptor<I, O>,
        _ handler: @escaping @Sendable (I, RequestContext) async throws -> O
    ) {
        binding = OperationBinding(descriptor)
        handle = { input, context in
            // A caller inside that hands over another shape has mixed up two operations: its own mistake, so say so.
            guard let input = input as? I else {
                throw MartletError(
                    "wire.input",
                    "\(descriptor.name) takes \(I.shapeName), not \(type(of: input).shapeName)"
                )
            }
            return try await handler(input, context)
        }
    }
}

/// What the model says of a service as a whole.
package final class ServiceModel: Sendable {
    /// botocore's name, and Martlet's: `lambda`, `logs`, `iam`.
    package let name: String
    /// The service part of a credential scope.
    package let signingName: String
    package let apiVersion: String
    /// In front of the operation in `X-Amz-Target`, without the dot: `Logs_20140328`.
    package let targetPrefix: String?
    package let xmlNamespace: String?
    /// Most preferred first.
    package let protocols: [WireProtocol]
    /// Host names before the region: `lambda`, `logs`.
    package let endpointPrefix: String
    /// In IAM actions: `lambda`.
    package let actionPrefix: String
    /// The service without regions (IAM).
    package let isGlobal: Bool
    /// Operations that the model names and Martlet does not do: name, method and path.
    package let unimplemented: [UnimplementedOperation]
    /// How this service words violations of the model's constraints; nil for its protocol's usual way.
    package let validation: ValidationStyle?
    /// In front of an error's name in JSON, without the `#`: `com.amazonaws.sqs`. Nil where AWS writes the bare name.
    package let errorNamespace: String?
    /// The member that the path of a Query request stands for: SQS takes `POST /123456789012/queue` for a `QueueUrl`.
    package let pathMember: String?

    package init(
        name: String,
        signingName: String,
        apiVersion: String,
        targetPrefix: String? = nil,
        xmlNamespace: String? = nil,
        protocols: [WireProtocol],
        endpointPrefix: String,
        actionPrefix: String,
        isGlobal: Bool = false,
        unimplemented: [UnimplementedOperation],
        validation: ValidationStyle? = nil,
        errorNamespace: String? = nil,
        pathMember: String? = nil
    ) {
        self.name = name
        self.signingName = signingName
        self.apiVersion = apiVersion
        self.targetPrefix = targetPrefix
        self.xmlNamespace = xmlNamespace
        self.protocols = protocols
        self.endpointPrefix = endpointPrefix
        self.actionPrefix = actionPrefix
        self.isGlobal = isGlobal
        self.unimplemented = unimplemented
        self.validation = validation
        self.errorNamespace = errorNamespace
        self.pathMember = pathMember
    }
}

/// Answers 501 with its name.
package struct UnimplementedOperation: Sendable {
    package let name: String
    package let method: String
    package let path: String

    package init(_ name: String, _ method: String, _ path: String) {
        self.name = name
        self.method = method
        self.path = path
    }
}

/// A service, as the composition root registers it.
package protocol ServiceProvider: Sendable {
    var model: ServiceModel { get }
    /// Made once, at registration.
    var operations: [Operation] { get }

    /// The resources that an operation touches, for IAM's `Resource`. Empty means `*`.
    func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN]
}

extension ServiceProvider {
    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] { [] }
}
