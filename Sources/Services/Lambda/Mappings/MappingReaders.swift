// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import NIOCore

extension MappingSupervisor {
    init(_ control: LambdaControlPlane, node: String, makeReader: @escaping MakeReader) {
        self.init(
            store: control.store,
            clock: control.environment.clock,
            ids: control.environment.ids,
            node: node,
            logger: control.environment.logger,
            makeReader: makeReader,
            changes: control.mappingChanges
        )
    }
}

extension LambdaControlPlane {
    /// A reader for each kind of source: queues so far.
    func readers(
        running invoker: LambdaInvoker,
        shownTo feed: EventFeed,
        countedBy metrics: MappingMetrics
    ) -> MappingSupervisor.MakeReader {
        let (environment, permissions) = (environment, outcomePermissions)
        let settings = StoredAsyncSettings(store: store)
        return { mapping in
            guard mapping.source.service == "sqs", let queues = environment.sources.queues else { return nil }
            return QueueReader(
                mapping,
                filter: try EventFilter(mapping.settings.filters),
                around: QueueReader.Surroundings(
                    queues: queues,
                    invoke: { try await invoker.run($0, $1, trace: $2, at: environment.clock.now) },
                    permit: {
                        let role = try await settings.asyncSettings(of: mapping.function)?.role
                        for (action, _) in MappingRules.queueActions {
                            try await permissions.check(role, may: action, on: mapping.source)
                        }
                    },
                    clock: environment.clock,
                    ids: environment.ids,
                    logger: environment.logger,
                    feed: feed,
                    metrics: metrics
                )
            )
        }
    }
}

extension LambdaInvoker {
    /// Runs a function for an event source. Throws where it could not be run.
    func run(
        _ function: FunctionReference,
        _ payload: ByteBuffer,
        trace: String?,
        at now: Instant
    ) async throws -> AsyncResponse {
        try await run(
            AsyncEvent(
                id: ids.uuid(),
                scope: function.scope,
                functionName: function.name,
                qualifier: function.qualifier,
                payload: payload,
                traceHeader: TraceHeader.accepted(trace) ?? TraceHeader.new(ids: ids, at: now),
                acceptedAt: now
            )
        )
    }
}
