// SPDX-License-Identifier: Apache-2.0

/// One entry of a central directory, its name checked and normalised.
struct ZipEntry: Sendable {
    enum Kind: Sendable, Equatable {
        case directory
        case file(isExecutable: Bool)
        case link
    }

    enum Method: Sendable, Equatable {
        case stored
        case deflated
    }

    /// Bytes, not text: Linux names need not be UTF-8. Without a slash at either end; empty for the root itself.
    var path: [UInt8]
    var kind: Kind
    var method: Method
    var size: Int
    var checksum: UInt32
    /// Where the entry begins in the file.
    var headerOffset: Int
    /// The packed bytes in the file.
    var packed: Range<Int>
}

/// Names inside an archive.
enum ZipPath {
    static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    /// Takes out empty and `.` components. Refuses names that lead out of the package or that no tool writes for a Linux
    /// package: absolute ones, `..`, backslashes, zero bytes.
    static func normalize(_ name: ArraySlice<UInt8>, _ limits: PackageLimits) throws -> [UInt8] {
        guard !name.isEmpty, name.count <= limits.pathBytes else {
            throw PackageFault.broken("a name is empty or too long")
        }
        guard name.first != slash else { throw PackageFault.broken("a name is absolute") }
        guard !name.contains(0), !name.contains(UInt8(ascii: "\\")) else {
            throw PackageFault.broken("a name holds a zero byte or a backslash")
        }
        let components = name.split(separator: slash).filter { !isCurrent($0) }
        guard components.count <= limits.depth, components.allSatisfy({ $0.count <= limits.componentBytes }) else {
            throw PackageFault.broken("a name is too deep or has too long a component")
        }
        guard !components.contains(where: isParent) else {
            throw PackageFault.broken("a name leads out of the package")
        }
        return Array(components.joined(separator: [slash]))
    }

    static func isCurrent(_ component: ArraySlice<UInt8>) -> Bool { component.elementsEqual([dot]) }
    static func isParent(_ component: ArraySlice<UInt8>) -> Bool { component.elementsEqual([dot, dot]) }

    /// The directory of a path; nil for the root.
    static func parent(of path: [UInt8]) -> [UInt8]? {
        guard !path.isEmpty else { return nil }
        guard let end = path.lastIndex(of: slash) else { return [] }
        return Array(path[..<end])
    }
}
