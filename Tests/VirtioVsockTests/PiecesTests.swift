// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import VirtioVsock

@Suite("Pieces of memory") struct PiecesTests {
    private func list(_ memory: UnsafeMutableRawBufferPointer, _ lengths: [Int]) throws -> SegmentList {
        let list = SegmentList()
        var place = try #require(memory.baseAddress)
        for length in lengths {
            #expect(list.append(place, length))
            place += length
        }
        return list
    }

    private func memory(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        for index in 0..<count { memory[index] = UInt8(truncatingIfNeeded: index) }
        return memory
    }

    @Test("Bytes are taken across pieces, and the rest stays") func take() throws {
        let memory = memory(20)
        defer { memory.deallocate() }
        let list = try list(memory, [3, 0, 4, 13])
        var bytes = [UInt8](repeating: 0, count: 5)
        #expect(bytes.withUnsafeMutableBytes { $0.baseAddress.flatMap { list.take(5, from: 0, into: $0) } } == 2)
        #expect(bytes == [0, 1, 2, 3, 4])
        #expect(list.bytes(from: 2) == 15 && list.storage[2].iov_len == 2)
        list.cut(to: 3, from: 2)
        #expect(list.count == 4 && list.bytes(from: 2) == 3)
        var more = [UInt8](repeating: 0, count: 4)
        #expect(more.withUnsafeMutableBytes { $0.baseAddress.flatMap { list.take(4, from: 2, into: $0) } } == nil)
    }

    @Test("A header's room and what is behind it are told apart") func split() throws {
        let memory = memory(64)
        defer { memory.deallocate() }
        let heads = try list(memory, [40, 10, 14])
        let payloads = SegmentList()
        #expect(heads.split(after: 44, from: 0, into: payloads, most: 15) == 15)
        #expect(payloads.count == 2 && payloads.storage[0].iov_len == 6 && payloads.storage[1].iov_len == 9)
        #expect(payloads.storage[0].iov_base == memory.baseAddress.map { $0 + 44 })
        heads.fill(from: 0, with: UnsafeRawBufferPointer(rebasing: memory[20..<64]))
        #expect(memory[0] == 20 && memory[43] == 63 && memory[44] == 44)
    }

    @Test("There is room for so many pieces and no more") func room() throws {
        let memory = memory(8)
        defer { memory.deallocate() }
        let list = SegmentList(capacity: 2)
        let start = try #require(memory.baseAddress)
        #expect(list.append(start, 1) && list.append(start, 1) && !list.append(start, 1))
    }

    @Test("A ring of bytes keeps their order around its end, and refuses what it has no room for") func byteRing()
        throws
    {
        let memory = memory(10)
        defer { memory.deallocate() }
        var ring = ByteRing(capacity: 10)
        defer { ring.removeAll() }
        var expected: [UInt8] = []
        for round in 0..<50 {
            let list = try list(memory, [round % 3, 2, 4])
            let skipped = round % 4
            let fits = ring.append(list.storage, list.count, skipping: skipped)
            #expect(fits)
            expected += memory[skipped..<(round % 3 + 6)]
            let fitsAgain = ring.append(list.storage, list.count, skipping: 0)
            #expect(fitsAgain == (expected.count + round % 3 + 6 <= 10))
            if fitsAgain { expected += memory[0..<(round % 3 + 6)] }
            let (first, second) = ring.pieces()
            let held =
                [first, second].flatMap { Array(UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }
            #expect(held == expected)
            let gone = ring.count - round % 2
            ring.removeFirst(gone)
            expected.removeFirst(gone)
        }
    }

    @Test("A line gives out what was put in, in that order") func line() {
        var line = Line<Int>()
        var next = 0
        for value in 0..<10_000 {
            line.append(value)
            if value % 3 != 0 {
                let popped = line.popFirst()
                #expect(popped == next)
                next += 1
            }
        }
        while let value = line.popFirst() {
            #expect(value == next)
            next += 1
        }
        #expect(next == 10_000 && line.isEmpty)
    }

    @Test("A connection is found by its ports and its tag, never by the tag of one before it") func table() {
        var table = ChannelTable()
        func channel(_ port: UInt32) -> Channel {
            var request = VsockConnectionTests.packet(PacketOperation.request)
            request.sourcePort = port
            return Channel(VsockConnection(request: request, bufferBytes: 100), socket: .init(-1), tries: 1)
        }
        let (first, second) = (channel(1), channel(2))
        table.insert(first)
        table.insert(second)
        #expect(table[first.connection.key] === first && table[second.tag] === second)
        #expect(table.count == 2 && table.promisedBytes == 200)
        table.remove(first)
        #expect(table[first.connection.key] == nil && table[first.tag] == nil && table.promisedBytes == 100)
        let third = channel(3)
        table.insert(third)
        #expect(table[third.tag] === third && table[first.tag] == nil && table[UInt64.max] == nil)
        #expect(table.removeAll().count == 2 && table.count == 0 && table.promisedBytes == 0)
    }
}
