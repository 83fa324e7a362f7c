// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Sandbox

extension SandboxClaim {
    /// Makes a stem cell the environment of `plan`.
    init(_ plan: LaunchPlan, limits: SandboxLimits, of kind: StemCellKind) {
        let word: Word =
            kind.command.isEmpty
            ? .command(plan.command, environment: plan.environment, workingDirectory: plan.workingDirectory)
            : .text(Self.line(plan))
        self.init(mounts: plan.mounts.filter(StemCellKind.isOfVersion), limits: limits, word: word)
    }

    /// Makes a stem cell a copy of the version's snapshot.
    init(_ plan: LaunchPlan, limits: SandboxLimits, from snapshot: any SandboxSnapshot) {
        self.init(mounts: plan.mounts.filter(StemCellKind.isOfVersion), limits: limits, word: .snapshot(snapshot))
    }

    /// What the bootstraps of managed runtimes read: one line of JSON.
    private static func line(_ plan: LaunchPlan) -> [UInt8] {
        // The bootstrap has read its own variables at boot, and hidden them; what was compiled ahead comes with the code.
        let environment = plan.environment.filter { !$0.key.hasPrefix("MARTLET_") || $0.key == "MARTLET_COMPILED" }
            .sorted { $0.key < $1.key }
            .map { JSONValue.Member($0.key, .string($0.value)) }
        let claim = JSONValue.object([
            .init("environment", .object(environment)), .init("handler", .string(plan.environment["_HANDLER"] ?? "")),
        ])
        return Array((claim.compactText + "\n").utf8)
    }
}
