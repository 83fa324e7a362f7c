// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import NIOCore
import Testing

@testable import Lambda

extension HTTPFields {
    func named(_ name: String) -> String? { HTTPField.Name(name).flatMap { self[$0] } }

    mutating func add(_ name: String, _ value: String) {
        if let name = HTTPField.Name(name) { append(HTTPField(name: name, value: value)) }
    }
}

@Suite("What a function's answer means in HTTP") struct IntegrationAnswerTests {
    private func answer(_ text: String) throws -> IntegrationAnswer { try IntegrationAnswer(ByteBuffer(string: text)) }

    @Test(
        "a value without statusCode is the body as it stands",
        arguments: [#""Hello""#, #"{"message":"Hello"}"#, "[1, 2]", "null", "12.50", " {} "]
    )
    func bare(text: String) throws {
        let answer = try answer(text)
        #expect(answer.status == 200)
        #expect(answer.headers == [.contentType: "application/json"])
        #expect(String(buffer: answer.body) == text)
    }

    @Test("an object with statusCode is taken apart")
    func object() throws {
        let answer = try answer(
            #"{"statusCode":201,"headers":{"X-A":"b","x-number":3,"x-yes":true},"cookies":["a=1; Secure","b=2"],"body":"hi"}"#
        )
        #expect(answer.status == 201)
        #expect(answer.headers.named("x-a") == "b")
        #expect(answer.headers.named("x-number") == "3")
        #expect(answer.headers.named("x-yes") == "true")
        #expect(answer.headers[values: .setCookie] == ["a=1; Secure", "b=2"])
        #expect(answer.headers[.contentType] == "application/json")
        #expect(String(buffer: answer.body) == "hi")
    }

    @Test("a body in base 64 is decoded, one that is no text is printed")
    func bodies() throws {
        #expect(
            try answer(#"{"statusCode":200,"body":"AP8=","isBase64Encoded":true}"#).body == ByteBuffer(bytes: [0, 255])
        )
        #expect(String(buffer: try answer(#"{"statusCode":200,"body":{"a":[1]}}"#).body) == #"{"a":[1]}"#)
        #expect(try answer(#"{"statusCode":200}"#).body.readableBytes == 0)
    }

    @Test("the function cannot speak for the connection")
    func connectionHeaders() throws {
        let answer = try answer(
            #"{"statusCode":200,"headers":{"Transfer-Encoding":"chunked","content-LENGTH":"9","Connection":"close","Upgrade":"x"}}"#
        )
        #expect(answer.headers == [.contentType: "application/json"])
    }

    @Test("statuses without a body have none", arguments: [204, 304])
    func bodiless(status: Int) throws {
        #expect(try answer(#"{"statusCode":\#(status),"body":"HTTP/1.1 200 OK"}"#).body.readableBytes == 0)
    }

    @Test(
        "what HTTP cannot say is malformed",
        arguments: [
            #"{"statusCode":100}"#, #"{"statusCode":99999999999999999999}"#, #"{"statusCode":"x"}"#,
            #"{"statusCode":[]}"#, #"{"statusCode":200,"headers":{"a b":"c"}}"#,
            #"{"statusCode":200,"headers":{"a":"b\r\nSet-Cookie: c"}}"#,
            #"{"statusCode":200,"cookies":["a\nb"]}"#, #"{"statusCode":200,"cookies":[1]}"#,
            #"{"statusCode":200,"body":"%","isBase64Encoded":true}"#, "Hello", "{", "",
        ]
    )
    func malformed(text: String) {
        #expect(throws: IntegrationAnswer.Malformed.self) { try answer(text) }
    }

    @Test("a value that nests too deep to be taken apart is a body")
    func deep() throws {
        let text = #"{"statusCode":"# + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}"
        let answer = try answer(text)
        #expect(answer.status == 200 && String(buffer: answer.body) == text)
    }

    @Test("ten thousand altered answers are answers or malformed")
    func altered() {
        let sample = Array(
            #"{"statusCode":200,"headers":{"a":"b"},"cookies":["c"],"body":"AAAA","isBase64Encoded":true}"#.utf8
        )
        var random = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let answer = try? IntegrationAnswer(ByteBuffer(bytes: bytes)) else { continue }
            #expect((200...599).contains(answer.status))
            for field in answer.headers { #expect(HTTPField.isValidValue(field.value)) }
        }
    }
}

@Suite("The prelude of a streamed answer") struct PreludeTests {
    private static let whole =
        Array(#"{"statusCode":404,"headers":{"a":"b"}}"#.utf8) + [UInt8](repeating: 0, count: 8) + [0, 0x78, 0]

    @Test("is found wherever its pieces are cut", arguments: 1...(whole.count))
    func cuts(length: Int) throws {
        var reader = PreludeReader()
        var found: JSONValue?
        var body: [UInt8] = []
        for start in stride(from: 0, to: Self.whole.count, by: length) {
            let piece = ByteBuffer(bytes: Self.whole[start..<min(start + length, Self.whole.count)])
            if found != nil {
                body += Array(piece.readableBytesView)
            } else if let (prelude, rest) = try reader.add(piece) {
                found = prelude
                body = Array(rest.readableBytesView)
            }
        }
        #expect(found?["statusCode"] == .integer(404))
        #expect(body == [0, 0x78, 0])
    }

    @Test("that is no JSON is malformed")
    func rubbish() {
        var reader = PreludeReader()
        #expect(throws: IntegrationAnswer.Malformed.self) {
            try reader.add(ByteBuffer(bytes: [0x7b] + [UInt8](repeating: 0, count: 8)))
        }
    }

    @Test("that does not end is given up at its limit")
    func endless() throws {
        var reader = PreludeReader()
        for _ in 0..<100 {
            #expect(try reader.add(ByteBuffer(repeating: 0x20, count: 4_096)) == nil)
            if reader.isHopeless { return }
        }
        Issue.record("a prelude may not grow for ever")
    }

    @Test("in front of a whole answer counts as well")
    func buffered() throws {
        let answer = try IntegrationAnswer(ByteBuffer(bytes: Self.whole))
        #expect(answer.status == 404)
        #expect(Array(answer.body.readableBytesView) == [0, 0x78, 0])
    }
}
