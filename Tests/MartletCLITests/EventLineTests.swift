// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Testing

@testable import MartletCLI

@Suite struct EventLineTests {
    private let plain = Terminal(isColoured: false)

    private func line(_ json: String, _ terminal: Terminal? = nil) throws -> String {
        EventsTail.text(try JSONValue(parsing: json), terminal ?? plain)
    }

    @Test func aPassageIsALine() throws {
        let text = try line(
            #"""
            {"time": "T", "source": "arn:aws:sqs:us-east-1:000000000000:orders",
             "target": "arn:aws:lambda:us-east-1:000000000000:function:worker:live", "result": "retried", "count": 10,
             "id": "abc", "reason": "the function failed"}
            """#
        )
        #expect(text == "T  retried    sqs:orders → lambda:worker:live  ×10  abc  the function failed")
    }

    @Test func anInvokeHasNoSourceAndOneEventNoCount() throws {
        let text = try line(
            #"{"time": "T", "source": "", "target": "arn:aws:lambda:r:1:function:f", "result": "delivered", "count": 1}"#
        )
        #expect(text == "T  delivered  invoke → lambda:f")
    }

    @Test func whatWasMissedIsSaid() throws {
        #expect(try line(#"{"missed": 12}"#) == "(12 events were not shown: they came faster than they were read)")
    }

    @Test func coloursAreForTerminals() throws {
        let text = try line(#"{"result": "failed", "target": "t"}"#, Terminal(isColoured: true))
        #expect(text.contains("\u{1b}[31mfailed   \u{1b}[0m"))
    }

    @Test func namesAndReasonsCannotSteerTheTerminal() throws {
        let text = try line(#"{"target": "\u001b[2Jx", "reason": "a\nb\u001b]0;title\u0007"}"#)
        #expect(!text.contains("\u{1b}") && !text.contains("\u{7}") && !text.contains("\n"))
        #expect(text.contains("a\\nb"))
    }
}

@Suite struct QueueVerbTests {
    @Test func messagesAreATableAndTheRestIsCounted() throws {
        let answer = try JSONValue(
            parsing: #"""
                {"total": 12, "messages": [{"messageId": "m-1", "body": "first\nline", "state": "visible",
                 "attributes": {"SentTimestamp": "0", "ApproximateReceiveCount": "2"}}]}
                """#
        )
        let text = QueuePeek.table(answer["messages"]?.arrayValue ?? [], of: answer, Terminal(isColoured: false))
        #expect(
            text == """
                SENT                      RECEIVES  STATE    GROUP  ID   BODY
                1970-01-01T00:00:00.000Z  2         visible  -      m-1  first\\nline
                and 11 more

                """
        )
    }

    @Test func anEmptyQueueIsSaidToBe() throws {
        let answer = try JSONValue(parsing: #"{"total": 0, "messages": []}"#)
        #expect(QueuePeek.table([], of: answer, Terminal(isColoured: false)) == "The queue is empty.\n")
    }

    @Test func progressReadsAsASentence() throws {
        let task = try JSONValue(
            parsing: #"""
                {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 50, "ApproximateNumberOfMessagesToMove": 120}
                """#
        )
        #expect(QueueRedrive.Progress(task).line == "50 of 120 moved, running")
    }

    @Test func aTaskThatFailedSaysWhatToTypeNext() throws {
        let task = try JSONValue(parsing: #"{"Status": "FAILED", "FailureReason": "CouldNotDetermineMessageSource"}"#)
        let failure = QueueRedrive.Progress(task).failure(of: "arn:aws:sqs:us-east-1:000000000000:dead")
        #expect(failure.description.contains("martlet queue redrive dead --to QUEUE"))
    }
}
