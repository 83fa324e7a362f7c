// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore

/// Which functions a chain of invocations has gone through, as the trace header carries it from call to call:
/// `Lineage=1:a1b2c3d4:3|1:0f0e0d0c:0`, a mark of each function and how often the chain has come back to it. SDKs pass the
/// header on, so a loop is seen wherever it leads through services that do so too.
///
/// What callers send is judged, not believed: a chain with more functions than are kept forgets the oldest.
struct Lineage: Sendable, Equatable {
    /// AWS ends a loop after about so many invocations of one function.
    static let limit = 16
    private static let kept = 16
    private static let highest = 255

    struct Entry: Sendable, Equatable {
        var mark: String
        /// Nought at the first invocation.
        var returns: Int
    }

    private(set) var entries: [Entry] = []

    init(traceHeader: String) {
        guard Self.isNamed(in: traceHeader) else { return }
        let field = traceHeader.split(separator: ";").first { $0.hasPrefix("Lineage=") }
        for text in field?.dropFirst("Lineage=".count).split(separator: "|").suffix(Self.kept) ?? [] {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3, Self.isMark(parts[1]), let returns = Int(parts[2]), returns >= 0 else { continue }
            entries.append(Entry(mark: String(parts[1]), returns: min(returns, Self.highest)))
        }
    }

    /// Whether it may have one; nearly none has.
    private static func isNamed(in traceHeader: String) -> Bool {
        traceHeader.utf8.contains(0x4c) && traceHeader.contains("Lineage=")
    }

    private static func isMark(_ text: Substring) -> Bool {
        text.utf8.count == 8 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// The function's name and owner in eight digits; its versions are one function.
    static func mark(of key: VersionKey) -> String {
        String(Hex.encode(SHA256.hash(data: Array(key.functionARN.description.utf8))).prefix(8))
    }

    /// Counts one more invocation; false when the chain has come to the function too often.
    mutating func enter(_ key: VersionKey) -> Bool {
        let mark = Self.mark(of: key)
        guard let index = entries.firstIndex(where: { $0.mark == mark }) else {
            if entries.count >= Self.kept { entries.removeFirst() }
            entries.append(Entry(mark: mark, returns: 0))
            return true
        }
        entries[index].returns = min(entries[index].returns + 1, Self.highest)
        return entries[index].returns < Self.limit
    }

    /// Of several chains that one invocation continues: each function as often as in the chain that has it most often.
    mutating func merge(_ other: Lineage) {
        for entry in other.entries {
            guard let index = entries.firstIndex(where: { $0.mark == entry.mark }) else {
                if entries.count >= Self.kept { entries.removeFirst() }
                entries.append(entry)
                continue
            }
            entries[index].returns = max(entries[index].returns, entry.returns)
        }
    }

    /// The header with this lineage in place of its own.
    func written(into traceHeader: String) -> String {
        let text = entries.map { "1:\($0.mark):\($0.returns)" }.joined(separator: "|")
        guard Self.isNamed(in: traceHeader) else { return traceHeader + ";Lineage=" + text }
        let others = traceHeader.split(separator: ";").filter { !$0.hasPrefix("Lineage=") }
        return others.joined(separator: ";") + ";Lineage=" + text
    }
}
