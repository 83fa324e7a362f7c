// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What a metric filter makes of a matching event, as the store keeps it: a JSON document.
struct StoredTransformation: Sendable {
    let shape: MetricTransformation

    init(_ shape: MetricTransformation) { self.shape = shape }

    /// Throws when the store holds something else.
    init(document: String) throws {
        let json = try JSONValue(parsing: document)
        guard let name = json["name"]?.stringValue, let namespace = json["namespace"]?.stringValue,
            let value = json["value"]?.stringValue
        else { throw MartletError("logs.store", "a metric filter's transformation cannot be read") }
        var shape = MetricTransformation()
        shape.metricName = name
        shape.metricNamespace = namespace
        shape.metricValue = value
        shape.defaultValue = json["default"]?.doubleValue
        shape.unit = json["unit"]?.stringValue.map(StandardUnit.init)
        if case .object(let members)? = json["dimensions"] {
            shape.dimensions = Dictionary(members.map { ($0.name, $0.value.stringValue ?? "") }) { $1 }
        }
        self.shape = shape
    }

    var document: String {
        var members: [JSONValue.Member] = [
            .init("name", .string(shape.metricName)), .init("namespace", .string(shape.metricNamespace)),
            .init("value", .string(shape.metricValue)),
        ]
        if let value = shape.defaultValue { members.append(.init("default", .number(value))) }
        if let unit = shape.unit { members.append(.init("unit", .string(unit.rawValue))) }
        if let dimensions = shape.dimensions {
            let pairs = dimensions.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
            members.append(.init("dimensions", .object(pairs)))
        }
        return JSONValue.object(members).compactText
    }
}

extension JSONValue {
    var doubleValue: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }
}

/// A metric filter, compiled.
struct MetricRule: Sendable {
    private enum Value: Sendable {
        case number(Double)
        case field(ExtractedField)
    }

    private let pattern: FilterPattern
    private let transformation: MetricTransformation
    private let value: Value
    private let dimensions: [(name: String, field: ExtractedField)]
    private let isTransformed: Bool

    /// Throws `InvalidParameterException` for what AWS refuses.
    init(pattern text: String, _ transformation: MetricTransformation, isTransformed: Bool = false) throws {
        self.isTransformed = isTransformed
        do { pattern = try FilterPattern(text) } catch { throw InvalidParameterException(error.message) }
        self.transformation = transformation
        value = try Self.value(transformation.metricValue)
        let named = transformation.dimensions ?? [:]
        guard named.count <= LogLimits.dimensionsPerMetric else {
            throw InvalidParameterException(
                "A metric filter can have at most \(LogLimits.dimensionsPerMetric) dimensions."
            )
        }
        guard named.isEmpty || transformation.defaultValue == nil else {
            throw InvalidParameterException(
                "Invalid metric transformation: dimensions and default value are mutually exclusive."
            )
        }
        dimensions = try named.sorted { $0.key < $1.key }.map { name, source in
            guard let field = ExtractedField(source) else {
                throw InvalidParameterException("Invalid metric transformation: dimension value \(source) is no field.")
            }
            return (name, field)
        }
        guard transformation.defaultValue?.isFinite ?? true else {
            throw InvalidParameterException("Invalid metric transformation: the default value must be finite.")
        }
    }

    private static func value(_ text: String) throws -> Value {
        if let number = NumberText.parse(text.utf8), number.isFinite { return .number(number) }
        if let field = ExtractedField(text) { return .field(field) }
        throw InvalidParameterException(
            "Invalid metric transformation: metricValue \(text) is neither a number nor a field."
        )
    }

    /// What an event is measured as; nil when it does not match, or the field holds no number.
    func measure(_ event: StoredEvent, in scope: Scope) -> Measurement? {
        let message = isTransformed ? event.filtered : event.message
        guard pattern.matches(message) else { return nil }
        let number: Double
        switch value {
        case .number(let fixed): number = fixed
        case .field(let field):
            guard let text = field.value(in: message, pattern), let found = NumberText.parse(text.utf8) else {
                return nil
            }
            number = found
        }
        guard number.isFinite else { return nil }
        var found: [String: String] = [:]
        for (name, field) in dimensions { found[name] = field.value(in: message, pattern) }
        // A metric with a part of its dimensions would be another metric.
        guard found.count == dimensions.count else { return nil }
        return measurement(number, found, at: Instant(milliseconds: Int64(event.position.timestamp)), in: scope)
    }

    /// What a batch without a match counts as, where the filter has a default.
    func defaultMeasurement(at instant: Instant, in scope: Scope) -> Measurement? {
        transformation.defaultValue.map { measurement($0, [:], at: instant, in: scope) }
    }

    private func measurement(
        _ value: Double,
        _ dimensions: [String: String],
        at instant: Instant,
        in scope: Scope
    ) -> Measurement {
        Measurement(
            namespace: transformation.metricNamespace,
            name: transformation.metricName,
            dimensions: dimensions,
            value: value,
            unit: transformation.unit?.rawValue ?? "None",
            timestamp: instant,
            scope: scope
        )
    }
}

/// `$.a.b` of a JSON event, `$name` or `$3` of an event of fields between spaces.
enum ExtractedField: Sendable {
    case json(JSONSelector)
    case named(String)

    /// Nil for anything else.
    init?(_ text: String) {
        guard text.hasPrefix("$") else { return nil }
        if text.hasPrefix("$.") || text.hasPrefix("$[") {
            var scanner = PatternScanner(text.utf8)
            // A fault is no field.
            guard let selector = try? JSONSelector(&scanner), scanner.isAtEnd else { return nil }
            self = .json(selector)
        } else {
            guard text.utf8.count > 1, text.utf8.dropFirst().allSatisfy({ $0.isWordCharacter || $0 == 0x2d }) else {
                return nil
            }
            self = .named(text)
        }
    }

    func value(in message: String, _ pattern: FilterPattern) -> String? {
        switch self {
        case .json(let selector): selector.firstText(in: message)
        case .named(let name): pattern.extractedValues(of: message)[name]
        }
    }
}
