// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore

extension LambdaService {
    /// Stores the mapping in state Creating; its reader begins in the background, and then it is Enabled.
    /// Throws InvalidParameterValueException, ResourceConflictException for a second mapping of the same two.
    /// AWS: CreateEventSourceMapping
    func createEventSourceMapping(
        _ input: CreateEventSourceMappingInput,
        _ context: RequestContext
    ) async throws -> CreateEventSourceMappingOutput {
        try MappingRules.refuseUnsupported(input)
        let source = try MappingRules.source(input.eventSourceArn)
        let function = try FunctionReference(input.functionName, in: context.scope)
        let tags = try TagRules.check(input.tags ?? [:], existing: [:])
        let settings = try MappingSettings().changed(by: MappingChange(input), isFIFO: source.isFIFOQueue)
        try await checkSource(source, function)
        let mapping = EventSourceMapping(
            id: ids.uuid(),
            scope: context.scope,
            source: source,
            function: function,
            settings: settings,
            state: .creating,
            isEnabled: input.enabled ?? true,
            lastResult: nil,
            lastModified: clock.now,
            revision: 1
        )
        try await store.write { tx in
            try tx.refuseTwin(of: mapping)
            try tx.insert(mapping)
            try tx.addTags(tags, to: mapping)
        }
        control.mappingChanges.wake()
        return EventSourceMappingConfiguration(mapping)
    }

    /// AWS: GetEventSourceMapping
    func getEventSourceMapping(
        _ input: GetEventSourceMappingInput,
        _ context: RequestContext
    ) async throws -> GetEventSourceMappingOutput {
        EventSourceMappingConfiguration(
            try await store.read { try $0.existingMapping(input.uuid, in: context.scope) }
        )
    }

    /// At most 100 a page. AWS: ListEventSourceMappings
    func listEventSourceMappings(
        _ input: ListEventSourceMappingsInput,
        _ context: RequestContext
    ) async throws -> ListEventSourceMappingsOutput {
        let function = try input.functionName.map { try FunctionReference($0, in: context.scope) }
        let (limit, after) = (Paging.limit(input.maxItems, most: 100), try Paging.key(input.marker))
        let page = try await store.read { tx in
            let rows = try tx.mappings(
                in: context.scope,
                of: input.eventSourceArn,
                for: function,
                after: after,
                limit: limit + 1
            )
            return ListPage(rows, limit: limit) { [$0.id] }
        }
        return ListEventSourceMappingsOutput(
            nextMarker: page.next,
            eventSourceMappings: page.items.map { EventSourceMappingConfiguration($0) }
        )
    }

    /// Its batches under way end with the old settings. Throws ResourceInUseException while another change is in progress.
    /// AWS: UpdateEventSourceMapping
    func updateEventSourceMapping(
        _ input: UpdateEventSourceMappingInput,
        _ context: RequestContext
    ) async throws -> UpdateEventSourceMappingOutput {
        try MappingRules.refuseUnsupported(input)
        let before = try await store.read { try $0.existingMapping(input.uuid, in: context.scope) }
        let function = try input.functionName.map { try FunctionReference($0, in: context.scope) }
        let change = MappingChange(input)
        _ = try before.settings.changed(by: change, isFIFO: before.isFIFO)
        if let function { try await checkSource(before.source, function) }
        let now = clock.now
        let mapping = try await store.write { tx in
            var mapping = try tx.existingMapping(input.uuid, in: context.scope)
            try mapping.refuseUnsettled("update")
            mapping.settings = try mapping.settings.changed(by: change, isFIFO: mapping.isFIFO)
            mapping.function = function ?? mapping.function
            mapping.state = mapping.state.changed(to: input.enabled, from: mapping.isEnabled)
            mapping.isEnabled = input.enabled ?? mapping.isEnabled
            mapping.lastModified = now
            try tx.update(mapping)
            return mapping
        }
        control.mappingChanges.changed(mapping.id)
        return EventSourceMappingConfiguration(mapping)
    }

    /// It is gone once its batches under way have ended. AWS: DeleteEventSourceMapping
    func deleteEventSourceMapping(
        _ input: DeleteEventSourceMappingInput,
        _ context: RequestContext
    ) async throws -> DeleteEventSourceMappingOutput {
        let mapping = try await store.write { tx in
            var mapping = try tx.existingMapping(input.uuid, in: context.scope)
            try mapping.refuseUnsettled("delete")
            mapping.state = .deleting
            try tx.update(mapping)
            return mapping
        }
        control.mappingChanges.changed(mapping.id)
        return EventSourceMappingConfiguration(mapping)
    }

    /// The function and the queue must be there, fit each other, and the function's role must be able to read.
    private func checkSource(_ source: ARN, _ function: FunctionReference) async throws {
        let found = try await store.read { tx -> (ARN?, Int)? in
            guard try tx.function(function.name, in: function.scope) != nil else { return nil }
            let version = try tx.existingVersion(function)
            return (ARN(version.settings.role), version.settings.sizes.timeoutSeconds)
        }
        guard let (role, timeoutSeconds) = found else {
            throw InvalidParameterValueException("Function does not exist")
        }
        for (action, call) in MappingRules.queueActions {
            try await refuseDenial(
                "The provided execution role does not have permissions to call \(call) on SQS"
            ) {
                try await control.outcomePermissions.check(role, may: action, on: source)
            }
        }
        guard let queues = control.environment.sources.queues else {
            throw CommonError.notImplemented("event source mappings without SQS")
        }
        guard let facts = try await queues.facts(of: source) else {
            throw InvalidParameterValueException(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist."
            )
        }
        let visibilitySeconds = facts.visibilityTimeout.wholeMilliseconds / 1_000
        guard visibilitySeconds >= timeoutSeconds else {
            throw InvalidParameterValueException(
                "Queue visibility timeout: \(visibilitySeconds) seconds is less than Function timeout: \(timeoutSeconds) seconds"
            )
        }
    }
}

extension EventSourceMapping {
    fileprivate func refuseUnsettled(_ what: String) throws {
        guard !state.isSettled else { return }
        throw ResourceInUseException("Cannot \(what) the event source mapping because it is in use.")
    }
}

extension LambdaWrite {
    fileprivate func refuseTwin(of mapping: EventSourceMapping) throws {
        let others = try mappings(
            in: mapping.scope,
            of: mapping.source.description,
            for: mapping.function,
            after: "",
            limit: 1_000
        )
        guard let twin = others.first(where: { $0.function == mapping.function && $0.state != .deleting }) else {
            return
        }
        throw ResourceConflictException(
            "An event source mapping with SQS arn (\" \(mapping.source) \") and function (\" \(mapping.function.name) \") already exists. Please update or delete the existing mapping with UUID \(twin.id)"
        )
    }
}

extension EventSourceMappingConfiguration {
    /// Absent members absent; a queue's mapping always has its response types.
    init(_ mapping: EventSourceMapping) {
        let settings = mapping.settings
        self.init()
        uuid = mapping.id
        batchSize = settings.batchSize
        maximumBatchingWindowInSeconds = settings.windowSeconds
        eventSourceArn = mapping.source.description
        eventSourceMappingArn = mapping.arn.description
        functionArn = mapping.function.qualifiedARN.description
        lastModified = mapping.lastModified
        lastProcessingResult = mapping.lastResult
        state = mapping.state.rawValue
        stateTransitionReason = mapping.reason
        functionResponseTypes = settings.reportsItemFailures ? [.reportBatchItemFailures] : []
        scalingConfig = settings.maximumConcurrency.map { ScalingConfig(maximumConcurrency: $0) }
        provisionedPollerConfig = settings.pollers.map {
            ProvisionedPollerConfig(minimumPollers: $0.minimum, maximumPollers: $0.maximum)
        }
        metricsConfig = settings.countsEvents ? EventSourceMappingMetricsConfig(metrics: [.eventCount]) : nil
        filterCriteria =
            settings.filters.isEmpty
            ? nil : FilterCriteria(filters: settings.filters.map { Filter(pattern: $0) })
    }
}
