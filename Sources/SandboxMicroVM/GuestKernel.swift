// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Sandbox

/// A kernel of a distribution's, and those of its modules that a guest needs.
package struct GuestKernel: Sendable, Equatable {
    package var image: String
    package var release: String
    /// Paths, in the order of loading.
    package var modules: [String]
    /// As `modules`, for a guest with a way out.
    package var outwardModules: [String] = []

    private struct Module {
        var path: String
        var isNeeded: Bool
        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    }

    /// Below `kernel/`, each after those that it depends on.
    private static let wanted = [
        Module(path: "drivers/virtio/virtio_ring", isNeeded: false),
        Module(path: "drivers/virtio/virtio", isNeeded: false),
        Module(path: "drivers/virtio/virtio_mmio", isNeeded: true),
        Module(path: "net/vmw_vsock/vsock", isNeeded: true),
        Module(path: "net/vmw_vsock/vmw_vsock_virtio_transport_common", isNeeded: false),
        Module(path: "net/vmw_vsock/vmw_vsock_virtio_transport", isNeeded: true),
        Module(path: "fs/netfs/netfs", isNeeded: false),
        Module(path: "fs/fscache/fscache", isNeeded: false),
        Module(path: "net/9p/9pnet", isNeeded: false),
        // Up to Linux 5.16 a part of the one before.
        Module(path: "net/9p/9pnet_fd", isNeeded: false),
        Module(path: "fs/9p/9p", isNeeded: true),
        // For functions from images.
        Module(path: "fs/overlayfs/overlay", isNeeded: false),
    ]
    /// What a kernel lacks of these shows where a function asks for a way out.
    private static let wantedOutward = [
        "crypto/crc32c_generic", "lib/libcrc32c", "net/ipv4/netfilter/nf_defrag_ipv4",
        "net/ipv6/netfilter/nf_defrag_ipv6",
        "net/netfilter/nfnetlink", "net/netfilter/nf_conntrack", "net/netfilter/nf_nat", "net/netfilter/nf_tables",
        "net/netfilter/nft_chain_nat", "net/netfilter/nft_nat",
    ].map { Module(path: $0, isNeeded: false) }

    private static let advice = """
        Install a kernel of the general kind, the “cloud” ones have no 9p (Debian: apt-get install linux-image-amd64; \
        Ubuntu: linux-image-generic), or name one with --microvm-kernel
        """

    /// The kernel at `path` (`…/vmlinuz-RELEASE`, its modules in `/lib/modules/RELEASE` or, as a package unpacks,
    /// in `../lib/modules/RELEASE`), or the newest that fits of those in `/boot`. Throws `SandboxError`.
    package static func find(at path: String?) throws(SandboxError) -> GuestKernel {
        if let path { return try kernel(at: path) }
        let images = HostFile.names(in: "/boot").filter { $0.hasPrefix("vmlinuz-") }.sorted { isNewer($0, than: $1) }
        var reason = SandboxError(.hostLacks, "There is no kernel for microVMs: /boot has no vmlinuz-…. \(advice)")
        for name in images {
            do { return try kernel(at: "/boot/\(name)") } catch { reason = error }
        }
        throw reason
    }

    static func kernel(at path: String) throws(SandboxError) -> GuestKernel {
        guard access(path, R_OK) == 0, let image = HostFile.absolute(path) else {
            throw SandboxError(.hostLacks, "The kernel \(path) cannot be read. \(advice)")
        }
        let parts = image.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.last, let dash = name.firstIndex(of: "-") else {
            throw SandboxError(
                .hostLacks,
                "The kernel \(image) is not named vmlinuz-RELEASE, so its modules are unknown"
            )
        }
        let release = String(name[name.index(after: dash)...])
        let above = parts.dropLast(2).joined(separator: "/")
        let places = ["\(above)/lib/modules", "\(above)/usr/lib/modules", "/lib/modules", "/usr/lib/modules"]
        guard let folder = firstReadable(places.map { "\($0)/\(release)" }) else {
            throw SandboxError(.hostLacks, "The modules of the kernel \(image) are missing: no lib/modules/\(release)")
        }
        return GuestKernel(
            image: image,
            release: release,
            modules: try modules(wanted, in: folder, of: release),
            outwardModules: try modules(wantedOutward, in: folder, of: release)
        )
    }

    private static func modules(
        _ wanted: [Module],
        in folder: String,
        of release: String
    ) throws(SandboxError) -> [String] {
        let builtin = Set(lines(of: "\(folder)/modules.builtin"))
        var found: [String] = []
        var missing: [String] = []
        for module in wanted {
            let path = "\(folder)/kernel/\(module.path).ko"
            if let file = firstReadable(["", ".xz", ".zst", ".gz"].map { path + $0 }) {
                found.append(file)
            } else if module.isNeeded, !builtin.contains("kernel/\(module.path).ko") {
                missing.append(module.name)
            }
        }
        guard missing.isEmpty else {
            throw SandboxError(
                .hostLacks,
                "Linux \(release) lacks \(missing.joined(separator: ", ")), which microVMs need. \(advice)"
            )
        }
        return found
    }

    private static func firstReadable(_ paths: [String]) -> String? {
        paths.first { path in access(path, R_OK) == 0 }
    }

    /// By the numbers in the names: 6.10 is newer than 6.9.
    static func isNewer(_ one: String, than other: String) -> Bool {
        func numbers(_ name: String) -> [Int] {
            name.split { !$0.isNumber }.map { Int($0) ?? .max }
        }
        let (a, b) = (numbers(one), numbers(other))
        return a == b ? one > other : b.lexicographicallyPrecedes(a)
    }

    private static func lines(of path: String) -> [String] {
        guard let bytes = try? HostFile.contents(of: path) else { return [] }  // a kernel without the list has modules
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
