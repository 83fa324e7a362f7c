// SPDX-License-Identifier: Apache-2.0

/// How far a place's clocks are from UTC, and when that changes: read from a file of the tz database (RFC 8536). Pure; no byte
/// of the file can trap.
struct ZoneRules: Sendable, Equatable {
    private struct Change: Sendable, Equatable {
        var at: Int64
        var offset: Int
    }

    /// Seconds east of Greenwich before the first change.
    private let initial: Int
    private let changes: [Change]
    /// What holds behind the last change.
    private let rule: ZoneRule?

    static let utc = ZoneRules(offset: 0)

    init(offset: Int) {
        initial = offset
        changes = []
        rule = nil
    }

    /// Nil for bytes that are no such file.
    init?(tzif bytes: [UInt8]) {
        guard let first = Header(bytes, at: 0), let first64 = first.version >= 2 ? Header(bytes, at: first.end(4)) : nil
        else { return nil }
        let times = first64.start
        let types = times + first64.timeCount * 8
        let records = types + first64.timeCount
        guard first64.end(8) <= bytes.count else { return nil }
        var offsets: [Int] = []
        for index in 0..<first64.typeCount {
            let offset = Int(Self.signed32(bytes, at: records + index * 6))
            guard abs(offset) <= 93_600 else { return nil }
            offsets.append(offset)
        }
        var changes: [Change] = []
        for index in 0..<first64.timeCount {
            let type = Int(bytes[types + index])
            let at = Self.signed64(bytes, at: times + index * 8)
            guard offsets.indices.contains(type), changes.last.map({ $0.at < at }) ?? true else { return nil }
            changes.append(Change(at: at, offset: offsets[type]))
        }
        guard let initial = offsets.first else { return nil }
        self.initial = initial
        self.changes = changes
        rule = Self.footer(bytes, behind: first64.end(8)).flatMap { ZoneRule($0) }
    }

    /// The line behind the data, between two line ends.
    private static func footer(_ bytes: [UInt8], behind end: Int) -> Substring? {
        guard end < bytes.count, bytes[end] == 0x0a, let close = bytes[(end + 1)...].firstIndex(of: 0x0a) else {
            return nil
        }
        return Substring(String(decoding: bytes[(end + 1)..<close], as: UTF8.self))
    }

    /// Seconds east of Greenwich at a number of seconds since 1970.
    func offset(at seconds: Int64) -> Int {
        if let last = changes.last, seconds >= last.at { return rule?.offset(at: seconds) ?? last.offset }
        if changes.isEmpty { return rule?.offset(at: seconds) ?? initial }
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].at <= seconds { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? initial : changes[low - 1].offset
    }

    /// When clocks there show a time, given as if it were UTC: not at all, once or twice, in order.
    func seconds(ofLocal local: Int64) -> [Int64] {
        if changes.isEmpty, rule == nil { return [local - Int64(initial)] }
        let candidates = Set([local - 93_600, local, local + 93_600].map { offset(at: $0) })
        return candidates.map { local - Int64($0) }.filter { $0 + Int64(offset(at: $0)) == local }.sorted()
    }

    private struct Header {
        let version: Int
        let start: Int
        let timeCount: Int
        let typeCount: Int
        private let leapCount: Int
        private let nameCount: Int
        private let standardCount: Int
        private let universalCount: Int

        init?(_ bytes: [UInt8], at position: Int) {
            guard position >= 0, position + 44 <= bytes.count,
                bytes[position..<position + 4].elementsEqual("TZif".utf8)
            else { return nil }
            let version = bytes[position + 4]
            self.version = version >= 0x32 ? Int(version - 0x30) : 1
            start = position + 44
            let counts = (0..<6).map { Int(ZoneRules.signed32(bytes, at: position + 20 + $0 * 4)) }
            guard counts.allSatisfy({ 0...10_000 ~= $0 }) else { return nil }
            (universalCount, standardCount, leapCount) = (counts[0], counts[1], counts[2])
            (timeCount, typeCount, nameCount) = (counts[3], counts[4], counts[5])
        }

        func end(_ width: Int) -> Int {
            start + timeCount * (width + 1) + typeCount * 6 + nameCount + leapCount * (width + 4) + standardCount
                + universalCount
        }
    }

    /// Big-endian; zero beyond the end.
    fileprivate static func signed64(_ bytes: [UInt8], at position: Int) -> Int64 {
        Int64(bitPattern: unsigned(bytes, position, 8))
    }

    fileprivate static func signed32(_ bytes: [UInt8], at position: Int) -> Int32 {
        Int32(truncatingIfNeeded: unsigned(bytes, position, 4))
    }

    private static func unsigned(_ bytes: [UInt8], _ position: Int, _ width: Int) -> UInt64 {
        guard position >= 0, position + width <= bytes.count else { return 0 }
        return bytes[position..<position + width].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
