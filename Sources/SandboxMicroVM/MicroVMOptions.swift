// SPDX-License-Identifier: Apache-2.0

/// How the driver finds what it needs on the host.
package struct MicroVMOptions: Sendable {
    /// A directory of the driver's own, which exists.
    package var directory: String
    /// `…/vmlinuz-RELEASE`; nil looks in /boot.
    package var kernel: String?
    /// The path of QEMU; nil looks where distributions put it.
    package var qemu: String?
    /// Whether machines may be emulated where there is no KVM, some fifty times slower.
    package var allowsEmulation: Bool
    /// The martlet executable, which is also the guest's agent.
    package var executable: String
    /// How long a guest may take to start.
    package var bootSeconds: Int

    package init(
        directory: String,
        kernel: String? = nil,
        qemu: String? = nil,
        allowsEmulation: Bool = false,
        executable: String? = nil,
        bootSeconds: Int = 120
    ) {
        self.directory = directory
        self.kernel = kernel
        self.qemu = qemu
        self.allowsEmulation = allowsEmulation
        // Where the system does not say, mounting it does, with the path.
        self.executable = executable ?? HostFile.linkTarget(of: "/proc/self/exe") ?? "/proc/self/exe"
        self.bootSeconds = bootSeconds
    }

    static let emulators = ["/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm"]
}

/// Who runs the guest's instructions.
package enum Acceleration: String, Sendable {
    case kvm
    /// QEMU's own translator.
    case tcg
}
