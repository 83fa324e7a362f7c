// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// A virtio socket device (virtio 1.2, 5.10) outside of the emulator, which it speaks vhost-user with. What a guest connects
/// to at CID 2, port P, is the Unix socket `<path>_P`, as Firecracker has it. The host makes no connections to the guest.
///
/// Spoken with the front end: version 1 with the protocol features MQ, REPLY_ACK and CONFIG; up to 8 regions of memory,
/// each of a file; split rings of up to 1,024 entries. The event queue (number 2) is accepted and never used. Features of
/// the device: VERSION_1, EVENT_IDX, INDIRECT_DESC; streams only, of packets of up to 64 KiB.
///
/// Neither the guest nor the front end is trusted. A broken message ends the device; a broken ring stops its queue until the
/// front end sets it up again; a broken packet is dropped, or resets its connection. `VsockLimits` says what is held.
/// While the guest offers no buffers, nothing waits but one notice of each connection and a bounded number of resets; while
/// a socket takes nothing, no more waits for it than the guest was given credit for. A front end that shortens the file of
/// its guest's memory ends this process: it has its own only.
///
/// One thread does everything, and waits in one place.
package final class VsockDevice {
    let path: String
    let guestCID: UInt64
    let limits: VsockLimits
    let epoll: Epoll?
    var frontend: FrontendSocket

    // What the front end has set up.
    var features: UInt64 = 0
    var protocolFeatures: UInt64 = 0
    var memory: GuestMemory?
    /// To the guest, from the guest, and the one of events.
    var rings = [Ring](repeating: Ring(), count: VsockLimits.queues)

    var channels = ChannelTable()
    /// Connections that have something for the guest, each once, by their tags.
    var line = Line<UInt64>()
    /// For packets that belong to no connection any more.
    var resets = Line<PacketHeader>()
    /// Connections that are tried again, by their tags, and when, in milliseconds of the machine's clock.
    var pending: [UInt64] = []
    var nextTryMilliseconds: Int64 = 0

    /// There may be packets of the guest that have not been looked at.
    var mayTransmit = false
    /// The guest has no buffers, and will kick when it has some.
    var isStarved = false

    let packet = SegmentList()
    let heads = SegmentList()
    let payloads = SegmentList()
    var filled: [FilledBuffer] = []

    static let toGuest = 0
    static let fromGuest = 1

    /// `frontend`: our end of the socket whose other end the emulator has as its chardev; the device closes it. `path`:
    /// connections of the guest to port P go to the Unix socket `<path>_P`.
    package init(frontend: FileDescriptor, path: String, guestCID: UInt64 = 3, limits: VsockLimits = .init()) {
        self.frontend = FrontendSocket(frontend)
        self.path = path
        self.guestCID = guestCID
        self.limits = limits
        epoll = Epoll()
    }

    /// Serves the guest until the front end hangs up or breaks the protocol. Blocks its thread. Once.
    package func run() {
        if let epoll, epoll.add(frontend.descriptor, .readable, byEdges: false, tag: 0) {
            // The only error is the end.
            do { while true { try turn(epoll) } } catch {}
        }
        close()
    }

    private func turn(_ epoll: Epoll) throws(ProtocolBreach) {
        try epoll.wait(patienceMilliseconds) { tag, readiness throws(ProtocolBreach) in
            if tag == 0 { return try hearFrontend() }
            if tag <= UInt64(rings.count) { return kicked(Int(tag) - 1) }
            if let channel = channels[tag] { notice(readiness, of: channel) }
        }
        if !pending.isEmpty { retryPending() }
        if canTransmit { transmit() }
        if canReceive { receive() }
    }

    private var canTransmit: Bool {
        mayTransmit && resets.count < limits.pendingResets && rings[Self.fromGuest].queue != nil
    }

    private var canReceive: Bool {
        !isStarved && !(resets.isEmpty && line.isEmpty) && rings[Self.toGuest].queue != nil
    }

    private var patienceMilliseconds: Int32 {
        if canTransmit || canReceive { return 0 }
        guard !pending.isEmpty else { return -1 }
        return Int32(truncatingIfNeeded: max(0, nextTryMilliseconds - Self.nowMilliseconds()))
    }

    func kicked(_ ring: Int) {
        if ring == Self.fromGuest { mayTransmit = true }
        if ring == Self.toGuest { isStarved = false }
    }

    private func close() {
        dropAll()
        for ring in rings.indices { rings[ring].close() }
        memory = nil
        frontend.close()
        epoll?.close()
    }
}
