// SPDX-License-Identifier: Apache-2.0

/// A range of addresses, `10.0.0.0/8`.
struct IPv4Network: Sendable, Equatable {
    private let address: UInt32
    private let mask: UInt32

    /// Nil unless `text` is four numbers to 255 and a prefix length to 32.
    init?(_ text: some Collection<UInt8>) {
        let parts = text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 2, let address = Self.address(parts[0]), let length = Self.number(parts[1], upTo: 32)
        else { return nil }
        mask = length == 0 ? 0 : UInt32.max << (32 - length)
        self.address = address & mask
    }

    func contains(_ text: ByteText) -> Bool { Self.address(text.bytes).map { $0 & mask == address } ?? false }

    private static func address(_ text: some Collection<UInt8>) -> UInt32? {
        guard text.count <= 15 else { return nil }
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let number = number(part, upTo: 255) else { return nil }
            address = address << 8 | number
        }
        return address
    }

    private static func number(_ digits: some Collection<UInt8>, upTo limit: UInt32) -> UInt32? {
        guard (1...3).contains(digits.count), digits.allSatisfy(\.isDigit) else { return nil }
        let number = digits.reduce(0) { $0 * 10 + UInt32($1 - 0x30) }
        return number <= limit ? number : nil
    }
}
