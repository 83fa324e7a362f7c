// SPDX-License-Identifier: Apache-2.0

/// Addresses that share their first bits, of IPv4 or IPv6.
package struct AddressRange: Sendable {
    private let address: [UInt8]
    private let bits: Int

    /// `10.0.0.0/24`, `2001:db8::/32`.
    package init(_ text: String) throws(PatternFault) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw PatternFault("Malformed CIDR, one '/' required") }
        guard let address = Self.parse(parts[0]) else { throw PatternFault("Malformed CIDR: \(text)") }
        guard !parts[1].isEmpty, parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let bits = Int(parts[1])
        else { throw PatternFault("Malformed CIDR, mask bits must be an integer") }
        guard bits <= address.count * 8 else {
            throw PatternFault(
                address.count == 4
                    ? "IPv4 mask bits must be between 0 and 32" : "IPv6 mask bits must be between 0 and 128"
            )
        }
        (self.address, self.bits) = (address, bits)
    }

    func contains(_ text: String) -> Bool {
        Self.parse(text[...]).map { contains($0) } ?? false
    }

    /// `other` is 4 or 16 bytes; of the other family nothing is in the range.
    package func contains(_ other: [UInt8]) -> Bool {
        guard other.count == address.count else { return false }
        for index in 0..<(bits / 8) where other[index] != address[index] { return false }
        let rest = bits % 8
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xff << (8 - rest))
        return other[bits / 8] & mask == address[bits / 8] & mask
    }

    /// An address's 4 or 16 bytes.
    package static func bytes(of text: String) -> [UInt8]? { parse(text[...]) }

    private static func parse(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count <= 45 else { return nil }
        return text.contains(":") ? parseIPv6(text) : parseIPv4(text)
    }

    private static func parseIPv4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let bytes = parts.compactMap { part -> UInt8? in
            guard !part.isEmpty, part.utf8.count <= 3, part.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
                return nil
            }
            return UInt8(part)
        }
        return bytes.count == 4 ? bytes : nil
    }

    private static func parseIPv6(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (3...9).contains(parts.count) else { return nil }
        guard let gap = text.firstRange(of: "::") else {
            let groups = groups(text)
            return groups?.count == 16 ? groups : nil
        }
        let (head, tail) = (text[..<gap.lowerBound], text[gap.upperBound...])
        guard !tail.contains("::"), let head = groups(head), let tail = groups(tail), head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: Substring) -> [UInt8]? {
        if text.isEmpty { return [] }
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(".") {
                guard let last = parseIPv4(part) else { return nil }
                bytes += last
            } else {
                guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ $0 != 0x2b && $0 != 0x2d }),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                bytes += [UInt8(group >> 8), UInt8(truncatingIfNeeded: group)]
            }
        }
        return bytes
    }
}

extension Substring {
    fileprivate func firstRange(of text: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
