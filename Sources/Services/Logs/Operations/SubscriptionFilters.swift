// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

extension LogsService {
    /// Makes or changes a subscription: matching events that come from now on are delivered at least once, beside the requests
    /// that store them. Two for each group. Throws `InvalidParameterException`, `LimitExceededException`,
    /// `ResourceNotFoundException`. AWS: PutSubscriptionFilter
    ///
    /// Differs from AWS: field selection and system fields answer 501.
    func putSubscriptionFilter(
        _ input: PutSubscriptionFilterInput,
        _ context: RequestContext
    ) async throws -> PutSubscriptionFilterOutput {
        try Self.refuseExtras(input.fieldSelectionCriteria, input.emitSystemFields)
        try Self.checkPattern(input.filterPattern)
        let target = try SubscriptionTarget(input.destinationArn, role: input.roleArn)
        _ = try await store.read(context.scope) { try $0.requireGroup(input.logGroupName) }
        guard target.ownLogGroup != input.logGroupName || target.arn.scope != context.scope else {
            throw InvalidParameterException(
                "The log group provided is reserved for the function log of the destination function."
            )
        }
        let source = WatchingSubscription.source(input.logGroupName, context.scope, role: input.roleArn)
        try await check(target, from: source, context)
        let now = clock.now
        try await store.write(context.scope) { logs in
            try logs.setSubscription(input, of: logs.rows.requireGroup(input.logGroupName), at: now)
        }
        return PutSubscriptionFilterOutput()
    }

    static func refuseExtras(_ criteria: String?, _ systemFields: [String]?) throws {
        if criteria?.isEmpty == false { throw CommonError.notImplemented("field selection criteria of filters") }
        if systemFields?.isEmpty == false { throw CommonError.notImplemented("system fields of filters") }
    }

    static func checkPattern(_ pattern: String) throws {
        do { _ = try FilterPattern(pattern) } catch { throw InvalidParameterException(error.message) }
    }

    /// Whether the target would take what it is given: a function by its policy, a stream by taking a first message.
    func check(
        _ target: SubscriptionTarget,
        from source: MartletCore.EventSource,
        _ context: RequestContext
    ) async throws {
        switch target.kind {
        case .function:
            try await checkPermission(target, source, context)
            guard let probe = neighbours.target("lambda") as? any ProbedTarget else { return }
            do { try await probe.probe(target.arn, from: source) } catch _ as any ServiceError { throw target.refusal }
        case .stream(let vendor):
            guard let neighbour = neighbours.target(vendor) else {
                throw CommonError.notImplemented("log subscriptions to \(vendor)")
            }
            let name = vendor == "firehose" ? "Firehose delivery stream" : "Kinesis stream"
            let message = SubscriptionDocument.control(at: clock.now, of: name)
            let payload = ByteBuffer(bytes: try Gzip.compress(Array(message.json.compactBuffer.readableBytesView)))
            do {
                try await neighbour.deliver(EventDelivery(payload, from: source), to: target.arn)
            } catch _ as any ServiceError {
                throw target.refusal
            }
        case .destination: throw CommonError.notImplemented("log subscriptions to destinations")
        }
    }

    private func checkPermission(
        _ target: SubscriptionTarget,
        _ source: MartletCore.EventSource,
        _ context: RequestContext
    ) async throws {
        let service = Principal(
            account: context.scope.account,
            kind: .service(source.servicePrincipal),
            arn: context.scope.globalARN("iam", "service/\(source.servicePrincipal)"),
            userID: source.servicePrincipal
        )
        var request = AuthorizationRequest(
            principal: service,
            action: "lambda:InvokeFunction",
            resources: [target.arn],
            scope: context.scope,
            sourceAddress: "",
            userAgent: source.servicePrincipal,
            at: clock.now
        )
        request.conditionKeys = [
            "aws:sourcearn": [source.arn?.description ?? ""], "aws:sourceaccount": [source.account.text],
        ]
        do {
            try await neighbours.authorizer.authorize(request)
        } catch _ as any ServiceError {
            throw target.refusal
        }
    }

    /// AWS: DescribeSubscriptionFilters
    func describeSubscriptionFilters(
        _ input: DescribeSubscriptionFiltersInput,
        _ context: RequestContext
    ) async throws -> DescribeSubscriptionFiltersOutput {
        let cursor = try input.nextToken.map { try Self.cursor($0, keys: 1)[0] } ?? ""
        let limit = input.limit ?? LogLimits.itemsPerPage
        let found = try await store.read(context.scope) { logs in
            let group = try logs.requireGroup(input.logGroupName)
            return try logs.subscriptions(of: group, behind: cursor, prefix: input.filterNamePrefix ?? "")
        }
        var output = DescribeSubscriptionFiltersOutput()
        output.subscriptionFilters = found.prefix(limit).map { $0.description(of: input.logGroupName) }
        if found.count > limit { output.nextToken = found.prefix(limit).last.map { PageToken.encode([$0.name]) } }
        return output
    }

    /// What was not delivered yet never is. AWS: DeleteSubscriptionFilter
    func deleteSubscriptionFilter(
        _ input: DeleteSubscriptionFilterInput,
        _ context: RequestContext
    ) async throws -> DeleteSubscriptionFilterOutput {
        try await store.write(context.scope) { logs in
            try logs.deleteSubscription(input.filterName, of: logs.rows.requireGroup(input.logGroupName))
        }
        return DeleteSubscriptionFilterOutput()
    }
}
