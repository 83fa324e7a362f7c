// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Sandbox

/// What a host offers to every machine on it.
struct MachineHost: Sendable {
    var monitor: MachineMonitor
    /// As the monitor wants it.
    var kernel: String
    var initialFileSystem: String
    var executable: String
    /// Directories of libraries that the executable needs and /usr has not, as when it was built for debugging.
    var libraries: [String] = []
    /// Tags and paths of the shares.
    var shares: [(tag: String, path: String)]
    var acceleration: Acceleration
    /// Thousands of ticks a second of the counter that an emulated guest sees, which it cannot measure by itself.
    var clockKHz: UInt64 = 0
    var cpus: Int
}

/// From one specification two: of the jail in which the machine runs on the host, and of the sandbox inside its guest.
struct MachinePlan: Sendable {
    var jail: SandboxSpecification
    var guest: SandboxSpecification
    /// What the two call by other names than the caller does.
    private var places: [(own: String, callers: String)] = []

    /// Memory of the guest beside its function's: kernel, page tables, agent.
    static let guestOverheadMiB = 128
    /// Memory of the monitor beside its guest's: itself, its buffers, the files' server, translated code when it emulates.
    static let machineOverheadMiB = 256

    /// Throws what this driver cannot do.
    init(_ specification: SandboxSpecification, on host: MachineHost) throws(SandboxError) {
        try Self.check(specification)
        var guest = specification
        guest.listeners = specification.listeners
        guest.limits.cpu = nil
        var mounts = [SandboxMount(source: host.executable, target: "\(GuestFiles.export)/martlet")]
        mounts += host.libraries.enumerated().map { index, path in
            SandboxMount(source: path, target: "\(GuestFiles.export)/lib/\(index)")
        }
        if case .directory(let path) = specification.root {
            mounts.append(SandboxMount(source: path, target: "\(GuestFiles.export)/root"))
            guest.root = .directory("\(GuestFiles.share)/root")
            places = [("\(GuestFiles.export)/root", "/"), ("\(GuestFiles.share)/root", path)]
        }
        for (index, mount) in specification.mounts.enumerated() {
            mounts.append(SandboxMount(source: mount.source, target: "\(GuestFiles.export)/mount/\(index)"))
            guest.mounts[index].source = "\(GuestFiles.share)/mount/\(index)"
            places.append(("\(GuestFiles.export)/mount/\(index)", mount.target))
            places.append(("\(GuestFiles.share)/mount/\(index)", mount.source))
        }
        mounts.append(SandboxMount(source: host.executable, target: "/machine/\(MachineProgram.name)"))
        if !host.monitor.isInRoot {
            mounts.append(SandboxMount(source: host.monitor.path, target: host.monitor.jailPath))
        }
        mounts.append(SandboxMount(source: host.kernel, target: "/machine/kernel"))
        mounts.append(SandboxMount(source: host.initialFileSystem, target: "/machine/initial"))
        self.guest = guest
        jail = SandboxSpecification(
            id: specification.id,
            command: ["/machine/\(MachineProgram.name)"] + host.program(for: specification).arguments,
            environment: host.libraries.isEmpty
                ? [:] : ["LD_LIBRARY_PATH": host.libraryPath(below: GuestFiles.export)],
            mounts: mounts,
            limits: Self.limits(of: specification.limits),
            // What the guest's sandbox connects to, this one does.
            network: specification.network,
            listeners: [JailerNumber.guestControlPort, JailerNumber.guestStreamPort].map(SandboxListener.init(port:))
                + specification.listeners,
            usesKVM: host.acceleration == .kvm,
            listensForMachine: true
        )
    }

    /// What the jailer of the host or the guest has said, with the paths that the caller knows.
    func inWordsOfCaller(_ error: SandboxError) -> SandboxError {
        // The last first: 1 is the beginning of 11.
        let message = places.reversed().reduce(error.message) { $0.replacing($1.own, with: $1.callers) }
        guard case .cannotMount(let target) = error.code else { return SandboxError(error.code, message) }
        // The host's jailer knows the shares by their targets, the guest's has the caller's.
        let shared = places.first { $0.own == target }
        return SandboxError(.cannotMount(target: shared?.callers ?? target), message)
    }

    private static func check(_ specification: SandboxSpecification) throws(SandboxError) {
        // The machine's memory and what it sees are fixed when it starts.
        if specification.awaitsClaim { throw SandboxError(.hostLacks, "A microVM cannot await a claim") }
        switch specification.network {
        case .none, .egress: break
        case .host: throw SandboxError(.hostLacks, "A microVM cannot have the host's network")
        }
        if let writable = specification.mounts.first(where: { !$0.isReadOnly }) {
            throw SandboxError(
                .cannotMount(target: writable.target),
                "A microVM cannot mount \(writable.target) writable"
            )
        }
        let reserved = [
            JailerNumber.guestControlPort, JailerNumber.guestStreamPort, JailerNumber.guestFilePort,
            JailerNumber.guestWayOutPort,
        ]
        if let taken = specification.listeners.first(where: { reserved.contains($0.port) }) {
            throw SandboxError(.badSpecification, "Port \(taken.port) is the microVM driver's own")
        }
        try specification.checkForJailer()
    }

    static func limits(of function: SandboxLimits) -> SandboxLimits {
        SandboxLimits(
            memoryBytes: (guestMiB(function) + machineOverheadMiB) << 20,
            temporaryBytes: 16 << 20,
            // Threads: one for each CPU, for each share of files, and the monitor's own.
            processes: 256,
            // One for each file that the guest knows, and for each of its connections.
            openFiles: 8_192
        )
    }

    /// Whole MiB, at most a tebibyte: a limit beyond the host's memory fails there.
    static func guestMiB(_ function: SandboxLimits) -> Int {
        let bytes = min(max(function.memoryBytes, 0), 1 << 40)
        return (bytes + (1 << 20) - 1) >> 20 + guestOverheadMiB
    }
}
