// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import SQS

@Suite("SQS dead-letter queues") struct DeadLetterTests {
    @Test(
        "a message that was received too often is in the dead-letter queue instead",
        arguments: SQSTestBench.protocols
    )
    func moves(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let pair = try await sqs.createPair(maxReceives: 2)
            let sent = try await sqs.send("poison", to: pair.source)
            try await sqs.send("good", to: pair.source)
            for _ in 0..<2 {
                let found = try await sqs.receive(from: pair.source, visibility: 0)
                #expect(found.map(\.body) == ["poison", "good"])
            }
            let sentAt = sqs.clock.now
            await sqs.clock.advance(by: .seconds(1))
            #expect(try await sqs.bodies(in: pair.source) == [])
            let dead = try await sqs.receive(from: pair.dead)
            #expect(dead.map(\.body) == ["poison", "good"])
            #expect(dead.first?.messageId == sent.messageId)
            #expect(dead.first?.attributes?["ApproximateReceiveCount"] == "3")
            #expect(dead.first?.attributes?["SentTimestamp"] == "\(sentAt.milliseconds)")
            #expect(dead.first?.attributes?["DeadLetterQueueSourceArn"] == "arn:aws:sqs:us-east-1:000000000000:source")
        }
    }

    @Test("whoever watches events sees it go there, once it has gone")
    func shown() async throws {
        let feed = EventFeed()
        let items = try #require(feed.watch(EventFeed.Filter()))
        try await SQSTestBench.run(feed: feed) { sqs in
            let pair = try await sqs.createPair(maxReceives: 1)
            let sent = try await sqs.send("poison", to: pair.source)
            _ = try await sqs.receive(from: pair.source, visibility: 0)
            _ = try await sqs.receive(from: pair.source)
            _ = try await sqs.receive(from: pair.dead)
            feed.close()
            var shown: [EventFeed.Item] = []
            for await item in items { shown.append(item) }
            let passage = EventPassage(
                at: sqs.clock.now,
                scope: Scope(account: .local, region: .usEast1),
                from: "arn:aws:sqs:us-east-1:000000000000:source",
                to: pair.arn,
                .delivered,
                id: sent.messageId ?? "",
                reason: "received too often"
            )
            #expect(shown == [.passage(passage)])
        }
    }

    @Test("in a FIFO queue the group goes on behind the message that has gone")
    func fifo() async throws {
        try await SQSTestBench.run { sqs in
            let pair = try await sqs.createPair(maxReceives: 1, isFIFO: true)
            for number in ["1", "2"] { try await sqs.send(number, to: pair.source, group: "g", id: number) }
            #expect(try await sqs.receive(from: pair.source, limit: 1, visibility: 0).map(\.body) == ["1"])
            #expect(try await sqs.bodies(in: pair.source) == ["2"])
            #expect(try await sqs.bodies(in: pair.dead) == ["1"])
        }
    }

    @Test("who waits for the dead-letter queue is woken")
    func wakes() async throws {
        try await SQSTestBench.run { sqs in
            let pair = try await sqs.createPair(maxReceives: 1)
            try await sqs.send("poison", to: pair.source)
            _ = try await sqs.receive(from: pair.source, visibility: 0)
            async let waiting = sqs.bodies(in: pair.dead, wait: 20)
            await sqs.clock.untilSleepers(1)
            #expect(try await sqs.bodies(in: pair.source) == [])
            #expect(try await waiting == ["poison"])
        }
    }

    @Test("policies that cannot be are refused")
    func policies() async throws {
        try await SQSTestBench.run { sqs in
            let arn = "arn:aws:sqs:us-east-1:000000000000:"
            _ = try await sqs.create("closed", ["RedriveAllowPolicy": #"{"redrivePermission":"denyAll"}"#])
            _ = try await sqs.create(
                "choosy",
                ["RedriveAllowPolicy": #"{"redrivePermission":"byQueue","sourceQueueArns":["\#(arn)friend"]}"#]
            )
            _ = try await sqs.createFIFO("fifo")
            let wrong = [
                "", "[]", "{}", #"{"deadLetterTargetArn":"\#(arn)choosy"}"#, #"{"maxReceiveCount":1}"#,
                #"{"deadLetterTargetArn":"\#(arn)choosy","maxReceiveCount":0}"#,
                #"{"deadLetterTargetArn":"\#(arn)choosy","maxReceiveCount":1001}"#,
                #"{"deadLetterTargetArn":"\#(arn)missing","maxReceiveCount":1}"#,
                #"{"deadLetterTargetArn":"\#(arn)closed","maxReceiveCount":1}"#,
                #"{"deadLetterTargetArn":"\#(arn)choosy","maxReceiveCount":1}"#,
                #"{"deadLetterTargetArn":"\#(arn)fifo.fifo","maxReceiveCount":1}"#,
                #"{"deadLetterTargetArn":"arn:aws:sns:us-east-1:000000000000:t","maxReceiveCount":1}"#,
            ]
            for text in wrong.dropFirst() {
                let code = await ClientError.code { try await sqs.create("stranger", ["RedrivePolicy": text]) }
                #expect(code == "InvalidParameterValueException", "\(text)")
            }
            try await sqs.create(
                "friend",
                ["RedrivePolicy": #"{"deadLetterTargetArn":"\#(arn)choosy","maxReceiveCount":1}"#]
            )
        }
    }

    @Test("the queues behind a dead-letter queue are listed, page by page")
    func sources() async throws {
        try await SQSTestBench.run { sqs in
            let pair = try await sqs.createPair(maxReceives: 1)
            let policy = #"{"deadLetterTargetArn":"\#(pair.arn)","maxReceiveCount":1}"#
            try await sqs.create("another", ["RedrivePolicy": policy])
            var input = ListDeadLetterSourceQueuesInput(queueUrl: pair.dead, maxResults: 1)
            let first = try await sqs.client.call(SQSOperations.listDeadLetterSourceQueues, input)
            #expect(first.queueUrls == ["http://localhost:4566/000000000000/another"])
            input.nextToken = first.nextToken
            let second = try await sqs.client.call(SQSOperations.listDeadLetterSourceQueues, input)
            #expect(second.queueUrls == [pair.source])
            #expect(second.nextToken == nil)
        }
    }
}

@Suite("SQS message move tasks") struct MoveTaskTests {
    private func list(
        _ sqs: SQSTestBench,
        _ arn: String,
        limit: Int? = nil
    ) async throws -> [ListMessageMoveTasksResultEntry] {
        let input = ListMessageMoveTasksInput(sourceArn: arn, maxResults: limit)
        return try await sqs.client.call(SQSOperations.listMessageMoveTasks, input).results ?? []
    }

    private func start(_ sqs: SQSTestBench, _ arn: String, rate: Int? = nil) async throws -> String? {
        let input = StartMessageMoveTaskInput(sourceArn: arn, maxNumberOfMessagesPerSecond: rate)
        return try await sqs.client.call(SQSOperations.startMessageMoveTask, input).taskHandle
    }

    private func fail(_ count: Int, _ sqs: SQSTestBench) async throws -> (source: String, dead: String, arn: String) {
        let pair = try await sqs.createPair(maxReceives: 1)
        for number in 0..<count { try await sqs.send("\(number)", to: pair.source) }
        while try await !sqs.receive(from: pair.source, visibility: 0).isEmpty {}
        return pair
    }

    @Test("messages go back to where they came from, as new ones", arguments: SQSTestBench.protocols)
    func moves(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire, moving: true) { sqs in
            let pair = try await fail(3, sqs)
            async let waiting = sqs.receive(from: pair.source, limit: 1, wait: 20)
            let handle = try await start(sqs, pair.arn)
            #expect(handle != nil)
            #expect(try await waiting.first?.attributes?["ApproximateReceiveCount"] == "1")
            let task = try #require(try await list(sqs, pair.arn).first)
            #expect(task.status == "COMPLETED")
            #expect(task.approximateNumberOfMessagesMoved == 3)
            #expect(task.approximateNumberOfMessagesToMove == 3)
            #expect(task.taskHandle == nil)
            #expect(try await sqs.bodies(in: pair.source).count == 2)
        }
    }

    @Test("a slow task can be cancelled half way, and only one runs at a time")
    func cancels() async throws {
        try await SQSTestBench.run { sqs in
            let pair = try await fail(5, sqs)
            let handle = try await start(sqs, pair.arn, rate: 2)
            try await sqs.service.mover.runDue()
            #expect(await ClientError.code { _ = try await start(sqs, pair.arn) } == "InvalidParameterValueException")
            await sqs.clock.advance(by: .seconds(1))
            try await sqs.service.mover.runDue()
            #expect(try await list(sqs, pair.arn).first?.taskHandle == handle)
            let cancelled = try await sqs.client.call(
                SQSOperations.cancelMessageMoveTask,
                CancelMessageMoveTaskInput(taskHandle: handle)
            )
            #expect(cancelled.approximateNumberOfMessagesMoved == 4)
            await sqs.clock.advance(by: .seconds(9))
            try await sqs.service.mover.runDue()
            #expect(try await list(sqs, pair.arn).first?.status == "CANCELLED")
            #expect(try await sqs.bodies(in: pair.dead) == ["4"])
        }
    }

    @Test("a message that came from nowhere ends the task")
    func fails() async throws {
        try await SQSTestBench.run { sqs in
            let pair = try await sqs.createPair(maxReceives: 1)
            try await sqs.send("sent here", to: pair.dead)
            _ = try await start(sqs, pair.arn)
            try await sqs.service.mover.runDue()
            let task = try #require(try await list(sqs, pair.arn).first)
            #expect(task.status == "FAILED")
            #expect(task.failureReason == "CouldNotDetermineMessageSource")
            #expect(try await sqs.bodies(in: pair.dead) == ["sent here"])
        }
    }

    @Test("queues and tasks that are not there are told by name")
    func missing() async throws {
        try await SQSTestBench.run { sqs in
            let arn = "arn:aws:sqs:us-east-1:000000000000:none"
            #expect(await ClientError.code { _ = try await start(sqs, arn) } == "ResourceNotFoundException")
            #expect(await ClientError.code { _ = try await list(sqs, arn) } == "ResourceNotFoundException")
            #expect(await ClientError.code { _ = try await start(sqs, "rubbish") } == "InvalidParameterValueException")
            try await sqs.create("plain")
            let plain = "arn:aws:sqs:us-east-1:000000000000:plain"
            #expect(await ClientError.code { _ = try await start(sqs, plain) } == "InvalidParameterValueException")
            let code = await ClientError.code {
                let input = CancelMessageMoveTaskInput(taskHandle: "rubbish")
                _ = try await sqs.client.call(SQSOperations.cancelMessageMoveTask, input)
            }
            #expect(code == "InvalidParameterValueException")
        }
    }
}
