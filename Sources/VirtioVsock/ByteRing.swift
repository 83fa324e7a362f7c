// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Bytes that wait for a socket, at most `capacity`. Takes memory only while it holds any.
struct ByteRing {
    let capacity: Int
    private(set) var count = 0
    private var start = 0
    private var memory: UnsafeMutableRawPointer?

    init(capacity: Int) { self.capacity = capacity }

    /// Whether there was room for all of them; else none is taken.
    mutating func append(_ pieces: UnsafeMutablePointer<iovec>, _ pieceCount: Int, skipping: Int) -> Bool {
        var sum = -skipping
        for index in 0..<pieceCount { sum += pieces[index].iov_len }
        guard sum <= capacity - count else { return false }
        var skip = skipping
        for index in 0..<pieceCount {
            let skipped = min(skip, pieces[index].iov_len)
            skip -= skipped
            guard pieces[index].iov_len > skipped else { continue }
            copy(pieces[index].iov_base + skipped, pieces[index].iov_len - skipped)
        }
        return true
    }

    private mutating func copy(_ bytes: UnsafeMutableRawPointer, _ length: Int) {
        let memory = self.memory ?? .allocate(byteCount: capacity, alignment: 16)
        self.memory = memory
        let end = (start + count) % capacity
        let first = min(length, capacity - end)
        memcpy(memory + end, bytes, first)
        if length > first { memcpy(memory, bytes + first, length - first) }
        count += length
    }

    /// The one or two pieces that it holds, in their order.
    func pieces() -> (first: iovec, second: iovec) {
        guard let memory else { return (iovec(), iovec()) }
        let first = min(count, capacity - start)
        return (
            iovec(iov_base: memory + start, iov_len: first), iovec(iov_base: memory, iov_len: count - first)
        )
    }

    mutating func removeFirst(_ removed: Int) {
        count -= removed
        start = (start + removed) % capacity
        if count == 0 { removeAll() }
    }

    mutating func removeAll() {
        memory?.deallocate()
        memory = nil
        count = 0
        start = 0
    }
}
