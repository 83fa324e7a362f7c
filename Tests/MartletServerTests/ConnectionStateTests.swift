import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import MartletServer

@Suite("Connection state") struct ConnectionStateTests {
    private func make() -> ConnectionState {
        var limits = HTTPLimits()
        limits.idleTimeout = .seconds(10)
        limits.requestTimeout = .seconds(60)
        limits.discardedBytes = 100
        return ConnectionState(limits: limits, now: 0)
    }

    @Test("between requests the idle timeout counts")
    func idle() {
        let state = make()
        #expect(state.verdict(now: 9_999) == .lookAgain(at: 10_000))
        #expect(state.verdict(now: 10_000) == .close)
    }

    @Test("while the answer is awaited nothing is due, however long it takes")
    func answering() {
        var state = make()
        state.headCame(keepsAlive: true, now: 1_000)
        let over1 = state.requestEnded(now: 1_000)
        #expect(!over1)
        #expect(state.verdict(now: 900_000) == .lookAgain(at: 910_000))
        let over2 = state.answered(now: 900_000)
        #expect(!over2)
        #expect(state.verdict(now: 910_000) == .close)
    }

    @Test("a body that trickles is cut when the whole request takes too long")
    func trickle() {
        var state = make()
        state.headCame(keepsAlive: true, now: 0)
        for second in Int64(1)..<59 {
            state.bytesCame(now: second * 1_000)
            #expect(state.verdict(now: second * 1_000) != .close)
        }
        #expect(state.verdict(now: 60_000) == .close)
    }

    @Test("an answer that the client does not take is given up")
    func blocked() {
        var state = make()
        state.headCame(keepsAlive: true, now: 0)
        _ = state.requestEnded(now: 0)
        state.writability(false, now: 5_000)
        #expect(state.verdict(now: 14_999) != .close)
        #expect(state.verdict(now: 15_000) == .close)
        state.writability(true, now: 14_999)
        #expect(state.verdict(now: 15_000) != .close)
    }

    @Test("the last answer closes, but only when the client has sent all")
    func last() {
        var early = make()
        early.headCame(keepsAlive: false, now: 0)
        let over3 = early.answered(now: 0)
        #expect(!over3)
        let over4 = early.requestEnded(now: 0)
        #expect(over4)
        var late = make()
        late.headCame(keepsAlive: false, now: 0)
        let over5 = late.requestEnded(now: 0)
        #expect(!over5)
        let over6 = late.answered(now: 0)
        #expect(over6)
    }

    @Test("dropping has an end")
    func discards() {
        var state = make()
        state.headCame(keepsAlive: true, now: 0)
        let over7 = state.discards(100)
        #expect(!over7)
        let over8 = state.discards(1)
        #expect(over8)
    }
}
