// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventPatterns
import MartletCore
import NIOCore
import Testing

@testable import Lambda

@Suite("Event source mappings: values") struct MappingModelTests {
    private static let queue = ARN(service: "sqs", region: "us-east-2", account: "123456789012", resource: "q")

    private static func message(_ body: String, id: String = "m") -> QueueMessage {
        QueueMessage(
            id: id,
            receiptHandle: "handle",
            body: body,
            bodyMD5: "md5",
            attributes: ["SentTimestamp": "1545082649183", "ApproximateReceiveCount": "1"],
            messageAttributes: [:],
            messageAttributesMD5: nil
        )
    }

    @Test("a queue's record is AWS's, member for member") func record() {
        var message = Self.message("Test \"message\".")
        message.messageAttributes = [
            "text": .string("x"), "bytes": EventAttribute(dataType: "Binary", value: .binary([1, 2])),
        ]
        message.messageAttributesMD5 = "sum"
        #expect(
            QueueRecord(message: message, queue: Self.queue).json.compactText
                == #"{"messageId":"m","receiptHandle":"handle","body":"Test \"message\".","attributes":{"ApproximateReceiveCount":"1","#
                + #""SentTimestamp":"1545082649183"},"messageAttributes":{"bytes":{"binaryValue":"AQI=","stringListValues":[],"#
                + #""binaryListValues":[],"dataType":"Binary"},"text":{"stringValue":"x","stringListValues":[],"binaryListValues":[],"#
                + #""dataType":"String"}},"md5OfMessageAttributes":"sum","md5OfBody":"md5","eventSource":"aws:sqs","#
                + #""eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:q","awsRegion":"us-east-2"}"#
        )
    }

    @Test(
        "filters look into bodies that are JSON, and take text as text",
        arguments: [
            (#"{"body":{"a":[1]}}"#, #"{"a":1}"#, true), (#"{"body":{"a":[1]}}"#, #"{"a":2}"#, false),
            (#"{"body":{"a":[1]}}"#, "text", false), (#"{"body":["text"]}"#, "text", true),
            (#"{"body":["text"]}"#, #"{"a":1}"#, false), (#"{"body":[{"prefix":"5"}]}"#, "55", true),
            (#"{"attributes":{"ApproximateReceiveCount":["1"]}}"#, "text", true),
            (#"{"eventSource":["aws:s3"]}"#, "text", false),
        ]
    ) func filters(pattern: String, body: String, passes: Bool) throws {
        let filter = try EventFilter([pattern])
        #expect(filter.passes(QueueRecord(message: Self.message(body), queue: Self.queue)) == passes)
        let either = try EventFilter([#"{"body":["nothing else"]}"#, pattern])
        #expect(either.passes(QueueRecord(message: Self.message(body), queue: Self.queue)) == passes)
    }

    @Test("a batch ends at its number and at the payload's limit, to the byte") func batch() {
        let one = QueueRecord(message: Self.message("x"), queue: Self.queue)
        let bytes = one.json.compactText.utf8.count
        var batch = QueueBatch(limit: 10, byteLimit: 2 * bytes + 15)
        let added1 = [batch.add(one), batch.add(one), batch.add(one)]
        #expect(added1 == [true, true, false])
        #expect(batch.event.readableBytes == 2 * bytes + 15)
        var tight = QueueBatch(limit: 10, byteLimit: 2 * bytes + 14)
        let added2 = [tight.add(one), tight.add(one)]
        #expect(added2 == [true, false])
        var few = QueueBatch(limit: 1)
        let added3 = [few.add(one), few.add(one)]
        #expect(added3 == [true, false])
        var tooSmall = QueueBatch(limit: 2, byteLimit: 10)
        let added4 = tooSmall.add(one)
        #expect(added4)
    }

    @Test("a batch's event is JSON whatever its bodies hold") func event() throws {
        var batch = QueueBatch(limit: 3)
        let bodies = ["\u{0}\"\\", "é\u{2028}", #"{"a":1}"#]
        for body in bodies {
            let fits = batch.add(QueueRecord(message: Self.message(body), queue: Self.queue))
            #expect(fits)
        }
        let json = try JSONValue(parsing: batch.event)
        #expect(json["Records"]?.arrayValue?.compactMap { $0["body"]?.stringValue } == bodies)
    }

    @Test(
        "a report of failed items is understood as AWS understands it",
        arguments: [
            ("", ItemFailures.some([])), ("null", .some([])), ("{}", .some([])),
            (#"{"batchItemFailures":[]}"#, .some([])), (#"{"batchItemFailures":null}"#, .some([])),
            (#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#, .some(["a", "b"])),
            (#"{"batchItemFailures":[{"itemIdentifier":"stranger"}]}"#, .all),
            (#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, .all),
            (#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, .all),
            (#"{"batchItemFailures":[{"id":"a"}]}"#, .all), (#"{"batchItemFailures":"a"}"#, .all),
            ("not json", .all), ("5", .all), ("[]", .all),
        ]
    ) func itemFailures(payload: String, expected: ItemFailures) {
        #expect(ItemFailures(ByteBuffer(string: payload), of: ["a", "b", "c"]) == expected)
    }

    @Test("pollers grow while there is plenty, up to the maximum, and go when there is nothing") func scaling() {
        var scaling = PollerScaling(MappingSettings())
        #expect(scaling.lanes == 5)
        let start = Instant(milliseconds: 0)
        let (first, second) = (scaling.foundPlenty(at: start), scaling.foundPlenty(at: start))
        #expect(first == .lanes(5) && second == .later(.seconds(1)))
        let (third, again) = (scaling.foundPlenty(at: start), scaling.paused(until: start + .seconds(1)))
        #expect(third == .none && again == .lanes(5))
        let grown = Self.grown(&scaling, seconds: 1_000)
        #expect(grown == PollerScaling.most)
        while scaling.foundTooMuch() {}
        #expect(scaling.lanes == 5)
        var settings = MappingSettings()
        settings.maximumConcurrency = 2
        var small = PollerScaling(settings)
        let bounded = Self.grown(&small, seconds: 5)
        #expect(bounded == 2)
    }

    @Test(
        "provisioned pollers are ten lanes each: never fewer than the minimum, never more than the maximum",
        arguments: [(2, 3, 20, 30), (200, 200, 2_000, 2_000), (2, 10_000, 20, PollerScaling.mostProvisioned)]
    ) func provisioned(minimum: Int, maximum: Int, least: Int, most: Int) {
        var settings = MappingSettings()
        var pollers = ProvisionedPollers()
        (pollers.minimum, pollers.maximum) = (minimum, maximum)
        settings.pollers = pollers
        var scaling = PollerScaling(settings)
        #expect(scaling.lanes == least)
        let ends = scaling.foundTooMuch()
        #expect(!ends)
        let after = Self.grown(&scaling, seconds: 1)
        #expect(after == min(most, least + PollerScaling.addedPerSecondProvisioned))
        let whole = Self.grown(&scaling, seconds: 2_000)
        #expect(whole == most)
        while scaling.foundTooMuch() {}
        #expect(scaling.lanes == least)
    }

    @Test("no pollers come while the function is throttled") func throttledScaling() {
        var scaling = PollerScaling(MappingSettings())
        let now = Instant(milliseconds: 0)
        scaling.wasThrottled(at: now)
        let soon = scaling.foundPlenty(at: now + .milliseconds(400))
        #expect(soon == .later(.milliseconds(600)))
        scaling.wasThrottled(at: now + .milliseconds(900))
        let again = scaling.paused(until: now + .seconds(1))
        #expect(again == .none)
        let later = scaling.foundPlenty(at: now + .seconds(2))
        #expect(later == .lanes(5))
    }

    /// Lanes after there was plenty in each of so many seconds.
    private static func grown(_ scaling: inout PollerScaling, seconds: Int) -> Int {
        for second in 1...seconds {
            let now = Instant(milliseconds: Int64(second) * 1_000)
            _ = scaling.paused(until: now)
            _ = scaling.foundPlenty(at: now)
        }
        return scaling.lanes
    }

    @Test("each state leads where AWS's does") func states() {
        #expect(MappingState.creating.settled(isEnabled: true) == .enabled)
        #expect(MappingState.updating.settled(isEnabled: false) == .disabled)
        #expect(MappingState.deleting.settled(isEnabled: true) == nil)
        #expect(MappingState.enabled.changed(to: false, from: true) == .disabling)
        #expect(MappingState.disabled.changed(to: true, from: false) == .enabling)
        #expect(MappingState.enabled.changed(to: true, from: true) == .updating)
        #expect(MappingState.disabled.changed(to: nil, from: false) == .updating)
    }

    @Test("settings come out of the store as they went in; damage is an error") func settings() throws {
        var settings = MappingSettings()
        (settings.batchSize, settings.windowSeconds, settings.maximumConcurrency) = (100, 5, 7)
        (settings.filters, settings.reportsItemFailures) = ([#"{"body":["\n"]}"#], true)
        (settings.pollers, settings.countsEvents) = (ProvisionedPollers(), true)
        #expect(try MappingSettings(text: settings.text) == settings)
        let damaged = settings.text.replacing(#""minimum":2"#, with: #""minimum":0"#)
        for text in ["", "{}", "[]", #"{"batchSize":"x"}"#, damaged] {
            #expect(throws: (any Error).self) { try MappingSettings(text: text) }
        }
    }
}
