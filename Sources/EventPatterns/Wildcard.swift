// SPDX-License-Identifier: Apache-2.0

/// Text in which `*` stands for any characters; `\*` and `\\` for themselves. Matching reads the text once.
struct Wildcard: Sendable {
    private let first: [UInt8]
    private let middle: [Segment]
    /// Nil for a text without a star, which must be equal.
    private let last: [UInt8]?

    init(_ text: String) throws(PatternFault) {
        var pieces: [[UInt8]] = [[]]
        var isEscaped = false
        var followsStar = false
        for (position, byte) in text.utf8.enumerated() {
            if isEscaped {
                guard byte == UInt8(ascii: "*") || byte == UInt8(ascii: "\\") else {
                    throw PatternFault("Invalid escape character at pos \(position - 1)")
                }
                pieces[pieces.count - 1].append(byte)
                (isEscaped, followsStar) = (false, false)
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "*") {
                guard !followsStar else {
                    throw PatternFault("Consecutive wildcard characters at pos \(position - 1)")
                }
                pieces.append([])
                followsStar = true
            } else {
                pieces[pieces.count - 1].append(byte)
                followsStar = false
            }
        }
        if isEscaped { throw PatternFault("Invalid escape character at pos \(text.utf8.count - 1)") }
        first = pieces[0]
        last = pieces.count > 1 ? pieces[pieces.count - 1] : nil
        middle = pieces.dropFirst().dropLast().map(Segment.init)
    }

    func matches(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let last else { return bytes == first }
        guard bytes.count >= first.count + last.count, bytes.starts(with: first),
            bytes.reversed().starts(with: last.reversed())
        else { return false }
        var rest = bytes[first.count..<(bytes.count - last.count)]
        for segment in middle {
            // The earliest place leaves the most for the others.
            guard let end = segment.end(in: rest) else { return false }
            rest = rest[end...]
        }
        return true
    }

    /// What stands between two stars, with the table of Knuth, Morris and Pratt.
    private struct Segment: Sendable {
        private let bytes: [UInt8]
        /// How much of the beginning is known to match again after a mismatch behind that many bytes.
        private var known: [Int]

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            known = [Int](repeating: 0, count: bytes.count)
            var length = 0
            for index in bytes.indices.dropFirst() {
                while length > 0, bytes[index] != bytes[length] { length = known[length - 1] }
                if bytes[index] == bytes[length] { length += 1 }
                known[index] = length
            }
        }

        func end(in text: ArraySlice<UInt8>) -> Int? {
            guard !bytes.isEmpty else { return text.startIndex }
            var length = 0
            for index in text.indices {
                while length > 0, text[index] != bytes[length] { length = known[length - 1] }
                if text[index] == bytes[length] { length += 1 }
                if length == bytes.count { return index + 1 }
            }
            return nil
        }
    }
}
