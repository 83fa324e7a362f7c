// SPDX-License-Identifier: Apache-2.0

/// An XML text as a list of elements. Comments, attributes and name space prefixes are dropped.
struct XMLDocument: Sendable {
    struct Element: Sendable {
        /// Without its prefix.
        var name: String
        var text = ""
        var children: [Int] = []
    }

    /// The first is the root; never empty.
    let elements: [Element]
    static let root = 0

    init(_ bytes: [UInt8]) throws(XMLFault) {
        var parser = XMLParser(bytes)
        elements = try parser.parse()
    }

    func children(_ name: String, of element: Int) -> [Int] {
        elements[element].children.filter { elements[$0].name == name }
    }

    func child(_ name: String, of element: Int) -> Int? {
        elements[element].children.first { elements[$0].name == name }
    }

    /// The first element of that name anywhere, in document order.
    func first(_ name: String) -> Int? { elements.firstIndex { $0.name == name } }
}

/// Why a text is not XML, or not XML that Martlet reads.
struct XMLFault: Error, Equatable, Sendable, CustomStringConvertible {
    let reason: String
    /// In bytes from the beginning.
    let offset: Int

    var description: String { "\(reason) at byte \(offset)" }
}
