// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Prints shapes as a form, for clients.
final class QueryWriter: TextWriting, StreamlessCoder {
    let standardTimestamp = Field.TimestampFormat.iso8601
    private(set) var form: FormItems
    private var prefix = ""
    /// Set where the next value's name is written already.
    private var isBare = false

    init(_ form: FormItems) { self.form = form }

    private func name(of field: Field) -> String {
        if isBare {
            isBare = false
            return prefix
        }
        return prefix.isEmpty ? field.queryName : "\(prefix).\(field.queryName)"
    }

    private func within(_ name: String, _ body: () throws -> Void) rethrows {
        let outer = prefix
        prefix = name
        defer { prefix = outer }
        try body()
    }

    func put(_ text: String, _ field: Field) throws { form.append(name(of: field), text) }

    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        guard var some = value else { return }
        try within(name(of: field)) { try some.code(self) }
    }

    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        guard let value else { return }
        let name = name(of: field)
        // An empty list is a name without a value.
        if value.isEmpty { return form.append(name, "") }
        let holder = field.options.contains(.flattened) ? name : "\(name).\(field.element.queryName)"
        for (index, element) in value.enumerated() { try write(element, as: "\(holder).\(index + 1)", field.element) }
    }

    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        guard let value else { return }
        let name = name(of: field)
        if value.isEmpty { return form.append(name, "") }
        let holder = field.options.contains(.flattened) ? name : "\(name).entry"
        for (index, entry) in value.sorted(by: { $0.key < $1.key }).enumerated() {
            form.append("\(holder).\(index + 1).\(field.key.queryName)", entry.key)
            try write(entry.value, as: "\(holder).\(index + 1).\(field.value.queryName)", field.value)
        }
    }

    private func write<E: WireValue>(_ element: E, as name: String, _ field: Field) throws {
        var some: E? = element
        try within(name) {
            isBare = true
            try E.code(&some, field, self)
        }
    }
}
