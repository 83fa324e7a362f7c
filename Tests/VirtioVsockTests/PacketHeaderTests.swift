// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import VirtioVsock

@Suite("Header of a packet") struct PacketHeaderTests {
    private let header = PacketHeader(
        sourceCID: 3,
        destinationCID: 2,
        sourcePort: 0x0102_0304,
        destinationPort: 5,
        length: 0x1000,
        operation: PacketOperation.data,
        flags: 7,
        bufferSize: 0x0004_0000,
        forwarded: 0xffff_fffe
    )

    @Test("Each field lies where the specification has it") func layout() {
        let bytes = header.bytes
        #expect(bytes.count == PacketHeader.size)
        #expect(bytes[0..<8] == [3, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes[8..<16] == [2, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes[16..<24] == [4, 3, 2, 1, 5, 0, 0, 0])
        #expect(bytes[24..<36] == [0, 0x10, 0, 0, 1, 0, 5, 0, 7, 0, 0, 0])
        #expect(bytes[36..<44] == [0, 0, 4, 0, 0xfe, 0xff, 0xff, 0xff])
    }

    @Test("What is written is read") func roundTrip() {
        #expect(header.bytes.withUnsafeBytes { PacketHeader($0) } == header)
    }

    @Test("A refusal goes back where the packet came from, with its type") func refusal() {
        var seqpacket = header
        seqpacket.type = 2
        let refusal = seqpacket.refusal
        #expect(refusal.operation == PacketOperation.reset)
        #expect(refusal.destinationCID == 3 && refusal.destinationPort == 0x0102_0304)
        #expect(refusal.sourceCID == 2 && refusal.sourcePort == 5)
        #expect(refusal.type == 2 && refusal.length == 0)
    }
}

extension PacketHeader {
    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        bytes.withUnsafeMutableBytes { write(to: $0) }
        return bytes
    }
}
