import AWSWire
// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import MartletCore
import NIOCore

/// `martlet logs`: prints logs, and asks them questions.
package struct LogsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Print a function's log, or any log group's, or query them.",
        discussion: """
            EXAMPLES
              martlet logs hello
              martlet logs hello --follow
              martlet logs query 'stats count(*) by bin(5m)' --group hello
            """,
        subcommands: [LogsTail.self, LogsQuery.self],
        defaultSubcommand: LogsTail.self
    )

    package init() {}
}

/// `martlet logs [tail] NAME`: prints a function's log. AWS: FilterLogEvents
struct LogsTail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Print a function's log, or any log group's.",
        discussion: """
            EXAMPLES
              martlet logs hello
              martlet logs hello --follow
              martlet logs hello --since 3600 --filter '?ERROR ?Task'
              martlet logs /aws/lambda/hello
            """
    )

    @Argument(help: "A function's name, or a log group that begins with a slash.")
    var name: String

    @Flag(name: .shortAndLong, help: "Keep printing what comes.")
    var follow = false

    @Option(help: "How many seconds back to begin.")
    var since = 600

    @Option(help: "A CloudWatch Logs filter pattern.")
    var filter: String?

    @OptionGroup var server: EndpointOptions

    func run() async throws {
        let client = try server.client()
        let group = name.hasPrefix("/") ? name : "/aws/lambda/\(name)"
        var from = SystemClock().now - .seconds(since)
        var seen: Set<String> = []
        repeat {
            let events = try await fetch(client, group: group, from: from)
            for event in events where seen.insert(event.id).inserted {
                let text = event.message.hasSuffix("\n") ? event.message : event.message + "\n"
                FileHandles.standardOutput("\(event.timestamp.iso8601Milliseconds) \(text)")
            }
            guard follow else { return }
            if let last = events.last?.timestamp, last > from {
                from = last
                seen = seen.intersection(events.filter { $0.timestamp == last }.map(\.id))
            }
            try await Task.sleep(for: .milliseconds(500))
        } while true
    }

    private struct Event {
        var id: String
        var timestamp: Instant
        var message: String
    }

    private func fetch(_ client: ServerClient, group: String, from: Instant) async throws -> [Event] {
        var events: [Event] = []
        var token: String?
        repeat {
            var members: [JSONValue.Member] = [
                .init("logGroupName", .string(group)), .init("startTime", .integer(Int(from.milliseconds))),
            ]
            if let filter { members.append(.init("filterPattern", .string(filter))) }
            if let token { members.append(.init("nextToken", .string(token))) }
            let response = try await client.sendJSON(
                service: "logs",
                target: "Logs_20140328.FilterLogEvents",
                .object(members)
            )
            guard response.status == 200 else { throw failure(response, group) }
            let page = try JSONValue(parsing: response.body)
            events += (page["events"]?.arrayValue ?? []).compactMap(Self.event)
            token = page["nextToken"]?.stringValue
        } while token != nil
        return events
    }

    private static func event(_ value: JSONValue) -> Event? {
        guard case .integer(let time)? = value["timestamp"], let message = value["message"]?.stringValue else {
            return nil
        }
        return Event(
            id: value["eventId"]?.stringValue ?? "",
            timestamp: Instant(milliseconds: Int64(time)),
            message: message
        )
    }

    private func failure(_ response: ServerClient.Response, _ group: String) -> CommandFailure {
        let error = response.error
        guard error.code == "ResourceNotFoundException" else {
            return CommandFailure("\(error.code): \(error.message)")
        }
        return CommandFailure(
            "There is no log group \(group) yet: a function's appears with its first invocation.",
            next: "martlet invoke \(name)"
        )
    }
}
