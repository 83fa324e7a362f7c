// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Sandbox

/// What a host offers to every machine on it.
struct MachineHost: Sendable {
    var qemu: String
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

/// From one specification two: of the jail in which QEMU runs on the host, and of the sandbox inside its guest.
struct MachinePlan: Sendable {
    var jail: SandboxSpecification
    var guest: SandboxSpecification
    /// What the two call by other names than the caller does.
    private var places: [(own: String, callers: String)] = []

    /// Memory of the guest beside its function's: kernel, page tables, agent.
    static let guestOverheadMiB = 128
    /// Memory of QEMU beside its guest's: itself, its buffers, translated code when it emulates.
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
        mounts.append(SandboxMount(source: host.kernel, target: "/machine/kernel"))
        mounts.append(SandboxMount(source: host.initialFileSystem, target: "/machine/initial"))
        self.guest = guest
        jail = SandboxSpecification(
            id: specification.id,
            command: host.arguments(for: specification.limits),
            environment: ["TMPDIR": "/tmp", "PATH": "/usr/bin"],
            mounts: mounts,
            limits: Self.limits(of: specification.limits),
            listeners: [JailerNumber.guestControlPort, JailerNumber.guestStreamPort].map(SandboxListener.init(port:))
                + specification.listeners,
            usesKVM: host.acceleration == .kvm
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
        case .none: break
        case .host: throw SandboxError(.hostLacks, "A microVM cannot have the host's network")
        case .egress: throw SandboxError(.hostLacks, "A microVM has no way out: its network can be none or endpoint")
        }
        if let writable = specification.mounts.first(where: { !$0.isReadOnly }) {
            throw SandboxError(
                .cannotMount(target: writable.target),
                "A microVM cannot mount \(writable.target) writable"
            )
        }
        let reserved = [JailerNumber.guestControlPort, JailerNumber.guestStreamPort]
        if let taken = specification.listeners.first(where: { reserved.contains($0.port) }) {
            throw SandboxError(.badSpecification, "Port \(taken.port) is the microVM driver's own")
        }
        try specification.checkForJailer()
    }

    static func limits(of function: SandboxLimits) -> SandboxLimits {
        SandboxLimits(
            memoryBytes: (guestMiB(function) + machineOverheadMiB) << 20,
            temporaryBytes: 16 << 20,
            // Threads: one for each CPU, and those that read files.
            processes: 256,
            // One for each file that the guest has open, and for each of its connections.
            openFiles: 8_192
        )
    }

    /// Whole MiB, at most a tebibyte: a limit beyond the host's memory fails there.
    static func guestMiB(_ function: SandboxLimits) -> Int {
        let bytes = min(max(function.memoryBytes, 0), 1 << 40)
        return (bytes + (1 << 20) - 1) >> 20 + guestOverheadMiB
    }
}

extension MachineHost {
    /// As AWS gives them, one for each begun 1,769 MB; a fraction is the cgroup's business.
    func cpus(for limits: SandboxLimits) -> Int {
        let share = CPUShare.lambda(memoryMiB: min(max(limits.memoryBytes, 0), 1 << 40) >> 20).cpus
        return min(max(1, Int(share.rounded(.up))), max(1, cpus))
    }

    private var commandLine: String {
        var words = [
            "quiet", "console=ttyS0", "panic=-1", "reboot=t", "cgroup_no_v1=all", "random.trust_cpu=on", "rdinit=/init",
            // A function that asks for more than its limit is ended for it, as on a host, and not refused by a small machine.
            "sysctl.vm.overcommit_memory=1",
        ]
        if acceleration == .tcg {
            // Nobody else is in the guest, whom these would protect from its function; and they cost an emulator much.
            words.append("mitigations=off")
            // The machine has no second clock to measure by that an emulator on a busy host would tick evenly.
            if clockKHz > 0 { words += ["tsc=reliable", "tsc_early_khz=\(clockKHz)"] }
        }
        if !libraries.isEmpty {
            let path = libraries.indices.map { "\(GuestFiles.share)/lib/\($0)" }.joined(separator: ":")
            words.append("LD_LIBRARY_PATH=\(path)")
        }
        return words.joined(separator: " ")
    }

    /// QEMU's command: a machine with a processor, memory, a console, the shares, and a cable whose other end is the
    /// loopback of the jail.
    func arguments(for limits: SandboxLimits) -> [String] {
        var arguments = [
            qemu, "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-machine", "microvm,acpi=on,rtc=on,isa-serial=on,x-option-roms=off",
            "-accel", acceleration == .kvm ? "kvm" : "tcg,thread=multi,tb-size=96",
            "-cpu", acceleration == .kvm ? "host" : "max",
            "-smp", "\(cpus(for: limits))", "-m", "\(MachinePlan.guestMiB(limits))M",
            "-kernel", "/machine/kernel", "-initrd", "/machine/initial", "-append", commandLine,
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-netdev", "user,id=host,ipv6=off", "-device", "virtio-net-device,netdev=host",
        ]
        for share in shares {
            arguments += [
                "-fsdev", "local,id=\(share.tag),path=\(share.path),security_model=none,readonly=on,multidevs=remap",
                "-device", "virtio-9p-device,fsdev=\(share.tag),mount_tag=\(share.tag)",
            ]
        }
        return arguments
    }
}
