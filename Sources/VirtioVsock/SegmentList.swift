// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Pieces of the guest's memory, checked, in the form in which the kernel takes them. Used again for each chain, so that
/// none costs an allocation.
final class SegmentList {
    private(set) var count = 0
    let storage: UnsafeMutablePointer<iovec>
    let capacity: Int

    init(capacity: Int = VsockLimits.queueSize) {
        self.capacity = capacity
        storage = .allocate(capacity: capacity)
    }

    deinit { storage.deallocate() }

    func removeAll() { count = 0 }

    /// Forgets what was appended since there were `count`.
    func truncate(to count: Int) { self.count = min(count, self.count) }

    /// Whether there was room.
    func append(_ start: UnsafeMutableRawPointer, _ length: Int) -> Bool {
        guard count < capacity else { return false }
        storage[count] = iovec(iov_base: start, iov_len: length)
        count += 1
        return true
    }

    /// Copies `size` bytes out of the pieces from `index` on and leaves the rest of them. Returns the index of the first
    /// piece that has anything left, or nil when there are not as many bytes.
    func take(_ size: Int, from index: Int, into bytes: UnsafeMutableRawPointer) -> Int? {
        var taken = 0
        var index = index
        while taken < size, index < count {
            let part = min(storage[index].iov_len, size - taken)
            if part > 0 { martlet_copy_once(bytes + taken, storage[index].iov_base, part) }
            taken += part
            guard part == storage[index].iov_len else {
                storage[index].iov_base += part
                storage[index].iov_len -= part
                break
            }
            index += 1
        }
        return taken == size ? index : nil
    }

    /// Writes `bytes` over the pieces from `index` on, as far as they go.
    func fill(from index: Int, with bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        var index = index
        while !rest.isEmpty, index < count, let start = rest.baseAddress {
            let part = min(storage[index].iov_len, rest.count)
            if part > 0 { memcpy(storage[index].iov_base, start, part) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part))
            index += 1
        }
    }

    /// Bytes of the pieces from `index` on.
    func bytes(from index: Int) -> Int {
        var sum = 0
        for each in index..<max(index, count) { sum += storage[each].iov_len }
        return sum
    }

    /// Cuts the pieces from `index` on to `length` bytes together.
    func cut(to length: Int, from index: Int) {
        var rest = length
        var index = index
        while index < count, rest > 0 {
            storage[index].iov_len = min(storage[index].iov_len, rest)
            rest -= storage[index].iov_len
            index += 1
        }
        truncate(to: index)
    }
}

extension SegmentList {
    /// Leaves the first `size` bytes of the pieces from `index` on here, and appends what is behind them, but no more than
    /// `most` bytes, to `other`. Returns how many.
    func split(after size: Int, from index: Int, into other: SegmentList, most: Int) -> Int {
        var skip = size
        var moved = 0
        for each in index..<max(index, count) where moved < most {
            let skipped = min(skip, storage[each].iov_len)
            skip -= skipped
            let part = min(storage[each].iov_len - skipped, most - moved)
            guard part > 0 else { continue }
            guard other.append(storage[each].iov_base + skipped, part) else { break }
            moved += part
        }
        return moved
    }
}
