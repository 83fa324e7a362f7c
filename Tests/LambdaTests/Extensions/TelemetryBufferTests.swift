// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Lambda

@Suite("What waits for a subscriber") struct TelemetryBufferTests {
    private func buffer() -> TelemetryBuffer {
        TelemetryBuffer(.init()) { records, bytes in "dropped \(records) \(bytes)" }
    }

    @Test("the first document starts the time, and what has come by then leaves together")
    func time() {
        var buffer = buffer()
        #expect(buffer.append("a") == .arm)
        #expect(buffer.append("b") == .none)
        #expect(buffer.timerFired() == .send(["a", "b"]))
        #expect(buffer.append("c") == .none)
        #expect(!buffer.isEmpty)
        #expect(buffer.delivered() == .arm)
        #expect(buffer.timerFired() == .send(["c"]))
        #expect(buffer.delivered() == .none)
        #expect(buffer.isEmpty)
    }

    @Test("a full batch leaves at once: by items, and by bytes")
    func full() {
        var buffer = buffer()
        for number in 0..<999 { #expect(buffer.append("\(number)") == (number == 0 ? .arm : .none)) }
        guard case .send(let batch) = buffer.append("last") else {
            Issue.record("a thousand documents are a batch")
            return
        }
        #expect(batch.count == 1_000)
        var large = self.buffer()
        let half = String(repeating: "x", count: 200_000)
        #expect(large.append(half) == .arm)
        #expect(large.append(half) == .send([half]))
        #expect(large.delivered() == .none)
        #expect(large.timerFired() == .send([half]))
    }

    @Test("a subscriber that does not keep up loses what exceeds a batch, and is told how much")
    func dropped() {
        var buffer = buffer()
        #expect(buffer.append("first") == .arm)
        #expect(buffer.timerFired() == .send(["first"]))
        for _ in 0..<1_000 { #expect(buffer.append("ab") == .none) }
        for _ in 0..<5 { #expect(buffer.append("ab") == .none) }
        guard case .send(let batch) = buffer.delivered() else {
            Issue.record("what waits is full and must leave")
            return
        }
        #expect(batch.count == 1_001)
        #expect(batch.last == "dropped 5 10")
        #expect(buffer.delivered() == .none)
    }

    @Test("a document larger than a batch travels alone")
    func oversized() {
        var buffer = buffer()
        let large = String(repeating: "x", count: 300_000)
        #expect(buffer.append("a") == .arm)
        #expect(buffer.append(large) == .send(["a"]))
        #expect(buffer.append("b") == .none)
        #expect(buffer.delivered() == .send([large, "dropped 1 1"]))
    }

    @Test("a batch that does not arrive is sent three times and then given up")
    func retries() {
        var buffer = buffer()
        #expect(buffer.append("a") == .arm)
        #expect(buffer.timerFired() == .send(["a"]))
        #expect(buffer.failed() == .sendAgain(["a"]))
        #expect(buffer.failed() == .sendAgain(["a"]))
        #expect(buffer.append("b") == .none)
        #expect(buffer.failed() == .send(["b", "dropped 1 1"]))
    }

    @Test("nothing leaves a frozen environment, and what failed meanwhile is sent again")
    func frozen() {
        var buffer = buffer()
        #expect(buffer.append("a") == .arm)
        buffer.pause()
        #expect(buffer.timerFired() == .none)
        #expect(buffer.resume(isSending: false) == .send(["a"]))
        buffer.pause()
        for _ in 0..<9 { #expect(buffer.failed() == .none) }
        #expect(buffer.append("b") == .none)
        #expect(buffer.resume(isSending: false) == .send(["a"]))
        #expect(buffer.resume(isSending: true) == .none)
        #expect(buffer.delivered() == .arm)
    }

    @Test("when the environment ends, what waits leaves at once")
    func flush() {
        var buffer = buffer()
        #expect(buffer.flush() == .none)
        #expect(buffer.append("a") == .send(["a"]))
        #expect(buffer.append("b") == .none)
        #expect(buffer.delivered() == .send(["b"]))
    }
}
