// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// A form with dotted names (`Tags.member.1.Key`) as a tree.
struct FormTree: Sendable {
    struct Node: Sendable {
        var text: String?
        var children: [String: Int] = [:]
    }

    /// Deeper than any model nests.
    static let maximumDepth = 64
    static let root = 0

    private(set) var nodes = [Node()]

    init(_ form: FormItems) throws(CommonError) {
        guard !form.isCut else {
            throw CommonError("MalformedInput", "The request has more than \(FormItems.maximumItems) parameters.")
        }
        for item in form.items {
            let names = item.name.split(separator: ".", omittingEmptySubsequences: false)
            guard names.count <= Self.maximumDepth else {
                throw CommonError("MalformedInput", "The parameter \(item.name.prefix(100))… nests too deep.")
            }
            var node = Self.root
            for name in names { node = child(of: node, String(name)) }
            nodes[node].text = item.value
        }
    }

    private mutating func child(of node: Int, _ name: String) -> Int {
        if let known = nodes[node].children[name] { return known }
        nodes.append(Node())
        nodes[node].children[name] = nodes.count - 1
        return nodes.count - 1
    }

    func child(_ name: String, of node: Int) -> Int? { nodes[node].children[name] }

    /// The children whose names are numbers, in their order; gaps close up.
    func numbered(_ node: Int) -> [Int] {
        nodes[node].children.compactMap { name, child in Int(name).map { ($0, child) } }.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
