// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import ArgumentParser
import MartletCore

/// `martlet generate-event SERVICE EVENT`: prints an event as the service would send it.
package struct GenerateEvent: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "generate-event",
        abstract: "Print an event as an AWS service sends it, to try a function with.",
        discussion: """
            Names and options are those of `sam local generate-event`.

            EXAMPLES
              martlet generate-event                          the services
              martlet generate-event s3                       a service's events and their options
              martlet generate-event s3 put --bucket photos --key ada.jpg
              martlet generate-event sqs receive-message --body '{"order": 7}' | martlet invoke hello --event -

            SERVICES
              \(SampleEvents.services.joined(separator: ", "))
            """
    )

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The service, the event, and its options.", valueName: "service event --option value")
    )
    var words: [String] = []

    package init() {}

    package func run() async throws { FileHandles.standardOutput(try Self.output(words)) }

    static func output(_ words: [String]) throws -> String {
        let isQuestion = words.contains("--help") || words.contains("-h")
        let words = words.filter { $0 != "--help" && $0 != "-h" }
        guard let service = words.first else { return listing(SampleEvents.all) }
        let events = SampleEvents.events(of: service)
        guard !events.isEmpty else {
            throw CommandFailure("There are no events of “\(service)”.", next: "martlet generate-event")
        }
        guard words.count > 1 else { return listing(events) }
        guard let event = events.first(where: { $0.name == words[1] }) else {
            throw CommandFailure("\(service) has no event “\(words[1])”.", next: "martlet generate-event \(service)")
        }
        if isQuestion { return listing([event]) }
        return try event.event(values(words.dropFirst(2), of: event)).indentedText + "\n"
    }

    /// `--name value` and `--name=value`.
    static func values(_ words: ArraySlice<String>, of event: SampleEvent) throws -> [String: String] {
        var values: [String: String] = [:]
        var rest = words
        while let word = rest.popFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard word.hasPrefix("--"), let option = event.options.first(where: { $0.isNamed(parts[0]) }) else {
                throw CommandFailure(
                    "\(event.service) \(event.name) has no option “\(parts.first ?? "")”.",
                    next: "martlet generate-event \(event.service) \(event.name) --help"
                )
            }
            guard let value = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
                throw CommandFailure("--\(option.name) wants a value.", next: "--\(option.name) '\(option.usual)'")
            }
            values[option.name] = value
        }
        return values
    }

    static func listing(_ events: [SampleEvent]) -> String {
        events.map { event in
            let options = event.options.map { "    --\($0.name) \(quoted($0.usual))\n" }.joined()
            return "\(event.service) \(event.name)\n  \(event.summary).\n\(options)"
        }.joined()
    }

    private static func quoted(_ text: String) -> String {
        let short = text.count > 60 ? text.prefix(57) + "..." : text[...]
        return short.allSatisfy { $0.isLetter || $0.isNumber || "-_./:+".contains($0) } ? String(short) : "'\(short)'"
    }
}

extension JSONValue {
    /// A member a line, two spaces deeper in each level.
    var indentedText: String { indented("") }

    private func indented(_ margin: String) -> String {
        let inner = margin + "  "
        switch self {
        case .object(let members) where !members.isEmpty:
            let lines = members.map {
                "\(inner)\(JSONValue.string($0.name).compactText): \($0.value.indented(inner))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(margin)}"
        case .array(let elements) where !elements.isEmpty:
            return "[\n\(elements.map { inner + $0.indented(inner) }.joined(separator: ",\n"))\n\(margin)]"
        default: return compactText
        }
    }
}
