// SPDX-License-Identifier: Apache-2.0

/// The memory and processes of a sandbox at rest, from which others of the same specification start.
///
/// What a restored process sees: the same memory, environment, process numbers and files; a new standard output; and
/// every connection it had is closed, so reading gives the end and writing an error.
package protocol SandboxSnapshot: Sendable {
    /// The size of its image on disk.
    var bytes: Int { get }

    /// Removes the image. Sandboxes that have been restored from it live on.
    func discard() async
}

extension Sandbox {
    package func takeSnapshot(into folder: String) async throws -> any SandboxSnapshot {
        throw SandboxError(.hostLacks, "This kind of sandbox has no snapshots")
    }
}

extension SandboxDriver {
    package var restores: Bool { false }

    package func restore(
        _ snapshot: any SandboxSnapshot,
        _ specification: SandboxSpecification
    ) async throws -> any Sandbox {
        throw SandboxError(.hostLacks, "Sandboxes of the \(name) driver have no snapshots")
    }

    package func openSnapshot(at folder: String) async -> (any SandboxSnapshot)? { nil }
}
