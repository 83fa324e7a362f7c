// SPDX-License-Identifier: Apache-2.0
import Sandbox

/// Everything that a new environment is started with. A value: made once, whatever sandbox it then gets.
struct StartPlan: Sendable {
    var version: ExecutableVersion
    var launch: LaunchPlan
    var log: EnvironmentLog
    var format: PlatformLog
    var startedMicroseconds: Int64
    var beginning: ExecutionEnvironment.Beginning
    /// What a copy begins from.
    var snapshot: (any SandboxSnapshot)? = nil
    /// The function's file system, which may be gone.
    var fileSystem: SandboxMount? = nil
    /// The sandbox stands short of the runtime's command until the extensions have registered.
    var isHeld = false

    var limits: SandboxLimits {
        SandboxLimits(memoryBytes: version.memoryMiB << 20, temporaryBytes: version.temporaryMiB << 20)
    }

    /// The kind of stem cell that can become this environment. None can become a template: its copies are to have the same
    /// mounts.
    var cellKind: StemCellKind? {
        if snapshot != nil { return StemCellKind(ofCopies: launch, version) }
        return beginning.role == .template ? nil : StemCellKind(launch, version)
    }

    /// What makes a cell of that kind this environment.
    func claim(of kind: StemCellKind) -> SandboxClaim {
        guard let snapshot else { return SandboxClaim(launch, limits: limits, of: kind) }
        return SandboxClaim(launch, limits: limits, from: snapshot)
    }

    /// What makes a held sandbox execute the runtime; nil where it is not held.
    var runtimeClaim: SandboxClaim? {
        guard isHeld else { return nil }
        let word = SandboxClaim.Word.command(
            launch.command,
            environment: launch.environment,
            workingDirectory: launch.workingDirectory
        )
        return SandboxClaim(mounts: [], limits: limits, word: word)
    }

    /// Throws `SandboxError`.
    func specification(_ id: SandboxID, _ listeners: [SandboxListener]) throws -> SandboxSpecification {
        guard !launch.command.isEmpty else {
            throw SandboxError(.cannotExecute, "the image names no entry point: No such file or directory")
        }
        return SandboxSpecification(
            id: id,
            command: isHeld ? [] : launch.command,
            environment: isHeld ? [:] : launch.environment,
            workingDirectory: launch.workingDirectory,
            root: launch.root,
            mounts: launch.mounts,
            limits: limits,
            network: launch.network.sandbox,
            listeners: listeners,
            awaitsClaim: isHeld,
            isAttended: true
        )
    }
}
