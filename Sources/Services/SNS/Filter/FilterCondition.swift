// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// One way for a value to match.
indirect enum FilterCondition: Sendable {
    case equals(FilterValue)
    case ignoringCase(String)
    case prefix(String)
    case suffix(String)
    case wildcard(WildcardPattern)
    case numeric([NumericBound])
    case cidr(AddressRange)
    case exists(Bool)
    /// The value is there and none of these matches it.
    case anythingBut([FilterCondition])

    func accepts(_ value: FilterValue?) -> Bool {
        if case .exists(let wanted) = self { return (value != nil) == wanted }
        guard let value else { return false }
        if case .list(let elements) = value { return elements.contains { accepts($0) } }
        switch self {
        case .exists: return false
        case .equals(let wanted): return value == wanted && value != .opaque
        case .anythingBut(let conditions):
            return value != .opaque && !conditions.contains { $0.accepts(value) }
        case .numeric(let bounds):
            guard case .number(let number) = value else { return false }
            return bounds.allSatisfy { $0.holds(for: number) }
        default:
            guard case .text(let text) = value else { return false }
            return accepts(text: text)
        }
    }

    private func accepts(text: String) -> Bool {
        switch self {
        case .ignoringCase(let wanted): text.lowercased() == wanted
        // By bytes: a combining character after the prefix does not change it.
        case .prefix(let prefix): text.utf8.starts(with: prefix.utf8)
        case .suffix(let suffix): text.utf8.reversed().starts(with: suffix.utf8.reversed())
        case .wildcard(let pattern): pattern.matches(text)
        case .cidr(let range): range.contains(text)
        default: false
        }
    }
}

struct NumericBound: Sendable {
    enum Relation: String, Sendable {
        case equal = "="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    var relation: Relation
    var bound: Double

    func holds(for number: Double) -> Bool {
        switch relation {
        case .equal: number == bound
        case .less: number < bound
        case .lessOrEqual: number <= bound
        case .greater: number > bound
        case .greaterOrEqual: number >= bound
        }
    }
}

/// Text in which `*` stands for anything. Matching takes time in proportion to text times pattern at most.
struct WildcardPattern: Sendable {
    private let pattern: [UInt8]

    init(_ text: String) { pattern = Array(text.utf8) }

    var stars: Int { pattern.count { $0 == 0x2a } }

    func matches(_ text: String) -> Bool {
        let text = Array(text.utf8)
        var (position, place) = (0, 0)
        var retry: (position: Int, place: Int)?
        while position < text.count {
            if place < pattern.count, pattern[place] == 0x2a {
                retry = (position, place)
                place += 1
            } else if place < pattern.count, pattern[place] == text[position] {
                position += 1
                place += 1
            } else if let last = retry {
                // The star takes one byte more.
                position = last.position + 1
                place = last.place + 1
                retry = (position, last.place)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == 0x2a }
    }
}

/// `10.0.0.0/24`, `2001:db8::/64`
struct AddressRange: Sendable {
    private let network: [UInt8]
    private let bits: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let network = IPAddressBytes.parse(String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self.network = network
            bits = network.count * 8
            return
        }
        guard let bits = Int(parts[1]), (0...network.count * 8).contains(bits) else { return nil }
        self.network = network
        self.bits = bits
    }

    func contains(_ text: String) -> Bool {
        guard let address = IPAddressBytes.parse(text) else { return false }
        return contains(address)
    }

    func contains(_ address: [UInt8]) -> Bool {
        guard address.count == network.count else { return false }
        for index in address.indices {
            let left = min(8, max(0, bits - index * 8))
            let mask = UInt8(truncatingIfNeeded: 0xff00 >> left)
            guard address[index] & mask == network[index] & mask else { return false }
        }
        return true
    }
}

/// 4 or 16 bytes.
enum IPAddressBytes {
    static func parse(_ text: String) -> [UInt8]? { text.contains(":") ? v6(text) : v4(text) }

    private static func v4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in part.utf8.allSatisfy { $0.isDecimal } ? UInt8(part) : nil }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    private static func v6(_ text: String) -> [UInt8]? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2, let head = groups(halves[0]) else { return nil }
        guard halves.count == 2 else { return head.count == 16 ? head : nil }
        guard let tail = groups(halves[1]), head.count + tail.count <= 14 else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: Substring) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if part.contains("."), index == parts.count - 1, let last = v4(part) {
                bytes += last
                continue
            }
            guard (1...4).contains(part.utf8.count), let group = UInt16(part, radix: 16), part.first != "+" else {
                return nil
            }
            bytes += [UInt8(group >> 8), UInt8(group & 0xff)]
        }
        return bytes.count <= 16 ? bytes : nil
    }
}

extension UInt8 {
    fileprivate var isDecimal: Bool { self >= 0x30 && self <= 0x39 }
}
