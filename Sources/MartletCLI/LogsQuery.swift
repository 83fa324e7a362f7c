import AWSWire
// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import MartletCore

/// `martlet logs query QUERY --group NAME`: asks logs a question in the language of Logs Insights.
/// AWS: StartQuery, GetQueryResults
struct LogsQuery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Ask logs a question in the language of CloudWatch Logs Insights.",
        discussion: """
            EXAMPLES
              martlet logs query 'fields @message | filter @message like /ERROR/' --group hello
              martlet logs query 'stats avg(@duration), max(@maxMemoryUsed) by bin(5m)' --group hello --since 86400
              martlet logs query 'stats count(*) by status' --group /my/group --group /my/other --json
            """
    )

    @Argument(help: "The query.")
    var query: String

    @Option(
        name: .shortAndLong,
        help: "A function's name, or a log group that begins with a slash. May be given again."
    )
    var group: [String]

    @Option(help: "How many seconds back to begin.")
    var since = 3_600

    @Option(help: "At most so many rows.")
    var limit: Int?

    @Flag(help: "Print a JSON object for each row instead of a table.")
    var json = false

    @OptionGroup var server: EndpointOptions

    func validate() throws {
        guard !group.isEmpty else { throw ValidationError("Say where to look with --group.") }
        guard since > 0 else { throw ValidationError("--since is a number of seconds above zero.") }
    }

    func run() async throws {
        let client = try server.client()
        let id = try await start(client)
        while true {
            let answer = try await call(client, "GetQueryResults", [.init("queryId", .string(id))])
            switch answer["status"]?.stringValue {
            case "Scheduled", "Running": try await Task.sleep(for: .milliseconds(50))
            case "Complete": return print(Self.rows(of: try await whole(answer, of: id, client)))
            case let status: throw CommandFailure("The query ended as \(status ?? "nothing that is known").")
            }
        }
    }

    /// The answer with the results of the pages behind it.
    private func whole(_ first: JSONValue, of id: String, _ client: ServerClient) async throws -> JSONValue {
        var (page, results) = (first, first["results"]?.arrayValue ?? [])
        while let token = page["nextToken"]?.stringValue {
            page = try await call(
                client,
                "GetQueryResults",
                [.init("queryId", .string(id)), .init("nextToken", .string(token))]
            )
            results += page["results"]?.arrayValue ?? []
        }
        return .object([.init("results", .array(results))])
    }

    private func start(_ client: ServerClient) async throws -> String {
        let now = Int(SystemClock().now.seconds.rounded(.up))
        let groups = group.map { JSONValue.string($0.hasPrefix("/") ? $0 : "/aws/lambda/\($0)") }
        var members: [JSONValue.Member] = [
            .init("queryString", .string(query)), .init("logGroupNames", .array(groups)),
            .init("startTime", .integer(max(now - since, 0))), .init("endTime", .integer(now)),
        ]
        if let limit { members.append(.init("limit", .integer(limit))) }
        let answer = try await call(client, "StartQuery", members)
        guard let id = answer["queryId"]?.stringValue else { throw CommandFailure("The server gave the query no id.") }
        return id
    }

    private func call(
        _ client: ServerClient,
        _ operation: String,
        _ members: [JSONValue.Member]
    ) async throws -> JSONValue {
        let response = try await client.sendJSON(
            service: "logs",
            target: "Logs_20140328.\(operation)",
            .object(members)
        )
        guard response.status == 200 else {
            throw CommandFailure("\(response.error.code): \(response.error.message)")
        }
        return try JSONValue(parsing: response.body)
    }

    /// Without the pointers, which only programs read.
    private static func rows(of answer: JSONValue) -> [[JSONValue.Member]] {
        (answer["results"]?.arrayValue ?? []).map { row in
            (row.arrayValue ?? []).compactMap { cell in
                guard let field = cell["field"]?.stringValue, field != "@ptr", let value = cell["value"] else {
                    return nil
                }
                return JSONValue.Member(field, value)
            }
        }
    }

    private func print(_ rows: [[JSONValue.Member]]) {
        if json {
            for row in rows { FileHandles.standardOutput(JSONValue.object(row).compactText + "\n") }
        } else {
            for line in TextTable(rows).lines { FileHandles.standardOutput(line + "\n") }
        }
    }
}

/// Rows of named values in columns, with their names above.
struct TextTable {
    let lines: [String]

    init(_ rows: [[JSONValue.Member]]) {
        var names: [String] = []
        for member in rows.joined() where !names.contains(member.name) { names.append(member.name) }
        let table = rows.map { row in
            names.map { name in Self.oneLine(row.first { $0.name == name }?.value.stringValue ?? "") }
        }
        let widths = names.indices.map { column in
            min((table.map { $0[column].count } + [names[column].count]).max() ?? 0, 120)
        }
        lines = rows.isEmpty ? [] : ([names] + table).map { Self.line($0, widths) }
    }

    private static func oneLine(_ text: String) -> String {
        var text = text
        while text.hasSuffix("\n") { text.removeLast() }
        return String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 })
    }

    /// The last column is not filled up.
    private static func line(_ cells: [String], _ widths: [Int]) -> String {
        cells.enumerated().map { index, cell in
            let gap = index == cells.count - 1 ? 0 : max(widths[index] - cell.count, 0)
            return cell + String(repeating: " ", count: gap)
        }.joined(separator: "  ")
    }
}
