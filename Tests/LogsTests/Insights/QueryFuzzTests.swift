// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Logs

@Suite("Hostile queries") struct QueryFuzzTests {
    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % max(sides, 1)
        }

        mutating func one<T>(of values: [T]) -> T { values[roll(values.count)] }
    }

    private static let scraps = [
        "fields", "filter", "stats", "sort", "limit", "parse", "dedup", "display", "|", ",", "(", ")", "[", "]", "by",
        "as", "asc", "desc", "and", "or", "not", "in", "like", "=", "!=", "<", ">=", "+", "-", "*", "/", "%", "^",
        "@message", "@timestamp", "a", "a.b.c", "`x y`", "count(*)", "sum(", "pct(a, 99)", "bin(5m)", "bin(", "strlen(",
        "1", "0", "1e308", "99999999999999999999", "'text'", "\"", "'", "/(a|b)+/", "/(?<n>.*)/", "/", "ü", "\u{0}",
        "\n",
        "#", "\\", "ispresent(a)", "concat(", "fromMillis(", "isIpInSubnet(a, '10.0.0.0/8')",
    ]
    private static let valid = [
        "fields @timestamp, @message | filter @message like /ERROR/ and (a.b = 1 or c in ['x', 'y']) | sort @timestamp desc | limit 20",
        "stats count(*) as n, avg(@duration), pct(@duration, 99) by bin(5m), level | sort n desc",
        "parse @message \"user=* status=*\" as user, status | filter status >= 500 | dedup user",
        "parse @message /(?<method>[A-Z]+) (?<path>\\S+)/ | stats count(*) by method",
        "fields strlen(trim(@message)) + 1 as size, coalesce(a, b, 'none') | filter not isempty(a) and size % 2 = 0",
    ]
    private static let messages = [
        "", "plain", "{\"a\":{\"b\":{\"c\":1}},\"level\":\"E\",\"@duration\":\"x\"}", "user=ada status=500", "GET /x",
        "[[[[", "{\"a\":1e999}", "{\"a\":[1,{\"b\":null}]}", String(repeating: "{\"a\":", count: 200),
        String(repeating: "ab", count: 5_000), "\u{0}ü\n\\",
    ]

    private func run(_ query: String) -> Bool {
        do {
            _ = try QueryBench().run(query, over: Self.messages)
            return true
        } catch let fault as QueryFault {
            #expect(fault.range.lowerBound <= query.unicodeScalars.count && !fault.message.isEmpty, "\(query)")
        } catch {
            // One that was stopped: too much memory, or a pattern that takes too many steps.
        }
        return false
    }

    @Test("any text is a query or a fault with its place, and no query is undone by any message", arguments: 0..<8)
    func anyText(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 104_729 &+ 5)
        for _ in 0..<100 {
            let words = (0...dice.roll(14)).map { _ in dice.one(of: Self.scraps) }
            _ = run(words.joined(separator: dice.roll(4) == 0 ? "" : " "))
        }
    }

    @Test("queries that were valid once and are cut or changed are queries or faults", arguments: 0..<8)
    func changed(seed: Int) {
        var dice = Dice(state: UInt64(seed) &+ 31)
        var done = 0
        for _ in 0..<100 {
            var bytes = Array(dice.one(of: Self.valid).utf8)
            for _ in 0...dice.roll(3) where !bytes.isEmpty {
                let place = dice.roll(bytes.count)
                switch dice.roll(4) {
                case 0: bytes.remove(at: place)
                case 1: bytes[place] = UInt8(0x20 + dice.roll(0x5f))
                case 2: bytes.removeSubrange(place...)
                default: bytes.insert(contentsOf: Array(dice.one(of: Self.scraps).utf8), at: place)
                }
            }
            if run(String(decoding: bytes, as: UTF8.self)) { done += 1 }
        }
        #expect(done > 0)
    }

    @Test("the queries that are changed are valid") func untouched() {
        for query in Self.valid { #expect(run(query), "\(query)") }
    }
}
