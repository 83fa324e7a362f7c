// SPDX-License-Identifier: Apache-2.0

/// A checked name inside an image: a directory and what it calls the entry.
struct LayerPath: Equatable {
    /// Without a slash at either end; empty for the root.
    var parent: [UInt8]
    var name: [UInt8]

    static let slash = UInt8(ascii: "/")

    /// Nil for the root itself. Refuses what leads out, what no file system takes, and what is too long or too deep. Unlike in
    /// other archives, a leading slash is usual.
    init?(_ path: [UInt8], _ limits: ImageLimits) throws(ImageFault) {
        guard path.count <= limits.pathBytes, !path.contains(0) else {
            throw .invalid("a name is too long or holds a zero byte")
        }
        let components = path.split(separator: Self.slash).filter { !$0.elementsEqual([0x2e]) }
        guard components.count <= limits.depth, components.allSatisfy({ $0.count <= limits.componentBytes }) else {
            throw .invalid("a name is too deep or has too long a component")
        }
        guard !components.contains(where: { $0.elementsEqual([0x2e, 0x2e]) }) else {
            throw .invalid("a name leads out of the image")
        }
        guard let last = components.last else { return nil }
        parent = Array(components.dropLast().joined(separator: [Self.slash]))
        name = Array(last)
    }

    /// What a layer's marker of absence stands for.
    enum Whiteout: Equatable {
        /// This name of the layers below.
        case name([UInt8])
        /// Everything that the layers below have in the directory.
        case all
    }

    var whiteout: Whiteout? {
        get throws(ImageFault) {
            guard name.starts(with: Array(".wh.".utf8)) else { return nil }
            if name == Array(".wh..wh..opq".utf8) { return .all }
            let hidden = Array(name.dropFirst(4))
            // `.wh..wh.plnk` and the like are one storage driver's own bookkeeping and never belong in a layer.
            guard !hidden.isEmpty, hidden != [0x2e], hidden != [0x2e, 0x2e], !hidden.starts(with: Array(".wh.".utf8))
            else { throw .invalid("a whiteout names nothing") }
            return .name(hidden)
        }
    }
}
