// SPDX-License-Identifier: Apache-2.0
import AWSWire
import ArgumentParser
import MartletCore
import Testing

@testable import Lambda
@testable import MartletCLI

@Suite struct GenerateEventTests {
    struct Line: CustomTestStringConvertible, Sendable {
        var service: String
        var name: String
        var options: [String]
        var testDescription: String { "\(service) \(name)" }
    }

    static let lines: [Line] = eventsOfSAM.split(separator: "\n").map { line in
        let parts = line.split(separator: ":")
        let names = parts[0].split(separator: " ")
        let options = parts.count > 1 ? parts[1].split(separator: " ").map(String.init) : []
        return Line(service: String(names[0]), name: String(names[1]), options: options)
    }

    /// What the option makes of `value` stands somewhere in the text.
    private static func arrives(_ value: String, _ text: String) -> Bool {
        ["\(value)", Base64.encode(Array(value.utf8))].contains { text.contains($0) }
    }

    @Test(arguments: GenerateEventTests.lines)
    func everyEventOfSAMIsMadeAndEachOptionArrives(_ line: Line) throws {
        var words = [line.service, line.name]
        let usual = try GenerateEvent.output(words)
        _ = try JSONValue(parsing: usual)
        #expect(!usual.contains("{{"))
        for (index, option) in line.options.enumerated() { words += ["--\(option)", "value-\(index)-of-mine"] }
        let text = try GenerateEvent.output(words)
        _ = try JSONValue(parsing: text)
        for (index, option) in line.options.enumerated() {
            #expect(Self.arrives("value-\(index)-of-mine", text), "--\(option) is lost")
        }
    }

    @Test func thereAreNoOtherEvents() {
        let known = Set(Self.lines.map { "\($0.service) \($0.name)" })
        #expect(Set(SampleEvents.all.map { "\($0.service) \($0.name)" }) == known)
        #expect(SampleEvents.all.count == known.count)
    }

    @Test(arguments: GenerateEventTests.lines)
    func noValueBreaksTheDocument(_ line: Line) throws {
        let hostile = "\"},\\ \u{1}\n{{region}} 東京/é"
        let words = [line.service, line.name] + line.options.flatMap { ["--\($0)", hostile] }
        let event = try JSONValue(parsing: try GenerateEvent.output(words))
        // JSON within a string holds as well.
        if let inner = event["invokingEvent"]?.stringValue {
            #expect(try JSONValue(parsing: inner)["messageType"] != nil)
        }
    }

    @Test func aQueuesRecordIsWhatAMappingMakes() throws {
        let text = try GenerateEvent.output(["sqs", "receive-message", "--body", "{\"a\": 1}", "--region", "eu-west-1"])
        let record = try #require(try JSONValue(parsing: text)["Records"]?.arrayValue?.first)
        #expect(record["md5OfBody"]?.stringValue == "42b7b4f2921788ea14dac5566e6f06d0")
        let message = QueueMessage(
            id: record["messageId"]?.stringValue ?? "",
            receiptHandle: record["receiptHandle"]?.stringValue ?? "",
            body: "{\"a\": 1}",
            bodyMD5: record["md5OfBody"]?.stringValue ?? "",
            attributes: [
                "ApproximateReceiveCount": "1", "SentTimestamp": "1769860800000", "SenderId": "123456789012",
                "ApproximateFirstReceiveTimestamp": "1769860800001",
            ],
            messageAttributes: [:],
            messageAttributesMD5: nil
        )
        let queue = try #require(ARN("arn:aws:sqs:eu-west-1:123456789012:MyQueue"))
        let ours = QueueRecord(message: message, queue: queue).json
        #expect(Self.sorted(record) == Self.sorted(ours))
    }

    /// Members in alphabetic order: their order says nothing.
    private static func sorted(_ json: JSONValue) -> JSONValue {
        switch json {
        case .object(let members):
            .object(members.sorted { $0.name < $1.name }.map { .init($0.name, sorted($0.value)) })
        case .array(let elements): .array(elements.map(sorted))
        default: json
        }
    }

    @Test func bodiesAreEncodedAsTheServiceDoesIt() throws {
        let proxy = try event(["apigateway", "aws-proxy", "--body", "héllo", "--path", "/a/b"])
        #expect(proxy["body"]?.stringValue == "aMOpbGxv")
        #expect(proxy["isBase64Encoded"] == .bool(true))
        #expect(proxy["path"]?.stringValue == "/a/b")
        let put = try event(["s3", "put", "--key", "a b/ü+.txt"])
        let object = put["Records"]?.arrayValue?.first?["s3"]?["object"]
        #expect(object?["key"]?.stringValue == "a%20b/%C3%BC%2B.txt")
        let message = try event(["sqs", "receive-message", "--body=Hello from SQS!"])
        #expect(message["Records"]?.arrayValue?.first?["md5OfBody"]?.stringValue == "7b270e59b47ff90a553787216d55d91d")
    }

    @Test func parametersAreJSONWhereTheyCanBe() throws {
        let proxy = try event(["apigateway", "aws-proxy", "--querystringparameters", #"{"x": "1"}"#])
        #expect(proxy["queryStringParameters"] == .object([.init("x", .string("1"))]))
        #expect(proxy["multiValueQueryStringParameters"] == .object([.init("x", .array([.string("1")]))]))
        let text = try event(["apigateway", "aws-proxy", "--querystringparameters", "none"])
        #expect(text["queryStringParameters"] == .string("none"))
    }

    @Test func optionsAreTakenInEitherSpelling() throws {
        for name in ["--restApiId", "--rest-api-id", "--restapiid"] {
            let asked = try event(["apigateway", "authorizer", name, "mine"])
            #expect(asked["methodArn"]?.stringValue?.contains(":mine/prod/POST/") == true)
        }
    }

    @Test func whatIsUnknownIsNamedWithWhatToTypeNext() {
        let cases = [
            (["s4"], "martlet generate-event"), (["s3", "get"], "martlet generate-event s3"),
            (["s3", "put", "--color", "red"], "martlet generate-event s3 put --help"),
            (["s3", "put", "--key"], "--key 'test/key'"), (["s3", "put", "key"], "no option “key”"),
        ]
        for (words, next) in cases {
            let failure = #expect(throws: CommandFailure.self) { try GenerateEvent.output(words) }
            #expect(failure?.description.contains(next) == true)
        }
    }

    @Test func helpListsWhatThereIs() throws {
        #expect(try GenerateEvent.output([]).contains("sqs receive-message"))
        let help = try GenerateEvent.output(["s3", "put", "--help"])
        #expect(help.contains("--bucket example-bucket"))
        #expect(!help.contains("eventVersion"))
        #expect(try GenerateEvent.output(["s3"]).contains("s3 delete"))
    }

    private func event(_ words: [String]) throws -> JSONValue {
        try JSONValue(parsing: try GenerateEvent.output(words))
    }
}
