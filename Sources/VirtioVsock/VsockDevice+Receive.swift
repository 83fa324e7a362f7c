// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// A buffer of the guest's that a read may have filled: where its header goes, and how many bytes it has room for.
struct FilledBuffer {
    var head: UInt16
    var firstPiece: Int
    var room: Int
}

/// From the sockets to the guest.
extension VsockDevice {
    /// Fills the guest's buffers until nobody has anything for it, it has none left, or a turn is over. Resets go first; then
    /// each connection in line has one notice or one read, and gets in line again.
    func receive() {
        guard let memory, var queue = rings[Self.toGuest].queue else { return }
        queue.spareKicks()
        var left = limits.turn
        while left > 0, !(resets.isEmpty && line.isEmpty) {
            left -= 1
            guard queue.offered() > 0 else {
                if queue.awaitKick() { continue }
                isStarved = true
                break
            }
            if let reset = resets.first {
                if write(reset, to: &queue, memory) { _ = resets.popFirst() }
            } else if let channel = line.popFirst().flatMap({ channels[$0] }) {
                channel.isInLine = false
                left -= serve(channel, &queue, memory) / VsockLimits.pageBytes
                if channels[channel.tag] != nil { settle(channel) }
            }
            if queue.publish() { rings[Self.toGuest].signal() }
        }
        if queue.publish() { rings[Self.toGuest].signal() }
        rings[Self.toGuest].queue = queue
    }

    /// Returns the bytes that it has read.
    private func serve(_ channel: Channel, _ queue: inout Virtqueue, _ memory: GuestMemory) -> Int {
        if channel.isReadable, channel.connection.mayAskForCredit { channel.connection.askForCredit() }
        guard channel.connection.owed.isEmpty else {
            // A notice is taken from the connection only when there is a buffer for it.
            var noted = channel.connection
            if let notice = noted.nextNotice(), write(notice, to: &queue, memory) { channel.connection = noted }
            return 0
        }
        guard channel.isReadable, channel.connection.appetite > 0 else { return 0 }
        return read(channel, &queue, memory)
    }

    /// Whether the next buffer has taken it. One that is of no use goes back empty.
    private func write(_ header: PacketHeader, to queue: inout Virtqueue, _ memory: GuestMemory) -> Bool {
        guard let head = queue.head() else { return false }
        heads.removeAll()
        guard let bytes = queue.chain(head, writing: true, to: heads, memory), bytes > PacketHeader.size else {
            queue.complete(head)
            return false
        }
        put(header, at: 0)
        queue.complete(head, written: PacketHeader.size)
        return true
    }

    private func put(_ header: PacketHeader, at firstPiece: Int) {
        withUnsafeTemporaryAllocation(byteCount: PacketHeader.size, alignment: 8) { buffer in
            header.write(to: buffer)
            heads.fill(from: firstPiece, with: UnsafeRawBufferPointer(buffer))
        }
    }

    /// One read of the socket into as many buffers as seem to be needed.
    private func read(_ channel: Channel, _ queue: inout Virtqueue, _ memory: GuestMemory) -> Int {
        let room = collect(channel, &queue, memory)
        guard room > 0 else { return 0 }
        let count = UnixSocket.receive(channel.socket, payloads.storage, payloads.count)
        guard count > 0 else {
            noticeEnd(of: channel, count)
            return 0
        }
        complete(count, for: channel, &queue)
        if count < room {
            channel.batch = Channel.smallBatch
            // Nothing more is there, or there will be another edge. After the last edge there is none.
            channel.isReadable = channel.hasPeerEnded
        } else {
            channel.batch = min(channel.batch * 2, VsockLimits.batch)
        }
        return count
    }

    /// Finds buffers for the next read, without taking them. Returns how many bytes it may have.
    private func collect(_ channel: Channel, _ queue: inout Virtqueue, _ memory: GuestMemory) -> Int {
        let most = min(channel.connection.appetite, VsockLimits.payloadBytes)
        let offered = min(queue.offered(), channel.batch)
        var room = 0
        heads.removeAll()
        payloads.removeAll()
        filled.removeAll(keepingCapacity: true)
        while filled.count < offered, room < most {
            let firstPiece = heads.count
            guard let head = queue.head(at: filled.count) else { break }
            let bytes = queue.chain(head, writing: true, to: heads, memory) ?? 0
            guard bytes > PacketHeader.size else {
                heads.truncate(to: firstPiece)
                // Of no use to anybody, when it comes first; before, it may only be too much for this batch.
                if filled.isEmpty { queue.complete(head) }
                break
            }
            let part = heads.split(after: PacketHeader.size, from: firstPiece, into: payloads, most: most - room)
            filled.append(FilledBuffer(head: head, firstPiece: firstPiece, room: part))
            room += part
        }
        return room
    }

    /// Makes packets of what has been read.
    private func complete(_ count: Int, for channel: Channel, _ queue: inout Virtqueue) {
        var rest = count
        for buffer in filled where rest > 0 {
            let part = min(rest, buffer.room)
            put(channel.connection.data(UInt32(truncatingIfNeeded: part)), at: buffer.firstPiece)
            queue.complete(buffer.head, written: PacketHeader.size + part)
            rest -= part
        }
    }

    private func noticeEnd(of channel: Channel, _ result: Int) {
        channel.isReadable = false
        if result == 0 {
            channel.connection.socketEnded(hungUp: channel.isHungUp)
        } else if result != -Int(EAGAIN) {
            reset(channel)
        }
    }
}
