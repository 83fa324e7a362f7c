// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Sandbox

/// Looks at the host: what there is for microVMs, and what is missing.
struct MachineSurvey {
    private let options: MicroVMOptions

    init(_ options: MicroVMOptions) { self.options = options }

    // MARK: - for the first machine

    /// Writes the initial file system, too. Throws `SandboxError` with what is missing.
    func host() throws(SandboxError) -> MachineHost {
        let qemu = try findQEMU()
        let acceleration = try acceleration()
        let kernel = try GuestKernel.find(at: options.kernel)
        let files = GuestFiles()
        var map = ""
        // Without it, an executable that is linked to libraries elsewhere says so on the guest's console.
        if let bytes = try? HostFile.contents(of: "/proc/self/maps") { map = String(decoding: bytes, as: UTF8.self) }
        let initial = try write(files, kernel)
        return MachineHost(
            qemu: qemu,
            // Ubuntu's are root's to read.
            kernel: try HostFile.readableByAll(kernel.image, in: options.directory),
            initialFileSystem: initial,
            executable: options.executable,
            libraries: LoadedLibraries.directories(in: map),
            shares: files.shares.map { ($0.tag, $0.path) },
            acceleration: acceleration,
            clockKHz: TimeStampCounter.kilohertz(),
            cpus: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        )
    }

    private func write(_ files: GuestFiles, _ kernel: GuestKernel) throws(SandboxError) -> String {
        try HostFile.makeDirectory(options.directory)
        var modules: [[UInt8]] = []
        for path in kernel.modules { modules.append(try HostFile.contents(of: path)) }
        let path = "\(options.directory)/initial-\(kernel.release).cpio"
        try HostFile.write(files.initialFileSystem(modules: modules, firstProgram: PackageResources.init_elf), to: path)
        return path
    }

    private func findQEMU() throws(SandboxError) -> String {
        let candidates = options.qemu.map { [$0] } ?? MicroVMOptions.emulators
        if let found = candidates.first(where: { access($0, X_OK) == 0 }) { return found }
        throw SandboxError(
            .hostLacks,
            """
            QEMU is missing: no \(candidates.joined(separator: ", no ")). Debian and Ubuntu: apt-get install \
            --no-install-recommends qemu-system-x86; Fedora: dnf install qemu-system-x86-core
            """
        )
    }

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
            check("qemu") { () throws(SandboxError) in try findQEMU() },
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
