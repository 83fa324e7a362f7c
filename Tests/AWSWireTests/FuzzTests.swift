import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

/// Damaged documents: any answer is right, except a trap or an endless loop.
@Suite("Damaged input")
struct FuzzTests {
    private static let rounds = 3_000

    private func mutations(of documents: [String], seed: UInt64, _ check: ([UInt8]) throws -> Void) rethrows {
        var random = Seeded(seed)
        for round in 0..<Self.rounds {
            let document = Array(documents[round % documents.count].utf8)
            try check(random.mutated(document))
        }
    }

    @Test("never traps the JSON parser, and what it accepts prints and reads back the same")
    func json() throws {
        let documents = [
            #"{"a":[1,2.5e3,-0,true,false,null,"é\u00e9\ud83e\udd9c\n"],"b":{"c":{}}}"#,
            #"[[[[{"k":"v"}]]],"","\\",0.1e-7,123456789012345678901234567890]"#,
        ]
        try mutations(of: documents, seed: 1) { (bytes) throws in
            guard let value = try? JSONValue(parsing: bytes) else { return }
            let text = value.compactText
            #expect(try JSONValue(parsing: text).compactText == text, "\(bytes)")
        }
    }

    @Test("never traps the XML parser or its reader")
    func xml() throws {
        let operation = try WireService.iam.operation("ListRoles")
        let codec = WireService.iam.model.codec(.query)
        let output = try RandomFiller.fill(operation.outputType, seed: 3)
        let valid = try #require(try codec.writeOutput(output, of: operation, requestID: "r").body.text)
        let documents = [
            "<?xml version=\"1.0\"?><!-- c --><a x='1' y=\"2\"><b>&lt;&#x41;&#65;<![CDATA[<z>]]></b><n:c/></a>", valid,
        ]
        mutations(of: documents, seed: 2) { bytes in
            let response = WireResponse(status: 200, body: .buffer(ByteBuffer(bytes: bytes)))
            _ = try? codec.readOutput(of: operation, from: response)
        }
    }

    @Test("never traps a codec's reader of requests", arguments: WireService.all)
    func requests(service: WireService) throws {
        var random = Seeded(4)
        for wire in service.model.protocols {
            let codec = service.model.codec(wire)
            for operation in service.operations where operation.input != .stream {
                let input = try RandomFiller.fill(operation.inputType, seed: 5)
                let request = try codec.writeInput(input, of: operation)
                for _ in 0..<15 {
                    let damaged = Self.damaged(request, &random)
                    _ = try? codec.readInput(of: operation, from: damaged)
                    _ = try? service.router.operation(for: damaged, speaking: codec)
                }
            }
        }
    }

    private static func damaged(_ request: WireRequest, _ random: inout Seeded) -> WireRequest {
        var damaged = request
        func text(_ text: String) -> String { String(decoding: random.mutated(Array(text.utf8)), as: UTF8.self) }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: damaged.path = text(request.path)
        case 1: damaged.query = text(request.query)
        default: damaged.body = .buffer(ByteBuffer(bytes: random.mutated(Array((request.body.text ?? "").utf8))))
        }
        return damaged
    }

    @Test("never traps the event stream decoder")
    func eventStreams() throws {
        var random = Seeded(6)
        for round in 0..<Self.rounds {
            let vector = EventFrameTests.vectors[round % EventFrameTests.vectors.count].1
            var bytes = random.mutated(try #require(Hex.decode(vector)))
            // Half of the time the checksums are right, so that what is behind them is reached.
            if round.isMultiple(of: 2) { bytes = Self.checksummed(bytes) }
            var decoder = EventDecoder()
            decoder.append(ByteBuffer(bytes: bytes))
            while let message = try? decoder.next() { #expect(message.payload.readableBytes < bytes.count) }
        }
    }

    private static func checksummed(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 16 else { return bytes }
        func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) } }
        var result = big(UInt32(bytes.count)) + bytes[4..<8]
        result += big(CRC32.of(result))
        result += bytes[12..<(bytes.count - 4)]
        return result + big(CRC32.of(result))
    }

    @Test("never traps the readers of small texts")
    func texts() {
        let documents = [
            "2026-01-31T23:59:59.123Z", "Sat, 31 Jan 2026 23:59:59 GMT", "1700000000.123", "a, \"b, c\", d",
            "a.1.b=c&d=%41+%4&&=",
            "/x/{a}/{b+}?c=d",
        ]
        mutations(of: documents, seed: 8) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = ScalarText.timestamp(text)
            _ = ScalarText.double(text)
            _ = HeaderList.split(text)
            let form = FormItems(bytes)
            _ = try? FormTree(form)
            let template = PathTemplate(text)
            _ = template.match(PathTemplate.split(text))
            _ = template.filled(with: ["a": text, "b": text])
        }
    }
}
