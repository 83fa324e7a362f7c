// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An open file, socket or pipe end, by number. A value, not an owner: whoever takes it closes it, once.
package struct FileDescriptor: Hashable, Sendable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    package func close() { _ = Glibc.close(number) }
}
