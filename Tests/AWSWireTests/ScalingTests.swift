import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

/// Large bodies cost in proportion to their size. The bound leaves room for a busy machine: sixteen times the input may take
/// eighty times as long, where quadratic work would take 256 times.
@Suite("Work", .serialized)
struct ScalingTests {
    private struct Upload: Shape {
        var file: Blob?
        var text: String?
        var list: [String]?
        var map: [String: String]?
        static let shapeName = "Upload"

        mutating func code(_ c: any ShapeCoder) throws {
            try c.blob(&file, Field("File"))
            try c.string(&text, Field("Text", length: 0...Int.max))
            try c.list(&list, Field("List", of: [Field("member", length: 0...100)]))
            try c.map(&map, Field("Map"))
        }
    }

    private let operation = OperationDescriptor<Upload, Upload>("Up", path: "/up", action: "x:Up").binding

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

    private func fastest(_ work: () throws -> Void) rethrows -> Duration {
        let clock = ContinuousClock()
        var best = Duration.seconds(1_000)
        for _ in 0..<3 { best = min(best, try clock.measure(work)) }
        return best
    }

    private func expectLinear(_ wire: WireProtocol, _ make: (Int) -> Upload, small: Int) throws {
        let codec = codec(wire)
        func roundTrip(_ size: Int) throws -> Duration {
            let sent = make(size)
            return try fastest {
                let request = try codec.writeInput(sent, of: operation)
                _ = try codec.readInput(of: operation, from: request)
                let response = try codec.writeOutput(sent, of: operation, requestID: "i")
                _ = try codec.readOutput(of: operation, from: response)
            }
        }
        let (few, many) = (try roundTrip(small), try roundTrip(16 * small))
        #expect(many < few * 80, "\(few) for \(small), \(many) for \(16 * small)")
    }

    @Test("on a blob is linear", arguments: [WireProtocol.restJSON, .json11, .query])
    func blobs(wire: WireProtocol) throws {
        try expectLinear(wire, { Upload(file: Blob(repeating: 0x5a, count: $0)) }, small: 2_000)
    }

    @Test("on a long text with escapes is linear", arguments: [WireProtocol.restJSON, .json11, .query])
    func texts(wire: WireProtocol) throws {
        try expectLinear(wire, { Upload(text: String(repeating: "a\"<é\n", count: $0)) }, small: 250)
    }

    @Test("on a long list is linear", arguments: [WireProtocol.restJSON, .json11, .query])
    func lists(wire: WireProtocol) throws {
        try expectLinear(wire, { Upload(list: (0..<$0).map { "e\($0)" }) }, small: 50)
    }

    @Test("on a large map is linear", arguments: [WireProtocol.restJSON, .json11, .query])
    func maps(wire: WireProtocol) throws {
        let make: (Int) -> Upload = { size in
            Upload(map: Dictionary(uniqueKeysWithValues: (0..<size).map { ("k\($0)", "v") }))
        }
        try expectLinear(wire, make, small: 30)
    }

    @Test("on many frames in one piece is linear")
    func frames() throws {
        func decode(_ count: Int) throws -> Duration {
            var stream = ByteBuffer()
            for _ in 0..<count { try EventMessage(payload: ByteBuffer(string: "x")).encode(into: &stream) }
            return try fastest {
                var decoder = EventDecoder()
                decoder.append(stream)
                while try decoder.next() != nil {}
            }
        }
        let (few, many) = (try decode(100), try decode(1_600))
        #expect(many < few * 80, "\(few), \(many)")
    }
}
