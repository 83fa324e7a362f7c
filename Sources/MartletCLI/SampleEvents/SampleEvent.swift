// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Crypto
import MartletCore

/// An event as an AWS service sends it to a function, with places that options fill.
///
/// The template is JSON. In its strings, `{{name}}` stands for an option's value and `{{name|filter}}` for what the filter
/// makes of it. Values are put into the parsed tree, so no value can break the document.
struct SampleEvent: Sendable {
    struct Option: Sendable {
        var name: String
        var usual: String

        init(_ name: String, _ usual: String) { (self.name, self.usual) = (name, usual) }

        /// `--rest-api-id` and `--restApiId` are one option.
        func isNamed(_ text: some StringProtocol) -> Bool { Self.plain(text) == Self.plain(name) }

        private static func plain(_ text: some StringProtocol) -> String { text.lowercased().filter { $0 != "-" } }

        static let region = Option("region", "us-east-1")
        static let partition = Option("partition", "aws")
        static let account = Option("account-id", "123456789012")
        static let place = [region, partition, account]
    }

    var service: String
    var name: String
    /// What happens when AWS sends it.
    var summary: String
    var options: [Option]
    var template: String

    init(_ service: String, _ name: String, _ summary: String, _ options: [Option], _ template: String) {
        (self.service, self.name, self.summary) = (service, name, summary)
        (self.options, self.template) = (options, template)
    }

    init(_ service: String, _ name: String, _ summary: String, _ template: String) {
        self.init(service, name, summary, [], template)
    }

    /// The event with these values, by the options' names; the usual ones where there are none.
    func event(_ values: [String: String] = [:]) throws -> JSONValue {
        try filled(JSONValue(parsing: template), values)
    }

    private func filled(_ json: JSONValue, _ values: [String: String]) throws -> JSONValue {
        switch json {
        case .string(let text): try filled(text, values)
        case .array(let elements): .array(try elements.map { try filled($0, values) })
        case .object(let members):
            .object(try members.map { .init($0.name, try filled($0.value, values)) })
        default: json
        }
    }

    private func filled(_ text: String, _ values: [String: String]) throws -> JSONValue {
        var (result, rest) = ("", text[...])
        while let opening = rest.firstRange(of: "{{"), let closing = rest[opening.upperBound...].firstRange(of: "}}") {
            let place = rest[opening.upperBound..<closing.lowerBound].split(separator: "|", maxSplits: 1)
            guard let name = place.first, let option = options.first(where: { $0.name == name }) else {
                throw CommandFailure("The template of \(service) \(self.name) names no option: \(text)")
            }
            let value = values[option.name] ?? option.usual
            let filter = place.count > 1 ? Filter(rawValue: String(place[1])) : Filter.none
            guard let filter else { throw CommandFailure("The template of \(service) \(self.name) is wrong: \(text)") }
            if filter == .json { return Self.json(value) }
            if filter == .lists { return Self.lists(value) }
            result += rest[..<opening.lowerBound] + filter.apply(value)
            rest = rest[closing.upperBound...]
        }
        return .string(result + rest)
    }

    /// A value that is no JSON is a string.
    private static func json(_ value: String) -> JSONValue {
        // Not an error: the person has given a string.
        (try? JSONValue(parsing: value)) ?? .string(value)
    }

    /// Of an object: each value in a list of its own, as multi-value parameters are.
    private static func lists(_ value: String) -> JSONValue {
        guard case .object(let members) = json(value) else { return .object([]) }
        return .object(members.map { .init($0.name, .array([$0.value])) })
    }

    enum Filter: String {
        case none
        case base64
        /// As keys are written in S3's events, and SAM writes them: slashes stay.
        case url
        case md5
        /// Without a slash before it, where the template has one.
        case relative
        /// Inside of JSON that is itself in a string.
        case quoted
        /// The whole value is the JSON that the option holds.
        case json
        case lists

        func apply(_ value: String) -> String {
            switch self {
            case .none, .json, .lists: value
            case .base64: Base64.encode(Array(value.utf8))
            case .url:
                value.split(separator: "/", omittingEmptySubsequences: false).map { ServerClient.encode(String($0)) }
                    .joined(separator: "/")
            case .md5: Hex.encode(Array(Insecure.MD5.hash(data: Array(value.utf8))))
            case .relative: String(value.drop { $0 == "/" })
            case .quoted: String(JSONValue.string(value).compactText.dropFirst().dropLast())
            }
        }
    }
}
