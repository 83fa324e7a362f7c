// SPDX-License-Identifier: Apache-2.0

/// Writes what a service's operations are: the protocol to implement, the typed keys, the table, the model's facts.
struct APIWriter {
    let selection: Selection

    private var file: ServiceFile { selection.file }
    private var variable: String { Names.member(file.folder) }

    func api() -> String {
        let functions = selection.operations.map { operation in
            "    func \(Names.member(operation.name))(_ input: \(selection.inputName(operation)), _ context: RequestContext) async throws"
                + " -> \(selection.outputName(operation))"
        }
        return (["protocol \(file.folder)API: Sendable {"] + functions + ["}"]).joined(separator: "\n") + "\n"
    }

    /// In portions, so that no file becomes unwieldy.
    func operations() -> [String] {
        stride(from: 0, to: selection.operations.count, by: 60).map { start in
            let keys = selection.operations[start..<min(start + 60, selection.operations.count)].map(descriptor).joined(
                separator: "\n"
            )
            return "\(start == 0 ? "enum" : "extension") \(file.folder)Operations {\n\(keys)}\n"
        }
    }

    private func descriptor(_ operation: ModelOperation) -> String {
        let action = file.actions[operation.name] ?? operation.name
        var arguments = [literal(operation.name)]
        if operation.method != "POST" { arguments.append("method: \(literal(operation.method))") }
        if operation.path != "/" { arguments.append("path: \(literal(operation.path))") }
        if operation.status != 200 { arguments.append("status: \(operation.status)") }
        arguments.append("action: \(literal(action.contains(":") ? action : "\(actionPrefix):\(action)"))")
        if let wrapper = resultWrapper(of: operation) { arguments.append("resultWrapper: \(literal(wrapper))") }
        if !operation.errors.isEmpty { arguments.append(errors(of: operation)) }
        let types = "\(selection.inputName(operation)), \(selection.outputName(operation))"
        let list = arguments.map { "        \($0)" }.joined(separator: ",\n")
        return "    static let \(Names.member(operation.name)) = OperationDescriptor<\(types)>(\n\(list)\n    )\n"
    }

    /// In the Query protocol every answer that has members stands in an element of its own.
    private func resultWrapper(of operation: ModelOperation) -> String? {
        guard file.query != nil, operation.output != nil else { return operation.resultWrapper }
        return operation.resultWrapper ?? "\(operation.name)Result"
    }

    private func errors(of operation: ModelOperation) -> String {
        let errors = operation.errors.map { "            \(selection.typeName($0)).self,\n" }.joined()
        return "errors: [\n\(errors)        ]"
    }

    /// Statements, not one literal: the compiler infers each by itself.
    func table() -> String {
        let rows = selection.operations.map { operation in
            let name = Names.member(operation.name)
            return "        table.append(Operation(\(file.folder)Operations.\(name), \(name)))"
        }
        return """
            extension \(file.folder)API {
                var \(variable)Operations: [Operation] {
                    var table: [Operation] = []
                    table.reserveCapacity(\(rows.count))
            \(rows.joined(separator: "\n"))
                    return table
                }
            }

            """
    }

    func serviceModel() throws -> String {
        let metadata = selection.model.metadata
        let endpoint = metadata["endpointPrefix"]?.string ?? file.service
        var lines = ["name: \(literal(file.service)),"]
        lines.append("signingName: \(literal(metadata["signingName"]?.string ?? endpoint)),")
        lines.append("apiVersion: \(literal(metadata["apiVersion"]?.string ?? "")),")
        if let prefix = metadata["targetPrefix"]?.string { lines.append("targetPrefix: \(literal(prefix)),") }
        if let namespace = xmlNamespace { lines.append("xmlNamespace: \(literal(namespace)),") }
        let protocols = try selection.model.protocols() + (file.query == nil ? [] : ["query"])
        lines.append("protocols: [\(protocols.map { ".\($0)" }.joined(separator: ", "))],")
        lines.append("endpointPrefix: \(literal(endpoint)),")
        lines.append("actionPrefix: \(literal(actionPrefix)),")
        if file.isGlobal { lines.append("isGlobal: true,") }
        lines += ["unimplemented: ["] + selection.unimplemented.map(unimplemented)
        var last = "]"
        if let style = file.validation {
            let hiding = style.hidesValues ? ", showsValues: false" : ""
            last += ",\n        validation: ValidationStyle(code: \(literal(style.code))\(hiding))"
        }
        if let namespace = file.errorNamespace { last += ",\n        errorNamespace: \(literal(namespace))" }
        if let member = file.query?.pathMember { last += ",\n        pathMember: \(literal(member))" }
        lines.append(last)
        let text = lines.map { "        \($0)\n" }.joined()
        return "extension ServiceModel {\n    static let \(variable) = ServiceModel(\n\(text)    )\n}\n"
    }

    private func unimplemented(_ operation: ModelOperation) -> String {
        "    UnimplementedOperation(\(literal(operation.name)), \(literal(operation.method)), \(literal(operation.path))),"
    }

    private var actionPrefix: String {
        file.actionPrefix ?? selection.model.metadata["endpointPrefix"]?.string ?? file.service
    }

    private var xmlNamespace: String? {
        let trait = selection.model.metadata["xmlNamespace"]
        return file.query?.namespace ?? trait?.string ?? trait?["uri"]?.string
    }
}
