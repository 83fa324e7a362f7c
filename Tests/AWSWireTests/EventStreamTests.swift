import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

@Suite("Event stream frames")
struct EventFrameTests {
    private static let fooBar = ByteBuffer(string: "{'foo':'bar'}")
    private static let json = EventMessage.Value.string("application/json")

    /// The vectors that AWS publishes for its own codecs.
    static let vectors: [(EventMessage, String)] = [
        (EventMessage(), "000000100000000005c248eb7d98c8ff"),
        (EventMessage(payload: fooBar), "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936"),
        (
            EventMessage(headers: [.init("event-id", .int32(0xa00c))], payload: fooBar),
            "0000002b0000000e348bec7b086576656e742d6964040000a00c7b27666f6f273a27626172277dd3890285"
        ),
        (
            EventMessage(headers: [.init("content-type", json)], payload: fooBar),
            "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
                + "7b27666f6f273a27626172277d8d9c08b1"
        ),
        (
            EventMessage(
                headers: [
                    .init("event-type", .int32(0xa00c)), .init("content-type", json), .init("bool false", .bool(false)),
                    .init("bool true", .bool(true)), .init("byte", .int8(-49)),
                    .init("byte buf", .bytes(ByteBuffer(string: "I'm a little teapot!"))),
                    .init("timestamp", .timestamp(Instant(milliseconds: 8_675_309))), .init("int16", .int16(42)),
                    .init("int64", .int64(42_424_242)), .init("uuid", .uuid(Array(1...16))),
                ],
                payload: fooBar
            ),
            "000000cc000000af0fae64ca0a6576656e742d74797065040000a00c0c636f6e74656e742d747970650700106170706c6963617469"
                + "6f6e2f6a736f6e0a626f6f6c2066616c73650109626f6f6c207472756500046279746502cf08627974652062756606001449276d2061"
                + "206c6974746c6520746561706f74210974696d657374616d70080000000000845fed05696e74313603002a05696e7436340500000000"
                + "028757b20475756964090102030405060708090a0b0c0d0e0f107b27666f6f273a27626172277daba5f10c"
        ),
    ]

    @Test("are written as AWS writes them", arguments: 0..<vectors.count)
    func encoding(index: Int) throws {
        var output = ByteBuffer()
        try Self.vectors[index].0.encode(into: &output)
        #expect(Hex.encode(output.readableBytesView) == Self.vectors[index].1)
    }

    @Test("are read as AWS writes them, one byte at a time too", arguments: 0..<vectors.count, [1, 7, 10_000])
    func decoding(index: Int, step: Int) throws {
        let bytes = try #require(Hex.decode(Self.vectors[index].1))
        var decoder = EventDecoder()
        var messages: [EventMessage] = []
        for start in stride(from: 0, to: bytes.count, by: step) {
            decoder.append(ByteBuffer(bytes: bytes[start..<min(start + step, bytes.count)]))
            while let message = try decoder.next() { messages.append(message) }
        }
        #expect(messages == [Self.vectors[index].0])
        #expect(!decoder.isMidway)
    }

    @Test("of one piece come out one by one, and a cut one is noticed")
    func several() throws {
        var bytes = try Self.vectors.flatMap { try #require(Hex.decode($0.1)) }
        bytes.removeLast()
        var decoder = EventDecoder()
        decoder.append(ByteBuffer(bytes: bytes))
        for (message, _) in Self.vectors.dropLast() { #expect(try decoder.next() == message) }
        #expect(try decoder.next() == nil)
        #expect(decoder.isMidway)
    }

    @Test("with any byte changed are refused or unfinished, never read wrongly", arguments: 0..<vectors.count)
    func damaged(index: Int) throws {
        let good = try #require(Hex.decode(Self.vectors[index].1))
        for position in good.indices {
            var bytes = good
            bytes[position] ^= 0x10
            var decoder = EventDecoder()
            decoder.append(ByteBuffer(bytes: bytes))
            #expect(throws: EventStreamFault.self, "byte \(position)") { try decoder.next() }
        }
    }

    @Test("that announce too much are refused before it has come")
    func tooLong() throws {
        var prelude = ByteBuffer()
        prelude.writeInteger(UInt32(EventMessage.maximumBytes + 1))
        prelude.writeInteger(UInt32(0))
        prelude.writeInteger(CRC32.of(prelude.readableBytesView))
        var decoder = EventDecoder()
        decoder.append(prelude)
        #expect(throws: EventStreamFault.self) { try decoder.next() }
    }

    @Test("that would be too long are not written")
    func limits() {
        var output = ByteBuffer()
        let big = ByteBuffer(repeating: 0, count: EventMessage.maximumBytes - 15)
        #expect(throws: EventStreamFault.self) { try EventMessage(payload: big).encode(into: &output) }
        let header = EventMessage.Header("h", .bytes(ByteBuffer(repeating: 0, count: 32_768)))
        #expect(throws: EventStreamFault.self) { try EventMessage(headers: [header]).encode(into: &output) }
        #expect(throws: EventStreamFault.self) {
            try EventMessage(headers: [.init("", .bool(true))]).encode(into: &output)
        }
        #expect(throws: EventStreamFault.self) {
            try EventMessage(headers: [.init("u", .uuid([1]))]).encode(into: &output)
        }
        #expect(output.readableBytes == 0)
    }
}

private struct Chunk: Shape {
    var bytes: Blob?
    static let shapeName = "Chunk"
    mutating func code(_ c: any ShapeCoder) throws { try c.blob(&bytes, Field("Payload", in: .payload)) }
}

private struct Update: Shape {
    var kind: String?
    var at: Instant?
    var lines: [String]?
    static let shapeName = "Update"
    mutating func code(_ c: any ShapeCoder) throws {
        try c.string(&kind, Field("Kind", wire: "kind", in: .header))
        try c.timestamp(&at, Field("At", wire: "at", in: .header))
        try c.list(&lines, Field("Lines"))
    }
}

private struct Gone: ModelledError {
    var message = ""
    static let shapeName = "Gone"
    static let errorCode = "Gone"
    static let status = 410
    static let isSenderFault = true
    mutating func code(_ c: any ShapeCoder) throws { try c.string(&message, Field("message")) }
}

private struct Events: Shape {
    var chunk: Chunk?
    var update: Update?
    var gone: Gone?
    static let shapeName = "Events"
    static let isUnion = true
    mutating func code(_ c: any ShapeCoder) throws {
        try c.structure(&chunk, Field("PayloadChunk"))
        try c.structure(&update, Field("Update"))
        try c.structure(&gone, Field("Gone"))
    }
}

private struct Streaming: Shape {
    var stream: EventStream<Events>?
    var session: String?
    static let shapeName = "Streaming"
    mutating func code(_ c: any ShapeCoder) throws {
        try c.events(&stream, Field("stream", in: .eventStream))
        try c.string(&session, Field("session"))
    }
}

/// As REST has it: what is beside the stream is in headers.
private struct RESTStreaming: Shape {
    var stream: EventStream<Events>?
    var session: String?
    static let shapeName = "RESTStreaming"
    mutating func code(_ c: any ShapeCoder) throws {
        try c.events(&stream, Field("stream", in: .eventStream))
        try c.string(&session, Field("session", wire: "x-session", in: .header))
    }
}

private struct Nothing: Shape {
    static let shapeName = "Nothing"
    mutating func code(_ c: any ShapeCoder) throws {}
}

@Suite("Streams of events")
struct EventStreamTests {
    private let operation = OperationDescriptor<Nothing, Streaming>("Watch", path: "/watch", action: "x:Watch").binding
    private let rest = OperationDescriptor<Nothing, RESTStreaming>("Watch", path: "/watch", action: "x:Watch").binding

    private func codec(_ wire: WireProtocol) -> any WireCodec {
        ServiceModel(
            name: "x",
            signingName: "x",
            apiVersion: "1",
            targetPrefix: "X",
            protocols: [wire],
            endpointPrefix: "x",
            actionPrefix: "x",
            unimplemented: []
        ).codec(wire)
    }

    private func stream(_ events: [Events], failing error: (any Error)? = nil) -> Streaming {
        let stream = AsyncThrowingStream<Events, any Error> { continuation in
            for event in events { continuation.yield(event) }
            continuation.finish(throwing: error)
        }
        return Streaming(stream: EventStream(stream), session: "s-1")
    }

    private func restStream(_ events: [Events], failing error: (any Error)? = nil) -> RESTStreaming {
        RESTStreaming(stream: stream(events, failing: error).stream, session: "s-1")
    }

    private let events = [
        Events(chunk: Chunk(bytes: Blob(string: "raw"))),
        Events(update: Update(kind: "k", at: Instant(milliseconds: 5), lines: ["l"])),
    ]

    private func frames(_ body: ByteStream) async throws -> [EventMessage] {
        let bytes = try #require(try await body.collect(upTo: 1 << 20))
        var decoder = EventDecoder()
        decoder.append(bytes)
        var messages: [EventMessage] = []
        while let message = try decoder.next() { messages.append(message) }
        return messages
    }

    @Test("carry each event's name, members and payload")
    func writing() async throws {
        let response = try codec(.restJSON).writeOutput(restStream(events), of: rest, requestID: "i")
        #expect(response.headers[.contentType] == "application/vnd.amazon.eventstream")
        let messages = try await frames(response.body)
        try #require(messages.count == 2)
        #expect(messages[0][":event-type"] == "PayloadChunk")
        #expect(messages[0][":content-type"] == "application/octet-stream")
        #expect(messages[0][":message-type"] == "event")
        #expect(String(buffer: messages[0].payload) == "raw")
        #expect(messages[1]["kind"] == "k")
        #expect(messages[1].headers.last?.value == .timestamp(Instant(milliseconds: 5)))
        #expect(String(buffer: messages[1].payload) == #"{"Lines":["l"]}"#)
    }

    @Test("begin with the members beside them in the JSON protocols alone", arguments: [WireProtocol.json10, .json11])
    func initialResponse(wire: WireProtocol) async throws {
        let response = try codec(wire).writeOutput(stream(events), of: operation, requestID: "i")
        let messages = try await frames(response.body)
        #expect(messages.count == 3)
        #expect(messages.first?[":event-type"] == "initial-response")
        #expect((messages.first?.payload).map { String(buffer: $0) } == #"{"session":"s-1"}"#)
    }

    private func dumps(_ stream: EventStream<Events>?) async throws -> [String] {
        var received: [String] = []
        for try await event in try #require(stream).events { received.append(try dump(event)) }
        return received
    }

    @Test("reach a client of JSON as the events that were sent")
    func readingJSON() async throws {
        let response = try codec(.json11).writeOutput(stream(events), of: operation, requestID: "i")
        let output = try #require(try codec(.json11).readOutput(of: operation, from: response) as? Streaming)
        #expect(try await dumps(output.stream) == events.map { try dump($0) })
    }

    @Test("reach a client of REST as the events that were sent, with the headers beside them")
    func readingREST() async throws {
        let response = try codec(.restJSON).writeOutput(restStream(events), of: rest, requestID: "i")
        let output = try #require(try codec(.restJSON).readOutput(of: rest, from: response) as? RESTStreaming)
        #expect(output.session == "s-1")
        #expect(try await dumps(output.stream) == events.map { try dump($0) })
    }

    @Test("end with the exception that ended them")
    func exceptions() async throws {
        let response = try codec(.restJSON).writeOutput(
            restStream(events, failing: Gone("over")),
            of: rest,
            requestID: "i"
        )
        let output = try #require(try codec(.restJSON).readOutput(of: rest, from: response) as? RESTStreaming)
        var count = 0
        let error = await #expect(throws: Gone.self) {
            for try await _ in try #require(output.stream).events { count += 1 }
        }
        #expect(error?.message == "over")
        #expect(count == 2)
    }

    @Test("hide from the client what went wrong inside")
    func internalErrors() async throws {
        let failing = restStream([], failing: MartletError("test", "a secret path"))
        let messages = try await frames(codec(.restJSON).writeOutput(failing, of: rest, requestID: "i").body)
        #expect(messages.last?[":message-type"] == "error")
        #expect(messages.last?[":error-code"] == "InternalFailure")
        #expect(messages.last?[":error-message"]?.contains("secret") == false)
    }

    @Test("that are cut off fail instead of ending")
    func cutOff() async throws {
        let response = try codec(.restJSON).writeOutput(restStream(events), of: rest, requestID: "i")
        var bytes = try #require(try await response.body.collect(upTo: 1 << 20))
        bytes = try #require(bytes.getSlice(at: 0, length: bytes.readableBytes - 1))
        let output = EventStreamCoding.events(in: .buffer(bytes)) as EventStream<Events>
        await #expect(throws: EventStreamFault.self) { for try await _ in output.events {} }
    }
}
