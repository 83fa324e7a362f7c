// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

extension LogsTestBench {
    func protect(_ document: String, of group: String = "g") async throws {
        var input = PutDataProtectionPolicyInput()
        input.logGroupIdentifier = group
        input.policyDocument = document
        _ = try await client.call(LogsOperations.putDataProtectionPolicy, input)
    }
}

/// Denies one action to everybody.
private struct DeniedAction: Authorizer {
    let action: String

    func authorize(_ request: AuthorizationRequest) async throws {
        if request.action == action { throw CommonError("AccessDenied", "not \(action)", status: 403) }
    }
}

@Suite("Data protection of log groups") struct DataProtectionTests {
    private static let email = PolicyText.protecting([PolicyText.arn("EmailAddress")])
    private static let masked = "from *******, ok"

    @Test("what comes after the policy is masked wherever it is shown, and unmasked for who may see it")
    func masking() async throws {
        let function = FakeFunction()
        try await LogsTestBench.run(delivering: true, querying: true, targets: [function]) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now - 2, "from a@b.com, before")], to: "s", in: "g")
            try await logs.protect(Self.email)
            try await logs.subscribe("g")
            try await logs.put([(logs.now, "from a@b.com, ok")], to: "s", in: "g")
            #expect(try await logs.get("s", in: "g").texts == ["from a@b.com, before", Self.masked])
            #expect(try await logs.messages(in: "g", "ok") == [Self.masked])
            #expect(try await logs.messages(in: "g", "\"a@b.com\"") == ["from a@b.com, before"])
            let document = try await function.next()?.document()
            #expect(document?["logEvents"]?.arrayValue?.first?["message"]?.stringValue == Self.masked)
            #expect(try await logs.get("s", in: "g") { $0.unmask = true }.texts.last == "from a@b.com, ok")
            #expect(try await logs.filter("g", "\"a@b.com\"") { $0.unmask = true }.texts.count == 2)
            let rows = try await logs.query(
                "fields @message, unmask(@message) as raw, @ptr | filter @message like /ok/"
            )
            #expect(rows.first?["@message"] == Self.masked && rows.first?["raw"] == "from a@b.com, ok")
            var record = GetLogRecordInput()
            record.logRecordPointer = rows.first?["@ptr"] ?? ""
            #expect(
                try await logs.client.call(LogsOperations.getLogRecord, record).logRecord?["@message"] == Self.masked
            )
            record.unmask = true
            #expect(
                try await logs.client.call(LogsOperations.getLogRecord, record).logRecord?["@message"]
                    == "from a@b.com, ok"
            )
        }
    }

    @Test("what a transformer makes of an event is masked too")
    func transformed() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.protect(Self.email)
            try await logs.putTransformer(#"[{"csv": {"columns": ["who"]}}]"#)
            try await logs.put([(logs.now, "a@b.com,1")], to: "s", in: "g")
            #expect(try await logs.query("fields who, unmask(who) as raw").first?["who"] == "*******")
            #expect(try await logs.query("fields unmask(who) as raw").first?["raw"] == "a@b.com")
        }
    }

    @Test("who may not unmask is told so")
    func denied() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            logs.service.neighbours.register(DeniedAction(action: "logs:Unmask"))
            let denial = ClientError("AccessDeniedException", "not logs:Unmask")
            await #expect(throws: denial) { try await logs.get("s", in: "g") { $0.unmask = true } }
            await #expect(throws: denial) { try await logs.filter("g") { $0.unmask = true } }
            await #expect(throws: denial) { try await logs.startQuery("fields unmask(@message)") }
            _ = try await logs.get("s", in: "g")
        }
    }

    @Test("findings are counted and reported to the audit's group, in AWS's form")
    func audit() async throws {
        let metrics = FakeMetrics()
        try await LogsTestBench.run(metrics: metrics) { logs in
            try await logs.create("g", streams: ["s"])
            let findings = #"{"CloudWatchLogs": {"LogGroup": "/aws/vendedlogs/audit"}}"#
            let policy = PolicyText.protecting([PolicyText.arn("EmailAddress")], findings: findings, masking: false)
            await #expect(throws: ClientError.self) { try await logs.protect(policy) }
            try await logs.createGroup("/aws/vendedlogs/audit")
            try await logs.protect(policy)
            try await logs.put([(logs.now, "a@b.com c@d.com"), (logs.now, "nothing")], to: "s", in: "g")
            #expect(try await logs.get("s", in: "g").texts.first == "a@b.com c@d.com")
            let reports = try await logs.messages(in: "/aws/vendedlogs/audit")
            let report = try JSONValue(parsing: try #require(reports.first))
            #expect(reports.count == 1)
            #expect(report["resourceArn"]?.stringValue == "arn:aws:logs:us-east-1:000000000000:log-group:g:*")
            let found = report["dataIdentifiers"]?.arrayValue?.first
            #expect(found?["name"]?.stringValue == "EmailAddress" && found?["count"] == .integer(2))
            #expect(
                found?["detections"]?.arrayValue?.last
                    == .object([.init("start", .integer(8)), .init("end", .integer(15))])
            )
            let measured = await metrics.next()
            #expect(measured?.name == "LogEventsWithFindings" && measured?.statistics.sum == 1)
            #expect(measured?.dimensions["LogGroupName"] == "g")
        }
    }

    @Test("a policy is shown as it was given; a group without one shows its name only")
    func life() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            let get = GetDataProtectionPolicyInput(logGroupIdentifier: "g")
            #expect(try await logs.client.call(LogsOperations.getDataProtectionPolicy, get).policyDocument == nil)
            try await logs.protect(Self.email)
            let shown = try await logs.client.call(LogsOperations.getDataProtectionPolicy, get)
            #expect(shown.policyDocument == Self.email && shown.lastUpdatedTime == logs.now)
            #expect(try await logs.groups().logGroups?.first?.dataProtectionStatus == .activated)
            let delete = DeleteDataProtectionPolicyInput(logGroupIdentifier: "g")
            _ = try await logs.client.call(LogsOperations.deleteDataProtectionPolicy, delete)
            await #expect(throws: ClientError.self) {
                try await logs.client.call(LogsOperations.deleteDataProtectionPolicy, delete)
            }
            try await logs.createStream("s", in: "g")
            try await logs.put([(logs.now, "a@b.com")], to: "s", in: "g")
            #expect(try await logs.get("s", in: "g").texts == ["a@b.com"])
        }
    }

    @Test("lines of functions are looked through as well, and their groups are made with the account's policy")
    func sink() async throws {
        try await LogsTestBench.run { logs in
            try await logs.putAccountPolicy(.dataProtectionPolicy, Self.email)
            let record = LogRecord(timestamp: logs.clock.now, message: "from a@b.com, ok")
            try await logs.service.append([record], toGroup: "/aws/lambda/f", stream: "s", in: LogsTestBench.scope)
            try await logs.service.append([record], toGroup: "/aws/lambda/f", stream: "s", in: LogsTestBench.scope)
            #expect(try await logs.messages(in: "/aws/lambda/f") == [Self.masked, Self.masked])
        }
    }
}
