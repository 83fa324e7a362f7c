// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Reads shapes from a form: `RoleName=r&Tags.member.1.Key=k`.
final class QueryReader: TextReading, StreamlessCoder {
    private let tree: FormTree
    private let notes: ReadingNotes
    /// The structure whose members are being read.
    private var current = FormTree.root
    /// Set where the next value is an element of a list or a value of a map.
    private var element: Int?

    init(_ tree: FormTree, _ notes: ReadingNotes) {
        self.tree = tree
        self.notes = notes
    }

    func malformed(_ type: String) -> CommonError {
        CommonError("MalformedInput", "STRING_VALUE can not be converted to \(type)")
    }

    private func take(_ field: Field) -> (node: Int, isElement: Bool)? {
        if let node = element {
            element = nil
            return (node, true)
        }
        guard let node = tree.child(field.queryName, of: current) else {
            notes.absent(field)
            return nil
        }
        return (node, false)
    }

    func text(of field: Field) throws -> String? { take(field).map { tree.nodes[$0.node].text ?? "" } }

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
        guard let (node, _) = take(field) else { return }
        // Clients differ on whether a list has a `member` in between; both mean the same.
        let holder = tree.child(field.element.queryName, of: node) ?? tree.child("member", of: node) ?? node
        value = try notes.within(.member(field.name)) {
            try tree.numbered(holder).enumerated().map { try read($1, .element($0 + 1), field.element) }
        }
    }

    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        value = nil
        guard let (node, _) = take(field) else { return }
        let holder = tree.child("entry", of: node) ?? node
        var map: [String: V] = [:]
        try notes.within(.member(field.name)) {
            for entry in tree.numbered(holder) {
                guard let name = tree.child(field.key.queryName, of: entry), let key = tree.nodes[name].text,
                    let child = tree.child(field.value.queryName, of: entry)
                else {
                    throw CommonError("MalformedInput", "An entry of \(field.queryName) lacks its key or its value.")
                }
                map[key] = try read(child, .entry(key), field.value)
            }
        }
        value = map
    }

    private func read<E: WireValue>(_ node: Int, _ step: MemberPath.Step, _ field: Field) throws -> E {
        var some: E?
        element = node
        try notes.within(step) { try E.code(&some, field, self) }
        guard let some else { throw CommonError("MalformedInput", "\(field.queryName) has no value") }
        return some
    }
}
