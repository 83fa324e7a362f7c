// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

extension FileDescriptor {
    /// Writes all of `bytes`, in as many calls as it takes. Blocks. After an error any part of them may be written.
    package func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(number, rest.baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw SystemError("write", errno) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
        }
    }

    /// Writes `bytes` to a socket at once or not at all: throws when its buffer has no room, or when nobody reads any more.
    package func sendAtOnce(_ bytes: [UInt8]) throws(SystemError) {
        let sent = bytes.withUnsafeBytes {
            send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        guard sent == bytes.count else { throw SystemError("send", sent < 0 ? errno : EAGAIN) }
    }

    /// Sends a number over a stream socket, and copies of `descriptors` with it, at once or not at all.
    package func pass(_ value: UInt32, with descriptors: [FileDescriptor]) throws(SystemError) {
        let numbers = descriptors.map(\.number)
        _ = try SystemError.check("send", martlet_send_descriptors(number, value, numbers, numbers.count))
    }

    /// The decimal number that a file begins with; nil when there is none. Does not move the file's position.
    package func readNumber() -> Int? {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { buffer in
            let count = pread(number, buffer.baseAddress, buffer.count, 0)
            guard count > 0, (0x30...0x39).contains(buffer[0]) else { return nil }
            var value = 0
            for digit in buffer.prefix(count) {
                guard (0x30...0x39).contains(digit) else { break }
                let (product, overflows) = value.multipliedReportingOverflow(by: 10)
                guard !overflows else { return nil }
                value = product &+ Int(digit &- 0x30)
            }
            return value < 0 ? nil : value
        }
    }

    /// What a socket holds now, at most `limit` bytes; empty when there is nothing.
    package func receiveAtOnce(upTo limit: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, recv(number, buffer.baseAddress, limit, Int32(MSG_DONTWAIT)))
        }
    }
}
