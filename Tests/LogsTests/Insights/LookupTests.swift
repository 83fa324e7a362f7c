// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Logs

@Suite("The lookup command") struct LookupTests {
    private static let users = """
        id,name,email,department
        1,Ann,ann@example.com,"Sales, EU"
        2,Bob,,Engineering
        2,Another Bob,x,Sales
        Übung,"O""Neil",o@example.com,
        """
    private static let events = [
        #"{"id":1,"action":"in","email":"old@example.com"}"#, #"{"id":"2","action":"out","email":""}"#,
        #"{"id":3,"action":"in","email":"three@example.com"}"#, #"{"action":"in","user":"Übung"}"#,
    ]
    private let bench = QueryBench(tables: ["users": users, "hosts": "ip,port,host\na,1,A1\na,2,A2\nb,1,B1"])

    @Test("what a table has about an event is shown where it was asked for; without a match there is nothing")
    func output() throws {
        let rows = try bench.cells("fields action, name, email | lookup users id OUTPUT name, email", over: Self.events)
        let shown = rows.map { $0.dropLast().map { "\($0.field)=\($0.value)" }.joined(separator: " ") }
        // Newest first. The event's own email is overwritten, also by nothing.
        #expect(
            shown == [
                "action=in", "action=in", "action=out name=Bob email=", "action=in name=Ann email=ann@example.com",
            ]
        )
    }

    @Test("fields that nobody had asked for come behind those of fields")
    func further() throws {
        let rows = try bench.cells("fields action | lookup users id OUTPUT department", over: Self.events)
        #expect(rows[3].map(\.field) == ["action", "department", "@ptr"])
        #expect(rows[3][1].value == "Sales, EU")
        let plain = try bench.cells("lookup users id OUTPUT name", over: Self.events)
        #expect(plain[3].map(\.field) == ["@timestamp", "@message", "name", "@ptr"])
    }

    @Test("OUTPUTNEW keeps what an event has, and fills what is missing or empty")
    func outputNew() throws {
        let rows = try bench.run("fields id | lookup users id OUTPUTNEW email, name | sort id", over: Self.events)
        #expect(rows.map { $0["email"] } == [nil, "old@example.com", "", "three@example.com"])
        #expect(rows.map { $0["name"] } == [nil, "Ann", "Bob", nil])
    }

    @Test("a column is compared with a field of another name, by text and by case")
    func names() throws {
        #expect(
            try bench.column("name", "lookup users id as user OUTPUT name | filter ispresent(name)", over: Self.events)
                == ["O\"Neil"]
        )
        let hosts = [
            #"{"src":"a","port":2}"#, #"{"src":"A","port":2}"#, #"{"src":"b","port":2}"#, #"{"src":"b","port":1}"#,
        ]
        #expect(
            try bench.column("host", "lookup hosts ip as src, port OUTPUT host | sort @timestamp", over: hosts)
                == ["A2", nil, nil, "B1"]
        )
    }

    @Test("what was looked up can be filtered, counted, and looked up again")
    func chained() throws {
        #expect(
            try bench.run(
                "lookup users id OUTPUT department | stats count(*) as n by department | sort n desc, department",
                over: Self.events
            ) == [["n": "2"], ["n": "1", "department": "Engineering"], ["n": "1", "department": "Sales, EU"]]
        )
        #expect(
            try bench.column(
                "name",
                "stats count(*) as n by id | filter n = 1 | lookup users id output name | filter ispresent(name) | sort name",
                over: Self.events
            ) == ["Ann", "Bob"]
        )
        let twice = "lookup users id OUTPUT name | lookup users name OUTPUT department as x"
        #expect(throws: QueryFault.self) { try QueryParser.plan(twice) }
        #expect(
            try bench.column(
                "department",
                "lookup users id OUTPUT name | filter name = 'Ann' | lookup users name OUTPUT department",
                over: Self.events
            ) == ["Sales, EU"]
        )
    }

    @Test(
        "a lookup that says too little is refused",
        arguments: [
            "lookup", "lookup users", "lookup users id", "lookup users OUTPUT name", "lookup users id OUTPUT",
            "lookup users id OUTPUT name,", "lookup users id as OUTPUT name", "lookup users id, OUTPUT name",
            "lookup a.b id OUTPUT name", "lookup `users` id OUTPUT name", "lookup users id OUTPUT name, name",
            "lookup users id SHOW name", "lookup users 1 OUTPUT name",
        ]
    )
    func refused(_ query: String) {
        #expect(throws: QueryFault.self, "\(query)") { try QueryParser.plan(query) }
    }

    @Test("a query looks into ten tables at most, and into what its memory has room for")
    func limits() throws {
        let one = "lookup users id OUTPUT name"
        #expect(throws: Never.self) { try QueryParser.plan(Array(repeating: one, count: 10).joined(separator: " | ")) }
        #expect(throws: QueryFault.self) {
            try QueryParser.plan(Array(repeating: one, count: 11).joined(separator: " | "))
        }
        let large = "id,name\n" + (0..<10_000).map { "\($0),x\n" }.joined()
        let small = QueryBench(memory: 1 << 20, tables: ["users": large])
        #expect(throws: QueryFailure.tooLarge) { try small.run(one, over: Self.events) }
        #expect(throws: QueryFailure.missingColumn("name", table: "users")) {
            try QueryBench(tables: ["users": "id\n1"]).run(one, over: Self.events)
        }
    }
}

@Suite("Tables as comma-separated values") struct CSVTextTests {
    @Test("fields are read as RFC 4180 writes them")
    func reads() throws {
        let content = try LookupTableContent("\u{feff}a,\"b \"\"x\"\"\",c\r\n1,\"2\n,\",\r\n\n\r4,,6")
        #expect(content.columns == ["a", "b \"x\"", "c"])
        #expect(content.recordCount == 2)
        var text = CSVText("a,b\r\"\"\n\"x\"\"\",\"\n\"")
        #expect(try text.next() == ["a", "b"])
        #expect(try text.next() == [""])
        #expect(try text.next() == ["x\"", "\n"])
        #expect(try text.next() == nil)
    }

    @Test("what is written is read as it was")
    func roundTrip() throws {
        for fields in [["a", "b"], [""], ["", ""], ["x\"y", ",", "\n", "\r\n", "é"], ["\"\""]] {
            var text = CSVText(CSVText.record(fields))
            #expect(try text.next() == fields)
            #expect(try text.next() == nil)
        }
    }

    @Test(
        "what is no table is refused",
        arguments: [
            "", "\n\n", "a,\n1,2", "a,a\n1,2", "a,b\n1", "a,b\n1,2,3", "a\n\"x", "a\n\"x\"y", "\"a", "a\u{0}", ",",
            "a,b\n\"1\" ,2",
        ]
    )
    func refused(_ text: String) {
        #expect(throws: CSVFault.self) { try LookupTableContent(text) }
    }

    @Test("a table has 10 MB and a thousand columns at most")
    func limits() throws {
        let full = "a\n" + String(repeating: "x", count: LogLimits.lookupTableBytes - 2)
        #expect(try LookupTableContent(full).recordCount == 1)
        #expect(throws: CSVFault.self) { try LookupTableContent(full + "x") }
        let header = (1...1_000).map(String.init).joined(separator: ",")
        #expect(try LookupTableContent(header).columns.count == 1_000)
        #expect(throws: CSVFault.self) { try LookupTableContent(header + ",x") }
    }
}
