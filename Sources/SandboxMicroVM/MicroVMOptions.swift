// SPDX-License-Identifier: Apache-2.0

/// How the driver finds what it needs on the host.
package struct MicroVMOptions: Sendable {
    /// A directory of the driver's own, which exists.
    package var directory: String
    /// `…/vmlinuz-RELEASE`; nil looks in /boot.
    package var kernel: String?
    /// Nil takes Firecracker where it is installed and KVM is there, else QEMU where distributions put it.
    package var monitor: MachineMonitor?
    /// Whether machines may be emulated where there is no KVM, some fifty times slower.
    package var allowsEmulation: Bool
    /// Nil finds out. With `tcg`, the monitor is taken at its word that it can run a guest.
    package var acceleration: Acceleration?
    /// The martlet executable, which is also the guest's agent.
    package var executable: String
    /// How long a guest may take to start.
    package var bootSeconds: Int

    package init(
        directory: String,
        kernel: String? = nil,
        monitor: MachineMonitor? = nil,
        allowsEmulation: Bool = false,
        acceleration: Acceleration? = nil,
        executable: String? = nil,
        bootSeconds: Int = 120
    ) {
        self.directory = directory
        self.kernel = kernel
        self.monitor = monitor
        self.allowsEmulation = allowsEmulation
        self.acceleration = acceleration
        // Where the system does not say, mounting it does, with the path.
        self.executable = executable ?? HostFile.linkTarget(of: "/proc/self/exe") ?? "/proc/self/exe"
        self.bootSeconds = bootSeconds
    }
}

/// Who runs the guest's instructions.
package enum Acceleration: String, Sendable {
    case kvm
    /// QEMU's own translator.
    case tcg
}
