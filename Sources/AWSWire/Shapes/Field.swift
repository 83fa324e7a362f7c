// SPDX-License-Identifier: Apache-2.0
package import RegularExpressions

/// How one member looks on the wire, and what the model demands of it.
package struct Field: Sendable {
    /// Where the HTTP binding of a REST protocol puts the member. Other protocols put everything into the body.
    package enum Place: Sendable, Equatable {
        case body
        /// A label of the path template; `wireName` is the label.
        case path
        case query
        case header
        /// All headers that begin with `wireName`, as a map; or, for the query string, every parameter that has no field.
        case headers
        case queryMap
        case status
        /// The member is the whole body: raw for blobs and strings, a document for structures.
        case payload
        /// The member is an event stream in the body.
        case eventStream
    }

    package enum TimestampFormat: Sendable, Equatable {
        /// The protocol's own: epoch seconds in JSON, ISO 8601 in XML and Query, HTTP date in headers.
        case standard
        case iso8601
        case epochSeconds
        case httpDate
    }

    package struct Options: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let required = Options(rawValue: 1)
        /// A list or map without its wrapping element (XML, Query).
        package static let flattened = Options(rawValue: 2)
        /// Never printed in logs.
        package static let sensitive = Options(rawValue: 4)
        /// The SDK fills it in; the server takes a missing one.
        package static let idempotencyToken = Options(rawValue: 8)
        /// An attribute of the enclosing XML element.
        package static let xmlAttribute = Options(rawValue: 16)
        /// A header member that holds JSON text in base 64 (`jsonvalue`).
        package static let jsonValue = Options(rawValue: 32)
        /// A member that the validator leaves alone: the service refuses other values in its own words.
        package static let judgedByService = Options(rawValue: 64)
    }

    /// The member's name in the model. Violations name it with a lower-case first letter.
    package var name: String
    /// The name on the wire: the model's `locationName`, or `name`.
    package var wireName: String
    /// The name in forms and in XML, where a service that came from the Query protocol has another one there.
    package var queryName: String
    package var options: Options
    package var place: Place
    /// Of a number.
    package var range: ClosedRange<Double>?
    /// Of a string's characters, a blob's bytes, a list's elements, a map's entries.
    package var length: ClosedRange<Int>?
    package var pattern: Pattern?
    package var timestampFormat: TimestampFormat
    /// A list's element; a map's key and value.
    package var elements: [Field]

    package init(
        _ name: String,
        _ options: Options = [],
        wire: String? = nil,
        query: String? = nil,
        in place: Place = .body,
        range: ClosedRange<Double>? = nil,
        length: ClosedRange<Int>? = nil,
        pattern: Pattern? = nil,
        timestamp: TimestampFormat = .standard,
        of elements: [Field] = []
    ) {
        self.name = name
        self.wireName = wire ?? name
        self.queryName = query ?? wire ?? name
        self.options = options
        self.place = place
        self.range = range
        self.length = length
        self.pattern = pattern
        self.timestampFormat = timestamp
        self.elements = elements
    }

    package var isRequired: Bool { options.contains(.required) }

    /// The element of a list: `member` where the model names none.
    package var element: Field { elements.first ?? Self.anonymousElement }
    package var key: Field { elements.first ?? Self.anonymousKey }
    package var value: Field { elements.count > 1 ? elements[1] : Self.anonymousValue }

    private static let anonymousElement = Field("member")
    private static let anonymousKey = Field("key")
    private static let anonymousValue = Field("value")
}

/// A regular expression of a model, compiled at its first use and kept.
package final class Pattern: Sendable {
    /// As the model writes it: violations quote it.
    package let text: String
    /// Nil where the model's pattern is not a regular expression that PCRE2 understands; then nothing is checked.
    package let expression: RegularExpression?

    package init(_ text: String) {
        self.text = text
        self.expression = RegularExpression(text)
    }
}
