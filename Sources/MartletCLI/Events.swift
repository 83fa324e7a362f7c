// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import ArgumentParser
import MartletCore

/// `martlet events`: shows events as they pass.
package struct EventsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Watch events on their way: from what to what, and how it went.",
        subcommands: [EventsTail.self]
    )

    package init() {}
}

/// `martlet events tail`: a line for each event that reaches its target, or does not.
struct EventsTail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Print a line for each event that reaches its target, or does not, until interrupted.",
        discussion: """
            Asynchronous invokes, batches of event source mappings, deliveries of topics and of log subscriptions, destinations and
            dead letters. Nothing is kept: events before the command are not shown. Where the server wants signatures, the
            account's root key is needed.

            EXAMPLES
              martlet events tail
              martlet events tail --target worker --result failed --result retried
              martlet events tail --source sns:us-east-1 --json
            """
    )

    @Option(help: "Only what comes from where this is part of the name.")
    var source: String?

    @Option(help: "Only what goes to where this is part of the name.")
    var target: String?

    @Option(help: "Only what ended so: delivered, retried or failed. May be given again.")
    var result: [String] = []

    @Flag(help: "Print the server's JSON object for each event.")
    var json = false

    @OptionGroup var server: EndpointOptions

    func validate() throws {
        for name in result where EventPassage.Result(rawValue: name) == nil {
            throw ValidationError("“\(name)” is no result: delivered, retried and failed are.")
        }
    }

    func run() async throws {
        var query: [(String, String)] = []
        if !result.isEmpty { query.append(("results", result.joined(separator: ","))) }
        if let source { query.append(("source", source)) }
        if let target { query.append(("target", target)) }
        let terminal = Terminal.standard
        try await server.client().lines(service: "lambda", path: "/_martlet/events", query: query) { line in
            if json { return FileHandles.standardOutput(line + "\n") }
            guard let passage = try? JSONValue(parsing: line) else { return }  // a newer server's: shown with --json
            FileHandles.standardOutput(Self.text(passage, terminal) + "\n")
        }
        throw CommandFailure("The server has ended the stream.", next: "martlet events tail")
    }

    static func text(_ passage: JSONValue, _ terminal: Terminal) -> String {
        if case .integer(let count)? = passage["missed"] {
            return terminal.paint("(\(count) events were not shown: they came faster than they were read)", .yellow)
        }
        let result = passage["result"]?.stringValue ?? ""
        let colour: Terminal.Colour = result == "delivered" ? .green : result == "retried" ? .yellow : .red
        var line = terminal.paint(passage["time"]?.stringValue ?? "", .grey)
        line += "  " + terminal.paint(result + String(repeating: " ", count: max(0, 9 - result.count)), colour)
        line += "  \(short(passage["source"]?.stringValue ?? "")) → \(short(passage["target"]?.stringValue ?? ""))"
        if case .integer(let count)? = passage["count"], count > 1 { line += "  ×\(count)" }
        if let id = passage["id"]?.stringValue { line += "  " + terminal.paint(Terminal.plain(id), .grey) }
        if let reason = passage["reason"]?.stringValue { line += "  " + Terminal.cut(Terminal.plain(reason), to: 200) }
        return line
    }

    /// `sqs:orders` for a queue's ARN: what tells resources of one account apart.
    static func short(_ name: String) -> String {
        if name.isEmpty { return "invoke" }
        guard let arn = ARN(name) else { return Terminal.plain(name) }
        let resource = arn.resource.hasPrefix("function:") ? String(arn.resource.dropFirst(9)) : arn.resource
        return Terminal.plain("\(arn.service):\(resource)")
    }
}
