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

    /// Nil when the pattern is malformed, too long, or compiles to something too large.
    package init?(_ pattern: String) {
        guard pattern.utf8.count <= Self.maximumPatternLength, let limits = pcre2_match_context_create_8(nil) else {
            return nil
        }
        guard let code = Self.compile(pattern) else {
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
    }

    deinit {
        pcre2_code_free_8(code)
        pcre2_match_context_free_8(limits)
    }

    private static func compile(_ pattern: String) -> OpaquePointer? {
        guard let context = pcre2_compile_context_create_8(nil) else { return nil }
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_max_pattern_length_8(context, maximumPatternLength)
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

    private func match(_ text: String, options: UInt32) -> Bool {
        guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else { return false }
        defer { pcre2_match_data_free_8(data) }
        var text = text
        // The empty string has no address, and PCRE2 takes none for it.
        return text.withUTF8 { pcre2_match_8(code, $0.baseAddress, $0.count, 0, options, data, limits) > 0 }
    }
}
