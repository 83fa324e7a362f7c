// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import VirtioVsock

@Suite("Connection of a guest") struct VsockConnectionTests {
    static func packet(
        _ operation: UInt16,
        length: UInt32 = 0,
        flags: UInt32 = 0,
        buffer: UInt32 = 1_000,
        forwarded: UInt32 = 0
    ) -> PacketHeader {
        PacketHeader(
            sourceCID: 3,
            destinationCID: 2,
            sourcePort: 1_024,
            destinationPort: 5,
            length: length,
            operation: operation,
            flags: flags,
            bufferSize: buffer,
            forwarded: forwarded
        )
    }

    /// Open, and its response sent.
    private func open(bufferBytes: UInt32 = 1_000) -> VsockConnection {
        var connection = VsockConnection(request: Self.packet(PacketOperation.request), bufferBytes: bufferBytes)
        connection.connected()
        _ = connection.nextNotice()
        return connection
    }

    @Test("The guest is answered once the socket is connected, and told what it may send") func response() {
        var connection = VsockConnection(request: Self.packet(PacketOperation.request), bufferBytes: 4_096)
        #expect(connection.nextNotice() == nil && connection.appetite == 0)
        connection.connected()
        let response = connection.nextNotice()
        #expect(response?.operation == PacketOperation.response && response?.bufferSize == 4_096)
        #expect(response?.sourcePort == 5 && response?.destinationPort == 1_024 && response?.destinationCID == 3)
        #expect(connection.nextNotice() == nil && connection.appetite == 1_000)
    }

    @Test("Whoever speaks before the answer is reset") func early() {
        var connection = VsockConnection(request: Self.packet(PacketOperation.request), bufferBytes: 4_096)
        #expect(connection.receive(Self.packet(PacketOperation.data, length: 1)) == .reset)
        #expect(connection.receive(Self.packet(PacketOperation.reset)) == .close)
    }

    @Test(
        "What has no place in a connection resets it",
        arguments: [
            PacketOperation.request, PacketOperation.response, 0, 8, 0xffff,
        ]
    ) func misplaced(operation: UInt16) {
        var connection = open()
        #expect(connection.receive(Self.packet(operation)) == .reset)
    }

    @Test("A packet of another type resets the connection") func foreignType() {
        var connection = open()
        var packet = Self.packet(PacketOperation.data, length: 1)
        packet.type = 2
        #expect(connection.receive(packet) == .reset)
    }

    @Test("A guest that sends more than it was told it may is reset") func overrun() {
        var connection = open()
        #expect(connection.receive(Self.packet(PacketOperation.data, length: 1_000)) == .forward)
        connection.pass(10, buffered: 990)
        #expect(connection.receive(Self.packet(PacketOperation.data, length: 10)) == .forward)
        #expect(connection.receive(Self.packet(PacketOperation.data, length: 1)) == .reset)
    }

    @Test("Credit survives the counters' wrapping") func wrapping() {
        var connection = open(bufferBytes: 1 << 20)
        for _ in 0..<5_000 {
            #expect(connection.receive(Self.packet(PacketOperation.data, length: 1 << 20)) == .forward)
            connection.pass(1 << 20, buffered: 0)
            #expect(connection.nextNotice()?.operation == PacketOperation.creditUpdate)
        }
        var outgoing = OutgoingCredit(bufferBytes: 10, forwarded: 0)
        outgoing.send(.max)
        #expect(outgoing.available == 0)
        outgoing.learn(bufferBytes: 10, forwarded: .max - 2)
        #expect(outgoing.available == 8)
        outgoing.send(5)
        #expect(outgoing.available == 3)
        outgoing.learn(bufferBytes: 10, forwarded: 2)
        #expect(outgoing.available == 8)
    }

    @Test("The guest hears of room when it sees less than half, and not of each byte") func creditUpdates() {
        var connection = open()
        _ = connection.receive(Self.packet(PacketOperation.data, length: 400))
        connection.pass(400, buffered: 0)
        #expect(connection.owed == [])
        _ = connection.receive(Self.packet(PacketOperation.data, length: 600))
        connection.pass(10, buffered: 590)
        #expect(connection.owed == .creditUpdate)
        let update = connection.nextNotice()
        #expect(update?.operation == PacketOperation.creditUpdate && update?.forwarded == 410)
        connection.pass(100, buffered: 490)
        #expect(connection.owed == [])
        connection.pass(490, buffered: 0)
        #expect(connection.owed == .creditUpdate)
    }

    @Test("Bytes for the guest carry the news, so no update follows them") func creditOnData() {
        var connection = open()
        _ = connection.receive(Self.packet(PacketOperation.data, length: 900))
        connection.pass(900, buffered: 0)
        #expect(connection.owed == .creditUpdate)
        #expect(connection.data(10).forwarded == 900)
        #expect(connection.owed == [])
    }

    @Test("A guest that asks for credit is told") func creditRequest() {
        var connection = open()
        #expect(connection.receive(Self.packet(PacketOperation.creditRequest)) == [])
        #expect(connection.nextNotice()?.operation == PacketOperation.creditUpdate)
    }

    @Test("A guest without room gets nothing, is asked once, and again after it has spoken") func hunger() {
        var connection = open()
        _ = connection.data(1_000)
        #expect(connection.appetite == 0 && connection.mayAskForCredit)
        connection.askForCredit()
        #expect(!connection.mayAskForCredit)
        #expect(connection.nextNotice()?.operation == PacketOperation.creditRequest)
        _ = connection.receive(Self.packet(PacketOperation.creditUpdate, forwarded: 0))
        #expect(connection.mayAskForCredit)
        _ = connection.receive(Self.packet(PacketOperation.creditUpdate, forwarded: 600))
        #expect(connection.appetite == 600 && !connection.mayAskForCredit)
    }

    @Test("A guest that takes its room back gets nothing until what is under way has arrived") func shrinking() {
        var connection = open()
        _ = connection.data(900)
        _ = connection.receive(Self.packet(PacketOperation.creditUpdate, buffer: 100, forwarded: 0))
        #expect(connection.appetite == 0)
        _ = connection.receive(Self.packet(PacketOperation.creditUpdate, buffer: 100, forwarded: 850))
        #expect(connection.appetite == 50)
    }

    @Test("The guest ends sending, and may still receive") func guestEndsSending() {
        var connection = open()
        #expect(connection.receive(Self.packet(PacketOperation.shutdown, flags: 2)) == .endWriting)
        #expect(connection.appetite == 1_000)
        #expect(!connection.isOver(buffered: 0))
        #expect(connection.receive(Self.packet(PacketOperation.shutdown, flags: 2)) == [])
        #expect(connection.receive(Self.packet(PacketOperation.data, length: 1)) == .reset)
    }

    @Test("The guest ends receiving, and may still send") func guestEndsReceiving() {
        var connection = open()
        #expect(connection.receive(Self.packet(PacketOperation.shutdown, flags: 1)) == .endReading)
        #expect(connection.appetite == 0 && !connection.mayAskForCredit)
        #expect(connection.receive(Self.packet(PacketOperation.data, length: 1)) == .forward)
    }

    @Test("A guest that is done with both is over when everything has gone") func guestCloses() {
        var connection = open()
        #expect(connection.receive(Self.packet(PacketOperation.shutdown, flags: 3)) == [.endWriting, .endReading])
        #expect(!connection.isOver(buffered: 1))
        #expect(connection.isOver(buffered: 0))
    }

    @Test("The end of the socket is told once, and its second half when it comes") func socketEnds() {
        var connection = open()
        connection.socketEnded(hungUp: false)
        connection.socketEnded(hungUp: false)
        #expect(connection.nextNotice()?.flags == 2)
        #expect(connection.nextNotice() == nil && connection.appetite == 0)
        connection.socketTakesNoMore()
        let second = connection.nextNotice()
        #expect(second?.operation == PacketOperation.shutdown && second?.flags == 3)
    }

    @Test("What comes for a broken socket is dropped, and counts as passed on") func brokenSocket() {
        var connection = open()
        connection.socketTakesNoMore()
        #expect(connection.nextNotice()?.flags == 1)
        for _ in 0..<10 {
            #expect(connection.receive(Self.packet(PacketOperation.data, length: 1_000)) == [])
            #expect(connection.nextNotice()?.operation == PacketOperation.creditUpdate)
        }
    }
}
