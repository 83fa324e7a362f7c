// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// An image that a jailer has taken, in a folder of its own.
struct JailedSnapshot: SandboxSnapshot {
    let folder: ImageFolder
    let bytes: Int

    func discard() async { folder.remove() }
}

extension JailedSandbox {
    func takeSnapshot(into folder: String) async throws -> any SandboxSnapshot {
        guard view == nil else {
            throw SandboxError(.hostLacks, "A sandbox that shares the host's network or files cannot be snapshot")
        }
        var writer = JailerWriter()
        writer.u64(handle)
        writer.string(folder)
        let image = ImageFolder(folder)
        // The jailer ends the process with its photographer.
        willBeKilled()
        do {
            var contents = try await call(.snapshot, writer.bytes).contents()
            let bytes = Int(clamping: contents.u64())
            try client.note(image)
            await kill()
            return JailedSnapshot(folder: image, bytes: bytes)
        } catch {
            await kill()
            throw SandboxError(jailer: error)
        }
    }
}

extension JailerClient {
    /// Where the image comes from, for those who find it later.
    func note(_ image: ImageFolder) throws {
        guard let origin = ImageOrigin.current(program: program) else {
            throw SandboxError(.hostLacks, "The kernel does not tell which boot this is")
        }
        try image.writeOrigin(origin)
    }
}

extension Jailer {
    /// Throws `SandboxError`.
    package func restore(
        _ snapshot: any SandboxSnapshot,
        _ specification: SandboxSpecification
    ) async throws -> any Sandbox {
        guard let snapshot = snapshot as? JailedSnapshot else {
            throw SandboxError(.badSpecification, "The snapshot is of another kind of sandbox")
        }
        guard specification.network == .none, !specification.awaitsClaim else {
            throw SandboxError(.badSpecification, "A restored sandbox has a network of its own and awaits no claim")
        }
        return try await start(specification, from: snapshot.folder.path)
    }

    /// Takes the snapshot of a process that sleeps, and starts a copy.
    package func tryRestoring() async throws -> any Sandbox {
        guard let first = SandboxID("doctor-original"), let second = SandboxID("doctor-copy") else {
            throw SandboxError(.failed, "no id")
        }
        var specification = SandboxSpecification(id: first, command: ["/bin/sleep", "60"], isAttended: true)
        let sandbox = try await start(specification)
        let folder: ImageFolder
        do {
            folder = try ImageFolder.temporary()
        } catch {
            await sandbox.kill()
            throw SandboxError(jailer: error)
        }
        defer { folder.remove() }
        let snapshot = try await sandbox.takeSnapshot(into: folder.path)
        specification.id = second
        return try await restore(snapshot, specification)
    }

    /// Nil when there is no whole image, or it cannot be one of this boot's and this program's.
    package nonisolated func openSnapshot(at folder: String) -> (any SandboxSnapshot)? {
        let image = ImageFolder(folder)
        guard image.isWhole, let origin = image.origin, origin == ImageOrigin.current(program: program) else {
            return nil
        }
        return JailedSnapshot(folder: image, bytes: image.bytes)
    }
}
