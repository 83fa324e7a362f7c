// SPDX-License-Identifier: Apache-2.0

/// Writes members: their Swift type, and the `Field` that says how they look on the wire.
struct FieldWriter {
    let selection: Selection
    let patterns: PatternTable

    private var model: Model { selection.model }

    // MARK: Types

    func type(of reference: Reference, in parent: ModelShape) throws -> String {
        let shape = try model.shape(reference.shape)
        if isStream(reference, shape) { return "ByteStream" }
        if isIndirect(shape, in: parent) { return "Indirect<\(selection.typeName(shape.name))>" }
        return try type(of: shape)
    }

    private func type(of shape: ModelShape) throws -> String {
        switch shape.type {
        case "structure" where shape.has("document"): return "JSONValue"
        case "structure" where shape.has("eventstream"): return "EventStream<\(selection.typeName(shape.name))>"
        case "structure": return selection.typeName(shape.name)
        case "string": return shape.isEnumeration ? selection.typeName(shape.name) : "String"
        case "list": return "[\(try type(of: model.shape(shape.elements[0].shape)))]"
        case "map": return "[String: \(try type(of: model.shape(shape.elements[1].shape)))]"
        default: return try Self.scalar(shape)
        }
    }

    private static func scalar(_ shape: ModelShape) throws -> String {
        let names = [
            "string": "String", "character": "String", "byte": "Int", "short": "Int", "integer": "Int", "long": "Int",
            "bigInteger": "Int",
            "float": "Double", "double": "Double", "bigDecimal": "Double", "boolean": "Bool", "timestamp": "Instant",
            "blob": "Blob",
        ]
        guard let name = names[shape.type] else { throw Failure("\(shape.name): no Swift type for \(shape.type)") }
        return name
    }

    /// Streams and members that contain their own structure have no blank value, so they stay optional even when required.
    func isOptional(_ reference: Reference, in parent: ModelShape) throws -> Bool {
        let shape = try model.shape(reference.shape)
        if isStream(reference, shape) || shape.has("eventstream") || isIndirect(shape, in: parent) { return true }
        return !isRequired(reference, in: parent)
    }

    func blank(_ type: String) -> String {
        switch type {
        case "String": "\"\""
        case "Int", "Double": "0"
        case "Bool": "false"
        case "Instant": "Instant(milliseconds: 0)"
        case "JSONValue": ".null"
        case _ where type.hasPrefix("[String:"): "[:]"
        case _ where type.hasPrefix("["): "[]"
        default: "\(type)()"
        }
    }

    /// The `ShapeCoder`'s method for the member.
    func method(of reference: Reference, in parent: ModelShape) throws -> String {
        let shape = try model.shape(reference.shape)
        if isStream(reference, shape) { return "bytes" }
        if isIndirect(shape, in: parent) { return "indirect" }
        switch shape.type {
        case "structure" where shape.has("document"): return "document"
        case "structure" where shape.has("eventstream"): return "events"
        case "string" where shape.isEnumeration: return "enumeration"
        case "structure", "list", "map", "timestamp", "blob": return shape.type
        default: return try Self.scalar(shape).lowercased()
        }
    }

    private func isStream(_ reference: Reference, _ shape: ModelShape) -> Bool {
        shape.type == "blob" && (shape.has("streaming") || reference.has("streaming"))
    }

    private func isIndirect(_ shape: ModelShape, in parent: ModelShape) -> Bool {
        selection.recursive.contains(parent.name) && selection.recursive.contains(shape.name)
    }

    // MARK: Fields

    /// The arguments of a member's `Field`.
    func arguments(of reference: Reference, in parent: ModelShape) throws -> [String] {
        var options: [String] = isRequired(reference, in: parent) ? [".required"] : []
        options += try self.options(of: reference, in: parent)
        let place = try self.place(of: reference, in: parent)
        return try [literal(reference.name)] + optionSet(options) + wireName(of: reference)
            + queryName(selection.file.query?.names[reference.shape])
            + place.map { ["in: .\($0)"] }.orEmpty + constraints(of: reference) + elements(of: reference)
    }

    private func isJudged(_ reference: Reference, in parent: ModelShape) -> Bool {
        selection.file.judgedByService.contains("\(parent.name).\(reference.name)")
    }

    /// Where the service itself says what is missing, it must be able to tell.
    private func isRequired(_ reference: Reference, in parent: ModelShape) -> Bool {
        parent.required.contains(reference.name) && !isJudged(reference, in: parent)
    }

    private func queryName(_ name: String?) -> [String] { name.map { ["query: \(literal($0))"] }.orEmpty }

    private func options(of reference: Reference, in parent: ModelShape) throws -> [String] {
        let shape = try model.shape(reference.shape)
        var options: [String] = []
        if shape.has("flattened") || reference.has("flattened") { options.append(".flattened") }
        if shape.has("sensitive") || reference.has("sensitive") { options.append(".sensitive") }
        if reference.has("idempotencyToken") { options.append(".idempotencyToken") }
        if reference.has("xmlAttribute") { options.append(".xmlAttribute") }
        if reference.has("jsonvalue") || shape.has("jsonvalue") { options.append(".jsonValue") }
        if isJudged(reference, in: parent) { options.append(".judgedByService") }
        return options
    }

    private func optionSet(_ options: [String]) -> [String] {
        switch options.count {
        case 0: []
        case 1: options
        default: ["[\(options.joined(separator: ", "))]"]
        }
    }

    private func wireName(of reference: Reference) -> [String] {
        guard let name = reference.json["locationName"]?.string, name != reference.name else { return [] }
        return ["wire: \(literal(name))"]
    }

    private func place(of reference: Reference, in parent: ModelShape) throws -> String? {
        let shape = try model.shape(reference.shape)
        if shape.has("eventstream") { return "eventStream" }
        if parent.json["payload"]?.string == reference.name || reference.has("eventpayload") { return "payload" }
        if reference.has("eventheader") { return "header" }
        switch reference.json["location"]?.string {
        case nil: return nil
        case "uri": return "path"
        case "querystring": return shape.type == "map" ? "queryMap" : "query"
        case "header": return "header"
        case "headers": return "headers"
        case "statusCode": return "status"
        case let other?: throw Failure("\(parent.name).\(reference.name): location \(other) is not known")
        }
    }

    private func constraints(of reference: Reference) throws -> [String] {
        let shape = try model.shape(reference.shape)
        var arguments: [String] = []
        if let limits = limits(of: shape) { arguments.append(limits) }
        if let text = shape.json["pattern"]?.string, let name = patterns.expression(text) {
            arguments.append("pattern: \(name)")
        }
        if let format = try timestampFormat(of: reference, shape) { arguments.append("timestamp: .\(format)") }
        return arguments
    }

    private func limits(of shape: ModelShape) -> String? {
        let low = shape.json["min"]?.number
        let high = shape.json["max"]?.number
        guard low != nil || high != nil else { return nil }
        if ["string", "blob", "list", "map"].contains(shape.type) {
            return "length: \(low ?? "0")...\(high ?? "Int.max")"
        }
        return "range: \(low ?? "-Double.infinity")...\(high ?? "Double.infinity")"
    }

    private func timestampFormat(of reference: Reference, _ shape: ModelShape) throws -> String? {
        guard shape.type == "timestamp" else { return nil }
        guard let format = reference.json["timestampFormat"]?.string ?? shape.json["timestampFormat"]?.string else {
            return nil
        }
        let known = ["iso8601": "iso8601", "unixTimestamp": "epochSeconds", "rfc822": "httpDate"]
        guard let name = known[format] else { throw Failure("\(shape.name): timestamp format \(format) is not known") }
        return name
    }

    /// Only where an element says more than its kind does by itself.
    private func elements(of reference: Reference) throws -> [String] {
        let shape = try model.shape(reference.shape)
        let fields = try shape.elements.map { element in
            let arguments =
                try [literal(element.name)] + optionSet(options(of: element, in: shape)) + wireName(of: element)
                + queryName(selection.file.query?.names["\(shape.name).\(element.name)"])
                + constraints(of: element) + elements(of: element)
            return (plain: arguments.count == 1, text: "Field(\(arguments.joined(separator: ", ")))")
        }
        let needed = fields.count - fields.reversed().prefix(while: \.plain).count
        return needed == 0 ? [] : ["of: [\(fields.prefix(needed).map(\.text).joined(separator: ", "))]"]
    }
}

extension Optional where Wrapped == [String] {
    fileprivate var orEmpty: [String] { self ?? [] }
}
