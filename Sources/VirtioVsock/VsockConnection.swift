// SPDX-License-Identifier: Apache-2.0

/// The two ports of a connection, both of which the guest has chosen.
struct ConnectionKey: Hashable {
    var guestPort: UInt32
    var hostPort: UInt32
}

/// What is to be done with a connection's socket.
struct SocketSteps: OptionSet, Equatable {
    let rawValue: UInt8
    /// The packet's bytes go to the socket, behind what waits for it already.
    static let forward = SocketSteps(rawValue: 1)
    /// The guest sends no more: shut down writing once everything has gone.
    static let endWriting = SocketSteps(rawValue: 2)
    /// The guest wants no more: shut down reading.
    static let endReading = SocketSteps(rawValue: 4)
    /// Forget the connection; nothing more is sent to the guest.
    static let close = SocketSteps(rawValue: 8)
    /// Forget the connection, and tell the guest so.
    static let reset = SocketSteps(rawValue: 16)
}

/// A connection from the guest to a Unix socket: what both sides have said, and what is owed to the guest. A value that
/// does nothing by itself; `Channel` has the socket.
struct VsockConnection {
    enum Phase {
        /// The socket is being connected. To `open` by `connected()`.
        case connecting
        /// To its end by a reset of either side's, or when both sides are done.
        case open
    }

    /// Packets that the guest is to get as soon as it offers a buffer.
    struct Owed: OptionSet {
        let rawValue: UInt8
        static let response = Owed(rawValue: 1)
        static let creditUpdate = Owed(rawValue: 2)
        static let creditRequest = Owed(rawValue: 4)
        static let shutdown = Owed(rawValue: 8)
    }

    let key: ConnectionKey
    let guestCID: UInt64
    private(set) var phase = Phase.connecting
    private(set) var owed: Owed = []
    private(set) var incoming: IncomingCredit
    private(set) var outgoing: OutgoingCredit
    /// What the guest has said that it does no more.
    private(set) var guestDone: ShutdownFlags = []
    /// What our side does no more, said already or owed.
    private(set) var hostDone: ShutdownFlags = []

    /// For a REQUEST of the guest's. `bufferBytes` are what it may send before any of it has been passed on.
    init(request: PacketHeader, bufferBytes: UInt32) {
        key = ConnectionKey(guestPort: request.sourcePort, hostPort: request.destinationPort)
        guestCID = request.sourceCID
        incoming = IncomingCredit(bufferBytes: bufferBytes)
        outgoing = OutgoingCredit(bufferBytes: request.bufferSize, forwarded: request.forwarded)
    }
}

// MARK: What the guest says

extension VsockConnection {
    /// Takes a packet that the guest has sent for this connection.
    mutating func receive(_ packet: PacketHeader) -> SocketSteps {
        if packet.operation == PacketOperation.reset { return .close }
        guard packet.type == PacketType.stream, phase == .open else { return .reset }
        outgoing.learn(bufferBytes: packet.bufferSize, forwarded: packet.forwarded)
        if outgoing.available > 0 { owed.remove(.creditRequest) }
        switch packet.operation {
        case PacketOperation.data: return receiveData(packet.length)
        case PacketOperation.creditUpdate: return []
        case PacketOperation.creditRequest:
            owed.insert(.creditUpdate)
            return []
        case PacketOperation.shutdown: return receiveShutdown(ShutdownFlags(rawValue: packet.flags & 3))
        default: return .reset
        }
    }

    private mutating func receiveData(_ length: UInt32) -> SocketSteps {
        guard !guestDone.contains(.sends), incoming.receive(length) else { return .reset }
        guard hostDone.contains(.receives) else { return length > 0 ? .forward : [] }
        // It was on its way when the socket broke.
        pass(length, buffered: 0)
        return []
    }

    private mutating func receiveShutdown(_ flags: ShutdownFlags) -> SocketSteps {
        let news = flags.subtracting(guestDone)
        guestDone.formUnion(flags)
        var steps: SocketSteps = []
        if news.contains(.sends) { steps.insert(.endWriting) }
        if news.contains(.receives) { steps.insert(.endReading) }
        return steps
    }

    /// Whether the guest has closed its end and everything that it sent is gone: it is told by a reset.
    func isOver(buffered: Int) -> Bool { guestDone == .both && (buffered == 0 || hostDone.contains(.receives)) }
}

// MARK: What the socket says

extension VsockConnection {
    mutating func connected() {
        phase = .open
        owed.insert(.response)
    }

    /// `count` of the guest's bytes have gone to the socket (or were dropped), `buffered` still wait for it.
    mutating func pass(_ count: UInt32, buffered: Int) {
        incoming.forward(count)
        if incoming.isUpdateDue(buffered: buffered) { owed.insert(.creditUpdate) }
    }

    /// The socket takes no more.
    mutating func socketTakesNoMore() { finish(.receives) }

    /// Nothing more comes from the socket. `hungUp`: and nothing goes to it either.
    mutating func socketEnded(hungUp: Bool) { finish(hungUp ? .both : .sends) }

    private mutating func finish(_ flags: ShutdownFlags) {
        guard !flags.subtracting(hostDone).isEmpty else { return }
        hostDone.formUnion(flags)
        owed.insert(.shutdown)
    }

    /// How many bytes the guest would take from the socket now.
    var appetite: Int {
        guard phase == .open, !guestDone.contains(.receives), !hostDone.contains(.sends) else { return 0 }
        return Int(outgoing.available)
    }

    /// Whether the guest, who has no room, has not been asked for any since it last said something.
    var mayAskForCredit: Bool {
        phase == .open && !guestDone.contains(.receives) && !hostDone.contains(.sends) && outgoing.available == 0
            && !outgoing.hasAsked
    }

    mutating func askForCredit() {
        outgoing.hasAsked = true
        owed.insert(.creditRequest)
    }
}

// MARK: What the guest is told

extension VsockConnection {
    /// The next packet without bytes that the guest is to get.
    mutating func nextNotice() -> PacketHeader? {
        if owed.remove(.response) != nil { return header(PacketOperation.response) }
        if owed.remove(.creditRequest) != nil { return header(PacketOperation.creditRequest) }
        if owed.remove(.shutdown) != nil {
            return header(PacketOperation.shutdown, flags: hostDone.rawValue)
        }
        if owed.remove(.creditUpdate) != nil { return header(PacketOperation.creditUpdate) }
        return nil
    }

    /// The header of a packet with `length` bytes of the socket's.
    mutating func data(_ length: UInt32) -> PacketHeader {
        outgoing.send(length)
        return header(PacketOperation.data, length: length)
    }

    var resetNotice: PacketHeader { plain(PacketOperation.reset) }

    /// Each packet says how much has been passed on, which makes an update superfluous.
    private mutating func header(_ operation: UInt16, length: UInt32 = 0, flags: UInt32 = 0) -> PacketHeader {
        owed.remove(.creditUpdate)
        incoming.tell()
        var header = plain(operation)
        header.length = length
        header.flags = flags
        header.bufferSize = incoming.bufferBytes
        header.forwarded = incoming.forwarded
        return header
    }

    private func plain(_ operation: UInt16) -> PacketHeader {
        PacketHeader(
            sourceCID: PacketHeader.hostCID,
            destinationCID: guestCID,
            sourcePort: key.hostPort,
            destinationPort: key.guestPort,
            operation: operation
        )
    }
}
