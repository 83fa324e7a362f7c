// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Testing

@testable import Logs

/// A transformer made of a JSON document, as clients write it.
struct TransformBench {
    private let transformer: LogTransformer

    init(_ config: String) throws { transformer = try LogTransformer(TransformerDocument.read(config)) }

    static let origin = EventOrigin(
        account: "012345678912",
        region: "us-east-1",
        group: "my-group",
        stream: "my-stream"
    )

    /// The document that comes out; nil where the event cannot be transformed.
    func transform(_ message: String) throws -> JSONValue? {
        try transformer.transform(message, from: Self.origin).map { try JSONValue(parsing: $0) }
    }

    /// What `config` makes of `message` is `document`, whatever the order of its members.
    static func expect(
        _ config: String,
        makes document: String,
        of message: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let found = try TransformBench(config).transform(message)
        let wanted = try JSONValue(parsing: document)
        #expect(found.map(sorted) == sorted(wanted), sourceLocation: location)
    }

    private static func sorted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            .object(members.map { .init($0.name, sorted($0.value)) }.sorted { $0.name < $1.name })
        case .array(let elements): .array(elements.map(sorted))
        default: value
        }
    }
}
