// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

@testable import SQS

/// `/_martlet/queue`, asked by those who do not mean well.
@Suite("A look into a queue", .timeLimit(.minutes(20))) struct QueueReportTests {
    private func run(
        over transport: TestServer.Transport = .inProcess,
        _ body: @Sendable (TestServer) async throws -> Void
    ) async throws {
        let providers: @Sendable (TestGround) async throws -> TestAssembly = { ground in
            let sqs = SQSService(
                database: ground.database,
                clock: ground.clock,
                ids: ground.ids,
                authorizer: PermissiveAuthorizer(),
                logger: ground.logger
            )
            try await sqs.migrate()
            var assembly: TestAssembly = [sqs]
            assembly.reports = [QueueReport { try await sqs.peek(at: $0, in: $1, limit: $2) }]
            return assembly
        }
        try await TestServer.run(providers: providers, over: transport) { server in
            let client = server.client(.sqs)
            let url = try await client.call(SQSOperations.createQueue, .init(queueName: "orders")).queueUrl ?? ""
            for body in ["one", "\t\" zwei \u{1f426}"] {
                _ = try await client.call(SQSOperations.sendMessage, .init(queueUrl: url, messageBody: body))
            }
            try await body(server)
        }
    }

    private func ask(_ server: TestServer, _ query: String) async throws -> (status: Int, json: JSONValue?) {
        let answer = try await server.send(
            SignableRequest(method: "GET", path: "/_martlet/queue", query: query, authority: "localhost")
        )
        guard case .buffer(let buffer) = answer.body else { return (answer.status, nil) }
        return (answer.status, try? JSONValue(parsing: String(buffer: buffer)))
    }

    @Test(
        "what names no queue, region or number is refused",
        arguments: [
            "", "name=", "name", "name=orders&limit=0", "name=orders&limit=-1", "name=orders&limit=1001",
            "name=orders&limit=9999999999999999999999", "name=orders&limit=1e3", "name=orders&limit=",
            "name=orders&region=", "name=orders&region=nowhere", "name=orders&region=us-east-1%00", "name=none",
            "name=%00", "name=orders%20", "name=..%2forders", "name=orders'--", "name=orders&region=eu-west-1",
            "limit=3", "&&==&=", "name=" + String(repeating: "o", count: 30_000), "name=orders&name=none",
        ]
    )
    func refused(query: String) async throws {
        try await run { server in
            let answer = try await ask(server, query)
            #expect((400...404).contains(answer.status), "\(answer)")
            #expect(try await ask(server, "name=orders").json?["total"] == .integer(2))
        }
    }

    @Test("thousands of changed questions get an answer or a refusal, and messages stay as they are")
    func changed() async throws {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: .min ... .max, using: &random)
        try await run { server in
            var rubbish = Rubbish(seed: seed, like: "name=orders&region=us-east-1&limit=10&%6eame=orders")
            var statuses: [Int: Int] = [:]
            for _ in 0..<4_000 {
                let query = String(decoding: rubbish.request(), as: UTF8.self)
                let status = try await ask(server, query).status
                statuses[status, default: 0] += 1
                #expect(status < 500, "\(query), seed \(seed)")
            }
            #expect(statuses[200] != nil && statuses[400] != nil, "\(statuses)")
            let messages = try await ask(server, "name=orders").json?["messages"]?.arrayValue
            #expect(messages?.compactMap { $0["body"]?.stringValue } == ["one", "\t\" zwei \u{1f426}"])
            #expect(messages?.compactMap { $0["state"]?.stringValue } == ["visible", "visible"])
        }
    }

    @Test("thousands of broken requests leave it answering") func broken() async throws {
        try await run(over: .live) { server in
            let request =
                "GET /_martlet/queue?name=orders&limit=2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
            try await Rubbish.send(4_000, like: request, to: try #require(server.endpoint))
            #expect(try await ask(server, "name=orders").json?["total"] == .integer(2))
        }
    }
}
