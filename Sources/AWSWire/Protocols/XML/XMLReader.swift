// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Reads shapes from XML elements.
final class XMLReader: TextReading, StreamlessCoder {
    private let document: XMLDocument
    private let notes: ReadingNotes
    /// The structure whose members are being read.
    private var current: Int
    /// Set where the next value is an element of a list or a value of a map.
    private var element: Int?

    init(_ document: XMLDocument, at element: Int, _ notes: ReadingNotes) {
        self.document = document
        self.notes = notes
        self.current = element
    }

    func malformed(_ type: String) -> CommonError {
        CommonError("MalformedXML", "The text can not be converted to \(type)")
    }

    private func take(_ field: Field) -> (node: Int, isElement: Bool)? {
        if let node = element {
            element = nil
            return (node, true)
        }
        guard let node = document.child(field.queryName, of: current) else {
            notes.absent(field)
            return nil
        }
        return (node, false)
    }

    func text(of field: Field) throws -> String? { take(field).map { document.elements[$0.node].text } }

    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        value = nil
        guard let (node, isElement) = take(field) else { return }
        let outer = current
        current = node
        defer { current = outer }
        var some = S()
        if isElement { try some.code(self) } else { try notes.within(.member(field.name)) { try some.code(self) } }
        value = some
    }

    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        value = nil
        guard let nodes = holders(field, inner: field.element.queryName) else { return }
        value = try notes.within(.member(field.name)) {
            try nodes.enumerated().map { try read($1, .element($0 + 1), field.element) }
        }
    }

    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        value = nil
        guard let nodes = holders(field, inner: "entry") else { return }
        var map: [String: V] = [:]
        try notes.within(.member(field.name)) {
            for node in nodes {
                guard let name = document.child(field.key.queryName, of: node),
                    let child = document.child(field.value.queryName, of: node)
                else { throw CommonError("MalformedXML", "An entry of \(field.queryName) lacks its key or its value.") }
                let key = document.elements[name].text
                map[key] = try read(child, .entry(key), field.value)
            }
        }
        value = map
    }

    /// The elements that hold the values of a list or map; nil where the member is absent.
    private func holders(_ field: Field, inner: String) -> [Int]? {
        if field.options.contains(.flattened), element == nil {
            let nodes = document.children(field.queryName, of: current)
            if nodes.isEmpty { notes.absent(field) }
            return nodes.isEmpty ? nil : nodes
        }
        return take(field).map { document.children(inner, of: $0.node) }
    }

    private func read<E: WireValue>(_ node: Int, _ step: MemberPath.Step, _ field: Field) throws -> E {
        var some: E?
        element = node
        try notes.within(step) { try E.code(&some, field, self) }
        guard let some else { throw CommonError("MalformedXML", "\(field.queryName) has no value") }
        return some
    }
}
