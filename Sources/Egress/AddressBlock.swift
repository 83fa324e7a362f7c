// SPDX-License-Identifier: Apache-2.0

/// A range of IPv4 addresses, `10.0.0.0/8`, all of its ports or one.
package struct AddressBlock: Sendable, Hashable, CustomStringConvertible {
    let network: UInt32
    let bits: Int
    let port: UInt16?

    init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, bits: Int) {
        network = [a, b, c, d].reduce(0) { $0 << 8 | UInt32($1) }
        self.bits = bits
        port = nil
    }

    /// `ADDRESS`, `ADDRESS/BITS`, either with `:PORT`. Nil when `text` has another form, or bits below the mask.
    package init?(_ text: String) {
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = Self.address(parts[0]) else { return nil }
        let bits = parts.count == 2 ? Self.number(parts[1], in: 0...32) : 32
        guard let bits, address & ~Self.mask(bits) == 0 else { return nil }
        if halves.count == 2 {
            guard let port = Self.number(halves[1], in: 1...65_535) else { return nil }
            self.port = UInt16(port)
        } else {
            port = nil
        }
        network = address
        self.bits = bits
    }

    func contains(_ address: UInt32, port: UInt16) -> Bool {
        address & Self.mask(bits) == network && (self.port ?? port) == port
    }

    /// Four decimal numbers, in host order.
    static func address(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = number(part, in: 0...255) else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    static func text(_ address: UInt32) -> String {
        [24, 16, 8, 0].map { String(address >> $0 & 0xff) }.joined(separator: ".")
    }

    private static func number(_ text: some StringProtocol, in range: ClosedRange<Int>) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text), range.contains(number)
        else { return nil }
        return number
    }

    private static func mask(_ bits: Int) -> UInt32 { bits == 0 ? 0 : ~UInt32(0) << UInt32(32 - bits) }

    package var description: String {
        Self.text(network) + (bits == 32 ? "" : "/\(bits)") + (port.map { ":\($0)" } ?? "")
    }
}
