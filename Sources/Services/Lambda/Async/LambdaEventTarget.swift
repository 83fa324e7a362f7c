// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
package import MartletCore
import NIOCore

/// Functions as targets of other services' events: each is accepted as an asynchronous invoke.
package struct LambdaEventTarget: ProbedTarget {
    package let service = "lambda"
    let events: AsyncEvents
    let settings: any AsyncSettingsSource
    let permissions: OutcomePermissions
    let ids: any IDSource
    let clock: any WallClock

    package func probe(_ arn: ARN, from source: EventSource) async throws { _ = try await found(arn, source) }

    private func found(_ arn: ARN, _ source: EventSource) async throws -> FunctionReference {
        guard let scope = arn.scope else { throw CommonError.invalidFunctionName(arn.description) }
        let function = try FunctionReference(arn.description, in: scope)
        try await permit(source, function.qualifiedARN)
        guard try await settings.asyncSettings(of: function) != nil else {
            throw ResourceNotFoundException("Function not found: \(function.qualifiedARN)")
        }
        return function
    }

    /// Throws ResourceNotFoundException, AccessDeniedException, InvalidRequestContentException, and RequestEntityTooLargeException
    /// as an `EventTooLarge`.
    package func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        let function = try await found(arn, event.source)
        guard event.payload.readableBytes <= LambdaLimits.eventBytes else {
            throw EventTooLarge(LambdaInvoker.eventTooLarge(event.payload.readableBytes))
        }
        guard JSONScan.isWellFormed(event.payload) else {
            throw InvalidRequestContentException(
                "Could not parse request body into json: the payload is not a well-formed JSON text"
            )
        }
        let now = clock.now
        try await events.accept(
            AsyncEvent(
                id: ids.uuid(),
                scope: function.scope,
                functionName: function.name,
                qualifier: function.qualifier,
                payload: event.payload,
                traceHeader: TraceHeader.accepted(event.traceHeader) ?? TraceHeader.new(ids: ids, at: now),
                acceptedAt: now
            )
        )
    }

    /// A role's permission, or the function's policy for the service that delivers.
    private func permit(_ source: EventSource, _ function: ARN) async throws {
        if let role = source.role { return try await permissions.check(role, writes: function) }
        var keys = ["aws:sourceaccount": [source.account.text]]
        if let arn = source.arn { keys["aws:sourcearn"] = [arn.description] }
        let principal = Principal(
            account: source.account,
            kind: .service(source.servicePrincipal),
            arn: ARN(
                partition: function.partition,
                service: "iam",
                region: "",
                account: source.account.text,
                resource: source.servicePrincipal
            ),
            userID: source.servicePrincipal
        )
        try await permissions.authorizer.authorize(
            AuthorizationRequest(
                principal: principal,
                action: "lambda:InvokeFunction",
                resources: [function],
                scope: function.scope ?? Scope(account: source.account, region: .usEast1),
                sourceAddress: "127.0.0.1",
                userAgent: source.servicePrincipal,
                at: clock.now,
                conditionKeys: keys
            )
        )
    }
}
