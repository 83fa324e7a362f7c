// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// The type of a field, as the events that have it show it.
indirect enum FieldType: Sendable, Equatable {
    static let maximumDepth = 16
    /// Of one object; what comes later is left out.
    static let maximumFields = 200

    /// Nothing is known yet: only nulls were seen, or empty lists.
    case unknown
    case boolean, whole, number, text
    case list(FieldType)
    case object([String: FieldType])

    init(_ value: JSONValue, depth: Int = 0) {
        let isTooDeep = depth >= Self.maximumDepth
        switch value {
        case .null: self = .unknown
        case .bool: self = .boolean
        case .integer: self = .whole
        case .number: self = .number
        case .string: self = .text
        case .array where isTooDeep, .object where isTooDeep: self = .text
        case .array(let elements):
            self = .list(elements.reduce(.unknown) { $0.merged(with: FieldType($1, depth: depth + 1)) })
        case .object(let members):
            var fields: [String: FieldType] = [:]
            for member in members.prefix(Self.maximumFields) {
                fields[member.name] = FieldType(member.value, depth: depth + 1)
            }
            self = .object(fields)
        }
    }

    /// What holds for both. Of two that do not agree only the text is left.
    func merged(with other: FieldType) -> FieldType {
        switch (self, other) {
        case (.unknown, _): return other
        case (_, .unknown): return self
        case (.whole, .number), (.number, .whole): return .number
        case (.list(let left), .list(let right)): return .list(left.merged(with: right))
        case (.object(let left), .object(let right)):
            var fields = left
            for (name, type) in right where fields[name] != nil || fields.count < Self.maximumFields {
                fields[name] = fields[name]?.merged(with: type) ?? type
            }
            return .object(fields)
        default: return self == other ? self : .text
        }
    }

    var description: LogFieldType {
        var description = LogFieldType()
        switch self {
        case .unknown, .text: description.type = "string"
        case .boolean: description.type = "boolean"
        case .whole: description.type = "bigint"
        case .number: description.type = "double"
        case .list(let element):
            description.type = "array"
            description.element = Indirect(element.description)
        case .object(let fields):
            description.type = "struct"
            description.fields = Self.items(fields)
        }
        return description
    }

    /// In the order of their names, which AWS lets have 256 characters.
    static func items(_ fields: [String: FieldType]) -> [LogFieldsListItem] {
        fields.sorted { $0.key < $1.key }.filter { (1...256).contains($0.key.unicodeScalars.count) }.map { name, type in
            var item = LogFieldsListItem()
            item.logFieldName = name
            item.logFieldType = type.description
            return item
        }
    }
}
