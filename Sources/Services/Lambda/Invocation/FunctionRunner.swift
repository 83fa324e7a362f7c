// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Sandbox

/// Runs one invocation: admission, an environment (warm, returning, or new), the event, the log lines, the figures.
struct FunctionRunner: Sendable {
    var ledger: ConcurrencyLedger
    var supply: EnvironmentSupply
    var meter: FunctionMeter? = nil

    /// An environment that ends before it is handed the event is replaced this often.
    private static let maximumHandOvers = 3

    struct Outcome: Sendable {
        var result: InvocationResult
        /// The last 4 KiB of the invocation's log, for one that wants it.
        var logTail: [UInt8] = []
        /// What is still to be done when the caller has its answer: extensions may be at work.
        var rest: (@Sendable () async -> Void)?
    }

    /// Why an invocation was not admitted. AWS: TooManyRequestsException
    struct Throttled: Error, Sendable {
        var reason: String
    }

    private var pool: EnvironmentPool { supply.pool }
    private var clock: any WallClock { supply.clock }

    /// Throws `Throttled`, and whatever kept a sandbox from starting. A function's own failure is a result, not an error.
    /// `claims` are the account's.
    func run(
        _ resolved: ResolvedInvocation,
        _ invocation: Invocation,
        claims: ClaimedConcurrency
    ) async throws -> Outcome {
        let key = resolved.version.key
        let place = try admit(resolved, invocation, claims)
        meter?.began(key, claims)
        pool.enter(key)
        let leave: @Sendable () -> Void = { [ledger, pool] in
            pool.leave(key)
            ledger.leave(key, place)
        }
        do {
            let outcome = try await handOver(resolved.version, invocation)
            guard let rest = outcome.rest else {
                leave()
                return outcome
            }
            // Its place is taken until the extensions are done, too.
            supply.supervisor.submit {
                await rest()
                leave()
            }
            return outcome
        } catch {
            leave()
            throw error
        }
    }

    private func admit(
        _ resolved: ResolvedInvocation,
        _ invocation: Invocation,
        _ claims: ClaimedConcurrency
    ) throws -> ConcurrencyLedger.Place {
        let key = resolved.version.key
        let applicant = ConcurrencyLedger.Applicant(
            key: key,
            reserved: resolved.reservedConcurrency,
            provisioned: resolved.provisionedConcurrency,
            claims: claims,
            isSynchronous: !invocation.isPatient
        )
        do {
            return try ledger.enter(applicant, at: clock.monotonicMicroseconds)
        } catch {
            meter?.throttled(key, invocation.invokedARN.qualifierOfFunction)
            throw Throttled(reason: error.rawValue)
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
        let turn = try await supply.acquire(version, isPatient: invocation.isPatient)
        // AWS runs a failed init phase once more as part of the invocation, then under the function's own timeout.
        guard case .failed = turn else { return try await outcome(of: turn, version, invocation) }
        let began = clock.monotonicMicroseconds
        let again = await supply.restart(version, for: invocation)
        guard case .failed(let failure) = again else { return try await outcome(of: again, version, invocation) }
        return Outcome(
            result: InvocationResult(
                outcome: .failure(failure.error(of: invocation)),
                duration: .microseconds(clock.monotonicMicroseconds - began)
            ),
            logTail: failure.logTail
        )
    }

    private func outcome(
        of turn: EnvironmentPool.Turn,
        _ version: ExecutableVersion,
        _ invocation: Invocation
    ) async throws -> Outcome? {
        switch turn {
        case .environment(let environment):
            return await invoke(environment, version, invocation)
        case .notStarted(let error as SandboxError) where error.isOfEntrypoint(version):
            return invalidEntrypoint(error, version, invocation)
        case .notStarted(let error):
            throw error
        case .again, .failed:
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
        let result = InvocationResult(
            outcome: .failure(.invalidEntrypoint(error, version, requestID: invocation.id)),
            duration: .zero
        )
        let log = supply.starter.planner.makeLog(version)
        let format = PlatformLog(version.logging)
        let now = clock.now
        log.platform(
            format.start(
                requestID: invocation.id,
                version: version.key.version,
                tenantID: version.key.tenantID,
                at: now
            ),
            startsTail: true
        )
        InvocationEnd(of: invocation, version, .init(result: result), format: format, at: now).tell(log, meter)
        return Outcome(result: result, logTail: log.tail())
    }

    // MARK: Invoking

    private func invoke(
        _ environment: ExecutionEnvironment,
        _ version: ExecutableVersion,
        _ invocation: Invocation
    ) async -> Outcome? {
        let start = environment.takeStart()
        environment.log.platform(
            environment.format.start(
                requestID: invocation.id,
                version: version.key.version,
                tenantID: version.key.tenantID,
                at: clock.now
            ),
            startsTail: true
        )
        environment.tellStart(invocation, version)
        let result = await environment.invoke(invocation)
        if case .notStarted = result.outcome { return nil }
        environment.drainOutput()
        environment.tellRuntimeDone(invocation, result)
        var outcome = Outcome(result: result)
        if let settling = environment.settling() {
            if invocation.wantsTail { outcome.logTail = environment.log.tail() }
            outcome.rest = { await settle(settling, environment, version, invocation, result, start) }
            return outcome
        }
        await environment.tellEnd(of: invocation, version, .init(result: result, start: start), meter)
        if invocation.wantsTail { outcome.logTail = environment.log.tail() }
        if environment.isUsable { await pool.giveBack(environment) }
        return outcome
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
        let course = InvocationEnd.Course(result: whole, start: start, extensionOverhead: overhead)
        await environment.tellEnd(of: invocation, version, course, meter)
        if environment.isUsable && isSettled { return await pool.giveBack(environment) }
        await environment.stop(isSettled ? .failure : .timeout)
    }
}

extension ExecutionEnvironment {
    /// Writes the end of an invocation, with the memory used so far.
    func tellEnd(
        of invocation: Invocation,
        _ version: ExecutableVersion,
        _ course: InvocationEnd.Course,
        _ meter: FunctionMeter?
    ) async {
        var course = course
        course.maxMemoryMiB = await maxMemoryMiB(limitMiB: version.memoryMiB)
        InvocationEnd(of: invocation, version, course, format: format, at: clock.now).tell(log, meter)
    }
}

extension SandboxError {
    /// Whether it is the package's own mistake.
    fileprivate func isOfEntrypoint(_ version: ExecutableVersion) -> Bool {
        code == .cannotExecute || (code == .badSpecification && version.image != nil)
    }
}

extension FunctionError {
    fileprivate static func invalidEntrypoint(
        _ error: SandboxError,
        _ version: ExecutableVersion,
        requestID: String
    ) -> FunctionError {
        let reason = error.message.split(separator: ": ").last.map { $0.lowercased() } ?? "it cannot be executed"
        // One that is there and yet not found names an interpreter, or a loader, that is missing.
        let program = version.image.map { $0.command.first ?? "" } ?? CustomBootstrap.path(in: version)
        let message = program.map { "fork/exec \($0): \(reason)" } ?? CustomBootstrap.isMissing
        // An image's or ImageConfig's directory, which the jailer could not enter or take.
        let isDirectory = error.code == .badSpecification && error.message.contains("working directory")
        return .platform(
            isDirectory ? "Runtime.InvalidWorkingDir" : "Runtime.InvalidEntrypoint",
            error.code == .badSpecification ? error.message : message,
            requestID: requestID,
            status: .error
        )
    }
}
