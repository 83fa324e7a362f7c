// SPDX-License-Identifier: Apache-2.0
import LinuxSystem

@testable import VirtioVsock

/// A connection as the guest has it: keeps its own books on credit, apart from those that are tested.
struct GuestStream {
    let guest: TestGuest
    let port: UInt32
    let hostPort: UInt32
    var bufferBytes: UInt32
    var received: UInt32 = 0
    var told: UInt32 = 0
    var sent: UInt32 = 0
    var hostBuffer: UInt32 = 0
    var hostForwarded: UInt32 = 0
    /// What the host has said that it does no more.
    var hostDone: UInt32 = 0
    var isReset = false

    init(_ guest: TestGuest, port: UInt32, to hostPort: UInt32, bufferBytes: UInt32 = 65_536) {
        self.guest = guest
        self.port = port
        self.hostPort = hostPort
        self.bufferBytes = bufferBytes
    }

    func header(_ operation: UInt16, length: Int = 0, flags: UInt32 = 0) -> PacketHeader {
        PacketHeader(
            sourceCID: 3,
            destinationCID: 2,
            sourcePort: port,
            destinationPort: hostPort,
            length: UInt32(length),
            operation: operation,
            flags: flags,
            bufferSize: bufferBytes,
            forwarded: received
        )
    }

    func say(_ operation: UInt16, flags: UInt32 = 0, _ bytes: [UInt8] = []) throws {
        try guest.send(header(operation, length: bytes.count, flags: flags), bytes)
    }

    /// Whether the host has accepted. Skips what comes for others meanwhile.
    mutating func connect() throws -> Bool {
        try say(PacketOperation.request)
        while let packet = try guest.receive() {
            guard packet.0.destinationPort == port else { continue }
            return try note(packet).0.operation == PacketOperation.response
        }
        return false
    }

    /// The next packet, which must be of this connection.
    mutating func take(waits: Bool = true) throws -> (PacketHeader, [UInt8])? {
        guard let packet = try guest.receive(waits: waits) else { return nil }
        return try note(packet)
    }

    private mutating func note(_ packet: (PacketHeader, [UInt8])) throws -> (PacketHeader, [UInt8]) {
        let (header, bytes) = packet
        guard header.destinationPort == port, header.sourcePort == hostPort else { throw TestFailure("\(header)") }
        if header.operation == PacketOperation.reset {
            isReset = true
            return (header, bytes)
        }
        (hostBuffer, hostForwarded) = (header.bufferSize, header.forwarded)
        if header.operation == PacketOperation.shutdown { hostDone |= header.flags }
        received &+= UInt32(bytes.count)
        guard received &- told <= bufferBytes else { throw TestFailure("more than there was room for") }
        if header.operation == PacketOperation.creditRequest || received &- told > bufferBytes / 2 {
            told = received
            try say(PacketOperation.creditUpdate)
        }
        return (header, bytes)
    }

    var credit: Int { Int(hostBuffer) - Int(sent &- hostForwarded) }

    mutating func write(_ bytes: [UInt8]) throws {
        told = received
        try say(PacketOperation.data, bytes)
        sent &+= UInt32(bytes.count)
    }
}
