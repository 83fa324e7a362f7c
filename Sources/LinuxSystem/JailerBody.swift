// SPDX-License-Identifier: Apache-2.0

/// Writes the body of a request to the jailer.
package struct JailerWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func u32(_ value: UInt32) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    package mutating func u64(_ value: UInt64) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    /// A text with a zero character in it is not writable; the jailer answers it with an error.
    package mutating func string(_ text: String) {
        let utf8 = text.utf8
        u32(UInt32(truncatingIfNeeded: utf8.count))
        bytes.append(contentsOf: utf8)
        bytes.append(0)
    }

    package mutating func list<Item>(_ items: some Collection<Item>, _ write: (inout JailerWriter, Item) -> Void) {
        u32(UInt32(truncatingIfNeeded: items.count))
        for item in items { write(&self, item) }
    }
}

/// Reads the body of an answer. Reading past the end gives zeros and leaves `isBroken` true.
package struct JailerReader: Sendable {
    private var rest: ArraySlice<UInt8>
    package private(set) var isBroken = false

    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        guard !isBroken, count <= rest.count else {
            isBroken = true
            return []
        }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number {
        let bytes = take(MemoryLayout<Number>.size)
        return bytes.withUnsafeBytes { $0.count == MemoryLayout<Number>.size ? $0.loadUnaligned(as: Number.self) : 0 }
    }

    package mutating func u32() -> UInt32 { number(UInt32.self) }
    package mutating func u64() -> UInt64 { number(UInt64.self) }

    package mutating func string() -> String {
        let text = take(Int(u32()))
        _ = take(1)
        return String(decoding: text, as: UTF8.self)
    }
}
