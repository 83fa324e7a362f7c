// SPDX-License-Identifier: Apache-2.0

/// What one node takes upon itself at a time. What is over it waits in the store.
package struct DeliveryLimits: Sendable {
    /// Tries under way. One lane gets at most as many as are free beside it, so half when it is alone.
    package var running = 1_024
    /// Deliveries held in memory, those under way included; shared among lanes in the same way.
    package var held = 4_096
    /// Their payloads. One more claim may go over it.
    package var heldBytes = 134_217_728
    /// Taken from the store at once: lanes, and deliveries of each.
    package var lanesPerClaim = 128
    package var deliveriesPerClaim = 32
    /// Ends of tries written in one transaction.
    package var endsPerWrite = 256
    /// How often the store is looked at for what other nodes have left, and for what is due.
    package var poll: Duration = .seconds(1)
    /// How long a node that has died holds what it held.
    package var lease: Duration = .seconds(60)
    package var heartbeat: Duration = .seconds(15)

    package init() {}
}

/// What one queue may take of a node at most. For tries that may hang, such as posts to other people's servers: however many
/// of them do, the other queues go on.
package struct DeliveryShare: Sendable {
    /// Tries under way, in all and in one lane.
    package var running: Int
    package var runningPerLane: Int
    /// Held in memory; the rest waits in the store.
    package var held: Int

    package init(running: Int = .max, runningPerLane: Int = .max, held: Int = .max) {
        (self.running, self.runningPerLane, self.held) = (running, runningPerLane, held)
    }
}
