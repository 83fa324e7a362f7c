// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore
import NIOCore
import Testing

@testable import Lambda

extension AsyncEvent {
    static func example(_ history: History = History(), qualifier: String? = nil) -> AsyncEvent {
        AsyncEvent(
            id: "request",
            scope: Scope(account: .local, region: .usEast1),
            functionName: "f",
            qualifier: qualifier,
            payload: ByteBuffer(string: #"{"a": 1}"#),
            clientContext: #"{"c":"\u00e9"}"#,
            traceHeader: "Root=1-2-3",
            acceptedAt: Instant(milliseconds: 1_573_755_365_000),
            history: history
        )
    }
}

@Suite("Asynchronous events: what happens next") struct AsyncDecisionTests {
    private static let failure = AsyncResult.functionError(
        AsyncResponse(executedVersion: "$LATEST", functionError: "Unhandled", payload: ByteBuffer())
    )

    private static func after(
        _ result: AsyncResult,
        invokes: Int = 0,
        refusals: Int = 0,
        _ settings: AsyncSettings = AsyncSettings(),
        age: Duration = .zero
    ) -> AsyncDecision {
        let event = AsyncEvent.example(.init(invokes: invokes, refusals: refusals))
        return AsyncDecision.after(result, event, settings, at: event.acceptedAt + age, draw: 0)
    }

    @Test("a function's errors are tried again after one minute, then two, then no more") func retries() {
        #expect(Self.after(Self.failure, invokes: 1) == .retry(after: .seconds(60)))
        #expect(Self.after(Self.failure, invokes: 2) == .retry(after: .seconds(120)))
        #expect(Self.after(Self.failure, invokes: 3) == .end(.retriesExhausted))
        var settings = AsyncSettings()
        settings.maximumRetries = 0
        #expect(Self.after(Self.failure, invokes: 1, settings) == .end(.retriesExhausted))
    }

    @Test("throttles do not count as retries; their pauses grow from a second to five minutes") func throttles() {
        let pauses = [1, 2, 3, 9, 10, 100].map { Self.after(.throttled, refusals: $0) }
        #expect(pauses == [1, 2, 4, 256, 300, 300].map { .backOff(after: .seconds($0)) })
        #expect(Self.after(.platformFailed, refusals: 1) == .backOff(after: .seconds(1)))
        #expect(Self.after(Self.failure, invokes: 1, refusals: 50) == .retry(after: .seconds(60)))
    }

    @Test("an event that would be too old for its next try ends at once") func age() {
        var settings = AsyncSettings()
        settings.maximumAge = .seconds(90)
        #expect(Self.after(Self.failure, invokes: 1, settings, age: .seconds(30)) == .retry(after: .seconds(60)))
        #expect(Self.after(Self.failure, invokes: 1, settings, age: .seconds(31)) == .end(.eventAgeExceeded))
        #expect(Self.after(.throttled, refusals: 1, settings, age: .seconds(90)) == .end(.eventAgeExceeded))
        let event = AsyncEvent.example()
        let late = event.acceptedAt + .seconds(91)
        #expect(AsyncDecision.beforeTry(event, settings, at: late) == .end(.eventAgeExceeded))
        #expect(AsyncDecision.beforeTry(event, settings, at: event.acceptedAt + .seconds(90)) == nil)
    }

    @Test("a function whose reserved concurrency is zero gets nothing to try") func stopped() {
        var settings = AsyncSettings()
        settings.isStopped = true
        let event = AsyncEvent.example()
        #expect(AsyncDecision.beforeTry(event, settings, at: event.acceptedAt) == .end(.zeroReservedConcurrency))
    }
}

@Suite("Asynchronous events: records") struct InvocationRecordTests {
    private static let endedAt = Instant(milliseconds: 1_573_755_365_568)

    @Test("a failure's record is AWS's, with the payloads as they were") func failure() {
        let record = InvocationRecord(
            event: .example(.init(invokes: 3)),
            condition: .retriesExhausted,
            response: AsyncResponse(
                executedVersion: "$LATEST",
                functionError: "Unhandled",
                payload: ByteBuffer(string: #"{"errorMessage": "RequestId: e4 Process exited"}"#)
            ),
            endedAt: Self.endedAt
        )
        #expect(
            String(buffer: record.json)
                == #"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"request","#
                + #""functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST","condition":"RetriesExhausted","#
                + #""approximateInvokeCount":3},"requestPayload":{"a": 1},"responseContext":{"statusCode":200,"#
                + #""executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage": "RequestId: e4 Process exited"}}"#
        )
    }

    @Test("an event that never ran has no response; an alias is named as it was") func unanswered() throws {
        let record = InvocationRecord(
            event: .example(qualifier: "live"),
            condition: .eventAgeExceeded,
            response: nil,
            endedAt: Self.endedAt
        )
        let json = try JSONValue(parsing: record.json)
        #expect(json["responseContext"] == nil && json["responsePayload"] == nil)
        #expect(json["requestContext"]?["functionArn"]?.stringValue?.hasSuffix(":f:live") == true)
        #expect(json["requestContext"]?["approximateInvokeCount"] == .integer(0))
    }

    @Test("what a runtime answers that is no JSON becomes a string, and nothing becomes null") func oddAnswers() throws
    {
        for (payload, shown) in [("not json", JSONValue.string("not json")), ("", .null)] {
            let record = InvocationRecord(
                event: .example(),
                condition: .success,
                response: AsyncResponse(executedVersion: "1", functionError: nil, payload: ByteBuffer(string: payload)),
                endedAt: Self.endedAt
            )
            let json = try JSONValue(parsing: record.json)
            #expect(json["responsePayload"] == shown)
            #expect(json["responseContext"]?["functionError"] == nil)
        }
    }

    @Test("a dead letter is the event with its request, code and message, at most a kilobyte of it") func deadLetter() {
        let long = String(repeating: "é", count: 1_000)
        let source = EventSource(servicePrincipal: "lambda.amazonaws.com", arn: nil, account: .local)
        func letter(_ response: AsyncResponse?) -> EventDelivery {
            InvocationRecord(
                event: .example(),
                condition: .retriesExhausted,
                response: response,
                endedAt: Self.endedAt
            ).deadLetter(from: source)
        }
        let failed = letter(
            AsyncResponse(
                executedVersion: "1",
                functionError: "Unhandled",
                payload: ByteBuffer(string: #"{"errorMessage":"\#(long)"}"#)
            )
        )
        #expect(String(buffer: failed.payload) == #"{"a": 1}"#)
        #expect(failed.attributes["RequestID"] == .string("request"))
        #expect(failed.attributes["ErrorCode"] == .number("200"))
        #expect(failed.attributes["ErrorMessage"] == .string(String(repeating: "é", count: 512)))
        #expect(letter(nil).attributes["ErrorCode"] == .number("429"))
    }

    @Test("an event comes out of the store as it went in; damage is an error") func roundTrip() throws {
        let event = AsyncEvent.example(.init(invokes: 2, refusals: 7), qualifier: "live")
        let new = event.delivery
        var delivery = Delivery(
            id: new.id,
            scope: new.scope,
            target: new.target,
            payload: new.payload,
            detail: new.detail,
            acceptedAt: new.acceptedAt,
            earlierTries: 0
        )
        let read = try AsyncEvent(delivery)
        #expect((read.functionName, read.qualifier, read.traceHeader) == ("f", "live", "Root=1-2-3"))
        #expect((read.clientContext, read.history) == (event.clientContext, event.history))
        for damaged in ["", "{}", #"{"function":1,"trace":"","invokes":0,"refusals":0}"#, "[]"] {
            delivery.detail = damaged
            #expect(throws: (any Error).self) { try AsyncEvent(delivery) }
        }
    }
}
