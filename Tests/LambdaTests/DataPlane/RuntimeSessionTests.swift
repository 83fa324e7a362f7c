// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Testing

@testable import Lambda

@Suite("Runtime API session") struct RuntimeSessionTests {
    private func invocation(_ id: String) -> Invocation {
        Invocation(
            id: id,
            payload: ByteBuffer(string: "{}"),
            invokedARN: ARN(service: "lambda", region: "us-east-1", account: "000000000000", resource: "function:f"),
            clientContext: nil,
            traceHeader: "Root=1-0-0",
            timeout: .seconds(3)
        )
    }

    private func idle(_ ticket: Int = 1) -> RuntimeSession<Int> {
        var session = RuntimeSession<Int>()
        _ = session.next(ticket)
        return session
    }

    @Test("the first /next ends the init phase and is held")
    func firstNext() {
        var session = RuntimeSession<Int>()
        guard case .holdInitialized = session.next(1) else {
            Issue.record("the first /next must end initialisation")
            return
        }
        #expect(session.state == .idle(1))
    }

    private func refusal(from state: String, to call: String) -> RuntimeAPIError {
        .invalidTransition(from: state, to: call)
    }

    @Test("a template asks to be restored, rests, and gets no event")
    func template() {
        var session = RuntimeSession<Int>(role: .template)
        if case .reject = session.next(1) {} else { Issue.record("it has not said that it can be copied") }
        #expect(session.restoreNext(2) == .rest)
        #expect(session.state == .atRest(2))
        #expect(session.dispatch(invocation("a")) == .refuse)
        #expect(session.restoreNext(3) == .reject(refusal(from: "RestoreReady", to: "RestoreReady")))
        session.disconnected(2)
        #expect(session.state == .initializing)
    }

    @Test("a copy is told at once, and is ready when it asks for an event", arguments: [SnapshotRole.copy, .standIn])
    func copy(role: SnapshotRole) {
        var session = RuntimeSession<Int>(role: role)
        #expect(session.restoreNext(1) == .answer)
        #expect(session.state == .restoring)
        #expect(session.initError() != nil)
        guard case .holdInitialized = session.next(2) else {
            Issue.record("its first /next ends the restore")
            return
        }
        #expect(session.dispatch(invocation("a")) == .hand(to: 2))
    }

    @Test("an error of a restore is one only while restoring")
    func restoreError() {
        var session = RuntimeSession<Int>(role: .copy)
        #expect(session.restoreError() == refusal(from: "Initializing", to: "RestoreError"))
        _ = session.restoreNext(1)
        #expect(session.restoreError() == nil)
        #expect(session.state == .failed)
        var ordinary = RuntimeSession<Int>()
        #expect(ordinary.restoreNext(1) == .reject(refusal(from: "Initializing", to: "RestoreReady")))
    }

    @Test("an event goes to the held /next, its answer frees the environment")
    func roundTrip() {
        var session = idle()
        #expect(session.dispatch(invocation("a")) == .hand(to: 1))
        #expect(session.state == .busy(id: "a"))
        #expect(session.answer("a", to: "InvocationResponse") == nil)
        guard case .hold = session.next(2) else {
            Issue.record("/next after the answer must be held")
            return
        }
        #expect(session.state == .idle(2))
    }

    @Test("an event that comes before /next waits for it")
    func queuedEvent() {
        var session = idle()
        _ = session.dispatch(invocation("a"))
        _ = session.answer("a", to: "InvocationResponse")
        #expect(session.dispatch(invocation("b")) == .wait)
        #expect(session.dispatch(invocation("c")) == .refuse)
        guard case .hand(let handed) = session.next(2) else {
            Issue.record("the waiting event must be handed out")
            return
        }
        #expect(handed.id == "b")
        #expect(session.state == .busy(id: "b"))
    }

    @Test("an answer for another request is refused and changes nothing")
    func wrongID() {
        var session = idle()
        _ = session.dispatch(invocation("a"))
        #expect(session.answer("b", to: "InvocationResponse") == .invalidRequestID)
        #expect(session.state == .busy(id: "a"))
    }

    @Test("calls out of turn are refused as invalid transitions")
    func outOfTurn() {
        var session = RuntimeSession<Int>()
        #expect(session.answer("a", to: "InvocationResponse")?.status == 403)
        _ = session.next(1)
        #expect(session.answer("a", to: "InvocationResponse")?.errorType == "InvalidStateTransition")
        #expect(session.initError()?.status == 403)
        _ = session.dispatch(invocation("a"))
        guard case .reject = session.next(2) else {
            Issue.record("/next while an event is running must be refused")
            return
        }
    }

    @Test("a second answer to one event is refused")
    func answeredTwice() {
        var session = idle()
        _ = session.dispatch(invocation("a"))
        #expect(session.answer("a", to: "InvocationResponse") == nil)
        #expect(session.answer("a", to: "InvocationError")?.status == 403)
    }

    @Test("a new connection's /next replaces the held one")
    func replaced() {
        var session = idle(1)
        guard case .holdInsteadOf(1) = session.next(2) else {
            Issue.record("the earlier /next must be let go")
            return
        }
        #expect(session.dispatch(invocation("a")) == .hand(to: 2))
    }

    @Test("when the held connection goes, the event waits for the next one")
    func disconnected() {
        var session = idle(1)
        session.disconnected(1)
        #expect(session.dispatch(invocation("a")) == .wait)
    }

    @Test("the end gives back an event that nobody had taken, and only that")
    func end() {
        var waiting = idle()
        _ = waiting.dispatch(invocation("a"))
        _ = waiting.answer("a", to: "InvocationResponse")
        _ = waiting.dispatch(invocation("b"))
        #expect(waiting.end()?.id == "b")
        var busy = idle()
        _ = busy.dispatch(invocation("a"))
        #expect(busy.end() == nil)
        #expect(busy.dispatch(invocation("b")) == .refuse)
    }

    @Test("after an init error nothing but the end follows")
    func initError() {
        var session = RuntimeSession<Int>()
        #expect(session.initError() == nil)
        guard case .reject = session.next(1) else {
            Issue.record("/next after an init error must be refused")
            return
        }
        #expect(session.dispatch(invocation("a")) == .refuse)
    }

    // MARK: Streaming

    private func streaming() -> RuntimeSession<Int> {
        var session = idle()
        _ = session.dispatch(invocation("a"))
        #expect(session.beginStream("a") == nil)
        return session
    }

    @Test("a streamed answer keeps the environment until its last piece")
    func stream() {
        var session = streaming()
        #expect(session.dispatch(invocation("b")) == .refuse)
        #expect(session.answer("a", to: "InvocationResponse")?.status == 403)
        guard case .reject = session.next(2) else {
            Issue.record("/next in mid stream must be refused")
            return
        }
        #expect(session.endStream("a") == nil)
        #expect(session.state == .returning(queued: nil))
        #expect(session.endStream("a")?.status == 403)
    }

    @Test("only the running invocation's answer can be streamed")
    func streamOutOfTurn() {
        var session = idle()
        #expect(session.beginStream("a")?.status == 403)
        _ = session.dispatch(invocation("a"))
        #expect(session.beginStream("b") == .invalidRequestID)
        #expect(session.state == .busy(id: "a"))
    }

    @Test("when the runtime comes again after a stream that broke off, that was its end")
    func cutThenNext() {
        var session = streaming()
        session.cutStream("b")
        #expect(session.state == .streaming(id: "a"))
        session.cutStream("a")
        #expect(session.dispatch(invocation("b")) == .refuse)
        guard case .holdAfterCut(id: "a") = session.next(2) else {
            Issue.record("/next after the cut must end the answer")
            return
        }
        #expect(session.state == .idle(2))
    }

    @Test("an error on another connection ends an answer that has begun", arguments: [true, false])
    func errorInStream(isCut: Bool) {
        var session = streaming()
        if isCut { session.cutStream("a") }
        #expect(session.answer("b", to: "InvocationError")?.status == 403)
        #expect(session.answer("a", to: "InvocationError") == nil)
        #expect(session.state == .returning(queued: nil))
        #expect(session.endStream("a")?.status == 403)
    }

    @Test("the end in mid stream gives nothing back: the event was taken")
    func endInStream() {
        var session = streaming()
        #expect(session.end() == nil)
        #expect(session.endStream("a")?.status == 403)
    }
}
