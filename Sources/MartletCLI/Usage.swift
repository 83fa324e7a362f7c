import AWSWire
// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import MartletCore
import NIOCore

/// `martlet usage`: what functions used, by day.
package struct Usage: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Print what functions used: requests, GB-seconds, cold starts, errors, throttles, by day.",
        discussion: """
            Days are UTC. Where the server wants signatures, the account's root key is needed.

            EXAMPLES
              martlet usage
              martlet usage --function hello --since 2026-01-31
              martlet usage --json
            """
    )

    @Option(help: "Of this function only.")
    var function: String?

    @Option(help: "The first day, such as 2026-01-31. The last thirty days unless given.")
    var since: String?

    @Flag(help: "Print the server's answer instead of a table.")
    var json = false

    @OptionGroup var server: EndpointOptions

    package init() {}

    package func run() async throws {
        var query: [(String, String)] = []
        if let function { query.append(("function", function)) }
        if let since { query.append(("since", since)) }
        let response = try await server.client().send(
            service: "lambda",
            method: "GET",
            path: "/_martlet/usage",
            query: query,
            headers: [],
            body: ByteBuffer()
        )
        guard response.status == 200 else { throw CommandFailure("\(response.error.code): \(response.error.message)") }
        if json { return FileHandles.standardOutput(String(buffer: response.body) + "\n") }
        let rows = try JSONValue(parsing: response.body)["usage"]?.arrayValue ?? []
        FileHandles.standardOutput(Self.table(rows))
    }

    private static let columns = [
        ("day", "DAY"), ("region", "REGION"), ("function", "FUNCTION"), ("requests", "REQUESTS"), ("errors", "ERRORS"),
        ("throttles", "THROTTLES"), ("coldStarts", "COLD STARTS"), ("billedMilliseconds", "BILLED MS"),
        ("gigabyteSeconds", "GB-SECONDS"),
    ]

    static func table(_ rows: [JSONValue]) -> String {
        let cells = [columns.map { $0.1 }] + rows.map { row in columns.map { text(row[$0.0]) } }
        let widths = columns.indices.map { index in cells.map { $0[index].count }.max() ?? 0 }
        return cells.map { line in
            line.enumerated().map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                // Names to the left, numbers to the right.
                return index < 3 ? cell + padding : padding + cell
            }.joined(separator: "  ") + "\n"
        }.joined()
    }

    private static func text(_ value: JSONValue?) -> String {
        switch value {
        case .string(let text)?: text
        case .integer(let number)?: String(number)
        case .number(let number)?: thousandths(number)
        default: ""
        }
    }

    private static func thousandths(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "" }
        let scaled = Int((number * 1_000).rounded())
        let digits = String(scaled % 1_000)
        return "\(scaled / 1_000)." + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }
}
