// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How many environments of one version may be starting at once, and which requests wait to start one, in order of arrival.
/// Pure: times go in.
///
/// A burst of short invocations is served soonest by a few environments: the first that is up takes one after the other, while
/// a hundred starts would only take the processors from each other. Where starts last, more are begun all the time: ten in
/// 100 ms are the 1,000 in ten seconds that AWS allows.
///
/// A request that nobody waits for is patient: while the processors are busy with the environments that are there, one a
/// second begins for such requests.
struct StartGate: Sendable {
    typealias Ticket = EnvironmentPool.WaiterID

    static let atOnce = 10
    static let youth: Duration = .milliseconds(100)
    static let patience: Duration = .seconds(1)

    private struct Start: Sendable {
        var ticket: Ticket
        /// In microseconds of the monotonic clock.
        var began: Int64
    }

    /// Those that count, the oldest first. They leave when they are over, or no longer young.
    private var young: [Start] = []
    private var lastBegan = Int64.min
    /// Never more than the requests that wait for an environment.
    private var waiting: [(ticket: Ticket, isPatient: Bool)] = []

    var isAwaited: Bool { !waiting.isEmpty }

    /// Whether the start may begin; if so, it has. If not, it waits its turn: `next` says when that has come.
    /// - Parameter isBusy: whether the processors have nothing left for another environment of a patient request.
    mutating func enter(_ ticket: Ticket, isPatient: Bool = false, isBusy: Bool = false, at now: Int64) -> Bool {
        forgetOld(at: now)
        guard waiting.isEmpty, young.count < Self.atOnce, !(isPatient && holdsBack(isBusy, at: now)) else {
            waiting.append((ticket, isPatient))
            return false
        }
        begin(ticket, at: now)
        return true
    }

    private func holdsBack(_ isBusy: Bool, at now: Int64) -> Bool {
        isBusy && lastBegan > now - Self.patience.wholeMicroseconds
    }

    /// The first that waits, if it may begin. It waits no longer, and begins by `begin`.
    mutating func next(isBusy: Bool = false, at now: Int64) -> Ticket? {
        forgetOld(at: now)
        guard young.count < Self.atOnce else { return nil }
        let holdsBack = holdsBack(isBusy, at: now)
        guard let index = waiting.firstIndex(where: { !($0.isPatient && holdsBack) }) else { return nil }
        return waiting.remove(at: index).ticket
    }

    mutating func begin(_ ticket: Ticket, at now: Int64) {
        young.append(Start(ticket: ticket, began: now))
        lastBegan = now
    }

    /// Its start is over, or it waits for none any more.
    mutating func leave(_ ticket: Ticket) {
        young.removeAll { $0.ticket == ticket }
        waiting.removeAll { $0.ticket == ticket }
    }

    /// How long until the next that waits may begin if nothing else happens. Nil: nobody waits.
    func pause(isBusy: Bool = false, at now: Int64) -> Duration? {
        guard isAwaited else { return nil }
        // Whether the processors are still busy then is seen then.
        if holdsBack(isBusy, at: now), waiting.allSatisfy(\.isPatient) { return Self.youth }
        guard young.count >= Self.atOnce, let oldest = young.first else { return .zero }
        return .microseconds(max(0, oldest.began + Self.youth.wholeMicroseconds - now))
    }

    private mutating func forgetOld(at now: Int64) {
        let oldest = now - Self.youth.wholeMicroseconds
        young.removeAll { $0.began <= oldest }
    }
}
