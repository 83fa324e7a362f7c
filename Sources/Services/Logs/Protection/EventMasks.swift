// SPDX-License-Identifier: Apache-2.0

/// Where sensitive data lies in an event, as the store keeps it: `12-30,45-60`, and behind a bar in its transformed form.
struct EventMasks: Sendable, Equatable {
    var message: [Range<Int>] = []
    var transformed: [Range<Int>] = []

    var isEmpty: Bool { message.isEmpty && transformed.isEmpty }

    var text: String { Self.text(message) + (transformed.isEmpty ? "" : "|" + Self.text(transformed)) }

    private static func text(_ ranges: [Range<Int>]) -> String {
        ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }

    /// What cannot be read masks everything: the store was written by somebody else, perhaps by a later version.
    init(_ text: String) {
        let parts = text.split(separator: "|", omittingEmptySubsequences: false)
        message = Self.ranges(parts.first ?? "")
        transformed = parts.count > 1 ? Self.ranges(parts[1]) : []
    }

    init(message: [Range<Int>] = [], transformed: [Range<Int>] = []) {
        self.message = message
        self.transformed = transformed
    }

    private static func ranges(_ text: Substring) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-")
            guard ends.count == 2, let start = Int(ends[0]), let end = Int(ends[1]), start >= 0, start <= end else {
                return [0..<Int.max]
            }
            ranges.append(start..<end)
        }
        return ranges
    }

    /// Overlapping ones together, in order.
    static func joined(_ ranges: [Range<Int>]) -> [Range<Int>] {
        var joined: [Range<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
            if let last = joined.last, range.lowerBound <= last.upperBound {
                joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        return joined
    }

    /// The text with an asterisk for each character that lies in one of the ranges.
    static func mask(_ text: String, _ ranges: [Range<Int>]) -> String {
        guard !ranges.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var (result, position): ([UInt8], Int) = ([], 0)
        result.reserveCapacity(bytes.count)
        for range in ranges {
            let start = min(max(range.lowerBound, position), bytes.count)
            let end = min(max(range.upperBound, start), bytes.count)
            result += bytes[position..<start]
            // Characters, not bytes: what goes on with one of those that only follow is passed over.
            for byte in bytes[start..<end] where byte & 0xc0 != 0x80 { result.append(byte == 0x0a ? byte : 0x2a) }
            position = end
        }
        result += bytes[position...]
        return String(decoding: result, as: UTF8.self)
    }
}
