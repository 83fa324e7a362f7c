// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Sandbox

/// The program that runs a machine: it gives the guest memory, processors, a console, and one device, a vsock.
///
/// Whichever it is, all that a guest does outside itself are connections of that vsock to ports of the host. Each arrives at
/// the Unix socket of that port's number in the machine's jail: the server's own listeners, and the files.
package enum MachineMonitor: Sendable, Equatable {
    /// Its `microvm` machine, 7.2 or later. The vsock is Martlet's own, over vhost-user: the host needs no module for it.
    case qemu(path: String)
    /// 1.8 or later; it brings the vsock along. Wants KVM.
    case firecracker(path: String)

    static let qemuPaths = ["/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm"]
    static let firecrackerPaths = [
        "/usr/bin/firecracker", "/usr/local/bin/firecracker", "/opt/firecracker/firecracker",
    ]

    /// From its name, or a path that ends in it. Nil for anything else.
    package init?(_ text: String) {
        let name = text.split(separator: "/").last ?? ""
        switch text {
        case "qemu": self = .qemu(path: Self.there(Self.qemuPaths))
        case "firecracker": self = .firecracker(path: Self.there(Self.firecrackerPaths))
        case _ where !text.hasPrefix("/"): return nil
        case _ where name.hasPrefix("firecracker"): self = .firecracker(path: text)
        case _ where name.hasPrefix("qemu"): self = .qemu(path: text)
        default: return nil
        }
    }

    /// The first that is installed; where none is, the first is missed by name.
    private static func there(_ paths: [String]) -> String {
        paths.first { access($0, X_OK) == 0 } ?? paths[0]
    }

    var name: String {
        switch self {
        case .qemu: "QEMU"
        case .firecracker: "Firecracker"
        }
    }

    /// Where it is in a machine's jail. QEMU finds its firmware by where it lies itself.
    var jailPath: String {
        switch self {
        case .qemu(let path): path
        case .firecracker: "/machine/monitor"
        }
    }

    /// Whether the jail has it as the host's own /usr.
    var isInRoot: Bool { jailPath.hasPrefix("/usr/") }

    var path: String {
        switch self {
        case .qemu(let path), .firecracker(let path): path
        }
    }
}

extension MachineHost {
    /// As AWS gives them, one for each begun 1,769 MB; a fraction is the cgroup's business.
    func cpus(for limits: SandboxLimits) -> Int {
        let share = CPUShare.lambda(memoryMiB: min(max(limits.memoryBytes, 0), 1 << 40) >> 20).cpus
        return min(max(1, Int(share.rounded(.up))), max(1, cpus))
    }

    /// The kernel's, for every monitor.
    private func words(_ hasWayOut: Bool) -> [String] {
        var words = [
            "quiet", "console=ttyS0", "panic=-1", "cgroup_no_v1=all", "random.trust_cpu=on", "rdinit=/init",
            // A function that asks for more than its limit is ended for it, as on a host, and not refused by a small machine.
            "sysctl.vm.overcommit_memory=1",
        ]
        if acceleration == .tcg {
            // Nobody else is in the guest, whom these would protect from its function; and they cost an emulator much.
            words.append("mitigations=off")
            // The machine has no second clock to measure by that an emulator on a busy host would tick evenly.
            if clockKHz > 0 { words += ["tsc=reliable", "tsc_early_khz=\(clockKHz)"] }
        }
        if hasWayOut { words.append("MARTLET_WAY_OUT=1") }
        if !libraries.isEmpty { words.append("LD_LIBRARY_PATH=\(libraryPath(below: GuestFiles.share))") }
        return words
    }

    func libraryPath(below root: String) -> String {
        libraries.indices.map { "\(root)/lib/\($0)" }.joined(separator: ":")
    }

    /// What runs in the jail, and with it the monitor.
    func program(for specification: SandboxSpecification) -> MachineProgram {
        var program = program(for: specification.limits, hasWayOut: specification.network == .egress)
        program.hasWayOut = specification.network == .egress
        return program
    }

    private func program(for limits: SandboxLimits, hasWayOut: Bool) -> MachineProgram {
        let exports = shares.map { MachineProgram.Export(tag: $0.tag, path: $0.path) }
        switch monitor {
        case .qemu:
            return MachineProgram(exports: exports, givesVsock: true, command: qemuArguments(for: limits, hasWayOut))
        case .firecracker:
            return MachineProgram(
                exports: exports,
                files: [.init(path: "/tmp/machine.json", text: firecrackerConfiguration(for: limits, hasWayOut))],
                command: [monitor.jailPath, "--no-api", "--config-file", "/tmp/machine.json"]
            )
        }
    }

    private func qemuArguments(for limits: SandboxLimits, _ hasWayOut: Bool) -> [String] {
        let memory = "\(MachinePlan.guestMiB(limits))M"
        // A reset without firmware or keyboard controller.
        let words = words(hasWayOut) + ["reboot=t"]
        return [
            monitor.jailPath, "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-machine", "microvm,acpi=on,rtc=on,isa-serial=on,x-option-roms=off,memory-backend=memory",
            "-accel", acceleration == .kvm ? "kvm" : "tcg,thread=multi,tb-size=96",
            "-cpu", acceleration == .kvm ? "host" : "max",
            "-smp", "\(cpus(for: limits))", "-m", memory,
            // The vsock's device reads and writes it, too.
            "-object", "memory-backend-memfd,id=memory,size=\(memory),share=on",
            "-kernel", "/machine/kernel", "-initrd", "/machine/initial", "-append", words.joined(separator: " "),
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", "socket,id=vsock,fd=\(MachineProgram.vsockDescriptor)",
            "-device", "vhost-user-vsock-device,chardev=vsock",
        ]
    }

    /// No text in it comes from a function, and none wants an escape.
    private func firecrackerConfiguration(for limits: SandboxLimits, _ hasWayOut: Bool) -> String {
        // The keyboard controller's reset is what Firecracker takes for the end; nothing else of it is there to probe.
        let words =
            words(hasWayOut) + ["reboot=k", "pci=off", "i8042.noaux", "i8042.nomux", "i8042.nopnp", "i8042.dumbkbd"]
        return """
            {
              "boot-source": {
                "kernel_image_path": "/machine/kernel",
                "initrd_path": "/machine/initial",
                "boot_args": "\(words.joined(separator: " "))"
              },
              "drives": [],
              "machine-config": {
                "vcpu_count": \(min(cpus(for: limits), 32)),
                "mem_size_mib": \(MachinePlan.guestMiB(limits)),
                "smt": false
              },
              "vsock": { "guest_cid": 3, "uds_path": "\(MachineProgram.vsockPath)" }
            }
            """
    }
}
