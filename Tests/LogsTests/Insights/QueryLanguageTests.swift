// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Logs

@Suite("The language of Logs Insights") struct QueryLanguageTests {
    private static let requests = [
        #"{"path":"/a","status":200,"ms":12.5,"user":{"name":"ann","tags":["x","y"]},"ok":true}"#,
        #"{"path":"/b","status":404,"ms":7,"user":{"name":"bob"},"ok":false}"#,
        #"{"path":"/a","status":500,"ms":1000.123456,"note":"it's \"slow\"","ok":false}"#,
        "plain text, ERROR 17",
    ]

    private func count(_ condition: String) throws -> Int {
        try QueryBench().run("fields @message | filter \(condition)", over: Self.requests).count
    }

    @Test(
        "conditions take the rows that AWS takes",
        arguments: [
            ("status = 200", 1), ("status != 200", 3), ("status >= 404", 2), ("status > 404", 1), ("status < 404", 1),
            ("status <= 404", 2), ("status = '200'", 1), ("path = '/a'", 2), ("path = \"/a\" and status = 500", 1),
            ("path = '/a' or status = 404", 3), ("not (path = '/a')", 2), ("not path = '/a' and status = 404", 1),
            ("status in [200, 500]", 2), ("path in ['/b']", 1), ("path not in ['/b']", 3),
            ("@message like 'ERROR'", 1), ("@message like /error/", 0), ("@message like /(?i)error/", 1),
            ("@message =~ /ERROR \\d+/", 1), ("@message not like /ERROR/", 3), ("user.name = 'ann'", 1),
            ("user.tags.1 = 'y'", 1), ("user.tags[0] = 'x'", 1), ("ispresent(user.name)", 2),
            ("not isPresent(status)", 1),
            ("ok = true", 1), ("ok = 1", 1), ("ok", 1), ("ms + 1 = 8", 1), ("ms * 2 >= 25 and ms / 2 < 10", 1),
            ("10 % 4 = 2", 4), ("2 ^ 3 = 8", 4), ("-ms < 0", 3), ("note like \"it's\"", 1), ("strlen(path) = 2", 3),
            ("abs(-3) = 3 and ceil(1.2) = 2 and floor(1.8) = 1", 4), ("greatest(1, 5, 3) = 5 and least(4, 2) = 2", 4),
            ("sqrt(16) = 4 and round(2.346, 2) = 2.35", 4), ("coalesce(note, path) = '/b'", 1),
            ("toupper(path) = '/A' and tolower('X') = 'x'", 2), ("concat(path, '-', status) = '/a-200'", 1),
            ("trim('  x ') = 'x' and ltrim('xxa', 'x') = 'a' and rtrim('axx', 'x') = 'a'", 4),
            ("substr('abcdef', 2, 3) = 'cde' and substr('abc', 1) = 'bc'", 4), ("replace('a-b-c', '-', '') = 'abc'", 4),
            ("strcontains(path, 'a')", 2), ("isEmpty(note)", 3), ("isBlank('  ')", 4),
            ("isValidIpV4('10.0.0.1') and not isValidIp('10.0.0.256') and isValidIpV6('::1')", 4),
            ("isIpv4InSubnet('10.1.2.3', '10.0.0.0/8') and not isIpInSubnet('11.0.0.1', '10.0.0.0/8')", 4),
            ("isIpv6InSubnet('2001:db8::1', '2001:db8::/32')", 4), ("`user`.`name` = 'bob'", 1),
            ("@timestamp >= 1769860802000", 2), ("tomillis(@timestamp) = 1769860801000", 1),
            ("status like '40'", 1), ("missing = ''", 0), ("missing != 'x'", 4), ("missing > 1 or missing <= 1", 0),
        ]
    )
    func conditions(_ condition: String, _ rows: Int) throws {
        #expect(try count(condition) == rows, "\(condition)")
    }

    @Test("without commands that say so, time and message are shown, newest first")
    func defaults() throws {
        let rows = try QueryBench().cells("filter status > 0", over: Self.requests)
        #expect(rows.map { $0.map(\.field) } == Array(repeating: ["@timestamp", "@message", "@ptr"], count: 3))
        #expect(rows.first?.first?.value == "2026-01-31 12:00:02.000")
        #expect(rows.last?.first?.value == "2026-01-31 12:00:00.000")
    }

    @Test("fields show what they name, in order, and leave out what an event has not")
    func fields() throws {
        let rows = try QueryBench().cells(
            "fields status, ms / 3 as third, path | fields @logStream, @log",
            over: Self.requests
        )
        #expect(
            rows.map { $0.dropLast().map { "\($0.field)=\($0.value)" }.joined(separator: " ") } == [
                "@logStream=s @log=000000000000:g",
                "status=500 third=333.3745 path=/a @logStream=s @log=000000000000:g",
                "status=404 third=2.3333 path=/b @logStream=s @log=000000000000:g",
                "status=200 third=4.1667 path=/a @logStream=s @log=000000000000:g",
            ]
        )
        let display = try QueryBench().cells("fields ms | display path, ok", over: Self.requests)
        #expect(display[1].map(\.field) == ["path", "ok", "@ptr"])
        #expect(display[1][1].value == "0")
        #expect(try QueryBench().column("ms", "fields ms | sort ms desc", over: Self.requests).first == "1000.123456")
    }

    @Test("rows are sorted by numbers as numbers, by several keys, and cut")
    func sorting() throws {
        let numbers = [9, 10, 1, 100, 10].map { "{\"n\":\($0),\"m\":\($0 % 2)}" }
        let bench = QueryBench()
        #expect(try bench.column("n", "fields n | sort n", over: numbers) == ["1", "9", "10", "10", "100"])
        #expect(try bench.column("n", "fields n | sort n desc | limit 2", over: numbers) == ["100", "10"])
        #expect(try bench.column("n", "fields n | sort m desc, n asc", over: numbers) == ["1", "9", "10", "10", "100"])
        #expect(try bench.column("n", "fields n | limit 2", over: numbers) == ["10", "100"])
        #expect(try bench.column("n", "fields n | sort n | dedup n", over: numbers) == ["1", "9", "10", "100"])
        #expect(try bench.column("n", "fields n | dedup m | limit 1", over: numbers) == ["10"])
        let many = (0..<5_000).map { "{\"n\":\(($0 * 7_919) % 5_000)}" }
        #expect(try bench.column("n", "fields n | sort n | limit 3", over: many) == ["0", "1", "2"])
    }

    @Test("parse takes fields out of a text by asterisks or by groups")
    func parsing() throws {
        let lines = ["user=ann, method:GET, latency := 12", "user=bob, method:PUT, latency := 8", "nothing"]
        let bench = QueryBench()
        let glob = try bench.run(
            "parse @message \"user=*, method:*, latency := *\" as @user, @method, @latency | display @user, @latency",
            over: lines
        )
        #expect(glob.map { $0["@user"] } == [nil, "bob", "ann"])
        #expect(glob.map { $0["@latency"] } == [nil, "8", "12"])
        let average = try bench.run(
            "parse 'latency := *' as latency | stats avg(latency) as average, max(latency)",
            over: lines
        )
        #expect(average == [["average": "10", "max(latency)": "12"]])
        let regex = try bench.run(
            "parse @message /user=(?<user>\\w+), method:(?<method>\\w+)/ | filter method = 'PUT' | display user",
            over: lines
        )
        #expect(regex.map { $0["user"] } == ["bob"])
        let levels = ["[ERROR] disk: full", "[INFO] fine"]
        #expect(try bench.column("level", "parse @message '[*] *' as level, text", over: levels) == ["INFO", "ERROR"])
        #expect(
            try bench.column("text", "parse @message '[*] *' as level, text", over: levels) == ["fine", "disk: full"]
        )
    }

    @Test("stats count and measure, by fields and by time")
    func stats() throws {
        let bench = QueryBench()
        let all = try bench.cells(
            """
            stats count(*) as n, count(ms), sum(status), avg(ms), min(ms), max(ms), pct(ms, 50), count_distinct(path),
                earliest(path), latest(path), sortsFirst(path), sortsLast(path), stddev(status)
            """,
            over: Self.requests
        )
        #expect(
            all.map { $0.map(\.value) } == [
                ["4", "3", "1104", "339.8745", "7", "1000.1235", "12.5", "2", "/a", "/a", "/a", "/b", "125.092"]
            ]
        )
        #expect(all[0].map(\.field)[0...3] == ["n", "count(ms)", "sum(status)", "avg(ms)"])
        let byPath = try bench.cells("stats count(*) as n by path | sort n desc, path", over: Self.requests)
        #expect(byPath.map { $0.map(\.field) }[0] == ["path", "n"])
        #expect(byPath.map { $0.map(\.value) } == [["/a", "2"], ["1"], ["/b", "1"]])
        let lines = (0..<130).map { "{\"n\":\($0)}" }
        let byTime = try bench.cells("stats sum(n), count(*) by bin(1m)", over: lines)
        #expect(
            byTime.map { $0.map(\.value) } == [
                ["2026-01-31 12:00:00.000", "1770", "60"], ["2026-01-31 12:01:00.000", "5370", "60"],
                ["2026-01-31 12:02:00.000", "1245", "10"],
            ]
        )
        #expect(byTime[0].map(\.field) == ["bin(1m)", "sum(n)", "count(*)"])
        let two = try bench.run(
            "stats count(*) as n by bin(1m) as minute | stats max(n) as most, count(*) as minutes",
            over: lines
        )
        #expect(two == [["most": "60", "minutes": "3"]])
        let sorted = try bench.column(
            "count(*)",
            "stats count(*) by bin(1m) | sort count(*) desc | limit 1",
            over: lines
        )
        #expect(sorted == ["60"])
        #expect(try bench.run("filter n > 1000 | stats count(*)", over: lines).isEmpty)
    }

    @Test("results of one stats are used in the same one and after it")
    func arithmeticOfResults() throws {
        let lines = (1...4).map { "{\"n\":\($0)}" }
        let rows = try QueryBench().run(
            "stats sum(n) as total, count(*) as rows, total / rows as mean, max(n) - min(n) as spread | filter mean > 2 | fields total * 2 as twice",
            over: lines
        )
        #expect(rows == [["total": "10", "rows": "4", "mean": "2.5", "spread": "3", "twice": "20"]])
    }

    @Test("the lines that Lambda writes have their fields in functions' groups only")
    func lambda() throws {
        let id = "0d1e2f3a-0000-4000-8000-123456789abc"
        let lines = [
            "START RequestId: \(id) Version: $LATEST\n",
            "2026-01-31T12:00:01.000Z\t\(id)\tINFO\tloaded {\"items\": 3}\n",
            "END RequestId: \(id)\n",
            "REPORT RequestId: \(id)\tDuration: 102.25 ms\tBilled Duration: 103 ms\tMemory Size: 128 MB\tMax Memory Used: 39 MB\tInit Duration: 95.5 ms\t\n",
        ]
        let query =
            "filter @type = 'REPORT' | fields @requestId, @duration, @billedDuration, @memorySize, @maxMemoryUsed, @initDuration"
        let rows = try QueryBench(group: "/aws/lambda/f").cells(query, over: lines)
        #expect(rows.map { $0.dropLast().map(\.value) } == [[id, "102.25", "103.0", "1.28E8", "3.9E7", "95.5"]])
        let memory =
            "filter @type = 'REPORT' | stats max(@memorySize / 1000 / 1000) as mb, max(@duration), min(@maxMemoryUsed)"
        #expect(
            try QueryBench(group: "/aws/lambda/f").run(memory, over: lines)
                == [["mb": "128", "max(@duration)": "102.25", "min(@maxMemoryUsed)": "39000000"]]
        )
        #expect(
            try QueryBench(group: "/aws/lambda/f").column("items", "fields items | filter items = 3", over: lines) == [
                "3"
            ]
        )
        let ofRequest = "filter @requestId = '\(id)' | stats count(*) as n"
        #expect(try QueryBench(group: "/aws/lambda/f").run(ofRequest, over: lines) == [["n": "4"]])
        #expect(try QueryBench(group: "g").run("filter ispresent(@type)", over: lines).isEmpty)
    }

    @Test("comments, line ends and capitals do not matter")
    func form() throws {
        let query = """
            # all of them
            FIELDS status AS s # the status
            | FILTER s > 0 AND NOT s = 404
            | SORT s DESC
            | LIMIT 1
            """
        #expect(try QueryBench().column("s", query, over: Self.requests) == ["500"])
    }

    @Test("JSON in a field is read, and its members in a later command")
    func json() throws {
        let lines = ["{\"body\":\"{\\\"a\\\":{\\\"b\\\":[1,2]}}\"}"]
        let rows = try QueryBench().run(
            "fields jsonParse(body) as j | fields j.a.b.1 as second, jsonStringify(j.a)",
            over: lines
        )
        #expect(rows[0]["second"] == "2")
        #expect(rows[0]["j"] == "{\"a\":{\"b\":[1,2]}}")
        #expect(rows[0]["jsonStringify(j.a)"] == "{\"b\":[1,2]}")
    }

    @Test("a query that would keep too much fails instead of showing a part")
    func memory() {
        var bench = QueryBench()
        bench.memory = 20_000
        let lines = (0..<2_000).map { "{\"n\":\($0)}" }
        #expect(throws: QueryFailure.tooLarge) { try bench.run("stats count(*) by n", over: lines) }
        #expect(throws: QueryFailure.tooLarge) { try bench.run("stats count_distinct(n)", over: lines) }
        #expect(throws: QueryFailure.tooLarge) { try bench.run("stats pct(n, 9)", over: lines + lines) }
        #expect(throws: QueryFailure.tooLarge) { try bench.run("dedup n", over: lines) }
        #expect(throws: QueryFailure.tooLarge) { try bench.run("sort n", over: lines) }
    }
}
