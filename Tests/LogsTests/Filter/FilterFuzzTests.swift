// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Logs

/// A small generator whose runs can be repeated.
private struct Dice {
    var state: UInt64

    mutating func roll(_ sides: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % sides
    }
}

@Suite("Hostile filter patterns") struct FilterFuzzTests {
    private static let scraps = [
        "{", "}", "[", "]", "(", ")", "$", "$.", ".", "*", "a", "b1", "-", "?", "\"", "\\", "%", "=", "!=", ">", "<=",
        "&&", "||", "1",
        "1e9", "e", "+", "/", "10.0.0.0/8", " ", ",", "...", "IS", "NULL", "TRUE", "NOT", "EXISTS", "'", "ü", "\u{0}",
        "[a-z]", "{1,3}",
        ":", "\n", "x*y", "99999999999999999999",
    ]
    private static let messages = [
        "", "a", "a b1 \"c d\" [e] 1", "{\"a\":{\"b1\":[1,2,{\"x\":null}]},\"1\":true}", "[[[[", "\"\"\"\"", "{\"a\":",
        "ü \u{0} \\",
        String(repeating: "[a ", count: 2_000), String(repeating: "\"", count: 2_001),
    ]

    @Test("any text is a pattern or a fault, and no pattern is undone by any message", arguments: 0..<16)
    func anyText(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 7_919 &+ 1)
        var compiled = 0
        for _ in 0..<400 {
            var pattern = ""
            for _ in 0...dice.roll(24) { pattern += Self.scraps[dice.roll(Self.scraps.count)] }
            switch dice.roll(3) {
            case 0: pattern = "{" + pattern + "}"
            case 1: pattern = "[" + pattern + "]"
            default: break
            }
            guard let filter = try? FilterPattern(pattern) else { continue }
            compiled += 1
            for message in Self.messages { _ = filter.matches(message) }
        }
        #expect(compiled > 0)
    }

    @Test("patterns that were valid once and are cut or changed are patterns or faults", arguments: 0..<8)
    func mutations(seed: Int) {
        var dice = Dice(state: UInt64(seed) &+ 99)
        let valid = [
            "{ ($.user.id = 1) && ($.users[0].email = \"John*\" || $.a['b c'] NOT EXISTS) }",
            "[ip=%127\\.0\\.0\\.[1-9]%, ..., status_code = 4* && status_code != 403, bytes > 1e3]",
            "ERROR -\"timed out\" ?maybe %^[a-z]{2,3}\\d+$%",
        ]
        for pattern in valid {
            for _ in 0..<200 {
                var bytes = Array(pattern.utf8)
                for _ in 0...dice.roll(3) {
                    let index = dice.roll(bytes.count)
                    if dice.roll(2) == 0 {
                        bytes.remove(at: index)
                    } else {
                        bytes[index] = UInt8(0x20 + dice.roll(0x5f))
                    }
                }
                guard let filter = try? FilterPattern(String(decoding: bytes, as: UTF8.self)) else { continue }
                for message in Self.messages { _ = filter.matches(message) }
            }
            #expect((try? FilterPattern(pattern)) != nil)
        }
    }

    @Test("an expression that would backtrack for ever gives up")
    func backtracking() throws {
        let filter = try FilterPattern("%a*a*a*a*a*a*a*a*a*b$%")
        #expect(!filter.matches(String(repeating: "a", count: 20_000)))
    }

    @Test("a line of a million opening brackets is cut")
    func brackets() throws {
        let filter = try FilterPattern("[..., a = x]")
        #expect(filter.matches(String(repeating: "[ \" ", count: 50_000) + "x"))
    }

    @Test("a pattern of any length beyond the limit is refused")
    func tooLong() {
        #expect(throws: FilterFault.malformed) {
            try FilterPattern(String(repeating: "a", count: FilterPattern.maximumLength + 1))
        }
    }
}
