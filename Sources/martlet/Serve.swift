// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration
import Glibc
import Logging
import MartletCLI
import MartletServer
import Storage
import SystemPackage

/// `martlet serve`: the platform itself.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start the platform.",
        discussion: """
            Without options it listens on 127.0.0.1:4566, keeps its data in ~/.martlet (root: /var/lib/martlet), takes any
            credentials, and runs functions in namespaces of their own.

            Every option can also be set as an environment variable (--data-dir is MARTLET_DATA_DIR) or as a line of the same
            form in a file named by --config. An option wins over a variable, a variable over the file.

            AUTH MODES
              open      any access key is taken; only on loopback. A 12-digit key names its account.
              signed    requests must be signed by a key that IAM issued; permissions are not looked at.
              enforced  as signed, and IAM policies decide. The default on any other address than loopback.

            SANDBOXES
              namespace  own namespaces, cgroup limits, seccomp (the default; root, or rootless with a delegated cgroup)
              microvm    a machine and a kernel for each function besides (needs KVM and Firecracker or QEMU; slower cold starts)
              process    no isolation at all: only for code that you would run yourself
            --sandbox chooses for all functions, --function-sandbox for some, between the first two.

            NETWORKS OF FUNCTIONS
              none       the Runtime API, nothing else
              endpoint   also this server, as their role (the default)
              egress     also what this host can reach over TCP, and its names; not the host itself, not metadata services
              host       the host's own network, loopback and all: own risk

            SIGTERM and SIGINT finish what is running, then exit 0.

            EXAMPLES
              martlet serve
              martlet serve --ephemeral --port 0
              martlet serve --host 0.0.0.0 --auth enforced --data-dir /srv/martlet
              martlet serve --function-sandbox 'plugin-*=microvm'
            """
    )

    @Option(help: "The address to listen on. (default: 127.0.0.1)")
    var host: String?
    @Option(help: "The port; 0 takes a free one and prints it. (default: 4566)")
    var port: Int?
    @Option(help: "Where everything is kept. (default: ~/.martlet, as root /var/lib/martlet)")
    var dataDir: String?
    @Flag(help: "Keep nothing: all data is gone when the server stops.")
    var ephemeral = false
    @Option(help: "open, signed or enforced; see above.")
    var auth: String?
    @Option(help: "full (survives a power cut) or process (survives the end of the server). (default: full)")
    var durability: String?
    @Option(help: "namespace, microvm or process; see above. (default: namespace)")
    var sandbox: String?
    @Option(
        name: .customLong("function-sandbox"),
        parsing: .singleValue,
        help:
            "The sandbox of some functions, namespace or microvm: NAME=SANDBOX or ARN=SANDBOX, in which * stands for any characters. May be repeated; the first that matches decides."
    )
    var functionSandboxes: [String] = []
    @Option(
        name: .customLong("microvm-kernel"),
        help:
            "The guests' kernel, …/vmlinuz-RELEASE, with lib/modules/RELEASE beside it. (default: the newest in /boot)"
    )
    var microVMKernel: String?
    @Option(
        name: .customLong("microvm-monitor"),
        help:
            "What runs the machines: firecracker, qemu, or the path of one. (default: Firecracker where it is installed, else QEMU)"
    )
    var microVMMonitor: String?
    @Flag(
        name: .customLong("microvm-emulation"),
        help: "Emulate the machines where KVM cannot run them: as safe, and some fifty times slower."
    )
    var microVMEmulation = false
    @Option(
        name: .customLong("mount"),
        parsing: .singleValue,
        help:
            "A directory that functions may mount below /mnt, by an EFS access point's ARN: NAME=/PATH[:ro]. NAME is the access point's id or ARN, or a word of your own. May be repeated."
    )
    var mounts: [String] = []
    @Option(help: "What functions can reach: none, endpoint, egress or host; see above. (default: endpoint)")
    var network: String?
    @Option(
        name: .customLong("function-network"),
        parsing: .singleValue,
        help:
            "The network of some functions: NAME=NETWORK or ARN=NETWORK, in which * stands for any characters. May be repeated; the first that matches decides."
    )
    var functionNetworks: [String] = []
    @Option(
        name: .customLong("network-allow"),
        parsing: .singleValue,
        help:
            "Addresses that egress reaches although they are this host's or a metadata service's: ADDRESS[/BITS][:PORT]. May be repeated."
    )
    var networkAllowances: [String] = []
    @Flag(help: "Run functions without memory and CPU limits where the host offers no cgroup to this user.")
    var allowMissingCgroups = false
    @Option(
        name: .customLong("allowed-host"),
        parsing: .singleValue,
        help: "A further host name that open mode answers to, with its subdomains. May be repeated."
    )
    var allowedHosts: [String] = []
    @Option(
        name: .customLong("image-registry"),
        parsing: .singleValue,
        help:
            "A registry that container images may come from: HOST[:PORT], or http://HOST[:PORT] without TLS. May be repeated. (default: any in open mode, none in the others)"
    )
    var imageRegistries: [String] = []
    @Option(
        name: .customLong("image-directory"),
        parsing: .singleValue,
        help: "A directory below which image layouts (oci:PATH) may lie. May be repeated. (default: none)"
    )
    var imageDirectories: [String] = []
    @Option(
        help:
            "Memory in MiB for runtimes that are booted ahead, so that functions start sooner; 0 for none. (default: 768)"
    )
    var stemCells: Int?
    @Option(
        help:
            "GiB that the snapshots of functions with SnapStart may take; 0 for none: SnapStart is refused. (default: 64)"
    )
    var snapshots: Int?
    @Option(
        name: .customLong("runtime-sdk"),
        parsing: .singleValue,
        help:
            "A directory with the AWS SDK that functions find without bringing it: python=/PATH or nodejs=/PATH. May be repeated. (default: what martlet runtimes sdk has installed)"
    )
    var runtimeSDKs: [String] = []
    @Option(
        name: .customLong("install-sdk"),
        parsing: .singleValue,
        help:
            "Have pip or npm install the AWS SDK of python or nodejs first, where there is none yet. May be repeated. (default: none)"
    )
    var installedSDKs: [String] = []
    @Option(help: "A file of registry logins, as docker login writes it.")
    var registryLogins: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: info)")
    var logLevel: String?
    @Option(help: "A file of MARTLET_… lines.")
    var config: String?

    func run() async throws {
        let settings: PlatformSettings
        do {
            settings = try PlatformSettings(await reader())
        } catch let error as PlatformSettings.Invalid {
            throw ValidationError(error.description)
        }
        LoggingSystem.bootstrap { _ in LogLines() }
        settings.installSDKs()
        do {
            try await Platform.run(settings)
        } catch let error as StartFailure {
            FileHandles.standardError("martlet: \(error.description)\n")
            throw ExitCode(1)
        }
    }

    /// Options, then variables, then the file.
    private func reader() async throws -> ConfigReader {
        var providers: [any ConfigProvider] = [
            InMemoryProvider(values: options), EnvironmentVariablesProvider(),
        ]
        if let config {
            guard access(config, R_OK) == 0 else { throw ValidationError("There is no readable file “\(config)”.") }
            providers.append(try await EnvironmentVariablesProvider(environmentFilePath: FilePath(config)))
        }
        return ConfigReader(providers: providers).scoped(to: "martlet")
    }

    private var options: [AbsoluteConfigKey: ConfigValue] {
        // One by one: as a literal, the compiler takes too long over it.
        var texts: [String: String?] = ["host": host, "dataDir": dataDir, "auth": auth, "durability": durability]
        texts["port"] = port.map(String.init)
        texts["sandbox"] = sandbox
        texts["functionSandboxes"] = Self.list(functionSandboxes)
        texts["logLevel"] = logLevel
        texts["ephemeral"] = ephemeral ? "true" : nil
        texts["allowMissingCgroups"] = allowMissingCgroups ? "true" : nil
        texts["allowedHosts"] = Self.list(allowedHosts)
        texts["imageRegistries"] = Self.list(imageRegistries)
        texts["imageDirectories"] = Self.list(imageDirectories)
        texts["network"] = network
        texts["functionNetworks"] = Self.list(functionNetworks)
        texts["networkAllow"] = Self.list(networkAllowances)
        texts["mounts"] = Self.list(mounts)
        texts["registryLogins"] = registryLogins
        texts["snapshots"] = snapshots.map(String.init)
        texts["runtimeSdks"] = Self.list(runtimeSDKs)
        texts["installSdk"] = Self.list(installedSDKs)
        texts["stemCells"] = stemCells.map(String.init)
        texts["microvmKernel"] = microVMKernel
        texts["microvmMonitor"] = microVMMonitor
        texts["microvmEmulation"] = microVMEmulation ? "true" : nil
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (name, text) in texts {
            if let text { values[AbsoluteConfigKey(["martlet", name])] = ConfigValue(.string(text), isSecret: false) }
        }
        return values
    }

    private static func list(_ texts: [String]) -> String? { texts.isEmpty ? nil : texts.joined(separator: ",") }
}
