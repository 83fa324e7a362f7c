// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Sandbox

/// Looks at the host: what there is for microVMs, and what is missing.
struct MachineSurvey {
    private let options: MicroVMOptions

    init(_ options: MicroVMOptions) { self.options = options }

    // MARK: - for the first machine

    /// Writes the initial file system, too. `acceleration` is for a second look, when the first has proved wrong. Throws
    /// `SandboxError` with what is missing.
    func host(_ acceleration: Acceleration? = nil) throws(SandboxError) -> MachineHost {
        let acceleration = if let acceleration { acceleration } else { try self.acceleration() }
        let monitor = try monitor(acceleration)
        let kernel = try GuestKernel.find(at: options.kernel)
        let files = GuestFiles()
        var map = ""
        // Without it, an executable that is linked to libraries elsewhere says so on the guest's console.
        if let bytes = try? HostFile.contents(of: "/proc/self/maps") { map = String(decoding: bytes, as: UTF8.self) }
        let initial = try write(files, kernel)
        return MachineHost(
            monitor: monitor,
            kernel: try image(of: kernel, for: monitor),
            initialFileSystem: initial,
            executable: options.executable,
            libraries: LoadedLibraries.directories(in: map),
            shares: files.shares.map { ($0.tag, $0.path) },
            acceleration: acceleration,
            clockKHz: TimeStampCounter.kilohertz(),
            cpus: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        )
    }

    private func image(of kernel: GuestKernel, for monitor: MachineMonitor) throws(SandboxError) -> String {
        let unpacked: Result<String, SandboxError> = Result { () throws(SandboxError) in
            try KernelImage.unpacked(kernel.image, release: kernel.release, in: options.directory)
        }
        guard case .qemu = monitor else { return try unpacked.get() }
        // Each machine would unpack it anew, half a second, or five where it is emulated.
        if case .success(let path) = unpacked, KernelImage.startsUnpacked(path) { return path }
        // Ubuntu's are root's to read.
        return try HostFile.readableByAll(kernel.image, in: options.directory)
    }

    private func write(_ files: GuestFiles, _ kernel: GuestKernel) throws(SandboxError) -> String {
        try HostFile.makeDirectory(options.directory)
        HostFile.clearDrafts(in: options.directory)
        var (modules, outward): ([[UInt8]], [[UInt8]]) = ([], [])
        for path in kernel.modules { modules.append(try HostFile.contents(of: path)) }
        for path in kernel.outwardModules { outward.append(try HostFile.contents(of: path)) }
        let archive = files.initialFileSystem(
            modules: modules,
            outwardModules: outward,
            firstProgram: PackageResources.init_elf
        )
        let path = "\(options.directory)/initial-\(kernel.release).cpio"
        try HostFile.write(archive, to: path)
        return path
    }

    /// Firecracker does less, so there is less in it to break out of; it cannot emulate.
    private func monitor(_ acceleration: Acceleration) throws(SandboxError) -> MachineMonitor {
        let executable: (String) -> Bool = { access($0, X_OK) == 0 }
        if let wanted = options.monitor {
            guard executable(wanted.path) else {
                throw SandboxError(.hostLacks, "\(wanted.name) is missing: no \(wanted.path). \(Self.advice)")
            }
            if case .firecracker = wanted, acceleration == .tcg, options.acceleration == nil {
                throw SandboxError(.hostLacks, "Firecracker does not emulate machines: leave --microvm-monitor to QEMU")
            }
            return wanted
        }
        if acceleration == .kvm, let path = MachineMonitor.firecrackerPaths.first(where: executable) {
            return .firecracker(path: path)
        }
        if let path = MachineMonitor.qemuPaths.first(where: executable) { return .qemu(path: path) }
        throw SandboxError(
            .hostLacks,
            "QEMU is missing: no \(MachineMonitor.qemuPaths.joined(separator: ", no ")). \(Self.advice)"
        )
    }

    private static let advice = """
        Debian and Ubuntu: apt-get install --no-install-recommends qemu-system-x86; Fedora: dnf install qemu-system-x86-core. \
        Or, where there is KVM, put Firecracker 1.8 or later at /usr/local/bin/firecracker
        """

    private func acceleration() throws(SandboxError) -> Acceleration {
        if access("/dev/kvm", R_OK | W_OK) == 0 { return .kvm }
        if options.allowsEmulation { return .tcg }
        throw SandboxError(
            .hostLacks,
            """
            There is no KVM for this user: /dev/kvm is missing or not to be opened. Load kvm_intel or kvm_amd, or add the user \
            to the group kvm; or emulate, some fifty times slower, with --microvm-emulation
            """
        )
    }

    // MARK: - for the doctor

    func checks() -> [HostCheck] {
        [
            check("machine monitor") { () throws(SandboxError) in
                let monitor = try monitor((try? acceleration()) ?? .tcg)
                return "\(monitor.name), \(monitor.path)"
            },
            check("kvm") { () throws(SandboxError) in
                try acceleration() == .kvm ? "/dev/kvm can be opened; the first microVM tries it" : "none: emulated"
            },
            check("guest kernel") { () throws(SandboxError) in
                let kernel = try GuestKernel.find(at: options.kernel)
                return "\(kernel.image), \(kernel.modules.count) modules"
            },
        ]
    }

    private func check(_ item: String, _ look: () throws(SandboxError) -> String) -> HostCheck {
        do { return HostCheck(item, .present, try look()) } catch { return HostCheck(item, .missing, error.message) }
    }
}
