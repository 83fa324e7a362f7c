// SPDX-License-Identifier: Apache-2.0

/// The connections, by their ports and by a tag that is never given twice: what epoll still says of one that is gone
/// meets no other.
struct ChannelTable {
    private var slots: [Channel?] = []
    private var free: [Int] = []
    private var indices: [ConnectionKey: Int] = [:]
    private var generation: UInt64 = 0
    /// Bytes that guests may send before any is passed on, all connections together.
    private(set) var promisedBytes = 0

    private static let indexBits: UInt64 = 16

    var count: Int { indices.count }

    subscript(key: ConnectionKey) -> Channel? { indices[key].flatMap { slots[$0] } }

    subscript(tag: UInt64) -> Channel? {
        let index = Int(tag & ((1 << Self.indexBits) - 1))
        guard index < slots.count, let channel = slots[index], channel.tag == tag else { return nil }
        return channel
    }

    /// Its key must be free, and there may be no more than 65,536.
    mutating func insert(_ channel: Channel) {
        let index = free.popLast() ?? slots.count
        if index == slots.count { slots.append(nil) }
        generation += 1
        channel.tag = generation << Self.indexBits | UInt64(index)
        slots[index] = channel
        indices[channel.connection.key] = index
        promisedBytes += Int(channel.connection.incoming.bufferBytes)
    }

    mutating func remove(_ channel: Channel) {
        guard let index = indices.removeValue(forKey: channel.connection.key) else { return }
        slots[index] = nil
        free.append(index)
        promisedBytes -= Int(channel.connection.incoming.bufferBytes)
    }

    mutating func removeAll() -> [Channel] {
        let all = slots.compactMap { $0 }
        for channel in all { remove(channel) }
        return all
    }
}
