// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

extension LogsTestBench {
    @discardableResult
    func createTable(
        _ name: String,
        _ body: String?,
        configure: (inout CreateLookupTableInput) -> Void = { _ in }
    ) async throws -> CreateLookupTableOutput {
        var input = CreateLookupTableInput()
        (input.lookupTableName, input.tableBody) = (name, body)
        configure(&input)
        return try await client.call(LogsOperations.createLookupTable, input)
    }

    @discardableResult
    func updateTable(_ arn: String, _ body: String?, query: String? = nil) async throws -> UpdateLookupTableOutput {
        var input = UpdateLookupTableInput()
        (input.lookupTableArn, input.tableBody, input.queryId) = (arn, body, query)
        return try await client.call(LogsOperations.updateLookupTable, input)
    }

    func table(_ arn: String) async throws -> GetLookupTableOutput {
        var input = GetLookupTableInput()
        input.lookupTableArn = arn
        return try await client.call(LogsOperations.getLookupTable, input)
    }

    func tables(
        configure: (inout DescribeLookupTablesInput) -> Void = { _ in }
    ) async throws -> DescribeLookupTablesOutput {
        var input = DescribeLookupTablesInput()
        configure(&input)
        return try await client.call(LogsOperations.describeLookupTables, input)
    }

    func deleteTable(_ arn: String) async throws {
        var input = DeleteLookupTableInput()
        input.lookupTableArn = arn
        _ = try await client.call(LogsOperations.deleteLookupTable, input)
    }
}

@Suite("Lookup tables") struct LookupTableTests {
    private static let arn = "arn:aws:logs:us-east-1:000000000000:lookup-table:users"
    private static let missing = ClientError(
        "ResourceNotFoundException",
        "The specified lookup table does not exist."
    )

    @Test("a table is shown as it was created, replaced as a whole, and gone when deleted")
    func life() async throws {
        try await LogsTestBench.run { logs in
            let created = try await logs.createTable("users", "id,name\n1,Ann\n") { $0.description = "people" }
            #expect(created.lookupTableArn == Self.arn)
            #expect(created.createdAt == logs.now)
            let first = try await logs.table(Self.arn)
            #expect(first.tableBody == "id,name\n1,Ann\n")
            #expect(first.sizeBytes == 14)
            #expect(first.description == "people")
            await logs.clock.advance(by: .seconds(5))
            let updated = try await logs.updateTable(Self.arn, "id,mail\n1,a\n2,b")
            #expect(updated.lastUpdatedTime == logs.now)
            let shown = try #require(try await logs.tables().lookupTables?.first)
            #expect(shown.lookupTableName == "users")
            #expect(shown.tableFields == ["id", "mail"])
            #expect(shown.recordsCount == 2)
            #expect(shown.description == "people")
            #expect(shown.lastUpdatedTime == logs.now)
            try await logs.deleteTable(Self.arn)
            #expect(try await logs.tables().lookupTables?.isEmpty == true)
            await #expect(throws: Self.missing) { _ = try await logs.table(Self.arn) }
            await #expect(throws: Self.missing) { try await logs.deleteTable(Self.arn) }
            await #expect(throws: Self.missing) { try await logs.updateTable(Self.arn, "a") }
        }
    }

    @Test("tables are listed by name, in pages, by prefix, each account and region its own")
    func listing() async throws {
        try await LogsTestBench.run { logs in
            for name in ["b2", "a", "b1"] { try await logs.createTable(name, "x\n1") }
            let page = try await logs.tables { $0.maxResults = 2 }
            #expect(page.lookupTables?.map(\.lookupTableName) == ["a", "b1"])
            let rest = try await logs.tables { $0.nextToken = page.nextToken }
            #expect(rest.lookupTables?.map(\.lookupTableName) == ["b2"])
            #expect(rest.nextToken == nil)
            let prefixed = try await logs.tables { $0.lookupTableNamePrefix = "b" }
            #expect(prefixed.lookupTables?.map(\.lookupTableName) == ["b1", "b2"])
            #expect(try await logs.inAccount("111111111111").tables().lookupTables?.isEmpty == true)
            #expect(try await logs.inRegion("eu-west-1").tables().lookupTables?.isEmpty == true)
            await #expect(throws: Expected.badToken) { _ = try await logs.tables { $0.nextToken = "???" } }
        }
    }

    @Test("a name is taken once, a hundred tables are the most, and what is no table is refused")
    func refusals() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createTable("users", "x\n1")
            let twice = ClientError("ResourceAlreadyExistsException", "The specified lookup table already exists.")
            await #expect(throws: twice) { try await logs.createTable("users", "x\n1") }
            for number in 1..<LogLimits.lookupTables { try await logs.createTable("t\(number)", "x\n1") }
            let full = ClientError("LimitExceededException", "Resource limit exceeded.")
            await #expect(throws: full) { try await logs.createTable("more", "x\n1") }
            let ragged = Expected.invalid(
                "The table is not valid CSV: the record before line 3 has 1 fields, not 2."
            )
            await #expect(throws: ragged) { try await logs.updateTable(Self.arn, "a,b\n1\n") }
            let neither = Expected.invalid("Exactly one of tableBody and queryId must be specified.")
            await #expect(throws: neither) { try await logs.updateTable(Self.arn, nil) }
            await #expect(throws: neither) { try await logs.updateTable(Self.arn, "a", query: "b") }
            await #expect(throws: ClientError.self) { try await logs.createTable("no-hyphens", "x") }
            await #expect(throws: Expected.invalid("The specified lookup table ARN is invalid.")) {
                _ = try await logs.table("users")
            }
            await #expect(throws: Self.missing) {
                _ = try await logs.table("arn:aws:logs:us-east-1:111111111111:lookup-table:users")
            }
            await #expect(throws: ClientError.self) { try await logs.createTable("k", "x") { $0.kmsKeyId = "arn:x" } }
            #expect(try await logs.table(Self.arn).tableBody == "x\n1")
        }
    }

    @Test("a table of 10 MB passes the front door, also with every line end escaped")
    func large() async throws {
        try await LogsTestBench.run { logs in
            let body = "a\n" + String(repeating: "\"\"\n", count: LogLimits.lookupTableBytes / 3 - 1)
            try await logs.createTable("users", body)
            #expect(try await logs.table(Self.arn).tableBody?.utf8.count == body.utf8.count)
        }
    }

    @Test("a table has tags, which are gone with it")
    func tags() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createTable("users", "x") { $0.tags = ["team": "a"] }
            var tag = TagResourceInput()
            (tag.resourceArn, tag.tags) = (Self.arn, ["stage": "b"])
            _ = try await logs.client.call(LogsOperations.tagResource, tag)
            var list = ListTagsForResourceInput()
            list.resourceArn = Self.arn
            #expect(
                try await logs.client.call(LogsOperations.listTagsForResource, list).tags == [
                    "team": "a", "stage": "b",
                ]
            )
            var untag = UntagResourceInput()
            (untag.resourceArn, untag.tagKeys) = (Self.arn, ["team"])
            _ = try await logs.client.call(LogsOperations.untagResource, untag)
            #expect(try await logs.client.call(LogsOperations.listTagsForResource, list).tags == ["stage": "b"])
            try await logs.deleteTable(Self.arn)
            let gone = ClientError("ResourceNotFoundException", "The specified resource does not exist.")
            await #expect(throws: gone) { _ = try await logs.client.call(LogsOperations.listTagsForResource, list) }
            try await logs.createTable("users", "x")
            #expect(try await logs.client.call(LogsOperations.listTagsForResource, list).tags == [:])
        }
    }

    @Test("queries look into a table as it is when they begin; one that does not exist is refused, or fails the query")
    func queried() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now, #"{"user":1}"#), (logs.now + 1, #"{"user":2}"#)], to: "s", in: "g")
            try await logs.createTable("users", "id,name\n1,Ann\n2,Bob\n")
            let query = "fields user | lookup users id as user OUTPUT name | filter ispresent(name) | sort user"
            #expect(try await logs.query(query).map { $0["name"] } == ["Ann", "Bob"])
            try await logs.updateTable(Self.arn, "id,name\n2,Bill\n")
            #expect(try await logs.query(query).map { $0["name"] } == ["Bill"])
            try await logs.updateTable(Self.arn, "id\n2\n")
            await #expect(throws: Expected.invalid("The lookup table users does not have a field name.")) {
                _ = try await logs.query(query)
            }
            try await logs.deleteTable(Self.arn)
            let gone = ClientError("ResourceNotFoundException", "The lookup table users does not exist.")
            await #expect(throws: gone) { _ = try await logs.query(query) }
        }
    }

    @Test("a table that is deleted while a query waits fails the query")
    func deletedMeanwhile() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            try await logs.createTable("users", "id,name\n1,Ann\n")
            let id = try await logs.startQuery("lookup users id OUTPUT name")
            try await logs.deleteTable(Self.arn)
            let running = Task { try await logs.service.queries.run() }
            #expect(try await logs.finished(id).status == .failed)
            let failure = logs.service.queries.table.entry(id, in: LogsTestBench.scope)?.failure
            #expect(failure == "The lookup table users does not exist.")
            running.cancel()
            _ = await running.result
        }
    }

    @Test("the results of a query become a table")
    func ofQuery() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put(
                [(logs.now, #"{"a":"x,y","b":1}"#), (logs.now + 1, #"{"a":"z"}"#)],
                to: "s",
                in: "g"
            )
            let id = try await logs.startQuery("fields a, b | sort a")
            _ = try await logs.finished(id)
            try await logs.createTable("users", nil) { $0.queryId = id }
            #expect(try await logs.table(Self.arn).tableBody == "a,b\n\"x,y\",1\nz,\n")
            await #expect(throws: Expected.invalid("The specified query does not exist.")) {
                try await logs.updateTable(Self.arn, nil, query: "nobody")
            }
        }
    }

    @Test("the results of a query that has not ended do not")
    func ofRunningQuery() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            let id = try await logs.startQuery("fields a")
            await #expect(throws: Expected.invalid("The query is in Scheduled status.")) {
                try await logs.createTable("users", nil) { $0.queryId = id }
            }
        }
    }
}
