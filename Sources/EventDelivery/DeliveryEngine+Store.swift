// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import ServiceLifecycle

extension DeliveryEngine {
    // MARK: What waits in the store

    func takeFromStore() async {
        do {
            let now = clock.now
            let due = try await store.dueLanes(at: now, of: dispatch.queuesWithRoom(), limit: limits.lanesPerClaim)
            guard let (session, lanes) = dispatch.wanted(due) else { return }
            let taken = try await store.claim(lanes.filter { $0.count > 0 }, for: session, at: now)
            let lookedAtAll = due.allSatisfy { $0.lanes.count < limits.lanesPerClaim }
            dispatch.hold(taken, of: session, lanes, lookedAtAll: lookedAtAll)
        } catch {
            logger.error("cannot take deliveries from the store", metadata: ["error": "\(error)"])
        }
    }

    /// Deliveries become due, and pauses end, without anybody saying so.
    func look() async {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                let now = clock.now
                var until = now + limits.poll
                do {
                    if let due = try await store.nextDue() {
                        if due <= now { dispatch.lookSoon() } else { until = min(until, due) }
                    }
                } catch {
                    logger.error("cannot look for due deliveries", metadata: ["error": "\(error)"])
                }
                let pauseEnd = dispatch.nextPauseEnd(at: now)
                dispatch.waker.yield()
                if let pauseEnd, pauseEnd > now { until = min(until, pauseEnd) }
                // Cancelled: the loop ends by its own condition.
                try? await clock.sleep(until: until)
            }
        }
    }

    // MARK: Sessions

    func beginSession() async throws {
        let session = ids.uuid()
        try await store.begin(session, node: node, at: clock.now, until: clock.now + limits.lease)
        dispatch.begin(session: session)
    }

    func keepSession() async {
        await cancelWhenGracefulShutdown { [self] in
            while (try? await clock.sleep(for: limits.heartbeat)) != nil {
                guard let session = dispatch.session else { return }
                do {
                    let now = clock.now
                    if try await store.renew(session, at: now, until: now + limits.lease) { continue }
                    logger.warning("another node has taken what this one held; its session begins anew")
                    _ = dispatch.endSession()
                    try await beginSession()
                } catch {
                    logger.error("cannot renew the session of deliveries", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    func endSession() async {
        do {
            if let session = dispatch.endSession() { try await store.end(session) }
        } catch {
            // The next start frees what this session held.
            logger.warning("cannot end the session of deliveries", metadata: ["error": "\(error)"])
        }
    }
}
