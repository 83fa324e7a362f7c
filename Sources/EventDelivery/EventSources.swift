// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers

/// What event source mappings can read. The composition root fills it.
package final class EventSources: Sendable {
    private let held = NIOLockedValueBox<(any QueueSource)?>(nil)

    package init() {}

    /// SQS; nil until it is registered.
    package var queues: (any QueueSource)? { held.withLockedValue { $0 } }

    package func register(queues: any QueueSource) { held.withLockedValue { $0 = queues } }
}
