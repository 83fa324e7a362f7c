// SPDX-License-Identifier: Apache-2.0
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
}
