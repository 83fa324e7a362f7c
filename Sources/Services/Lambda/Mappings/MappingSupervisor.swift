// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle
import Storage

/// Runs the event source mappings that this node holds, and moves them from state to state.
///
/// A mapping is held under a lease. Its holder reads its source while it is Enabled; a change (its revision tells) makes the
/// reader end its batches before anything else happens, so an update, a disabling and a deletion lose nothing.
struct MappingSupervisor: Service {
    /// Nil: this node cannot read that source.
    typealias MakeReader = @Sendable (EventSourceMapping) async throws -> (any MappingReader)?

    private static let claimed = 64
    private static let lease: Duration = .seconds(60)
    private static let look: Duration = .seconds(1)
    private static let renewal: Duration = .seconds(15)

    let store: LambdaStore
    let clock: any WallClock
    let ids: any IDSource
    /// Names this node in leases; the same after a restart.
    let node: String
    let logger: Logger
    let makeReader: MakeReader
    let changes: MappingChanges

    func run() async throws {
        let node = node
        try await store.write { try $0.releaseMappings(of: node) }
        await withDiscardingTaskGroup { group in
            group.addTask { await tick() }
            changes.wake()
            for await _ in changes.wakes.cancelOnGracefulShutdown() {
                for (mapping, hold) in await claim() { group.addTask { await keep(mapping, hold) } }
            }
            changes.end()
        }
    }

    /// Other nodes' mappings become free without anybody saying so.
    private func tick() async {
        await cancelWhenGracefulShutdown {
            // Cancellation ends the wait and with it the loop.
            while (try? await clock.sleep(for: Self.look)) != nil { changes.wake() }
        }
    }

    private func claim() async -> [(String, Lease.Hold)] {
        do {
            let (now, node) = (clock.now, node)
            return try await store.write {
                try $0.claimMappings(upTo: Self.claimed, for: node, at: now, until: now + Self.lease)
            }
        } catch {
            logger.error("cannot take event source mappings", metadata: ["error": "\(error)"])
            return []
        }
    }

    // MARK: One mapping

    /// Until it is disabled, gone, or another node's.
    private func keep(_ id: String, _ hold: Lease.Hold) async {
        do {
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                guard let mapping = try await store.read({ try $0.mapping(id) }) else { return }
                guard mapping.state.isSettled else {
                    try await settle(mapping)
                    continue
                }
                guard mapping.state == .enabled, try await read(mapping, hold) else { break }
            }
        } catch {
            logger.error("an event source mapping pauses", metadata: ["mapping": "\(id)", "error": "\(error)"])
        }
        // It is looked at again soon, here or elsewhere, unless it is disabled.
        let now = clock.now
        try? await store.write { try $0.releaseMapping(id, hold, dueAt: now + Self.look) }  // else its lease runs out
        changes.wake()
    }

    /// Nobody reads the source now.
    private func settle(_ mapping: EventSourceMapping) async throws {
        try await store.write { tx in
            guard var current = try tx.mapping(mapping.id), current.revision == mapping.revision else { return }
            guard let state = current.state.settled(isEnabled: current.isEnabled) else {
                return try tx.delete(current)
            }
            current.state = state
            try tx.update(current)
        }
    }

    /// Reads until the mapping changes. False when the lease was lost.
    private func read(_ mapping: EventSourceMapping, _ hold: Lease.Hold) async throws -> Bool {
        guard let reader = try await makeReader(mapping) else { return false }
        let stop = StopSignal()
        let token = changes.follow(mapping.id, stop)
        defer { changes.forget(mapping.id, token) }
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await reader.run(until: stop)
                return true
            }
            group.addTask { await watch(mapping, hold, stop) }
            var isHeld = true
            for await result in group {
                isHeld = isHeld && result
                stop.stop()
            }
            return isHeld
        }
    }

    /// Renews the lease, and sees changes that other nodes have made. False when the lease was lost.
    private func watch(_ mapping: EventSourceMapping, _ hold: Lease.Hold, _ stop: StopSignal) async -> Bool {
        // A change between the reading of the mapping and the beginning of this.
        while await isCurrent(mapping) {
            let slept: Void? = try? await stop.unlessStopped { [clock] in try await clock.sleep(for: Self.renewal) }
            if slept == nil || stop.isStopped { return true }
            do {
                let until = clock.now + Self.lease
                guard try await store.write({ try $0.renewMapping(mapping.id, hold, until: until) }) else {
                    stop.stop()
                    return false
                }
            } catch {
                logger.error(
                    "cannot renew a mapping's lease",
                    metadata: ["mapping": "\(mapping.id)", "error": "\(error)"]
                )
            }
        }
        stop.stop()
        return true
    }

    private func isCurrent(_ mapping: EventSourceMapping) async -> Bool {
        do {
            return try await store.read { try $0.mapping(mapping.id)?.revision } == mapping.revision
        } catch {
            // A store that does not answer has not changed the mapping.
            return true
        }
    }
}

/// Tells this node's readers of changes that were made here.
final class MappingChanges: Sendable {
    private struct State {
        var nextToken = 0
        var isOver = false
        var followers: [String: (token: Int, stop: StopSignal)] = [:]
    }

    private let state = NIOLockedValueBox(State())
    let (wakes, waker) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    func wake() { waker.yield() }

    /// The mapping was changed or removed.
    func changed(_ id: String) {
        state.withLockedValue { $0.followers[id]?.stop }?.stop()
        wake()
    }

    func stopAll() {
        for follower in state.withLockedValue({ Array($0.followers.values) }) { follower.stop.stop() }
    }

    /// The server stops: whoever begins to follow now is stopped at once.
    func end() {
        state.withLockedValue { $0.isOver = true }
        stopAll()
    }

    func follow(_ id: String, _ stop: StopSignal) -> Int {
        state.withLockedValue { state in
            if state.isOver { stop.stop() }
            state.nextToken += 1
            state.followers[id] = (state.nextToken, stop)
            return state.nextToken
        }
    }

    func forget(_ id: String, _ token: Int) {
        state.withLockedValue { state in
            if state.followers[id]?.token == token { state.followers[id] = nil }
        }
    }
}
