// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Logs

@Suite("Queries that cannot be compiled") struct QueryFaultTests {
    private func fault(_ query: String) -> QueryFault? {
        do {
            _ = try QueryParser.plan(query)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "a query that is not of the language is refused",
        arguments: [
            "", "   ", "fields", "fields @message |", "| fields @message", "bad", "fields @message filter a = 1",
            "filter",
            "filter a =", "filter a = 'x", "filter (a = 1", "filter a = 1)", "filter a like", "filter a like b",
            "filter a like /(/", "filter a in 1", "filter a in [1", "filter a not b", "filter foo(a)",
            "filter strlen()",
            "filter strlen(a, b, c)", "stats", "stats a", "stats 1", "stats count(*", "stats count(*) by",
            "stats sum()",
            "stats pct(a, 101)", "fields count(*)", "stats count(*) by bin(5)", "stats count(*) by bin(5x)",
            "stats count(*) by bin(0m)", "limit", "limit 0", "limit -1", "limit 1.5", "limit x", "sort", "sort a up",
            "parse @message", "parse @message 'a'", "parse @message 'a*' as b, c", "parse @message 'a' as b",
            "parse @message /a(b)/", "parse @message /(?<a/", "dedup", "dedup a | sort b", "fields a as",
            "fields a as 1",
            "fields `a", "fields a..b", "fields 1.2.3", "fields a,", "fields a b", "fields -", "fields a +",
            "stats count(*) | stats count(*) | stats count(*)", "pattern @message", "unmask @message", "filter a = /b/",
            "fields @message | limit 5 5", "fields @timestamp; limit 1", "SELECT * FROM x",
        ]
    )
    func refused(_ query: String) {
        let found = fault(query)
        #expect(found != nil, "\(query)")
        if let found {
            #expect(found.range.lowerBound <= query.unicodeScalars.count)
            #expect(!found.message.isEmpty)
        }
    }

    @Test("the fault says what was found and where")
    func places() {
        #expect(
            fault("fields @message | bad 1")
                == QueryFault(message: "unexpected symbol found bad at line 1 and position 19", range: 18..<21)
        )
        #expect(
            fault("fields é\n| filter x ~ 1")
                == QueryFault(message: "unexpected symbol found ~ at line 2 and position 12", range: 20..<21)
        )
        #expect(fault("dedup a | sort b")?.message == "unexpected symbol found sort at line 1 and position 11")
        #expect(fault("fields @message |")?.message == "unexpected symbol found <EOF> at line 1 and position 18")
        #expect(fault("pattern @message")?.message == "Martlet does not implement the query command pattern yet.")
    }

    @Test("nesting and length have limits")
    func limits() {
        #expect(fault("filter " + String(repeating: "(", count: 5_000) + "1") != nil)
        #expect(fault("filter " + String(repeating: "not ", count: 5_000) + "a = 1") == nil)
        #expect(fault("filter a = " + String(repeating: "2^", count: 5_000) + "1") != nil)
        #expect(fault("filter a = " + String(repeating: "-", count: 5_000) + "1") == nil)
        #expect(fault("filter a = 1" + String(repeating: " + 1", count: 5_000)) != nil)
        #expect(fault("filter abs(" + String(repeating: "abs(", count: 4_000) + "1") != nil)
        #expect(fault("fields " + String(repeating: "a", count: QueryParser.maximumLength)) != nil)
        #expect(fault(Array(repeating: "limit 1", count: 500).joined(separator: " | ")) != nil)
    }

    private static let scraps = [
        "fields", "filter", "stats", "sort", "limit", "parse", "dedup", "display", "by", "as", "|", "|", ",", "(", ")",
        "[",
        "]", "count(*)", "sum(", "avg(a)", "pct(b, 9)", "bin(5m)", "@message", "@timestamp", "a", "b.c", "`d e`", "'x'",
        "\"y*\"",
        "/z(?<n>.)/", "1", "2.5", "1e9", "=", "!=", "<", ">=", "like", "not", "in", "and", "or", "+", "-", "*", "/",
        "%", "^",
        "=~", "desc", "asc", "strlen(", "coalesce(", "jsonParse(", "\\", "ü", "\u{0}", "#", "\n", "true", "null", "~",
        ";",
    ]
    private static let messages = [
        "", "a", "{\"a\":1,\"b\":{\"c\":[1,2]},\"d e\":\"x\"}", "{\"a\":\"1e400\"}", "yz(zz)", "{\"a\":-0.0}", "\u{0}ü",
        String(repeating: "z", count: 3_000),
    ]

    @Test("any text is a query or a fault, and no query is undone by any event", arguments: 0..<16)
    func fuzz(seed: Int) throws {
        var state = UInt64(seed) &* 7_919 &+ 3
        func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % sides
        }
        let beginnings = [
            "fields a", "filter a", "stats count(*)", "sort a", "parse @message '*' as a", "limit 5", "dedup a", "",
        ]
        var compiled = 0
        for _ in 0..<400 {
            var query = beginnings[roll(beginnings.count)]
            for _ in 0..<roll(10) { query += (roll(5) == 0 ? "" : " ") + Self.scraps[roll(Self.scraps.count)] }
            guard fault(query) == nil else { continue }
            compiled += 1
            _ = try QueryBench().run(query, over: Self.messages)
        }
        #expect(compiled > 20)
    }

    @Test("a regular expression that would backtrack for ever gives up")
    func backtracking() throws {
        let lines = [String(repeating: "a", count: 20_000)]
        #expect(try QueryBench().run("filter @message like /(a+)+b/", over: lines).isEmpty)
        #expect(try QueryBench().column("x", "parse @message /(?<x>(a+)+b)/", over: lines) == [nil])
    }
}
