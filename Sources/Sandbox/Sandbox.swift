// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// One running execution environment: a process tree that can reach its own files, the sockets it was given, and
/// nothing else.
///
/// States: running ⇄ frozen → ended. `kill` is legal in every state and idempotent; every other call on an ended
/// sandbox, except `usage`, throws `SandboxError.ended`.
package protocol Sandbox: Sendable {
    var id: SandboxID { get }

    /// The listening sockets of `SandboxSpecification.listeners`, in that order, created inside the sandbox's network
    /// namespace. The caller owns them after this call; a second call returns nothing.
    func takeListeners() -> [FileDescriptor]

    /// The sockets at which a sandbox with `SandboxNetwork.egress` asks for connections and names. Owned by the caller
    /// after this call; a second call returns nil.
    func takeEgress() -> SandboxEgress?

    /// The ports at which a process of the sandbox finds the listeners, in the same order. They are those of the
    /// specification where the sandbox has a network of its own; where it shares the host's, the kernel has chosen.
    var listenerPorts: [UInt16] { get }

    /// The path by which the sandbox's processes find what the specification mounts at `path`. The same, except in a
    /// driver that cannot mount.
    func visiblePath(_ path: String) -> String

    /// The read end of the pipe that carries the processes' standard output and error. Owned by the caller after this
    /// call.
    func takeOutput() -> FileDescriptor?

    /// Mounts code and layers into a running sandbox that was booted without them, applies memory, process, CPU and
    /// `/tmp` limits, then gives the word. Legal once, on a sandbox whose specification said `awaitsClaim`; a claim that
    /// has failed leaves the sandbox good for `kill` only.
    func claim(_ claim: SandboxClaim) async throws

    /// Changes the CPU share; nil lifts it. A function's init phase is not throttled, so the pool applies this after
    /// init.
    func setCPUShare(_ share: CPUShare?) async throws

    /// Stops every process without their notice. Costs 15–100 µs.
    func freeze() async throws
    func thaw() async throws

    /// The highest memory use so far, read at once; nil where the host does not tell, or after the end: then `usage` does.
    var memoryPeakBytes: Int? { get }

    /// Also legal after the end: then the last figures.
    func usage() async throws -> SandboxUsage

    /// Starts another process beside the first: in the same namespaces, cgroup, user, limits and filter, with a
    /// standard output of its own. Returns when it has executed its command. Legal while the first process lives, at
    /// most 32 at a time, on a sandbox whose specification said `isAttended`.
    func startCompanion(_ companion: CompanionSpecification) async throws -> any SandboxCompanion

    /// A TCP socket that is being connected to a port of the sandbox's own loopback, non-blocking: what comes of it shows
    /// when it is used. The caller owns it. `isAttended` as above.
    func connectInside(to port: UInt16) async throws -> FileDescriptor

    /// Asks the first process to end (SIGTERM), or ends it (SIGKILL). `isAttended` as above.
    func terminate(byForce: Bool) async throws

    /// Takes the image of all processes, writes it to `folder`, which must exist and hold nothing, and ends the
    /// sandbox, whether it succeeds or not. Legal while it is at rest: nothing of it runs, the caller has it waiting
    /// at the Runtime API. `isAttended` as above.
    func takeSnapshot(into folder: String) async throws -> any SandboxSnapshot

    /// Ends every process at once and removes the sandbox's files, mounts and cgroups. Returns when they are gone.
    func kill() async

    /// Suspends until the first process has ended by itself or by `kill`. Any number of callers may wait. Companions
    /// that live then go on until `kill`, for five seconds at most; without any, all is gone.
    func waitForExit() async -> SandboxExit
}

/// A process that was started beside the first one of a sandbox. It ends with its sandbox at the latest.
package protocol SandboxCompanion: Sendable {
    /// As `Sandbox.takeOutput`, of this process and those that it starts.
    func takeOutput() -> FileDescriptor?

    /// Suspends until it has ended. Any number of callers may wait.
    func waitForExit() async -> SandboxExit
}

package struct CompanionSpecification: Sendable {
    /// Absolute path inside the sandbox, then the arguments.
    package var command: [String]
    package var environment: [String: String]
    package var workingDirectory: String

    package init(command: [String], environment: [String: String] = [:], workingDirectory: String = "/") {
        self.command = command
        self.environment = environment
        self.workingDirectory = workingDirectory
    }
}

extension Sandbox {
    package func startCompanion(_ companion: CompanionSpecification) async throws -> any SandboxCompanion {
        throw SandboxError(.hostLacks, "This kind of sandbox has no companions")
    }

    package func connectInside(to port: UInt16) async throws -> FileDescriptor {
        throw SandboxError(.hostLacks, "This kind of sandbox has no connections to give")
    }

    package func terminate(byForce: Bool) async throws {
        throw SandboxError(.hostLacks, "This kind of sandbox passes no signals on")
    }

    package func takeEgress() -> SandboxEgress? { nil }
    package var listenerPorts: [UInt16] { [] }
    package var memoryPeakBytes: Int? { nil }
    package func visiblePath(_ path: String) -> String { path }
}

/// Starts sandboxes of one kind. AWS has no counterpart that a customer can see.
package protocol SandboxDriver: Sendable {
    /// `namespace`, `microvm` or `process`.
    var name: String { get }

    /// Whether its sandboxes can await a claim.
    var mountsLate: Bool { get }

    /// What the sandbox isolates, in a sentence for `martlet doctor`.
    var guarantee: String { get }

    /// Looks at the host and says, item by item, what this driver needs and whether it is there.
    func examineHost() async -> [HostCheck]

    /// Returns when the first process has been started. Throws `SandboxError`.
    func start(_ specification: SandboxSpecification) async throws -> any Sandbox

    /// Whether snapshots work on this host.
    var restores: Bool { get }

    /// Starts a sandbox from an image: with the mounts, root and limits of `specification`, which must be those of the
    /// sandbox that was snapshot, and with a new id, new namespaces, a `/tmp` of its own that begins with the image's
    /// files, and new listeners on the same ports. `command`, `environment` and `workingDirectory` are the image's.
    func restore(_ snapshot: any SandboxSnapshot, _ specification: SandboxSpecification) async throws -> any Sandbox

    /// Opens an image that an earlier server process left; nil when it does not fit this host: another boot, another
    /// kernel, another version of the server. A program or library file that has changed since is seen by `restore`,
    /// which throws: only inside the sandbox is known which file it is.
    func openSnapshot(at folder: String) async -> (any SandboxSnapshot)?

    /// Kills every sandbox that this driver has started, and removes what a crashed predecessor left behind.
    func shutDown() async
}

/// Letters, digits and hyphens, 1–64 of them. Names the cgroup and the scratch directory.
package struct SandboxID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Nil when `text` has another form.
    package init?(_ text: String) {
        guard (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({
                $0 == 0x2d || ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a)
            })
        else { return nil }
        self.text = text
    }

    package var description: String { text }
}

/// Everything needed to start one sandbox.
package struct SandboxSpecification: Sendable {
    package var id: SandboxID
    /// Absolute path inside the sandbox, then the arguments.
    package var command: [String]
    package var environment: [String: String]
    package var workingDirectory: String
    package var root: RootFileSystem
    /// In order; a later mount may lie inside an earlier one.
    package var mounts: [SandboxMount]
    package var limits: SandboxLimits
    package var network: SandboxNetwork
    /// Addresses on the sandbox's own loopback that the server listens on (the Runtime API, the AWS endpoint).
    package var listeners: [SandboxListener]
    /// The sandbox boots without code and waits for `claim`. Its first process has `claimDescriptor` open, on which the
    /// claim's word arrives. With an empty `command` it stops short of executing one, and the claim brings the command.
    package var awaitsClaim: Bool
    /// It may get companions, give sockets of its network, and be asked to end. Costs eight open files.
    package var isAttended: Bool

    /// Its processes may open /dev/kvm. For machines that the server itself starts, never for functions.
    package var usesKVM: Bool
    /// The listeners are Unix sockets in `/tmp`, at which a machine's emulator connects for its guest. As above.
    package var listensForMachine: Bool

    /// The number of the descriptor.
    package static let claimDescriptor = JailerNumber.claimDescriptor

    package init(
        id: SandboxID,
        command: [String],
        environment: [String: String] = [:],
        workingDirectory: String = "/",
        root: RootFileSystem = .host,
        mounts: [SandboxMount] = [],
        limits: SandboxLimits = .init(),
        network: SandboxNetwork = .none,
        listeners: [SandboxListener] = [],
        awaitsClaim: Bool = false,
        isAttended: Bool = false,
        usesKVM: Bool = false,
        listensForMachine: Bool = false
    ) {
        self.id = id
        self.command = command
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.root = root
        self.mounts = mounts
        self.limits = limits
        self.network = network
        self.listeners = listeners
        self.awaitsClaim = awaitsClaim
        self.isAttended = isAttended
        self.usesKVM = usesKVM
        self.listensForMachine = listensForMachine
    }
}

/// Where `/` comes from. Always mounted read-only, `nosuid`, `nodev`.
package enum RootFileSystem: Sendable, Equatable {
    /// The host's `/usr`, `/lib*`, `/bin`, `/sbin` and the few files of `/etc` that programs need (certificates,
    /// linker cache, alternatives, a passwd and a resolv.conf of the sandbox's own); nothing of `/home`, `/root`,
    /// `/var`, `/srv`, `/run`.
    case host
    /// An unpacked image.
    case directory(String)
}

/// A host directory or file that appears in the sandbox. Always `nosuid`, `nodev`.
package struct SandboxMount: Sendable, Equatable {
    package var source: String
    package var target: String
    package var isReadOnly: Bool
    /// Of one that is not read-only: files are written as the owner of `source`, who must not be root, whatever user the
    /// sandbox has. Where the server is an ordinary user's, files are written as that user.
    package var writesAsOwner: Bool

    package init(source: String, target: String, isReadOnly: Bool = true, writesAsOwner: Bool = false) {
        self.source = source
        self.target = target
        self.isReadOnly = isReadOnly
        self.writesAsOwner = writesAsOwner
    }
}

package struct SandboxLimits: Sendable, Equatable {
    package var memoryBytes: Int
    /// Size of the private `/tmp`. Not counted against `memoryBytes` on AWS; here it lies on disk or in tmpfs.
    package var temporaryBytes: Int
    /// Processes and threads. AWS: 1,024.
    package var processes: Int
    /// Open files per process. AWS: 1,024.
    package var openFiles: Int
    package var cpu: CPUShare?

    package init(
        memoryBytes: Int = 128 << 20,
        temporaryBytes: Int = 512 << 20,
        processes: Int = 1_024,
        openFiles: Int = 1_024,
        cpu: CPUShare? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.temporaryBytes = temporaryBytes
        self.processes = processes
        self.openFiles = openFiles
        self.cpu = cpu
    }
}

/// CPU time as a fraction of one CPU: 1.0 is a whole one, 2.5 two and a half.
package struct CPUShare: Sendable, Equatable {
    package var cpus: Double
    package init(cpus: Double) { self.cpus = cpus }

    /// AWS: one vCPU at 1,769 MB, in proportion elsewhere.
    package static func lambda(memoryMiB: Int) -> CPUShare { CPUShare(cpus: Double(memoryMiB) / 1_769) }
}

package enum SandboxNetwork: Sendable, Equatable {
    /// A network namespace with a loopback of its own and nothing else.
    case none
    /// As `none`, with a way out: TCP connections to other addresses than its loopback, and lookups of names, arrive at
    /// the sockets of `takeEgress`. Whoever serves those decides what may be reached; nobody does: nothing is.
    case egress
    /// The host's network. Must be asked for by name.
    case host
}

/// An address on the sandbox's loopback.
package struct SandboxListener: Sendable, Equatable {
    package var port: UInt16
    package init(port: UInt16) { self.port = port }
}

/// What a booted sandbox receives when a function version claims it.
package struct SandboxClaim: Sendable {
    /// What the first process is told once everything is mounted.
    package enum Word: Sendable {
        /// It hears nothing.
        case silence
        /// Bytes that it reads from `claimDescriptor`, and then its end. At most 64 KiB.
        case text([UInt8])
        /// What it executes, when it was booted without a command. A failure to execute ends the sandbox with
        /// `SandboxExit.notExecuted`.
        case command([String], environment: [String: String], workingDirectory: String)
        /// What it becomes a copy of, when it was booted without a command; the claim's mounts are those of the sandbox
        /// that was snapshot. A failure ends the sandbox with `SandboxExit.notExecuted`.
        case snapshot(any SandboxSnapshot)
    }

    package var mounts: [SandboxMount]
    package var limits: SandboxLimits
    package var word: Word

    package init(mounts: [SandboxMount], limits: SandboxLimits, word: Word = .silence) {
        self.mounts = mounts
        self.limits = limits
        self.word = word
    }
}

package struct SandboxUsage: Sendable, Equatable {
    package var memoryPeakBytes: Int
    package var memoryBytes: Int
    package var cpuMicroseconds: Int

    package init(memoryPeakBytes: Int, memoryBytes: Int, cpuMicroseconds: Int) {
        self.memoryPeakBytes = memoryPeakBytes
        self.memoryBytes = memoryBytes
        self.cpuMicroseconds = cpuMicroseconds
    }
}

/// How the first process ended.
package enum SandboxExit: Sendable, Equatable {
    case exited(status: Int32)
    case signalled(Int32)
    /// The kernel ended a process because the memory limit was reached.
    case outOfMemory
    /// By `kill` or `shutDown`.
    case killed
    /// The command that a claim brought could not be executed.
    case notExecuted(SandboxError)
}

package struct SandboxError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// The host lacks something; the message says what and what would help.
        case hostLacks
        /// The specification cannot be carried out: a path is not absolute, a number is too large.
        case badSpecification
        /// The mount with that target cannot be made: its source is missing, or nothing that functions may write.
        case cannotMount(target: String)
        /// The command is missing or cannot be executed in the sandbox.
        case cannotExecute
        case ended
        /// A limit of the driver (sandboxes at once) is reached.
        case busy
        case failed
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

/// One line of `martlet doctor`.
package struct HostCheck: Sendable {
    package enum Result: Sendable, Equatable {
        case present
        /// Works without it, with less.
        case degraded
        case missing
    }

    package var item: String
    package var result: Result
    /// What was found, or what to do.
    package var detail: String

    package init(_ item: String, _ result: Result, _ detail: String) {
        self.item = item
        self.result = result
        self.detail = detail
    }
}
