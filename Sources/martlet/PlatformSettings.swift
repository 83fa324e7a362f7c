// SPDX-License-Identifier: Apache-2.0
import Configuration
import Egress
import Glibc
import Lambda
import Logging
import MartletCLI
import MartletServer
import OCI
import SandboxMicroVM
import Storage

/// What `martlet serve` was told, decoded once, with every default in one place.
struct PlatformSettings: Sendable {
    var host: String
    var port: Int
    /// Nil: ephemeral.
    var dataDirectory: String?
    var auth: AuthMode
    var durability: Durability
    /// Which functions run in which sandboxes.
    var sandboxes: FunctionRules<SandboxKind>
    var allowsMissingCgroups: Bool
    /// Of `microvm`: the guest's kernel, when it is none of /boot's, what runs machines, when it is not the host's best, and
    /// whether they may be emulated.
    var microVMKernel: String?
    var microVMMonitor: MachineMonitor?
    var emulatesMicroVMs: Bool
    var logLevel: Logger.Level
    /// Host names beside the local ones that `open` mode answers to.
    var allowedHosts: [String]
    /// Where container images may come from.
    var images: ImagePolicy
    /// What waiting stem cells may take, in MiB; zero: none are booted.
    var stemCellBudgetMiB: Int
    /// What snapshots of functions may take in all, in bytes; zero: none are taken.
    var snapshotBudgetBytes: Int
    /// The SDKs that functions find without bringing them.
    var sdks: RuntimeSDKs
    /// Those that are to be installed before anything is served.
    var missingSDKs: [RuntimeSDKs.Family]
    /// What functions can reach.
    var networks: NetworkRules
    /// Directories of this host that functions may mount.
    var folders: HostFolders
    /// What functions with a way out may reach of what they else may not.
    var networkAllowances: [AddressBlock]
    /// A file of registry logins, as `docker login` writes it.
    var registryLogins: String?

    enum SandboxKind: String, CaseIterable { case namespace, microvm, process }

    /// A value that cannot be taken: says which are right.
    struct Invalid: Error, CustomStringConvertible {
        var description: String
    }

    init(_ reader: ConfigReader) throws {
        host = reader.string(forKey: "host", default: "127.0.0.1")
        port = try Self.number(reader, "port", default: 4_566, in: 0...65_535)
        let isEphemeral = try Self.flag(reader, "ephemeral")
        dataDirectory = isEphemeral ? nil : reader.string(forKey: "dataDir", default: DefaultDirectory.data)
        let isLoopback = Self.isLoopback(host)
        auth = try Self.choice(reader, "auth", default: isLoopback ? AuthMode.open : .enforced)
        durability = try Self.choice(reader, "durability", default: Durability.full)
        sandboxes = try Self.sandboxes(reader)
        allowsMissingCgroups = try Self.flag(reader, "allowMissingCgroups")
        microVMKernel = reader.string(forKey: "microvmKernel")
        microVMMonitor = try Self.monitor(reader)
        emulatesMicroVMs = try Self.flag(reader, "microvmEmulation")
        logLevel = try Self.choice(reader, "logLevel", default: Logger.Level.info)
        allowedHosts = reader.string(forKey: "allowedHosts", default: "").split(separator: ",").map(String.init)
        images = try Self.imagePolicy(reader, isOpen: auth == .open)
        stemCellBudgetMiB = try Self.number(reader, "stemCells", default: 768, in: 0...1_048_576)
        snapshotBudgetBytes = try Self.snapshotBudget(reader)
        sdks = try Self.sdks(reader, data: dataDirectory)
        missingSDKs = try Self.missingSDKs(reader, sdks)
        registryLogins = reader.string(forKey: "registryLogins")
        networks = try Self.networks(reader, sandboxes)
        folders = try Self.folders(reader, sandboxes)
        networkAllowances = try Self.list(reader, "networkAllow").map { text in
            guard let block = AddressBlock(text) else {
                throw Invalid(
                    description: "“\(text)” is no range of addresses: write ADDRESS[/BITS][:PORT], as 10.0.0.0/8."
                )
            }
            return block
        }
        if auth == .open, !isLoopback {
            throw Invalid(
                description: "auth mode “open” takes any credentials, so it listens on loopback only, not on \(host). "
                    + "Use --auth enforced (or signed), or --host 127.0.0.1."
            )
        }
    }

    /// By name; the server looks again at what the name resolves to.
    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// In open mode every registry, unless some are named; in the others those that are named.
    private static func imagePolicy(_ reader: ConfigReader, isOpen: Bool) throws -> ImagePolicy {
        let registries = try list(reader, "imageRegistries").map { text in
            guard let registry = ImagePolicy.Registry(text) else {
                throw Invalid(description: "“\(text)” is no registry: write HOST[:PORT], or http://HOST[:PORT].")
            }
            return registry
        }
        let directories = list(reader, "imageDirectories")
        if let wrong = directories.first(where: { !$0.hasPrefix("/") }) {
            throw Invalid(description: "The image directory “\(wrong)” must be an absolute path.")
        }
        return ImagePolicy(registries: isOpen && registries.isEmpty ? nil : registries, directories: directories)
    }

    private static func monitor(_ reader: ConfigReader) throws -> MachineMonitor? {
        guard let text = reader.string(forKey: "microvmMonitor") else { return nil }
        guard let monitor = MachineMonitor(text) else {
            throw Invalid(
                description: "“\(text)” runs no machines: write firecracker, qemu, or the path of one of them."
            )
        }
        return monitor
    }

    /// The server's choice, and that for functions by name. What has no walls is no neighbour for what needs them.
    private static func sandboxes(_ reader: ConfigReader) throws -> FunctionRules<SandboxKind> {
        let rules = try list(reader, "functionSandboxes").map { text in
            guard let rule = FunctionRules<SandboxKind>.Rule(text), rule.choice != .process else {
                throw Invalid(
                    description: "“\(text)” names no sandbox: write FUNCTION=SANDBOX, with namespace or microvm."
                )
            }
            return rule
        }
        let kind = try choice(reader, "sandbox", default: SandboxKind.namespace)
        guard kind != .process || rules.isEmpty else {
            throw Invalid(
                description: "In the process sandbox functions have no walls, so others beside them have none either: "
                    + "leave --function-sandbox out, or --sandbox process."
            )
        }
        return FunctionRules(ofOthers: kind, rules: rules)
    }

    /// The server's choice, and that for functions by name. Without namespaces there is no network but the host's, and from
    /// machines there is no way to it.
    private static func networks(
        _ reader: ConfigReader,
        _ sandboxes: FunctionRules<SandboxKind>
    ) throws -> NetworkRules {
        let isShared = sandboxes.includes(.process)
        let rules = try list(reader, "functionNetworks").map { text in
            guard let rule = NetworkRules.Rule(text) else {
                let names = FunctionNetwork.allCases.map(\.rawValue).joined(separator: ", ")
                throw Invalid(description: "“\(text)” names no network: write FUNCTION=NETWORK, with one of \(names).")
            }
            return rule
        }
        let networks = NetworkRules(
            ofOthers: try choice(reader, "network", default: isShared ? FunctionNetwork.host : .endpoint),
            rules: rules
        )
        let others: [FunctionNetwork] = [.none, .endpoint, .egress]
        guard !isShared || !others.contains(where: networks.includes) else {
            throw Invalid(
                description:
                    "In the process sandbox functions share the host's network: leave --network out, or say host."
            )
        }
        guard sandboxes.includes(.namespace) || isShared || !networks.includes(.host) else {
            throw Invalid(
                description: "A microVM cannot share the host's network: --network none, endpoint or egress."
            )
        }
        return networks
    }

    /// A directory that root owns could be filled with programs that root runs, so functions do not write there.
    private static func folders(
        _ reader: ConfigReader,
        _ sandboxes: FunctionRules<SandboxKind>
    ) throws -> HostFolders {
        let folders = try list(reader, "mounts").map { text in
            guard let folder = HostFolder(text) else {
                throw Invalid(description: "“\(text)” is no mount: write NAME=/PATH, or NAME=/PATH:ro.")
            }
            var status = stat()
            guard stat(folder.path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw Invalid(description: "“\(folder.path)” is not a directory of this host.")
            }
            guard folder.isReadOnly || geteuid() != 0 || (status.st_uid != 0 && status.st_gid != 0) else {
                throw Invalid(
                    description:
                        "“\(folder.path)” belongs to root. Functions write as a directory's owner: give it to a user and group of its own, or mount it with :ro."
                )
            }
            return folder
        }
        guard folders.isEmpty || !sandboxes.includes(.process) else {
            throw Invalid(description: "In the process sandbox nothing is mounted: leave --mount out.")
        }
        return HostFolders(folders)
    }

    static func list(_ reader: ConfigReader, _ key: ConfigKey) -> [String] {
        reader.string(forKey: key, default: "").split(separator: ",").map(String.init)
    }

    static func number(
        _ reader: ConfigReader,
        _ key: String,
        default: Int,
        in range: ClosedRange<Int>
    ) throws -> Int {
        guard let text = reader.string(forKey: ConfigKey(key)) else { return `default` }
        guard let number = Int(text), range.contains(number) else {
            throw Invalid(
                description: "\(key) must be a number from \(range.lowerBound) to \(range.upperBound), not “\(text)”."
            )
        }
        return number
    }

    private static func flag(_ reader: ConfigReader, _ key: String) throws -> Bool {
        switch reader.string(forKey: ConfigKey(key)) {
        case nil, "false"?, "0"?, ""?: return false
        case "true"?, "1"?: return true
        case let text?: throw Invalid(description: "\(key) must be true or false, not “\(text)”.")
        }
    }

    private static func choice<C: RawRepresentable<String> & CaseIterable>(
        _ reader: ConfigReader,
        _ key: String,
        default: C
    ) throws -> C {
        guard let text = reader.string(forKey: ConfigKey(key)) else { return `default` }
        guard let choice = C(rawValue: text) else {
            let names = C.allCases.map(\.rawValue).joined(separator: ", ")
            throw Invalid(description: "\(key) must be one of \(names), not “\(text)”.")
        }
        return choice
    }
}
