// SPDX-License-Identifier: Apache-2.0

/// Writes the declarations of shapes.
struct StructureWriter {
    let fields: FieldWriter

    private var selection: Selection { fields.selection }

    /// `name` differs from the shape's own where it belongs to one operation.
    func structure(_ shape: ModelShape, named name: String) throws -> String {
        var lines = ["struct \(name): Shape {"]
        lines += try shape.members.map { "    " + (try declaration($0, in: shape)) }
        lines.append("    static let shapeName = \(literal(shape.name))")
        if shape.has("union") { lines.append("    static let isUnion = true") }
        lines += try coding(shape)
        return lines.joined(separator: "\n") + "\n}\n"
    }

    /// The input or output of an operation for which the model has no shape.
    func empty(named name: String) -> String {
        """
        struct \(name): Shape {
            static let shapeName = \(literal(name))

            mutating func code(_ c: any ShapeCoder) throws {}
        }

        """
    }

    func enumeration(_ shape: ModelShape) -> String {
        let name = selection.typeName(shape.name)
        var used: Set<String> = []
        let cases = shape.enumeration.map { value in
            var label = Names.enumerationCase(value)
            while !used.insert(label).inserted { label += "_" }
            return "    static let \(label) = \(name)(\(literal(value)))"
        }
        let values = shape.enumeration.map(literal).joined(separator: ", ")
        let lines =
            [
                "struct \(name): StringEnumeration {", "    let rawValue: String",
                "    init(_ rawValue: String) { self.rawValue = rawValue }", "",
            ]
            + cases + ["", "    static let allValues = [\(values)]", "}"]
        return lines.joined(separator: "\n") + "\n"
    }

    func error(_ shape: ModelShape) throws -> String {
        let message = shape.members.first { $0.name.lowercased() == "message" }?.name
        let defaults = selection.file.errorDefaults[shape.name] ?? [:]
        for name in defaults.keys where !shape.members.contains(where: { $0.name == name }) {
            throw Failure("\(selection.file.folder)/service.json: \(shape.name) has no member \(name)")
        }
        var lines = ["struct \(selection.typeName(shape.name)): ModelledError {", "    var message = \"\""]
        for member in shape.members where member.name != message {
            let preset = defaults[member.name].map { " = \(literal($0))" } ?? ""
            lines.append("    " + (try declaration(member, in: shape, errorMember(member.name))) + preset)
        }
        lines += try errorFacts(shape)
        lines += try coding(shape, messageMember: message ?? "")
        return lines.joined(separator: "\n") + "\n}\n"
    }

    private func errorFacts(_ shape: ModelShape) throws -> [String] {
        let error = shape.json["error"]
        let isFault = shape.has("fault")
        let named = selection.file.query?.errors[shape.name] ?? error?["code"]?.string
        // A service that came from the Query protocol keeps the old code beside the new one.
        let isCompatible = selection.model.metadata["awsQueryCompatible"] != nil
        let status = error?["httpStatusCode"]?.number ?? (isFault ? "500" : "400")
        var lines = ["    static let shapeName = \(literal(shape.name))"]
        lines.append("    static let errorCode = \(literal(isCompatible ? shape.name : named ?? shape.name))")
        lines.append("    static let status = \(status)")
        lines.append("    static let isSenderFault = \(error?["senderFault"]?.isTrue ?? !status.hasPrefix("5"))")
        if isCompatible, let named { lines.append("    static let queryCode: String? = \(literal(named))") }
        if let text = selection.file.query?.messages[shape.name] {
            lines.append("    static let queryMessage: String? = \(literal(text))")
        }
        return lines
    }

    private func declaration(_ member: Reference, in shape: ModelShape, _ name: String? = nil) throws -> String {
        let type = try fields.type(of: member, in: shape)
        let name = name ?? Names.member(member.name)
        if try fields.isOptional(member, in: shape) { return "var \(name): \(type)?" }
        if isEnumeration(member) { return "var \(name) = \(type)(\"\")" }
        if type.hasPrefix("[") { return "var \(name): \(type) = \(fields.blank(type))" }
        return ["Double", "JSONValue"].contains(type)
            ? "var \(name): \(type) = \(fields.blank(type))" : "var \(name) = \(fields.blank(type))"
    }

    private func isEnumeration(_ member: Reference) -> Bool {
        selection.model.shapes[member.shape]?.isEnumeration ?? false
    }

    /// `code` is taken by what every error answers.
    private func errorMember(_ name: String) -> String {
        let member = Names.member(name)
        return member == "code" || member == "httpStatus" ? "modelled" + name : member
    }

    private func coding(_ shape: ModelShape, messageMember: String? = nil) throws -> [String] {
        var calls = try shape.members.map {
            try call($0, in: shape, isMessage: $0.name == messageMember, ofError: messageMember != nil)
        }
        if messageMember == "" { calls.append("        try c.string(&message, Field(\"message\"))") }
        if calls.isEmpty { return ["", "    mutating func code(_ c: any ShapeCoder) throws {}"] }
        return ["", "    mutating func code(_ c: any ShapeCoder) throws {"] + calls + ["    }"]
    }

    private func call(_ member: Reference, in shape: ModelShape, isMessage: Bool, ofError: Bool) throws -> String {
        let plain = ofError ? errorMember(member.name) : Names.member(member.name)
        let name = isMessage ? "message" : plain == "c" ? "self.c" : plain
        let method = try fields.method(of: member, in: shape)
        let arguments = try fields.arguments(of: member, in: shape)
        let field = "Field(\(arguments.joined(separator: ", ")))"
        let line = "        try c.\(method)(&\(name), \(field))"
        if line.count <= 128 { return line }
        let indent = "\n            "
        guard field.count > 112 else { return "        try c.\(method)(\(indent)&\(name),\(indent)\(field))" }
        let broken = arguments.map { "\(indent)    \($0)" }.joined(separator: ",")
        return "        try c.\(method)(\(indent)&\(name),\(indent)Field(\(broken)))"
    }
}
