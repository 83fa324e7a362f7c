// SPDX-License-Identifier: Apache-2.0
import Sandbox

/// What a stem cell is booted as: a runtime, with nothing of any function in it. Cells of one kind are alike.
struct StemCellKind: Hashable, Sendable {
    /// Empty for `provided`: its sandbox stops short of executing anything.
    var command: [String]
    /// The variables that an interpreter reads when it starts, and no function's.
    var environment: [String: String]
    /// The interpreter's own files and the bootstraps.
    var mounts: [String]
    var memoryMiB: Int
    var network: FunctionNetwork

    /// Nil: environments of that version are always started plainly, since it chooses what its runtime begins with, or
    /// brings a root of its own or external extensions, or does not want to.
    init?(_ plan: LaunchPlan, _ version: ExecutableVersion) {
        // Where the network is the host's, its ports are not known before the start.
        guard plan.root == .host, plan.network != .host, plan.extensions.isEmpty,
            version.environment[Self.switchName] != "never"
        else {
            return nil
        }
        network = plan.network
        guard RuntimeFamily(version.runtime) != .provided else {
            command = []
            environment = [:]
            mounts = []
            memoryMiB = Self.emptyMemoryMiB
            return
        }
        guard !version.environment.keys.contains(where: Self.isReadAtStart) else { return nil }
        command = plan.command
        environment = plan.environment.filter { Self.booting.contains($0.key) && version.environment[$0.key] == nil }
        environment["MARTLET_CLAIM_FD"] = String(SandboxSpecification.claimDescriptor)
        mounts = plan.mounts.filter { !Self.isOfVersion($0) }.map(\.source)
        // The virtual machine takes its size from the function's, and cannot change it.
        let isJava = if case .java = RuntimeFamily(version.runtime) { true } else { false }
        memoryMiB = isJava ? version.memoryMiB : Self.interpreterMemoryMiB
    }

    /// What becomes a copy of a snapshot: it stops short of executing anything, like a custom runtime's, with the files of the
    /// runtime in it that the snapshot was taken of. Nil as above.
    init?(ofCopies plan: LaunchPlan, _ version: ExecutableVersion) {
        guard plan.root == .host, plan.network != .host, version.environment[Self.switchName] != "never" else {
            return nil
        }
        network = plan.network
        command = []
        environment = [:]
        mounts = plan.mounts.filter { !Self.isOfVersion($0) }.map(\.source)
        memoryMiB = Self.emptyMemoryMiB
    }

    /// A function's variable: `never` keeps it from stem cells.
    static let switchName = "MARTLET_STEM_CELLS"
    private static let interpreterMemoryMiB = 256
    private static let emptyMemoryMiB = 32

    /// What a claim mounts; everything else of a plan is mounted at boot.
    static func isOfVersion(_ mount: SandboxMount) -> Bool {
        mount.target == LaunchPlan.taskRoot || mount.target == LaunchPlan.layersRoot
            || mount.target.hasPrefix(PythonCompiler.visibleRoot) || mount.target.hasPrefix("/mnt/")
    }

    /// Equal for all functions of a runtime, since those that set one of them get no cell. A claim brings the rest.
    private static let booting: Set<String> = [
        "LANG", "LD_LIBRARY_PATH", "PATH", "TZ", "MARTLET_LOG_FD", "MARTLET_LAYERS", "MARTLET_SDK",
        "AWS_LAMBDA_RUNTIME_API",
    ]

    /// Variables that the loader, an interpreter or its libraries look at once, when the process starts.
    private static func isReadAtStart(_ name: String) -> Bool {
        // The bootstraps look at these when they are claimed.
        guard !["PYTHONPATH", "NODE_PATH", "NODE_ENV", "RUBYLIB", "GEM_PATH"].contains(name) else { return false }
        let prefixes = [
            "LD_", "PYTHON", "NODE_", "RUBY", "GEM_", "BUNDLE_", "JAVA_", "_JAVA_", "JDK_", "MALLOC_", "GLIBC_", "LC_",
            "UV_", "OPENSSL_", "SSL_CERT_", "MARTLET_",
        ]
        return ["LANG", "LANGUAGE", RuntimeCommand.wrapperVariable].contains(name)
            || prefixes.contains { name.hasPrefix($0) }
    }
}
