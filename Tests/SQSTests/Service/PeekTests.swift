// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import SQS

@Suite struct PeekTests {
    private func peek(_ bench: SQSTestBench, _ name: String, limit: Int = 10) async throws -> JSONValue {
        try await bench.service.peek(at: name, in: Scope(account: .local, region: .usEast1), limit: limit)
    }

    private func texts(_ answer: JSONValue, _ name: String) -> [String?] {
        (answer["messages"]?.arrayValue ?? []).map { $0[name]?.stringValue }
    }

    @Test func peekingTakesNothingAndCountsNothing() async throws {
        try await SQSTestBench.run { bench in
            let url = try await bench.create("q")
            for body in ["one", "two", "three"] { try await bench.send(body, to: url) }
            for _ in 0..<3 {
                let answer = try await peek(bench, "q")
                #expect(texts(answer, "body") == ["one", "two", "three"])
                #expect(texts(answer, "state") == ["visible", "visible", "visible"])
            }
            let received = try await bench.receive(from: url)
            #expect(received.map { $0.attributes?["ApproximateReceiveCount"] } == ["1", "1", "1"])
        }
    }

    @Test func whatIsInFlightOrDelayedIsShownAsThat() async throws {
        try await SQSTestBench.run { bench in
            let url = try await bench.create("q")
            try await bench.send("taken", to: url)
            _ = try await bench.receive(from: url)
            try await bench.send("later", to: url) { $0.delaySeconds = 60 }
            let answer = try await peek(bench, "q")
            #expect(texts(answer, "state") == ["in flight", "delayed"])
            #expect(texts(answer, "visibleAt").allSatisfy { $0 != nil })
        }
    }

    @Test func theLimitCutsAndTheTotalSaysSo() async throws {
        try await SQSTestBench.run { bench in
            let url = try await bench.create("q")
            for number in 0..<5 { try await bench.send("\(number)", to: url) }
            let answer = try await peek(bench, "q", limit: 2)
            #expect(texts(answer, "body") == ["0", "1"])
            #expect(answer["total"] == .integer(5))
        }
    }

    @Test func messagesWhoseTimeIsOverAreNotShown() async throws {
        try await SQSTestBench.run { bench in
            let url = try await bench.create("q", ["MessageRetentionPeriod": "60"])
            try await bench.send("old", to: url)
            await bench.clock.advance(by: .seconds(61))
            #expect(texts(try await peek(bench, "q"), "body").isEmpty)
        }
    }

    @Test func aQueueThatIsNotThereIsAnError() async throws {
        try await SQSTestBench.run { bench in
            await #expect(throws: QueueDoesNotExist.self) { try await peek(bench, "none") }
        }
    }
}
