import NIOCore

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

/// All members of a shape as text, for comparing: JSON ignores the HTTP binding, so every member is in it.
func dump(_ shape: any Shape) throws -> String { String(buffer: try JSONWriter.document(shape)) }

extension ByteStream {
    /// The text of a body that is in memory.
    var text: String? {
        guard case .buffer(let bytes) = self else { return nil }
        return String(buffer: bytes)
    }
}
