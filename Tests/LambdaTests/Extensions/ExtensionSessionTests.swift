// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import Lambda

@Suite("Extensions of an environment") struct ExtensionSessionTests {
    typealias Session = ExtensionSession<Int>

    private let event = ExtensionEvent.invoke(
        requestID: "r",
        invokedARN: "arn",
        deadlineMilliseconds: 1,
        traceHeader: "t"
    )
    private let shutdown = ExtensionEvent.shutdown(.spindown, deadlineMilliseconds: 2)

    /// An external one that was launched, and has registered for these.
    private func session(_ events: [String] = ["INVOKE", "SHUTDOWN"]) -> Session {
        var session = Session()
        #expect(session.launch("ext") == nil)
        #expect(session.register("ext", events: events, id: "1") == nil)
        return session
    }

    @Test("without extensions every phase is over at once") func none() { #expect(Session().isSettled) }

    @Test("the init phase waits for those that were launched, until they have asked for an event")
    func initWaits() {
        var session = Session()
        #expect(session.launch("ext") == nil)
        #expect(!session.isSettled)
        #expect(session.register("ext", events: [], id: "1") == nil)
        #expect(!session.isSettled)
        #expect(session.next("1", 7) == .hold)
        #expect(session.isSettled)
    }

    @Test("an event goes to those that registered for it, and the invocation waits for them to ask again")
    func invoke() {
        var session = session()
        #expect(session.register("inner", events: [], id: "2") == nil)
        #expect(session.next("1", 7) == .hold)
        #expect(session.next("2", 8) == .hold)
        let deliveries = session.dispatch(event)
        #expect(deliveries.map(\.ticket) == [7])
        #expect(!session.isSettled)
        #expect(session.next("1", 9) == .hold)
        #expect(session.isSettled)
    }

    @Test("an event that finds no held request is handed to the next one")
    func owed() {
        var session = session()
        #expect(session.next("1", 7) == .hold)
        session.disconnected(7)
        #expect(!session.isSettled)
        #expect(session.dispatch(event).isEmpty)
        #expect(session.next("1", 8) == .hand(event))
        #expect(session.next("1", 9) == .hold)
        #expect(session.isSettled)
    }

    @Test("a second request takes the place of the first")
    func secondRequest() {
        var session = session()
        #expect(session.next("1", 7) == .hold)
        #expect(session.next("1", 8) == .holdInsteadOf(7))
        #expect(session.dispatch(event).map(\.ticket) == [8])
    }

    @Test("internal extensions hear of invocations, never of the shutdown")
    func internalOnes() {
        var session = Session()
        #expect(session.register("in", events: ["SHUTDOWN"], id: "1") == .shutdownOfInternal)
        #expect(session.register("in", events: ["INVOKE", "INVOKE"], id: "1") == nil)
        #expect(session.members[0].events == [.invoke])
        #expect(session.next("1", 7) == .hold)
        #expect(session.dispatch(shutdown).isEmpty)
        #expect(!session.awaitsShutdown)
    }

    @Test("registrations that AWS refuses are refused in its words")
    func refusals() {
        var session = session()
        #expect(session.register("", events: [], id: "2") == .emptyName)
        #expect(session.register("x", events: ["NOISE"], id: "2")?.errorType == "Extension.InvalidEventType")
        #expect(
            session.register("ext", events: [], id: "2")?.errorMessage
                == "State transition from Registered to Registered failed for extension ext. Error: State transition is not allowed"
        )
        #expect(session.register("in", events: [], id: "2") == nil)
        #expect(session.register("in", events: [], id: "3") == .nameTaken)
        session.close()
        #expect(session.register("late", events: [], id: "4") == .registrationClosed)
        #expect(session.next("9", 1) == .reject(.unknownIdentifier("9")))
        #expect(session.next("", 1) == .reject(.unknownIdentifier("")))
    }

    @Test("there are ten, internal and external together")
    func limit() {
        var session = Session()
        for number in 0..<6 { #expect(session.launch("e\(number)") == nil) }
        for number in 0..<4 { #expect(session.register("i\(number)", events: [], id: "\(number)") == nil) }
        #expect(session.register("i4", events: [], id: "x") == .tooManyExtensions)
        #expect(session.launch("e6") == .tooManyExtensions)
        #expect(session.register("e0", events: [], id: "y") == nil)
    }

    @Test("a process that ends is a crash, or what it said before, or what was asked for")
    func exits() {
        var crashed = session()
        #expect(crashed.exited("ext") == .crash)
        var unregistered = Session()
        #expect(unregistered.launch("ext") == nil)
        #expect(unregistered.exited("ext") == .crash)
        var failing = session()
        #expect(failing.fail("1", .initError) == nil)
        #expect(failing.exited("ext") == .initError)
        var ending = session()
        #expect(ending.next("1", 7) == .hold)
        #expect(ending.dispatch(shutdown).map(\.ticket) == [7])
        #expect(ending.awaitsShutdown)
        #expect(ending.exited("ext") == nil)
        #expect(!ending.awaitsShutdown)
        #expect(ending.exited("unknown") == nil)
    }

    @Test("init errors are for the init phase, exit errors for all; nothing follows but the exit")
    func faults() {
        var session = session()
        #expect(session.next("1", 7) == .hold)
        #expect(session.fail("1", .initError)?.errorType == "Extension.InvalidExtensionState")
        #expect(session.fail("1", .exitError) == nil)
        #expect(session.fail("1", .exitError)?.errorType == "Extension.InvalidExtensionState")
        guard case .reject(let error) = session.next("1", 8) else {
            Issue.record("a failed extension must not go on")
            return
        }
        #expect(error.errorMessage.contains("from ExitError to Ready"))
        #expect(!session.isSettled)
    }

    @Test("the events are AWS's documents")
    func documents() {
        #expect(
            String(buffer: event.body)
                == #"{"eventType":"INVOKE","deadlineMs":1,"requestId":"r","invokedFunctionArn":"arn","tracing":{"type":"X-Amzn-Trace-Id","value":"t"}}"#
        )
        #expect(
            String(buffer: shutdown.body) == #"{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":2}"#
        )
    }
}
