// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import VirtioVsock

@Suite("Message of the front end") struct FrontendMessageTests {
    private func decode(_ request: UInt32, _ payload: [UInt8], descriptors: Int = 0) throws -> FrontendMessage {
        try payload.withUnsafeBytes { bytes throws(ProtocolBreach) in
            try FrontendMessage(request: request, payload: bytes, descriptors: descriptors)
        }
    }

    private func u32(_ values: UInt32...) -> [UInt8] { values.flatMap { FrontendHeader.bytes(of: $0) } }
    private func u64(_ values: UInt64...) -> [UInt8] { values.flatMap { FrontendHeader.bytes(of: $0) } }

    @Test("Each is read as the front end writes it") func all() throws {
        #expect(try decode(1, []) == .getFeatures)
        #expect(try decode(2, u64(7)) == .setFeatures(7))
        #expect(try decode(3, []) == .setOwner)
        #expect(try decode(4, []) == .resetOwner)
        let region = MemoryDescription(guestAddress: 1, size: 2, frontendAddress: 3, offset: 4)
        #expect(try decode(5, u32(1, 0) + u64(1, 2, 3, 4), descriptors: 1) == .setMemory([region]))
        #expect(try decode(8, u32(1, 128)) == .setRingSize(1, 128))
        let addresses = RingAddresses(descriptors: 10, available: 30, used: 20)
        #expect(try decode(9, u32(1, 0) + u64(10, 20, 30, 0)) == .setRingAddresses(1, addresses))
        #expect(try decode(10, u32(2, 65_535)) == .setRingBase(2, 65_535))
        #expect(try decode(11, u32(0, 0)) == .getRingBase(0))
        #expect(try decode(12, u64(1), descriptors: 1) == .setRingKick(1))
        #expect(try decode(13, u64(0), descriptors: 1) == .setRingCall(0))
        #expect(try decode(13, u64(0x101)) == .setRingCall(1))
        #expect(try decode(14, u64(0x100)) == .setRingError(0))
        #expect(try decode(15, []) == .getProtocolFeatures)
        #expect(try decode(16, u64(9)) == .setProtocolFeatures(9))
        #expect(try decode(17, []) == .getQueueCount)
        #expect(try decode(18, u32(1, 1)) == .setRingEnabled(1, true))
        #expect(try decode(24, u32(0, 8, 1) + u64(0)) == .getConfiguration(offset: 0, size: 8, flags: 1))
        #expect(try decode(25, u32(0, 8, 1) + u64(0)) == .setConfiguration)
    }

    @Test("What is too short, too long, of another queue or without its descriptor breaks the protocol") func broken() {
        let cases: [(UInt32, [UInt8], Int)] = [
            (0, [], 0), (6, u64(0, 0), 0), (21, [], 1), (44, [], 0), (.max, [], 0),
            (1, [0], 0), (1, [], 1), (2, u32(1), 0), (2, u64(1) + [0], 0),
            (5, u32(1, 0) + u64(1, 2, 3, 4), 0), (5, u32(2, 0) + u64(1, 2, 3, 4), 2), (5, u32(9, 0), 9),
            (5, u32(.max, 0), 0), (8, u32(3, 128), 0), (8, u32(0, 65_536), 0), (9, u32(0, 1) + u64(1, 2, 3, 4), 0),
            (10, u32(0, 65_536), 0), (12, u64(0x101), 0), (12, u64(1), 0), (12, u64(3), 1), (13, u64(0x100), 1),
            (18, u32(255, 1), 0), (24, u32(0, 8), 0),
        ]
        for (request, payload, descriptors) in cases {
            #expect(throws: ProtocolBreach.self, "\(request) \(payload)") {
                try decode(request, payload, descriptors: descriptors)
            }
        }
    }

    @Test("A head has the version, is no answer, and announces no more than there is room for") func heads() throws {
        func head(_ flags: UInt32, _ length: UInt32) throws -> FrontendHeader {
            try u32(3, flags, length).withUnsafeBytes { bytes throws(ProtocolBreach) in try FrontendHeader(bytes) }
        }
        #expect(try head(9, 4_096).needsReply)
        #expect(try !head(1, 0).needsReply)
        for (flags, length) in [(UInt32(0), UInt32(0)), (2, 0), (5, 0), (1, 4_097), (1, .max)] {
            #expect(throws: ProtocolBreach.self) { try head(flags, length) }
        }
    }
}
