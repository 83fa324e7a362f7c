// SPDX-License-Identifier: Apache-2.0

/// A JSON text taken apart: one flat list of where each value begins and ends. Nothing is copied or decoded until asked for.
struct JSONDocument: Sendable {
    enum Kind: UInt8, Sendable {
        case null
        case yes
        case no
        case number
        /// A string whose bytes are its text.
        case plainString
        case escapedString
        case array
        case object
    }

    /// `next` is the node behind this one and all that it holds. The children of an object are name, value, name, value.
    struct Node: Sendable {
        var kind: Kind
        /// Of the text between the quotes; of a number's characters.
        var start: Int32
        var end: Int32
        var next: Int32
    }

    let bytes: [UInt8]
    /// The first is the root; never empty.
    let nodes: [Node]

    static let root = 0

    init(_ bytes: [UInt8]) throws(JSONFault) {
        var parser = JSONParser(bytes)
        self.nodes = try parser.parse()
        self.bytes = bytes
    }

    func kind(_ node: Int) -> Kind { nodes[node].kind }

    func slice(_ node: Int) -> ArraySlice<UInt8> { bytes[Int(nodes[node].start)..<Int(nodes[node].end)] }

    /// Of a string node.
    func string(_ node: Int) -> String {
        let text = slice(node)
        guard kind(node) == .escapedString else { return String(decoding: text, as: UTF8.self) }
        return String(decoding: JSONText.unescaped(text), as: UTF8.self)
    }

    /// The elements of an array; nothing for any other kind.
    func elements(of node: Int) -> [Int] { kind(node) == .array ? children(of: node) : [] }

    /// Names and values of an object, in the document's order.
    func members(of node: Int) -> [(name: Int, value: Int)] {
        guard kind(node) == .object else { return [] }
        let children = children(of: node)
        return stride(from: 0, to: children.count - 1, by: 2).map { (children[$0], children[$0 + 1]) }
    }

    private func children(of node: Int) -> [Int] {
        var result: [Int] = []
        var child = node + 1
        let end = Int(nodes[node].next)
        while child < end {
            result.append(child)
            child = Int(nodes[child].next)
        }
        return result
    }

    /// The value of the object's member of that name; of the last one, where the document repeats it.
    func value(of name: String, in object: Int) -> Int? {
        guard kind(object) == .object else { return nil }
        var found: Int?
        var child = object + 1
        let end = Int(nodes[object].next)
        while child < end {
            let value = child + 1
            if isName(child, name) { found = value }
            child = Int(nodes[value].next)
        }
        return found
    }

    /// The values of an object with many members by name, the last of each; nil for a smaller one.
    func index(of object: Int) -> [String: Int]? {
        guard kind(object) == .object, Int(nodes[object].next) - object > Self.manyNodes else { return nil }
        var index: [String: Int] = [:]
        for (name, value) in members(of: object) { index[string(name)] = value }
        return index
    }

    private static let manyNodes = 256

    private func isName(_ node: Int, _ name: String) -> Bool {
        if kind(node) == .escapedString { return string(node) == name }
        // Lengths first, as most names differ there already.
        guard Int(nodes[node].end - nodes[node].start) == name.utf8.count else { return false }
        return slice(node).elementsEqual(name.utf8)
    }
}

/// Why a text is not JSON.
package struct JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
    package let reason: String
    /// In bytes from the beginning.
    package let offset: Int

    package var description: String { "\(reason) at byte \(offset)" }
}
