// SPDX-License-Identifier: Apache-2.0

/// The directories, files and links that an archive makes, before any of it exists.
struct PackageTree: Sendable {
    enum Node: Sendable {
        case directory
        case file(ZipEntry, isExecutable: Bool)
        case link(target: [UInt8])
    }

    private(set) var nodes: [[UInt8]: Node] = [:]
    private let limits: PackageLimits

    init(limits: PackageLimits) { self.limits = limits }

    /// A name may stand for one thing only, and only directories may hold others: nothing is ever written through a link.
    mutating func insert(_ entry: ZipEntry, _ linkTarget: [UInt8]?) throws {
        try insertParents(of: entry.path)
        switch entry.kind {
        case .directory: try insertDirectory(entry.path)
        case .file(let isExecutable): try insertLeaf(.file(entry, isExecutable: isExecutable), at: entry.path)
        case .link: try insertLeaf(.link(target: linkTarget ?? []), at: entry.path)
        }
        guard nodes.count <= limits.nodes else { throw PackageFault.broken("the archive makes too many files") }
    }

    private mutating func insertParents(of path: [UInt8]) throws {
        var child = path
        while let parent = ZipPath.parent(of: child), !parent.isEmpty {
            if case .directory? = nodes[parent] { return }
            try insertDirectory(parent)
            child = parent
        }
    }

    private mutating func insertDirectory(_ path: [UInt8]) throws {
        guard !path.isEmpty else { return }
        switch nodes[path] {
        case nil: nodes[path] = .directory
        case .directory?: return
        default: throw PackageFault.broken("a name is used for a file and a directory")
        }
    }

    private mutating func insertLeaf(_ node: Node, at path: [UInt8]) throws {
        guard !path.isEmpty, nodes[path] == nil else { throw PackageFault.broken("a name is used twice") }
        nodes[path] = node
    }
}

// MARK: - Links

extension PackageTree {
    /// Follows every link as the kernel would, through the archive's other links. None may leave the package, not even on
    /// its way to a place inside.
    func checkLinks() throws {
        var stepsLeft = limits.linkSteps
        for (path, node) in nodes {
            guard case .link(let target) = node else { continue }
            try follow(target, from: ZipPath.parent(of: path) ?? [], &stepsLeft)
        }
    }

    private func follow(_ target: [UInt8], from directory: [UInt8], _ stepsLeft: inout Int) throws {
        var place = directory
        var pending = try components(target)
        var linksLeft = 40
        while let component = pending.popLast() {
            stepsLeft -= 1
            guard stepsLeft > 0 else { throw PackageFault.broken("links are too entangled") }
            if ZipPath.isCurrent(component) { continue }
            if ZipPath.isParent(component) {
                guard let parent = ZipPath.parent(of: place) else {
                    throw PackageFault.broken("a link leads out of the package")
                }
                place = parent
                continue
            }
            let next = place.isEmpty ? Array(component) : place + [ZipPath.slash] + component
            guard case .link(let further)? = nodes[next] else {
                place = next
                continue
            }
            linksLeft -= 1
            guard linksLeft > 0 else { throw PackageFault.broken("links go round in circles") }
            pending.append(contentsOf: try components(further))
        }
    }

    /// Last component first.
    private func components(_ target: [UInt8]) throws -> [ArraySlice<UInt8>] {
        guard let first = target.first, first != ZipPath.slash, !target.contains(0) else {
            throw PackageFault.broken("a link's target is empty or absolute")
        }
        return target.split(separator: ZipPath.slash).reversed()
    }
}
