// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Lambda

@Suite("Starts of one version at once") struct StartGateTests {
    private let youth = StartGate.youth.wholeMicroseconds

    /// Tickets from 1 on have begun at 0, as many as may.
    private func full() -> StartGate {
        var gate = StartGate()
        for ticket in 1...StartGate.atOnce { #expect(gate.enter(ticket, at: 0) == true) }
        return gate
    }

    @Test("ten begin at once, more wait, and one begins for each that is over, in order of arrival")
    func inOrder() {
        var gate = full()
        #expect(!gate.enter(21, at: 1) && !gate.enter(22, at: 2))
        #expect(gate.next(at: 3) == nil)
        gate.leave(5)
        #expect(gate.next(at: 4) == 21)
        gate.begin(21, at: 4)
        #expect(gate.next(at: 5) == nil)
        gate.leave(21)
        #expect(gate.next(at: 6) == 22 && !gate.isAwaited)
    }

    @Test("a start that takes long counts no more, and its end later makes no room twice")
    func aged() {
        var gate = full()
        #expect(gate.enter(21, at: 1) == false)
        #expect(gate.pause(at: 1) == .microseconds(youth - 1))
        #expect(gate.next(at: youth - 1) == nil)
        #expect(gate.pause(at: youth) == .zero)
        #expect(gate.next(at: youth) == 21)
        for ticket in 21..<(21 + StartGate.atOnce) { gate.begin(ticket, at: youth) }
        gate.leave(1)
        #expect(gate.enter(41, at: youth + 1) == false)
        #expect(gate.next(at: youth + 1) == nil)
    }

    @Test("whoever comes while others wait waits behind them, even when there is room")
    func noOvertaking() {
        var gate = full()
        #expect(gate.enter(21, at: 1) == false)
        gate.leave(1)
        gate.leave(2)
        #expect(gate.enter(22, at: 2) == false)
        #expect(gate.next(at: 2) == 21)
    }

    @Test("one that waits no longer is passed over, and nobody has to look when none waits")
    func withdrawn() {
        var gate = full()
        #expect(gate.pause(at: 0) == nil)
        #expect(!gate.enter(21, at: 1) && !gate.enter(22, at: 1))
        gate.leave(21)
        gate.leave(1)
        #expect(gate.next(at: 2) == 22)
        #expect(gate.pause(at: 2) == nil && gate.next(at: 2) == nil)
    }

    @Test("while the processors are busy one a second begins for patient requests, and others pass them")
    func patience() {
        let second = StartGate.patience.wholeMicroseconds
        var gate = StartGate()
        let begins = gate.enter(1, isPatient: true, isBusy: true, at: 0)
        #expect(begins, "nothing has begun yet")
        #expect(gate.enter(2, isPatient: true, isBusy: true, at: 1) == false)
        #expect(gate.enter(3, isPatient: true, isBusy: true, at: 2) == false)
        #expect(gate.pause(isBusy: true, at: 3) == StartGate.youth)
        #expect(gate.next(isBusy: true, at: 3) == nil)

        #expect(gate.enter(4, at: 4) == false, "it gets in line")
        #expect(gate.pause(isBusy: true, at: 4) == .zero)
        #expect(gate.next(isBusy: true, at: 4) == 4)
        gate.begin(4, at: 4)
        #expect(gate.next(isBusy: true, at: second) == nil)

        #expect(gate.next(isBusy: true, at: second + 4) == 2)
        gate.begin(2, at: second + 4)
        #expect(gate.next(isBusy: false, at: second + 5) == 3, "they are busy no longer")
    }
}
