// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import Sandbox

/// The idle environments of one function version, and who waits for one.
final class VersionPool: Sendable {
    struct Idle: Sendable {
        let environment: ExecutionEnvironment
        let since: Instant
        var isFrozen = false
        var isProvisioned = false
    }

    typealias Turn = EnvironmentPool.Turn

    private enum Waiter {
        /// Has its place in line and does not wait yet.
        case inLine
        case waiting(CheckedContinuation<Turn, Never>)
        /// Was served before it began to wait.
        case served(Turn)
    }

    enum Answer {
        case idle(Idle)
        case ticket(Int, EnvironmentPool.Start)
    }

    private struct State {
        /// The last is the most recently used.
        var idle: [Idle] = []
        /// In order of arrival.
        var line: [Int] = []
        var waiters: [Int: Waiter] = [:]
        /// Those in line for whom an environment is starting: they hear of its failure, and need not ask again before.
        var starting: Set<Int> = []
        var gate = StartGate()
        /// Somebody looks after those that wait at the gate.
        var isWatched = false
        var nextTicket = 0
        /// Requests between `enter` and `leave`.
        var demand = 0
        /// Environments that live or start.
        var members = 0
        var isRetired = false
        /// Whether any has been, so that others need not look for it.
        var hasProvisioned = false

        /// How many of the most recently used may be passed over for one that is near.
        static let looksBack = 8

        /// Provisioned ones first, as they do not count against anything; then the most recently used: of the last few one that
        /// is served by the event loop that asks. An event that goes to another loop wakes a thread, and so does its answer.
        mutating func takeIdle() -> Idle? {
            if hasProvisioned, let index = idle.lastIndex(where: \.isProvisioned) { return idle.remove(at: index) }
            guard idle.count > 1 else { return idle.popLast() }
            let near = idle.suffix(Self.looksBack).lastIndex { !$0.isFrozen && $0.environment.eventLoop.inEventLoop }
            return near.map { idle.remove(at: $0) } ?? idle.popLast()
        }

        mutating func getInLine() -> Int {
            nextTicket += 1
            line.append(nextTicket)
            waiters[nextTicket] = .inLine
            return nextTicket
        }

        /// Whether there are fewer environments than requests want.
        var lacksMembers: Bool { members < max(demand, 1) }

        /// `now` has begun.
        mutating func start(_ ticket: Int, isPatient: Bool, isBusy: Bool, at now: Int64) -> EnvironmentPool.Start {
            guard lacksMembers else { return .never }
            guard gate.enter(ticket, isPatient: isPatient, isBusy: holdsBack(isBusy), at: now) else {
                defer { isWatched = true }
                return .later(isFirst: !isWatched)
            }
            begin(ticket)
            return .now
        }

        /// Those whose turn at the gate has come; they have begun. One that is no longer needed is passed over.
        mutating func admit(isBusy: Bool, at now: Int64) -> [Int] {
            var admitted: [Int] = []
            while let ticket = gate.next(isBusy: holdsBack(isBusy), at: now) {
                guard lacksMembers else { continue }
                gate.begin(ticket, at: now)
                begin(ticket)
                admitted.append(ticket)
            }
            return admitted
        }

        /// A version without any environment is not the one that keeps the processors busy.
        func holdsBack(_ isBusy: Bool) -> Bool { isBusy && members > 0 }

        mutating func begin(_ ticket: Int) {
            members += 1
            starting.insert(ticket)
        }

        /// What somebody may have waited for is gone: the first who depends on others asks again.
        mutating func memberGone() -> CheckedContinuation<Turn, Never>? {
            members -= 1
            guard let dependent = line.first(where: { !starting.contains($0) }) else { return nil }
            return serve(dependent, .again)
        }

        /// Takes the first in line out; the caller resumes the continuation outside the lock.
        mutating func serveFirst(_ turn: Turn) -> (isServed: Bool, resume: CheckedContinuation<Turn, Never>?) {
            guard let first = line.first else { return (false, nil) }
            return (true, serve(first, turn))
        }

        mutating func serve(_ ticket: Int, _ turn: Turn) -> CheckedContinuation<Turn, Never>? {
            guard let index = line.firstIndex(of: ticket) else { return nil }
            line.remove(at: index)
            // One that has begun goes on, whoever gets it, and counts until it is over.
            if starting.remove(ticket) == nil { gate.leave(ticket) }
            if case .waiting(let continuation) = waiters.removeValue(forKey: ticket) { return continuation }
            waiters[ticket] = .served(turn)
            return nil
        }
    }

    private let state = NIOLockedValueBox(State())

    func enter() {
        state.withLockedValue { state in
            state.demand += 1
            state.isRetired = false
        }
    }

    func leave() { state.withLockedValue { $0.demand -= 1 } }

    func ask(isPatient: Bool, isBusy: Bool, at now: Int64) -> Answer {
        state.withLockedValue { state in
            if let idle = state.takeIdle() { return .idle(idle) }
            let ticket = state.getInLine()
            return .ticket(ticket, state.start(ticket, isPatient: isPatient, isBusy: isBusy, at: now))
        }
    }

    /// The starts that may begin now, of those that were told `later`.
    func admit(isBusy: Bool, at now: Int64) -> [Int] {
        state.withLockedValue { $0.admit(isBusy: isBusy, at: now) }
    }

    /// How long until one of those may begin without anything happening; nil, and the watch is over, when none waits.
    func pause(isBusy: Bool, at now: Int64) -> Duration? {
        state.withLockedValue { state in
            let pause = state.gate.pause(isBusy: state.holdsBack(isBusy), at: now)
            state.isWatched = pause != nil
            return pause
        }
    }

    /// Whoever watched cannot go on.
    func unwatch() { state.withLockedValue { $0.isWatched = false } }

    /// One member more, for whom nobody waits.
    func expect() { state.withLockedValue { $0.members += 1 } }

    func ticketForStart() -> Int {
        state.withLockedValue { state in
            let ticket = state.getInLine()
            state.begin(ticket)
            return ticket
        }
    }

    /// False: the version is retired and nobody waits, so the environment is to end.
    func push(_ environment: ExecutionEnvironment, at now: Instant) -> Bool {
        let isProvisioned = environment.isProvisioned
        let (isKept, resume) = state.withLockedValue { state in
            let (isServed, resume) = state.serveFirst(.environment(environment))
            if !isServed, !state.isRetired {
                state.idle.append(Idle(environment: environment, since: now, isProvisioned: isProvisioned))
                if isProvisioned { state.hasProvisioned = true }
            }
            return (isServed || !state.isRetired, resume)
        }
        resume?.resume(returning: .environment(environment))
        return isKept
    }

    /// The environment has ended. Somebody may have waited for it to come back: that request asks again.
    func forget(_ environment: ExecutionEnvironment) {
        let resume = state.withLockedValue { state in
            state.idle.removeAll { $0.environment === environment }
            return state.memberGone()
        }
        resume?.resume(returning: .again)
    }

    func startFailed() {
        let resume = state.withLockedValue { state in
            state.memberGone()
        }
        resume?.resume(returning: .again)
    }

    /// The start for `ticket` is over, and those that are returned may begin. Its environment may have gone to somebody earlier
    /// in line: then it waits like others.
    func settled(_ ticket: Int, isBusy: Bool, at now: Int64) -> [Int] {
        state.withLockedValue { state in
            state.gate.leave(ticket)
            state.starting.remove(ticket)
            return state.admit(isBusy: isBusy, at: now)
        }
    }

    /// As `settled`, and `ticket` gets `turn` unless it has been served.
    func fail(_ ticket: Int, _ turn: Turn, isBusy: Bool, at now: Int64) -> [Int] {
        let (resume, admitted) = state.withLockedValue { state in
            let resume = state.serve(ticket, turn)
            state.gate.leave(ticket)
            return (resume, state.admit(isBusy: isBusy, at: now))
        }
        resume?.resume(returning: turn)
        return admitted
    }

    func retire() -> [ExecutionEnvironment] {
        state.withLockedValue { state in
            state.isRetired = true
            defer { state.idle = [] }
            return state.idle.map(\.environment)
        }
    }

    func wait(_ ticket: Int) async -> Turn {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let turn = state.withLockedValue { state -> Turn? in
                    if case .served(let turn) = state.waiters[ticket] {
                        state.waiters[ticket] = nil
                        return turn
                    }
                    state.waiters[ticket] = .waiting(continuation)
                    return nil
                }
                if let turn { continuation.resume(returning: turn) }
            }
        } onCancel: {
            resolve(ticket, .cancelled)
        }
    }

    func resolve(_ ticket: Int, _ turn: Turn) {
        let resume = state.withLockedValue { $0.serve(ticket, turn) }
        resume?.resume(returning: turn)
    }

    /// Takes it out of the idle ones; false when it is not there.
    func take(_ environment: ExecutionEnvironment) -> Bool {
        state.withLockedValue { state in
            guard let index = state.idle.firstIndex(where: { $0.environment === environment }) else { return false }
            state.idle.remove(at: index)
            return true
        }
    }

    /// Takes out those idle since before `instant`; all of them when nil.
    func reap(idleSince instant: Instant?) -> [ExecutionEnvironment] {
        state.withLockedValue { state in
            let old = state.idle.filter { idle in
                guard let instant else { return true }
                return idle.since < instant && !idle.environment.isProvisioned
            }
            guard !old.isEmpty else { return [] }
            state.idle.removeAll { idle in old.contains { $0.environment === idle.environment } }
            return old.map(\.environment)
        }
    }

    /// Each is taken out while it is being frozen, so that nobody gets a half frozen one.
    func freeze(idleSince instant: Instant) async {
        while true {
            let next = state.withLockedValue { state -> Idle? in
                guard let index = state.idle.firstIndex(where: { !$0.isFrozen && $0.since < instant }) else {
                    return nil
                }
                return state.idle.remove(at: index)
            }
            guard var idle = next else { return }
            // One that cannot be frozen has ended, and its `run` removes it.
            idle.isFrozen = (try? await idle.environment.freeze()) != nil
            guard idle.isFrozen else { continue }
            await putBack(idle)
        }
    }

    /// A request may have begun to wait meanwhile: then it gets this one, thawed.
    private func putBack(_ idle: Idle) async {
        enum Place { case idle, waiter, none }
        let place = state.withLockedValue { state -> Place in
            guard state.line.isEmpty else { return .waiter }
            guard !state.isRetired else { return .none }
            state.idle.append(idle)
            state.idle.sort { $0.since < $1.since }
            return .idle
        }
        switch place {
        case .idle: return
        case .none: await idle.environment.dismiss()
        case .waiter:
            // One that cannot be thawed has ended, and its end makes the waiting request ask again.
            guard (try? await idle.environment.thaw()) != nil else { return }
            if !push(idle.environment, at: idle.since) { await idle.environment.dismiss() }
        }
    }

    /// The one that has been idle for longest and may end.
    func oldest() -> Idle? { state.withLockedValue { $0.idle.first { !$0.environment.isProvisioned } } }

    var isUnused: Bool {
        state.withLockedValue { $0.idle.isEmpty && $0.waiters.isEmpty && $0.members == 0 && $0.demand == 0 }
    }
}
