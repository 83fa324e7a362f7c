// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// Runs any operation of any service, for the request chain and for services that call others by name.
/// Immutable once built, so lookups take no lock.
package struct ServiceDispatcher: Sendable {
    /// A service with its operations by name.
    package final class Entry: Sendable {
        package let provider: any ServiceProvider
        package let model: ServiceModel
        package let operations: [String: Operation]

        init(_ provider: any ServiceProvider) {
            self.provider = provider
            model = provider.model
            operations = Dictionary(
                provider.operations.map { ($0.name, $0) },
                uniquingKeysWith: { first, _ in first }
            )
        }
    }

    package let services: [String: Entry]
    private let authorizer: any Authorizer

    /// Names are unique; a second provider of one name is a mistake of the composition root.
    package init(_ providers: [any ServiceProvider], authorizer: any Authorizer) {
        var services: [String: Entry] = [:]
        for provider in providers {
            precondition(services[provider.model.name] == nil, "service \(provider.model.name) is registered twice")
            services[provider.model.name] = Entry(provider)
        }
        self.services = services
        self.authorizer = authorizer
    }

    /// Authorises and runs one operation. Throws AWS's errors; what is not implemented throws 501 with its name.
    package func call(
        _ service: String,
        _ operation: String,
        _ input: any Shape,
        _ context: RequestContext
    ) async throws -> any Shape {
        guard let entry = services[service] else { throw CommonError.notImplemented("the service \(service)") }
        guard let found = entry.operations[operation] else { throw entry.model.unknown(operation) }
        return try await run(found, of: entry, input, context)
    }

    /// For the request chain, which has found the operation before it could read the input.
    package func run(
        _ operation: Operation,
        of entry: Entry,
        _ input: any Shape,
        _ context: RequestContext
    ) async throws -> any Shape {
        if authorizer.isAsked { try await authorize(operation, of: entry, input, context) }
        return try await operation.handle(input, context)
    }

    private func authorize(
        _ operation: Operation,
        of entry: Entry,
        _ input: any Shape,
        _ context: RequestContext
    ) async throws {
        try await authorizer.authorize(
            AuthorizationRequest(
                principal: context.principal,
                action: operation.action,
                resources: entry.provider.resources(of: operation.name, input: input, in: context.scope),
                scope: context.scope,
                sourceAddress: context.sourceAddress,
                userAgent: context.userAgent,
                at: context.receivedAt
            )
        )
    }
}

extension ServiceModel {
    /// AWS's error for an operation that nobody knows, or the 501 for one that AWS knows.
    package func unknown(_ operation: String) -> CommonError {
        if unimplemented.contains(where: { $0.name == operation }) { return .notImplemented("\(name):\(operation)") }
        return CommonError(
            "UnknownOperationException",
            "The requested operation is not recognized by the service.",
            status: 404
        )
    }
}
