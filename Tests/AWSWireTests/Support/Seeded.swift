// SPDX-License-Identifier: Apache-2.0

/// SplitMix64: the same numbers in every run.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension Seeded {
    /// A few random edits of a valid document.
    mutating func mutated(_ document: [UInt8]) -> [UInt8] {
        var bytes = document
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            let index = bytes.isEmpty ? 0 : Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<6, using: &self) {
            case 0 where !bytes.isEmpty: bytes[index] = UInt8.random(in: .min ... .max, using: &self)
            case 1 where !bytes.isEmpty: bytes.remove(at: index)
            case 2: bytes.insert(UInt8.random(in: .min ... .max, using: &self), at: index)
            case 3 where !bytes.isEmpty: bytes.removeSubrange(index...)
            case 4 where !bytes.isEmpty: bytes.insert(contentsOf: bytes[index..<min(index + 8, bytes.count)], at: index)
            default:
                let special = Array("{}[]\",:\\<>&;=.%+-/?#0e\u{0}".utf8)
                bytes.insert(special[Int.random(in: 0..<special.count, using: &self)], at: index)
            }
        }
        return bytes
    }
}
