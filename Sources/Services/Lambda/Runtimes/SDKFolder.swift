// SPDX-License-Identifier: Apache-2.0
import Glibc
package import MartletCore

/// Where `martlet runtimes sdk` keeps one family's SDK: `{data}/lambda/sdk/{family}/{id}`, with the link `current` to the one
/// in use.
///
/// An install is filled beside the others and takes effect whole, or not at all. The one before stays, since environments that
/// run have it mounted; those before that go.
package struct SDKFolder: Sendable {
    /// A directory to be filled.
    package struct Draft: Sendable {
        package let path: String
        /// Held until it is finished or abandoned, or this process has ended and every program that it has given it to.
        package let lock: Int32
        fileprivate let name: String
    }

    private static let link = "current"
    private let root: HostPath

    package init(data: String, _ family: RuntimeSDKs.Family) {
        root = HostPath(data).appending("lambda/sdk/\(family.rawValue)")
    }

    /// The directory in use; nil where there is none.
    package var current: String? {
        guard let name = currentName, root.appending(name).isDirectory else { return nil }
        return root.appending(name).description
    }

    private var currentName: String? {
        // Without a link nothing is installed.
        guard let target = try? root.appending(Self.link).linkTarget() else { return nil }
        let name = String(decoding: target, as: UTF8.self)
        return name.isEmpty || name.contains("/") ? nil : name
    }

    /// Throws while another one is being filled.
    package func begin(_ ids: any IDSource) throws -> Draft {
        try root.makeDirectories()
        let lock = root.appending(".lock").withPointer { open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        guard lock >= 0 else { throw root.failure("lock") }
        do {
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
                throw MartletError("lambda.sdk", "another martlet runtimes sdk is filling \(root)")
            }
            try removeDrafts()
            let name = ids.hex(16)
            let draft = root.appending(".\(name)")
            try draft.makeDirectory()
            return Draft(path: draft.description, lock: lock, name: name)
        } catch {
            Self.release(lock)
            throw error
        }
    }

    /// Puts the draft into use.
    package func finish(_ draft: Draft) throws {
        defer { Self.release(draft.lock) }
        let place = HostPath(draft.path)
        guard try !place.names().isEmpty else {
            throw MartletError("lambda.sdk", "nothing was installed into \(draft.path)")
        }
        let previous = currentName
        _ = try place.move(to: root.appending(draft.name))
        let link = root.appending(".link")
        try link.makeLink(to: Array(draft.name.utf8))
        _ = try link.move(to: root.appending(Self.link))
        try remove { ![draft.name, previous, Self.link].contains($0) && !$0.hasPrefix(".") }
    }

    package func abandon(_ draft: Draft) throws {
        defer { Self.release(draft.lock) }
        try HostPath(draft.path).remove()
    }

    /// By name: closing leaves it with a child that was forked meanwhile and has not executed yet.
    private static func release(_ lock: Int32) {
        flock(lock, LOCK_UN)
        close(lock)
    }

    /// What processes that were killed have left.
    private func removeDrafts() throws { try remove { $0.hasPrefix(".") && $0 != ".lock" } }

    private func remove(where isUnwanted: (String) -> Bool) throws {
        for name in try root.names() where isUnwanted(String(decoding: name, as: UTF8.self)) {
            try root.appending(name).remove()
        }
    }
}
