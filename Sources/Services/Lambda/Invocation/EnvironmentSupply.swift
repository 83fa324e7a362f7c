// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOCore
import NIOPosix
import Sandbox

/// Finds environments for requests: an idle one, one that comes back, or a new one, whichever is ready first.
struct EnvironmentSupply: Sendable {
    var ledger: ConcurrencyLedger
    var pool: EnvironmentPool
    var starter: EnvironmentStarter
    var supervisor: Supervisor
    var clock: any WallClock
    var logger: Logger
    var meter: FunctionMeter? = nil

    /// What is asked of a start.
    private struct Order: Sendable {
        var version: ExecutableVersion
        var ticket: EnvironmentPool.WaiterID
        /// Of the init phase.
        var limit: Duration = .seconds(LambdaLimits.initSeconds)
        /// The one whose time the start takes, on the second try.
        var invocation: Invocation? = nil
        /// Of the request's task, if it runs on one.
        let eventLoop: (any EventLoop)? = MultiThreadedEventLoopGroup.currentEventLoop
    }

    /// Throws nothing but what ends the request's task: how it went is the turn.
    func acquire(_ version: ExecutableVersion, isPatient: Bool) async throws -> EnvironmentPool.Turn {
        while true {
            switch await pool.ask(version.key, isPatient: isPatient) {
            case .environment(let environment): return .environment(environment)
            case .ticket(let ticket, let start):
                switch start {
                case .now: await begin(Order(version: version, ticket: ticket))
                case .later(isFirst: true): supervisor.submit { await watch(version) }
                case .later, .never: break
                }
                let turn = await pool.wait(ticket, version.key)
                if case .again = turn { continue }
                return turn
            }
        }
    }

    /// A start of the request's own, within the function's timeout, after an init phase that has failed.
    func restart(_ version: ExecutableVersion, for invocation: Invocation) async -> EnvironmentPool.Turn {
        let ticket = pool.ticket(version.key)
        await begin(Order(version: version, ticket: ticket, limit: invocation.timeout, invocation: invocation))
        return await pool.wait(ticket, version.key)
    }

    /// Begins the starts that wait because enough are starting, when those take long. One of these a version, while any wait.
    private func watch(_ version: ExecutableVersion) async {
        while let pause = pool.pause(version.key) {
            // Cancelled with the server.
            guard (try? await clock.sleep(for: pause)) != nil else { return pool.unwatch(version.key) }
            await begin(pool.admit(version.key), of: version)
        }
    }

    /// One that is refused lets the next of those that wait begin.
    private func begin(_ tickets: [EnvironmentPool.WaiterID], of version: ExecutableVersion) async {
        var left = tickets[...]
        while let ticket = left.popFirst() { left += await tryToBegin(Order(version: version, ticket: ticket)) }
    }

    private func begin(_ order: Order) async { await begin(tryToBegin(order), of: order.version) }

    /// Starts an environment that is given to whoever waits first once it is up; when it does not come up, its ticket fails.
    /// Returns those that may begin in its place.
    private func tryToBegin(_ order: Order) async -> [EnvironmentPool.WaiterID] {
        let key = order.version.key
        guard ledger.mayStart(key.functionName, in: key.scope, at: clock.monotonicMicroseconds), await pool.makeRoom()
        else {
            let reason = ConcurrencyLedger.Refusal.accountLimit.rawValue
            let next = pool.fail(order.ticket, key, .notStarted(FunctionRunner.Throttled(reason: reason)))
            pool.startFailed(key, tookRoom: false)
            return next
        }
        supervisor.submit { await bringUp(order) }
        return []
    }

    private func bringUp(_ order: Order) async {
        let key = order.version.key
        let environment: ExecutionEnvironment
        do {
            environment = try await starter.start(
                order.version,
                isSecondTry: order.invocation != nil,
                near: order.eventLoop
            )
        } catch {
            let next = pool.fail(order.ticket, key, .notStarted(error))
            pool.startFailed(key, tookRoom: true)
            return await begin(next, of: order.version)
        }
        // Its own request hears of a failed init before the others hear of its end, else it would only ask again.
        let (settled, settle) = AsyncStream<Void>.makeStream()
        defer { settle.finish() }
        supervisor.submit {
            await environment.run()
            for await _ in settled {}
            pool.remove(environment)
        }
        let began =
            environment.beginning.role.isRestored ? environment.startedMicroseconds : clock.monotonicMicroseconds
        let limit = environment.startLimit(order.version, ordinary: order.limit)
        let outcome = await environment.initialized(within: limit)
        let duration = Duration.microseconds(clock.monotonicMicroseconds - began)
        switch outcome {
        case .ready: await handOut(environment, order, duration)
        case .failed(let failure): await giveUp(environment, order, failure, duration)
        }
    }

    private func handOut(_ environment: ExecutionEnvironment, _ order: Order, _ duration: Duration) async {
        environment.log.platform(
            environment.beginning.role.isRestored
                ? environment.format.restoreDone(duration: duration, nil, at: clock.now)
                : environment.format.initDone(duration: duration, environment.beginning.phase, at: clock.now)
        )
        // The first event does not wait for it: a round trip to the jailer is longer than what it would hold back.
        async let share: Void = applyCPUShare(environment, order.version)
        await pool.giveBack(environment)
        await begin(pool.settled(order.ticket, order.version.key), of: order.version)
        await share
    }

    /// Tells its request, then ends it.
    private func giveUp(
        _ environment: ExecutionEnvironment,
        _ order: Order,
        _ failure: InitFailure,
        _ duration: Duration
    ) async {
        var turn = EnvironmentPool.Turn.again
        var reason = ShutdownReason.failure
        if let error = failure.notExecuted {
            reason = .spindown
            if environment.beginning.role == .copy {
                // A cell that could not become a copy: its request asks again, for one that is initialised.
                await starter.shelf?.copyFailed(order.version.key, because: error)
                starter.shelf?.passOverOnce(order.version.key)
            } else {
                turn = .notStarted(error)
            }
        } else if failure.isOfRestore {
            environment.drainOutput()
            environment.log.platform(environment.format.restoreDone(duration: duration, failure, at: clock.now))
            turn = .notStarted(failure.restoreError)
        } else {
            environment.drainOutput()
            await environment.tellFailedInit(order.version, failure, duration, order.invocation, meter)
            var told = failure
            told.logTail = environment.log.tail()
            turn = .failed(told)
        }
        let next = pool.fail(order.ticket, order.version.key, turn)
        await environment.stop(reason)
        await begin(next, of: order.version)
    }

    /// Init is not throttled; what follows is.
    func applyCPUShare(_ environment: ExecutionEnvironment, _ version: ExecutableVersion) async {
        do {
            try await environment.sandbox.setCPUShare(.lambda(memoryMiB: version.memoryMiB))
        } catch {
            logger.warning(
                "no CPU limit for an environment",
                metadata: ["sandbox": "\(environment.sandbox.id)", "error": "\(error)"]
            )
        }
    }
}
