// SPDX-License-Identifier: Apache-2.0
import RegularExpressions
import Testing

@Suite("A regular expression")
struct RegularExpressionTests {
    @Test(
        "matches the whole text",
        arguments: [
            ("[a-z]+", "abc", true), ("[a-z]+", "abc1", false), ("[a-z]+", "abc\n", false),
            ("^[a-z]+$", "abc\n", false),
            ("a|ab", "ab", true), (".*", "é漢🦜", true), (".", "🦜", true), ("()", "", true), ("[a-z]*", "", true),
            (#"[\p{L}]+"#, "éß漢", true), (#"\u0041"#, "A", true), ("a.c", "a\nc", false), (#"[\w]+"#, "é", false),
        ]
    )
    func whole(pattern: String, text: String, matches: Bool) throws {
        #expect(try #require(RegularExpression(pattern)).matchesWhole(text) == matches)
    }

    @Test("finds a part")
    func parts() throws {
        let expression = try #require(RegularExpression("b+"))
        #expect(expression.matchesPart(of: "abba"))
        #expect(!expression.matchesPart(of: "aca"))
    }

    @Test("that is malformed is none", arguments: ["(", "[", "*", "a{2,1}", #"\C"#, "(?<n>a)(?<n>b)"])
    func malformed(pattern: String) {
        #expect(RegularExpression(pattern) == nil)
    }

    @Test("that is too long or nests too deep is none")
    func limits() {
        #expect(RegularExpression(String(repeating: "a", count: RegularExpression.maximumPatternLength + 1)) == nil)
        #expect(RegularExpression(String(repeating: "(", count: 500) + String(repeating: ")", count: 500)) == nil)
        #expect(RegularExpression("(?:(?:abcdefghij){1000}){1000}") == nil)
    }

    @Test("that would backtrack for ever gives up")
    func catastrophe() throws {
        // That it returns is the test: without a limit the match would take longer than anybody waits.
        let expression = try #require(RegularExpression("(a+)+b"))
        #expect(!expression.matchesWhole(String(repeating: "a", count: 5_000) + "c"))
    }

    @Test("may be used by many at once")
    func concurrency() async throws {
        let expression = try #require(RegularExpression("[a-z]+[0-9]"))
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 { group.addTask { expression.matchesWhole("abc\(number % 10)") } }
            for await matched in group { #expect(matched) }
        }
    }
}
