// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// From the guest to the sockets.
extension VsockDevice {
    /// Takes packets of the guest's until there are none, a turn is over, or the guest owes it to itself to offer buffers for
    /// what has been refused.
    func transmit() {
        guard let memory, var queue = rings[Self.fromGuest].queue else { return }
        queue.spareKicks()
        var left = limits.turn
        while left > 0, resets.count < limits.pendingResets {
            guard queue.offered() > 0, let head = queue.head() else {
                if queue.awaitKick() { continue }
                mayTransmit = false
                break
            }
            left -= 1 + take(head, of: queue, memory) / VsockLimits.pageBytes
            queue.complete(head)
        }
        if queue.publish() { rings[Self.fromGuest].signal() }
        rings[Self.fromGuest].queue = queue
    }

    /// What cannot be a packet of this guest's is dropped. Returns the bytes of the chain.
    private func take(_ head: UInt16, of queue: Virtqueue, _ memory: GuestMemory) -> Int {
        packet.removeAll()
        guard let bytes = queue.chain(head, writing: false, to: packet, memory), let taken = takeHeader() else {
            return 0
        }
        let (header, first) = taken
        guard header.sourceCID == guestCID, header.destinationCID == PacketHeader.hostCID,
            Int(header.length) <= bytes - PacketHeader.size
        else { return 0 }
        handle(header, first)
        return Int(header.length)
    }

    /// The header of the packet, and in which piece its bytes begin.
    private func takeHeader() -> (PacketHeader, Int)? {
        withUnsafeTemporaryAllocation(byteCount: PacketHeader.size, alignment: 8) { buffer in
            guard let start = buffer.baseAddress, let first = packet.take(buffer.count, from: 0, into: start) else {
                return nil
            }
            return (PacketHeader(UnsafeRawBufferPointer(buffer)), first)
        }
    }

    private func handle(_ header: PacketHeader, _ first: Int) {
        guard let channel = channels[ConnectionKey(guestPort: header.sourcePort, hostPort: header.destinationPort)]
        else {
            if header.operation == PacketOperation.request, header.type == PacketType.stream { return open(header) }
            if header.operation != PacketOperation.reset { resets.append(header.refusal) }
            return
        }
        guard header.length <= VsockLimits.payloadBytes else { return reset(channel) }
        let steps = channel.connection.receive(header)
        if steps.contains(.close) { return drop(channel) }
        if steps.contains(.reset) { return reset(channel) }
        if steps.contains(.forward) {
            packet.cut(to: Int(header.length), from: first)
            channel.forward(packet, from: first, length: Int(header.length))
        }
        if steps.contains(.endWriting) { channel.endWriting() }
        if steps.contains(.endReading) { UnixSocket.endReading(channel.socket) }
        settle(channel)
    }
}
