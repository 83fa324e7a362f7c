// SPDX-License-Identifier: Apache-2.0
import CPCRE2

/// A compiled regular expression over UTF-8 (PCRE2), safe for hostile patterns and hostile text: the pattern's length, the
/// compiled size, backtracking and depth are limited.
package final class RegularExpression: Sendable {
    /// Bytes of a pattern. The longest of AWS's API models has about 900.
    package static let maximumPatternLength = 4_096
    private static let matchLimit: UInt32 = 200_000
    private static let heapLimitKiB: UInt32 = 4_096

    private nonisolated(unsafe) let code: OpaquePointer
    private nonisolated(unsafe) let limits: OpaquePointer
    package let pattern: String
    private let namedGroups: [(name: String, number: Int)]

    /// Nil when the pattern is malformed, too long, or compiles to something too large. Longer patterns than usual are for
    /// those that the server itself puts together.
    package init?(_ pattern: String, maximumLength: Int = maximumPatternLength) {
        guard pattern.utf8.count <= maximumLength, let limits = pcre2_match_context_create_8(nil) else {
            return nil
        }
        guard let code = Self.compile(pattern, maximumLength) else {
            pcre2_match_context_free_8(limits)
            return nil
        }
        pcre2_set_match_limit_8(limits, Self.matchLimit)
        pcre2_set_depth_limit_8(limits, Self.matchLimit)
        pcre2_set_heap_limit_8(limits, Self.heapLimitKiB)
        // Without a JIT (hardened kernels) the interpreter does the same, slower.
        _ = pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
        self.code = code
        self.limits = limits
        self.pattern = pattern
        namedGroups = Self.namedGroups(of: code)
    }

    /// PCRE2 keeps a table: for each name two bytes of the group's number, then the name with a zero behind it.
    private static func namedGroups(of code: OpaquePointer) -> [(name: String, number: Int)] {
        var (count, width): (UInt32, UInt32) = (0, 0)
        var table: UnsafePointer<UInt8>?
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMECOUNT), &count)
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMEENTRYSIZE), &width)
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMETABLE), &table)
        guard let table, width > 2 else { return [] }
        return (0..<Int(count)).map { index in
            let entry = UnsafeBufferPointer(start: table + index * Int(width), count: Int(width))
            let name = entry.dropFirst(2).prefix { $0 != 0 }
            return (String(decoding: Array(name), as: UTF8.self), Int(entry[0]) << 8 | Int(entry[1]))
        }.sorted { $0.number < $1.number }
    }

    deinit {
        pcre2_code_free_8(code)
        pcre2_match_context_free_8(limits)
    }

    private static func compile(_ pattern: String, _ maximumLength: Int) -> OpaquePointer? {
        guard let context = pcre2_compile_context_create_8(nil) else { return nil }
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_max_pattern_length_8(context, maximumLength)
        pcre2_set_parens_nest_limit_8(context, 50)
        var error: Int32 = 0
        var offset = 0
        let options =
            UInt32(PCRE2_UTF) | UInt32(PCRE2_DOLLAR_ENDONLY) | UInt32(PCRE2_NEVER_BACKSLASH_C) | UInt32(PCRE2_ALT_BSUX)
        var pattern = pattern
        return pattern.withUTF8 { pcre2_compile_8($0.baseAddress, $0.count, options, &error, &offset, context) }
    }

    /// Whether the whole of `text` matches: how API models mean their patterns. Exceeding a limit counts as no match.
    package func matchesWhole(_ text: String) -> Bool {
        match(text, options: UInt32(PCRE2_ANCHORED) | UInt32(PCRE2_ENDANCHORED))
    }

    /// Whether some part of `text` matches. Exceeding a limit counts as no match.
    package func matchesPart(of text: String) -> Bool { match(text, options: 0) }

    /// The names of the groups that have one, in the order of the groups.
    package var groupNames: [String] { namedGroups.map(\.name) }

    /// The named groups of the first part of `text` that matches; without those that took no part. Nil where nothing matches,
    /// or a limit is exceeded.
    package func firstMatch(in text: String) -> [String: String]? {
        guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else { return nil }
        defer { pcre2_match_data_free_8(data) }
        let groups = namedGroups
        var text = text
        return text.withUTF8 { bytes -> [String: String]? in
            guard pcre2_match_8(code, bytes.baseAddress, bytes.count, 0, 0, data, limits) > 0,
                let offsets = pcre2_get_ovector_pointer_8(data)
            else { return nil }
            let count = Int(pcre2_get_ovector_count_8(data))
            var found: [String: String] = [:]
            for group in groups where group.number < count {
                let (start, end) = (offsets[2 * group.number], offsets[2 * group.number + 1])
                // Both are -1 for a group that took no part.
                guard start >= 0, start <= end, end <= bytes.count else { continue }
                found[group.name] = String(decoding: bytes[start..<end], as: UTF8.self)
            }
            return found
        }
    }

    /// The number of the group with that name.
    package func groupNumber(_ name: String) -> Int? { namedGroups.first { $0.name == name }?.number }

    /// How many groups the pattern has, beside the whole.
    package var groupCount: Int {
        var count: UInt32 = 0
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
        return Int(count)
    }

    /// Where parts of `text` match, one behind the other, as offsets of bytes; no more than `limit`. Parts without any
    /// character are left out. Nil where a limit of matching is exceeded: nobody knows then what else would match.
    package func ranges(in text: String, limit: Int) -> [Range<Int>]? {
        matches(in: text, limit: limit) { offsets, _ in offsets[0]..<offsets[1] }
    }

    /// As `ranges`, each with the ranges of its groups behind the whole; nil for groups that took no part.
    package func matches(in text: String, limit: Int) -> [[Range<Int>?]]? {
        matches(in: text, limit: limit) { offsets, groups in
            (0..<groups).map { group in
                let (start, end) = (offsets[2 * group], offsets[2 * group + 1])
                return start >= 0 && start <= end ? start..<end : nil
            }
        }
    }

    private func matches<T>(in text: String, limit: Int, _ make: (UnsafeMutablePointer<Int>, Int) -> T) -> [T]? {
        guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else { return nil }
        defer { pcre2_match_data_free_8(data) }
        // Swift's strings are well-formed: checking that anew for each part would take square time.
        let options = UInt32(PCRE2_NOTEMPTY) | UInt32(PCRE2_NO_UTF_CHECK)
        var text = text
        return text.withUTF8 { bytes -> [T]? in
            var (found, position): ([T], Int) = ([], 0)
            while found.count < limit, position < bytes.count {
                let result = pcre2_match_8(code, bytes.baseAddress, bytes.count, position, options, data, limits)
                if result == PCRE2_ERROR_NOMATCH { break }
                guard result > 0, let offsets = pcre2_get_ovector_pointer_8(data) else { return nil }
                // What `\K` in a look-around can do to them must not make this stand still, or go back.
                guard offsets[0] >= position, offsets[0] < offsets[1], offsets[1] <= bytes.count else { break }
                found.append(make(offsets, Int(pcre2_get_ovector_count_8(data))))
                position = offsets[1]
            }
            return found
        }
    }

    private func match(_ text: String, options: UInt32) -> Bool {
        guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else { return false }
        defer { pcre2_match_data_free_8(data) }
        var text = text
        // The empty string has no address, and PCRE2 takes none for it.
        return text.withUTF8 { pcre2_match_8(code, $0.baseAddress, $0.count, 0, options, data, limits) > 0 }
    }
}
