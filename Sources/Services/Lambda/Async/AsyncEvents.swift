// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore

/// The way in for asynchronous events. Accepting is one synced write; running starts at once on this node.
struct AsyncEvents: Sendable {
    var engine: DeliveryEngine
    var metrics: AsyncMetrics

    /// Durable when it returns.
    func accept(_ event: AsyncEvent) async throws {
        try await engine.accept(event.delivery)
        metrics.record(.received, of: event.function)
    }
}
