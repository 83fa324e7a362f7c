// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOCore
import Sandbox

/// Runs one invocation: admission, an environment (warm, returning, or new), the event, the log lines, the figures.
struct FunctionRunner: Sendable {
    var ledger: ConcurrencyLedger
    var pool: EnvironmentPool
    var starter: EnvironmentStarter
    var supervisor: Supervisor
    var clock: any WallClock
    var logger: Logger
    var meter: FunctionMeter? = nil

    private static let secondLook: Duration = .milliseconds(25)

    /// An environment that ends before it is handed the event is replaced this often.
    private static let maximumHandOvers = 3

    struct Outcome: Sendable {
        var result: InvocationResult
        /// The last 4 KiB of the invocation's log.
        var logTail: [UInt8]
        /// What is still to be done when the caller has its answer: extensions may be at work.
        var rest: (@Sendable () async -> Void)?
    }

    /// Why an invocation was not admitted. AWS: TooManyRequestsException
    struct Throttled: Error, Sendable {
        var reason: String
    }

    /// Throws `Throttled`, and whatever kept a sandbox from starting. A function's own failure is a result, not an error.
    func run(_ resolved: ResolvedInvocation, _ invocation: Invocation, totalReserved: Int) async throws -> Outcome {
        let key = resolved.version.key
        let refusal = ledger.enter(
            key.functionName,
            in: key.scope,
            reserved: resolved.reservedConcurrency,
            totalReserved: totalReserved
        )
        if let refusal {
            meter?.throttled(key, invocation.invokedARN.qualifierOfFunction)
            throw Throttled(reason: refusal.rawValue)
        }
        meter?.began(key)
        pool.enter(key)
        let leave: @Sendable () -> Void = { [ledger, pool] in
            pool.leave(key)
            ledger.leave(key.functionName, in: key.scope, wasReserved: resolved.reservedConcurrency != nil)
        }
        do {
            let outcome = try await handOver(resolved.version, invocation)
            guard let rest = outcome.rest else {
                leave()
                return outcome
            }
            // Its place is taken until the extensions are done, too.
            supervisor.submit {
                await rest()
                leave()
            }
            return outcome
        } catch {
            leave()
            throw error
        }
    }

    private func handOver(_ version: ExecutableVersion, _ invocation: Invocation) async throws -> Outcome {
        for _ in 0..<Self.maximumHandOvers {
            if let outcome = try await attempt(version, invocation) { return outcome }
        }
        throw MartletError(
            "lambda.invoke",
            "\(Self.maximumHandOvers) environments ended before they were handed the event"
        )
    }

    /// Nil when the environment ended before it was handed the event.
    private func attempt(_ version: ExecutableVersion, _ invocation: Invocation) async throws -> Outcome? {
        switch try await acquire(version) {
        case .environment(let environment):
            return await invoke(environment, version, invocation)
        case .failed:
            return try await invokeAfterFailedInit(version, invocation)
        case .notStarted(let error as SandboxError)
        where error.code == .cannotExecute || (error.code == .badSpecification && version.image != nil):
            return invalidEntrypoint(error, version, invocation)
        case .notStarted(let error):
            throw error
        case .again:
            return nil
        case .cancelled:
            throw CancellationError()
        }
    }

    /// The package's own mistake, so the caller gets it as the function's error, with a log like any other's.
    private func invalidEntrypoint(
        _ error: SandboxError,
        _ version: ExecutableVersion,
        _ invocation: Invocation
    ) -> Outcome {
        let reason = error.message.split(separator: ": ").last.map { $0.lowercased() } ?? "it cannot be executed"
        // One that is there and yet not found names an interpreter, or a loader, that is missing.
        let program = version.image.map { $0.command.first ?? "" } ?? CustomBootstrap.path(in: version)
        let message = program.map { "fork/exec \($0): \(reason)" } ?? CustomBootstrap.isMissing
        // An image's or ImageConfig's directory, which the jailer could not enter or take.
        let isDirectory = error.code == .badSpecification && error.message.contains("working directory")
        let failure = FunctionError.platform(
            isDirectory ? "Runtime.InvalidWorkingDir" : "Runtime.InvalidEntrypoint",
            error.code == .badSpecification ? error.message : message,
            requestID: invocation.id,
            status: .error
        )
        let log = starter.makeLog(version)
        let format = PlatformLog(version.logging)
        let now = clock.now
        log.platform(
            format.start(requestID: invocation.id, version: version.key.version, at: now),
            startsTail: true
        )
        if let line = failure.logLine { log.platform(line) }
        if let line = format.end(requestID: invocation.id) { log.platform(line) }
        let report = InvocationReport(
            requestID: invocation.id,
            duration: .zero,
            memoryMiB: version.memoryMiB,
            maxMemoryMiB: 0,
            status: failure.status.rawValue,
            errorType: failure.errorType
        )
        log.platform(format.report(report, at: now))
        meter?.ended(InvocationFigures(report, version, invocation))
        return Outcome(result: InvocationResult(outcome: .failure(failure), duration: .zero), logTail: log.tail())
    }

    // MARK: Finding an environment

    private func acquire(_ version: ExecutableVersion) async throws -> EnvironmentPool.Turn {
        while true {
            switch await pool.ask(version.key) {
            case .environment(let environment): return .environment(environment)
            case .ticket(let ticket, let start):
                switch start {
                case .now: await startOne(version, for: ticket, limit: .seconds(LambdaLimits.initSeconds))
                case .later: supervisor.submit { await startLater(version, for: ticket) }
                case .never: break
                }
                let turn = await pool.wait(ticket, version.key)
                if case .again = turn { continue }
                return turn
            }
        }
    }

    /// Enough are starting: the request gets one of those, or one of its own when they take long.
    private func startLater(_ version: ExecutableVersion, for ticket: EnvironmentPool.WaiterID) async {
        while (try? await clock.sleep(for: Self.secondLook)) != nil {
            switch pool.mayStart(ticket, version.key) {
            case .now: return await startOne(version, for: ticket, limit: .seconds(LambdaLimits.initSeconds))
            case .later: continue
            case .never: return
            }
        }
    }

    /// Starts an environment that is given to whoever waits first once it is up; when it does not come up, `ticket` fails.
    /// `invocation` is the one whose time the start takes, on the second try.
    private func startOne(
        _ version: ExecutableVersion,
        for ticket: EnvironmentPool.WaiterID,
        limit: Duration,
        invocation: Invocation? = nil
    ) async {
        let key = version.key
        guard ledger.mayStart(key.functionName, in: key.scope, at: clock.monotonicMicroseconds), await pool.makeRoom()
        else {
            pool.fail(ticket, key, .notStarted(Throttled(reason: ConcurrencyLedger.Refusal.accountLimit.rawValue)))
            return pool.startFailed(key, tookRoom: false)
        }
        supervisor.submit { await bringUp(version, ticket, limit, invocation) }
    }

    private func bringUp(
        _ version: ExecutableVersion,
        _ ticket: EnvironmentPool.WaiterID,
        _ limit: Duration,
        _ invocation: Invocation?
    ) async {
        let environment: ExecutionEnvironment
        do {
            environment = try await starter.start(version)
        } catch {
            pool.fail(ticket, version.key, .notStarted(error))
            return pool.startFailed(version.key, tookRoom: true)
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
        switch await environment.initialized(within: environment.startLimit(version, ordinary: limit)) {
        case .ready:
            let duration = Duration.microseconds(clock.monotonicMicroseconds - began)
            for line in startLines(environment, duration) { environment.log.platform(line) }
            // The first event does not wait for it: a round trip to the jailer is longer than what it would hold back.
            async let share: Void = applyCPUShare(environment, version)
            await pool.giveBack(environment)
            pool.settled(ticket, version.key)
            await share
        case .failed(let failure) where failure.notExecuted != nil && environment.beginning.role == .copy:
            // A cell that could not become a copy: its request asks again, and finds no snapshot.
            await starter.shelf?.condemn(version, because: failure.notExecuted ?? SandboxError(.failed, ""))
            pool.fail(ticket, version.key, .again)
            await environment.stop()
        case .failed(let failure) where failure.notExecuted != nil:
            pool.fail(ticket, version.key, .notStarted(failure.notExecuted ?? SandboxError(.failed, "")))
            await environment.stop()
        case .failed(let failure) where failure.isOfRestore:
            environment.drainOutput()
            let duration = Duration.microseconds(clock.monotonicMicroseconds - began)
            for line in environment.format.restoreDone(duration: duration, failure, at: clock.now) {
                environment.log.platform(line)
            }
            pool.fail(ticket, version.key, .notStarted(Self.restoreError(failure)))
            await environment.stop(.failure)
        case .failed(var failure):
            environment.drainOutput()
            let duration = Duration.microseconds(clock.monotonicMicroseconds - began)
            await writeFailedInit(environment, version, failure, duration, invocation)
            failure.logTail = environment.log.tail()
            pool.fail(ticket, version.key, .failed(failure))
            await environment.stop(.failure)
        }
    }

    private func startLines(_ environment: ExecutionEnvironment, _ duration: Duration) -> [String] {
        environment.beginning.role.isRestored
            ? environment.format.restoreDone(duration: duration, nil, at: clock.now)
            : environment.format.initDone(duration: duration, environment.beginning.initialization, at: clock.now)
    }

    func writeFailedInit(
        _ environment: ExecutionEnvironment,
        _ version: ExecutableVersion,
        _ failure: ExecutionEnvironment.InitFailure,
        _ duration: Duration,
        _ invocation: Invocation?
    ) async {
        let format = PlatformLog(version.logging)
        let log = environment.log
        if let invocation {
            log.platform(format.start(requestID: invocation.id, version: version.key.version, at: clock.now))
        }
        let phase = invocation == nil ? "init" : "invoke"
        let type = environment.beginning.initialization
        log.platform(format.initReport(duration: duration, phase: phase, failure: failure, type, at: clock.now))
        guard let invocation else { return }
        let error = failedInit(failure, version, invocation)
        let result = InvocationResult(outcome: .failure(error), duration: duration)
        await writeEnd(environment, version, invocation, result, nil)
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

    // MARK: Invoking

    private func invoke(
        _ environment: ExecutionEnvironment,
        _ version: ExecutableVersion,
        _ invocation: Invocation
    ) async -> Outcome? {
        let format = PlatformLog(version.logging)
        let start = environment.takeStart()
        environment.log.platform(
            format.start(requestID: invocation.id, version: version.key.version, at: clock.now),
            startsTail: true
        )
        environment.tellStart(invocation, version)
        let result = await environment.invoke(invocation)
        if case .notStarted = result.outcome { return nil }
        environment.drainOutput()
        environment.tellRuntimeDone(invocation, result)
        if let settling = environment.settling() {
            return Outcome(result: result, logTail: environment.log.tail()) {
                await settle(settling, environment, version, invocation, result, start)
            }
        }
        await writeEnd(environment, version, invocation, result, start)
        let tail = environment.log.tail()
        if environment.isUsable { await pool.giveBack(environment) }
        return Outcome(result: result, logTail: tail)
    }

    /// The caller has its answer; the invocation is over when the extensions are done, within the function's time.
    private func settle(
        _ settling: Latch,
        _ environment: ExecutionEnvironment,
        _ version: ExecutableVersion,
        _ invocation: Invocation,
        _ result: InvocationResult,
        _ start: EnvironmentStart?
    ) async {
        let began = clock.monotonicMicroseconds
        let isSettled = await settling.wait(
            atMost: invocation.timeout - result.duration,
            on: environment.eventLoop
        )
        let overhead = Duration.microseconds(clock.monotonicMicroseconds - began)
        var whole = result
        whole.duration += overhead
        if let error = environment.extensionError(requestID: invocation.id) {
            whole.outcome = .failure(error)
        } else if !isSettled {
            whole.outcome = .failure(.timedOut(after: invocation.timeout, requestID: invocation.id))
        }
        await writeEnd(environment, version, invocation, whole, start, overhead)
        if environment.isUsable && isSettled { return await pool.giveBack(environment) }
        await environment.stop(isSettled ? .failure : .timeout)
    }

    private func writeEnd(
        _ environment: ExecutionEnvironment,
        _ version: ExecutableVersion,
        _ invocation: Invocation,
        _ result: InvocationResult,
        _ start: EnvironmentStart?,
        _ extensionOverhead: Duration? = nil
    ) async {
        let format = PlatformLog(version.logging)
        var status = "success"
        var errorType: String?
        if case .failure(let error) = result.outcome {
            status = error.status.rawValue
            errorType = error.errorType
            if let line = error.logLine {
                environment.log.platform(line)
                environment.log.telemetry.post(.fault(line))
            }
        }
        if status == "timeout",
            let line = format.timeout(requestID: invocation.id, after: invocation.timeout, at: clock.now)
        {
            environment.log.platform(line)
        }
        if let line = format.end(requestID: invocation.id) { environment.log.platform(line) }
        environment.log.telemetry.post(.end(requestID: invocation.id))
        let report = InvocationReport(
            requestID: invocation.id,
            duration: result.duration,
            initDuration: start?.initDuration,
            memoryMiB: version.memoryMiB,
            maxMemoryMiB: await environment.maxMemoryMiB(limitMiB: version.memoryMiB),
            status: status,
            errorType: errorType.flatMap { type in
                ["Runtime.", "Sandbox.", "Extension."].contains { type.hasPrefix($0) } ? type : nil
            },
            traceID: nil,
            restore: start?.restore
        )
        environment.log.platform(format.runtimeDone(report, at: clock.now))
        environment.log.platform(format.report(report, at: clock.now))
        meter?.ended(InvocationFigures(report, version, invocation))
        environment.log.telemetry.post(.report(report, extensionOverhead: extensionOverhead))
    }

    /// AWS runs a failed init phase once more as part of the invocation, then under the function's own timeout.
    private func invokeAfterFailedInit(_ version: ExecutableVersion, _ invocation: Invocation) async throws -> Outcome?
    {
        let began = clock.monotonicMicroseconds
        let ticket = pool.ticket(version.key)
        await startOne(version, for: ticket, limit: invocation.timeout, invocation: invocation)
        switch await pool.wait(ticket, version.key) {
        case .environment(let environment):
            return await invoke(environment, version, invocation)
        case .failed(let failure):
            let duration = Duration.microseconds(clock.monotonicMicroseconds - began)
            let result = InvocationResult(
                outcome: .failure(failedInit(failure, version, invocation)),
                duration: duration
            )
            return Outcome(result: result, logTail: failure.logTail)
        case .notStarted(let error):
            throw error
        case .again:
            return nil
        case .cancelled:
            throw CancellationError()
        }
    }

    private func failedInit(
        _ failure: ExecutionEnvironment.InitFailure,
        _ version: ExecutableVersion,
        _ invocation: Invocation
    ) -> FunctionError {
        if let payload = failure.payload {
            return FunctionError(payload: payload, errorType: failure.errorType, status: .error)
        }
        if let message = failure.message {
            return .platform(failure.errorType, message, requestID: invocation.id, status: .error)
        }
        if failure.status == .timeout { return .timedOut(after: invocation.timeout, requestID: invocation.id) }
        return ExecutionEnvironment.exitError(failure.exit ?? .killed, requestID: invocation.id)
    }
}
