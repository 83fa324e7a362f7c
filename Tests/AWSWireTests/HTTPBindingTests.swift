import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

/// Members in every place that HTTP has.
private struct Everywhere: Shape {
    var label = ""
    var count: Int?
    var names: [String]?
    var flags: [Bool]?
    var since: Instant?
    var rest: [String: [String]]?
    var size: Int?
    var modified: Instant?
    var words: [String]?
    var meta: [String: String]?
    var context: JSONValue?
    var text: String?
    static let shapeName = "Everywhere"

    mutating func code(_ c: any ShapeCoder) throws {
        try c.string(&label, Field("Label", .required, in: .path))
        try c.int(&count, Field("Count", wire: "count", in: .query))
        try c.list(&names, Field("Names", wire: "name", in: .query))
        try c.list(&flags, Field("Flags", wire: "flag", in: .query))
        try c.timestamp(&since, Field("Since", wire: "since", in: .query))
        try c.map(&rest, Field("Rest", in: .queryMap))
        try c.int(&size, Field("Size", wire: "x-size", in: .header))
        try c.timestamp(&modified, Field("Modified", wire: "if-modified-since", in: .header))
        try c.list(&words, Field("Words", wire: "x-words", in: .header))
        try c.map(&meta, Field("Meta", wire: "x-meta-", in: .headers))
        try c.document(&context, Field("Context", .jsonValue, wire: "x-context", in: .header))
        try c.string(&text, Field("Text"))
    }
}

private struct Payload<Body: WireValue>: Shape {
    var body: Body?
    static var shapeName: String { "Payload" }

    mutating func code(_ c: any ShapeCoder) throws { try Body.code(&body, Field("Body", in: .payload), c) }
}

@Suite("The HTTP binding")
struct HTTPBindingTests {
    private let operation = OperationDescriptor<Everywhere, Everywhere>(
        "Do",
        method: "PUT",
        path: "/x/{Label}?fixed",
        action: "x:Do"
    )
    .binding
    private let codec = ServiceModel(
        name: "x",
        signingName: "x",
        apiVersion: "1",
        protocols: [.restJSON],
        endpointPrefix: "x",
        actionPrefix: "x",
        unimplemented: []
    ).codec(.restJSON)

    private let filled = Everywhere(
        label: "a/b c+é",
        count: 3,
        names: ["x", "y&z"],
        flags: [true, false],
        since: Instant(milliseconds: 1_700_000_000_000),
        rest: ["more": ["1", "2"], "other": [""]],
        size: 7,
        modified: Instant(milliseconds: 1_700_000_000_000),
        words: ["a", "b, c", "d\"e"],
        meta: ["one": "1", "two": "2"],
        context: .object([.init("k", .string("é"))]),
        text: "t"
    )

    @Test("a client spreads the members over the request")
    func writing() throws {
        let request = try codec.writeInput(filled, of: operation)
        #expect(request.path == "/x/a%2Fb%20c%2B%C3%A9")
        #expect(
            request.query == "count=3&name=x&name=y%26z&flag=true&flag=false&since=2023-11-14T22%3A13%3A20Z"
                + "&more=1&more=2&other=&fixed="
        )
        #expect(request.headers[.init("x-size")!] == "7")
        #expect(request.headers[.ifModifiedSince] == "Tue, 14 Nov 2023 22:13:20 GMT")
        #expect(request.headers[.init("x-words")!] == #"a, "b, c", "d\"e""#)
        #expect(request.headers[.init("x-meta-one")!] == "1")
        #expect(request.headers[.init("x-context")!] == "eyJrIjoiw6kifQ==")
        #expect(request.body.text == #"{"Text":"t"}"#)
    }

    @Test("the server gathers them again")
    func reading() throws {
        var request = try codec.writeInput(filled, of: operation)
        request.query = request.query.replacing("&fixed=", with: "")
        #expect(try dump(codec.readInput(of: operation, from: request)) == dump(filled))
    }

    @Test(
        "text of the wrong type is the client's mistake, wherever it is",
        arguments: ["count=x", "count=", "count=1.5", "flag=yes", "since=yesterday"]
    )
    func wrongTypes(query: String) throws {
        let request = WireRequest(method: "PUT", path: "/x/l", query: query)
        let error = try #require(throws: CommonError.self) { try codec.readInput(of: operation, from: request) }
        #expect(error.code == "SerializationException")
    }

    @Test("dates with their own commas stay whole in a list")
    func dateLists() {
        #expect(
            HeaderList.split("Tue, 14 Nov 2023 22:13:20 GMT, Wed, 15 Nov 2023 22:13:20 GMT")
                == ["Tue, 14 Nov 2023 22:13:20 GMT", "Wed, 15 Nov 2023 22:13:20 GMT"]
        )
        #expect(HeaderList.split("a,b , c") == ["a", "b", "c"])
        #expect(HeaderList.split(#""unclosed, quote"#) == ["unclosed, quote"])
        #expect(HeaderList.split("") == [""])
    }

    @Test("a payload is text, bytes, a structure or any document")
    func payloads() throws {
        try check(Payload(body: "text, not JSON"), is: "text, not JSON")
        try check(Payload(body: Blob(bytes: [1, 2, 3])), is: "\u{1}\u{2}\u{3}")
        try check(Payload(body: JSONValue.array([.integer(1)])), is: "[1]")
        try check(Payload(body: Payload<Int>(body: nil)), is: "{}")
        try check(Payload<String>(body: nil), is: "")
    }

    private func check<B: WireValue>(_ shape: Payload<B>, is body: String) throws {
        let operation = OperationDescriptor<Payload<B>, Payload<B>>("P", path: "/p", action: "x:P").binding
        let request = try codec.writeInput(shape, of: operation)
        #expect(request.body.text == body)
        #expect(try dump(codec.readInput(of: operation, from: request)) == dump(shape))
        let response = try codec.writeOutput(shape, of: operation, requestID: "i")
        #expect(response.body.text == body)
        #expect(try dump(codec.readOutput(of: operation, from: response)) == dump(shape))
    }
}
