import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire
@testable import Logs

@Suite("JSON 1.1 on the wire")
struct JSONGoldenTests {
    private let codec = ServiceModel.logs.codec(.json11)

    @Test("a request names its operation in a header and its members in the body")
    func request() throws {
        var input = PutLogEventsInput()
        input.logGroupName = "/aws/lambda/f"
        input.logStreamName = "s"
        var event = InputLogEvent()
        event.timestamp = 1_700_000_000_123
        event.message = "a \"line\"\n"
        input.logEvents = [event]
        let request = try codec.writeInput(input, of: LogsOperations.putLogEvents.binding)
        #expect(request.headers[.amzTarget] == "Logs_20140328.PutLogEvents")
        #expect(request.headers[.contentType] == "application/x-amz-json-1.1")
        #expect(
            request.body.text
                == #"{"logGroupName":"/aws/lambda/f","logStreamName":"s","logEvents":[{"timestamp":1700000000123,"message":"a \"line\"\n"}]}"#
        )
        let received = try #require(
            codec.readInput(of: LogsOperations.putLogEvents.binding, from: request) as? PutLogEventsInput
        )
        #expect(received.logEvents.first?.message == "a \"line\"\n")
    }

    @Test("an empty body is an empty object")
    func emptyBody() throws {
        let request = WireRequest(method: "POST", path: "/")
        let input = try codec.readInput(of: LogsOperations.describeLogGroups.binding, from: request)
        #expect(try dump(input) == "{}")
    }

    @Test("an answer without members has no body, one with unset members has an empty object")
    func answers() throws {
        let none = try codec.writeOutput(
            CreateLogGroupOutput(),
            of: LogsOperations.createLogGroup.binding,
            requestID: "i"
        )
        #expect(none.status == 200)
        #expect(none.body.text == "")
        let some = try codec.writeOutput(PutLogEventsOutput(), of: LogsOperations.putLogEvents.binding, requestID: "i")
        #expect(some.body.text == "{}")
        #expect(some.headers[.contentType] == "application/x-amz-json-1.1")
    }

    @Test("an error names its type first")
    func errors() {
        let response = codec.writeError(InvalidParameterException("bad"), requestID: "i")
        #expect(response.status == 400)
        #expect(response.body.text == #"{"__type":"InvalidParameterException","message":"bad"}"#)
        #expect(response.headers[.amznRequestID] == "i")
        let common = codec.writeError(CommonError.notImplemented("logs:X"), requestID: "i")
        #expect(common.status == 501)
        #expect(common.body.text == #"{"__type":"NotImplemented","message":"Martlet does not implement logs:X yet."}"#)
    }

    @Test("a service with a name space puts it in front of the type, and old codes into a header")
    func namespace() {
        let model = ServiceModel(
            name: "queues",
            signingName: "queues",
            apiVersion: "1",
            protocols: [.json10],
            endpointPrefix: "q",
            actionPrefix: "q",
            unimplemented: [],
            errorNamespace: "com.amazonaws.sqs"
        )
        let response = model.codec(.json10).writeError(NoQueue("gone"), requestID: "i")
        #expect(response.body.text == #"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}"#)
        #expect(response.headers[.amznQueryError] == "AWS.SimpleQueueService.NonExistentQueue;Sender")
        #expect(response.headers[.contentType] == "application/x-amz-json-1.0")
    }

    @Test("timestamps are seconds, with milliseconds only where there are any")
    func timestamps() {
        #expect(ScalarText.epochSeconds(Instant(milliseconds: 1_700_000_000_000)) == "1700000000")
        #expect(ScalarText.epochSeconds(Instant(milliseconds: 1_700_000_000_120)) == "1700000000.12")
        #expect(ScalarText.epochSeconds(Instant(milliseconds: -1)) == "-0.001")
        #expect(ScalarText.epochSeconds(Instant(milliseconds: .min)) == "-9223372036854775.808")
        #expect(ScalarText.timestamp("1700000000.123") == Instant(milliseconds: 1_700_000_000_123))
        #expect(ScalarText.timestamp("2023-11-14T22:13:20Z") == Instant(milliseconds: 1_700_000_000_000))
        #expect(ScalarText.timestamp("Tue, 14 Nov 2023 22:13:20 GMT") == Instant(milliseconds: 1_700_000_000_000))
        for text in ["", "x", "nan", "inf", "0x10", "Tue, 14 Nov 2023", "Tue, 99 Nov 2023 22:13:20 GMT", "NaN"] {
            #expect(ScalarText.timestamp(text) == nil, "\(text)")
        }
    }
}

private struct NoQueue: ModelledError {
    var message = ""
    static let shapeName = "QueueDoesNotExist"
    static let errorCode = "QueueDoesNotExist"
    static let status = 400
    static let isSenderFault = true
    static let queryCode: String? = "AWS.SimpleQueueService.NonExistentQueue"

    mutating func code(_ c: any ShapeCoder) throws { try c.string(&message, Field("message")) }
}
