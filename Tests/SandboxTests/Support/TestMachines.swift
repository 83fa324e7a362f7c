// SPDX-License-Identifier: Apache-2.0
import Glibc
import Sandbox
import SandboxMicroVM

/// Where the tests' microVMs have their kernel from: what `scripts/setup --tests` has unpacked, else the host's own.
enum TestMachines {
    private static let wanted = getenv("MARTLET_TEST_MICROVM").map { String(cString: $0) } ?? ""
    /// Whether the suites that every driver runs are run on microVMs, too: `all`, or without the other drivers: `only`.
    static let areAllWanted = wanted == "all" || areAloneWanted
    static let areAloneWanted = wanted == "only"

    static let options = MicroVMOptions(
        directory: "/tmp/martlet-test-microvm-\(getuid())",
        kernel: kernel,
        allowsEmulation: true,
        executable: jailerPath
    )

    /// In front of an emulated machine; it opens no KVM.
    static let fakeFirecracker = MicroVMOptions(
        directory: "/tmp/martlet-test-microvm-\(getuid())",
        kernel: kernel,
        monitor: .firecracker(path: "\(repository)/Tests/SandboxTests/MicroVM/fake-firecracker"),
        acceleration: .tcg,
        executable: jailerPath
    )

    private static let repository = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
        .joined(
            separator: "/"
        )

    static let kernel: String? = {
        if let path = getenv("MARTLET_TEST_KERNEL") { return String(cString: path) }
        var found = glob_t()
        defer { globfree(&found) }
        guard glob("\(repository)/.kernel/boot/vmlinuz-*", 0, nil, &found) == 0 else { return nil }
        return found.gl_pathv[0].map { String(cString: $0) }
    }()

    /// Whether this host can run them; the reason why not is printed, once.
    static let areThere: Bool = {
        do {
            _ = try GuestKernel.find(at: kernel)
        } catch {
            print("SKIPPED: microVM tests: \(error)")
            return false
        }
        guard access("/usr/bin/qemu-system-x86_64", X_OK) == 0 else {
            print("SKIPPED: microVM tests: QEMU is missing; scripts/setup --tests installs it")
            return false
        }
        return true
    }()
}
