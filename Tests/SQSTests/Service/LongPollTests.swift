// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import SQS

@Suite("SQS long polling") struct LongPollTests {
    @Test("who waits is woken by a message, with the clock standing still")
    func wakes() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            async let waiting = sqs.bodies(in: url, wait: 20)
            await sqs.clock.untilSleepers(1)
            try await sqs.send("m", to: url)
            #expect(try await waiting == ["m"])
            #expect(sqs.service.waiters.count == 0)
        }
    }

    @Test("who waits gets nothing at the end of the wait")
    func ends() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q", ["ReceiveMessageWaitTimeSeconds": "5"])
            async let waiting = sqs.bodies(in: url)
            await sqs.clock.untilSleepers(1)
            await sqs.clock.advance(by: .seconds(5))
            #expect(try await waiting == [])
            #expect(sqs.service.waiters.count == 0)
        }
    }

    @Test("a message that becomes visible wakes who waits: delayed before, delayed meanwhile, or hidden")
    func due() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q", ["VisibilityTimeout": "3"])
            try await sqs.send("before", to: url) { $0.delaySeconds = 2 }
            async let first = sqs.bodies(in: url, wait: 20)
            await sqs.clock.untilSleepers(1)
            await sqs.clock.advance(by: .seconds(2))
            #expect(try await first == ["before"])
            async let again = sqs.bodies(in: url, wait: 20)
            await sqs.clock.untilSleepers(1)
            await sqs.clock.advance(by: .seconds(3))
            #expect(try await again == ["before"])
            let other = try await sqs.create("other")
            async let second = sqs.bodies(in: other, wait: 20)
            await sqs.clock.untilSleepers(1)
            try await sqs.send("meanwhile", to: other) { $0.delaySeconds = 4 }
            await sqs.clock.advance(by: .seconds(4))
            #expect(try await second == ["meanwhile"])
        }
    }

    @Test("many who wait share what comes in one batch")
    func shares() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            let bodies = try await withThrowingTaskGroup(of: [String].self) { tasks in
                for _ in 0..<8 { tasks.addTask { try await sqs.bodies(in: url, limit: 1, wait: 20) } }
                await sqs.clock.untilSleepers(8)
                var batch = SendMessageBatchInput(queueUrl: url)
                batch.entries = (0..<8).map { SendMessageBatchRequestEntry(id: "\($0)", messageBody: "\($0)") }
                _ = try await sqs.client.call(SQSOperations.sendMessageBatch, batch)
                return try await tasks.reduce(into: []) { $0 += $1 }
            }
            #expect(bodies.sorted() == (0..<8).map(String.init))
        }
    }

    @Test("the next message of a group wakes who waits when the one before is deleted")
    func group() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.createFIFO("q", ["ContentBasedDeduplication": "true"])
            for body in ["1", "2"] { try await sqs.send(body, to: url, group: "g") }
            let first = try #require(try await sqs.receive(from: url, limit: 1).first)
            async let waiting = sqs.bodies(in: url, wait: 20)
            await sqs.clock.untilSleepers(1)
            try await sqs.delete(first, from: url)
            #expect(try await waiting == ["2"])
        }
    }

    @Test("who waits for a queue that is deleted is told so")
    func deleted() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            async let waiting = ClientError.code { _ = try await sqs.bodies(in: url, wait: 20) }
            await sqs.clock.untilSleepers(1)
            _ = try await sqs.client.call(SQSOperations.deleteQueue, DeleteQueueInput(queueUrl: url))
            #expect(await waiting == "QueueDoesNotExist")
        }
    }

    @Test("beyond the limit nobody waits, and the server's end wakes everyone")
    func limit() async throws {
        try await SQSTestBench.run(configuration: SQSConfiguration(waitersLimit: 1)) { sqs in
            let url = try await sqs.create("q")
            async let waiting = sqs.bodies(in: url, wait: 20)
            await sqs.clock.untilSleepers(1)
            #expect(try await sqs.bodies(in: url, wait: 20) == [])
            sqs.service.waiters.close()
            #expect(try await waiting == [])
            #expect(try await sqs.bodies(in: url, wait: 20) == [])
        }
    }

    @Test("a waiter that is cancelled passes its signal on")
    func cancelled() async throws {
        let waiters = QueueWaiters(limit: 10)
        let clock = MemoryClock()
        let first = try #require(waiters.register(for: 1))
        let second = try #require(waiters.register(for: 1))
        waiters.signal(1)
        async let woken: Void = second.wait(until: clock.now + .seconds(20), dueAt: nil, clock: clock)
        await clock.untilSleepers(1)
        first.leave(passingOn: false)
        try await woken
        second.leave(passingOn: false)
        #expect(waiters.count == 0)
    }
}
