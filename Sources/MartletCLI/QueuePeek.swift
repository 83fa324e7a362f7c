// SPDX-License-Identifier: Apache-2.0
import AWSWire
import ArgumentParser
import MartletCore
import NIOCore

/// `martlet queue peek NAME`: shows messages without taking them.
struct QueuePeek: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peek",
        abstract: "Show a queue's oldest messages without taking them.",
        discussion: """
            Nothing is received: no message is hidden, and no receive is counted. Where the server wants signatures, the
            account's root key is needed.

            EXAMPLES
              martlet queue peek orders
              martlet queue peek orders.fifo --limit 100 --json
            """
    )

    @Argument(help: "The queue's name.")
    var name: String

    @Option(help: "At most so many messages, up to 1000.")
    var limit = 10

    @Flag(help: "Print each message whole, a JSON object a line.")
    var json = false

    @OptionGroup var server: EndpointOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is a number from 1 to 1000.") }
    }

    func run() async throws {
        let client = try server.client()
        let response = try await client.send(
            service: "lambda",
            method: "GET",
            path: "/_martlet/queue",
            query: [("limit", "\(limit)"), ("name", name), ("region", client.region.name)],
            headers: [],
            body: ByteBuffer()
        )
        guard response.status == 200 else { throw client.queueFailure(response) }
        let answer = try JSONValue(parsing: response.body)
        let messages = answer["messages"]?.arrayValue ?? []
        if json {
            FileHandles.standardOutput(messages.map { $0.compactText + "\n" }.joined())
        } else {
            FileHandles.standardOutput(Self.table(messages, of: answer, Terminal.standard))
        }
    }

    static func table(_ messages: [JSONValue], of answer: JSONValue, _ terminal: Terminal) -> String {
        guard case .integer(let total)? = answer["total"], total > 0 else { return "The queue is empty.\n" }
        let rows = messages.map(row)
        let table = Columns.text([["SENT", "RECEIVES", "STATE", "GROUP", "ID", "BODY"]] + rows)
        let rest = total - messages.count
        return table + (rest > 0 ? terminal.paint("and \(rest) more\n", .grey) : "")
    }

    private static func row(_ message: JSONValue) -> [String] {
        let attributes = message["attributes"]
        let sent = attributes?["SentTimestamp"]?.stringValue.flatMap { Int64($0) }.map { Instant(milliseconds: $0) }
        return [
            sent?.iso8601Milliseconds ?? "", attributes?["ApproximateReceiveCount"]?.stringValue ?? "",
            message["state"]?.stringValue ?? "", attributes?["MessageGroupId"]?.stringValue ?? "-",
            message["messageId"]?.stringValue ?? "",
            Terminal.cut(Terminal.plain(message["body"]?.stringValue ?? ""), to: 120),
        ]
    }
}
