// SPDX-License-Identifier: Apache-2.0
package import MartletCore
package import NIOCore

/// One message of `application/vnd.amazon.eventstream`.
package struct EventMessage: Sendable, Equatable {
    /// A header's value; its type is on the wire.
    package enum Value: Sendable, Equatable {
        case bool(Bool)
        case int8(Int8)
        case int16(Int16)
        case int32(Int32)
        case int64(Int64)
        case bytes(ByteBuffer)
        case string(String)
        case timestamp(Instant)
        case uuid([UInt8])
    }

    package struct Header: Sendable, Equatable {
        package var name: String
        package var value: Value

        package init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }

    /// Of the whole frame.
    package static let maximumBytes = 16 << 20
    package static let maximumHeaderBytes = 128 << 10

    package var headers: [Header]
    package var payload: ByteBuffer

    package init(headers: [Header] = [], payload: ByteBuffer = ByteBuffer()) {
        self.headers = headers
        self.payload = payload
    }

    /// The text of a string header.
    package subscript(name: String) -> String? {
        for header in headers where header.name == name {
            if case .string(let text) = header.value { return text }
        }
        return nil
    }
}

/// A frame that is damaged, too large, or cannot be written.
package struct EventStreamFault: Error, Equatable, Sendable {
    package let reason: String
}
