// SPDX-License-Identifier: Apache-2.0
import Configuration
import Glibc
import Logging
import MartletCLI
import MartletServer
import OCI
import Storage

/// What `martlet serve` was told, decoded once, with every default in one place.
struct PlatformSettings: Sendable {
    var host: String
    var port: Int
    /// Nil: ephemeral.
    var dataDirectory: String?
    var auth: AuthMode
    var durability: Durability
    var sandbox: SandboxKind
    var allowsMissingCgroups: Bool
    /// Of `microvm`: the guest's kernel, when it is none of /boot's, and whether machines may be emulated.
    var microVMKernel: String?
    var emulatesMicroVMs: Bool
    var logLevel: Logger.Level
    /// Host names beside the local ones that `open` mode answers to.
    var allowedHosts: [String]
    /// Where container images may come from.
    var images: ImagePolicy
    /// What waiting stem cells may take, in MiB; zero: none are booted.
    var stemCellBudgetMiB: Int
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
        sandbox = try Self.choice(reader, "sandbox", default: SandboxKind.namespace)
        allowsMissingCgroups = try Self.flag(reader, "allowMissingCgroups")
        microVMKernel = reader.string(forKey: "microvmKernel")
        emulatesMicroVMs = try Self.flag(reader, "microvmEmulation")
        logLevel = try Self.choice(reader, "logLevel", default: Logger.Level.info)
        allowedHosts = reader.string(forKey: "allowedHosts", default: "").split(separator: ",").map(String.init)
        images = try Self.imagePolicy(reader, isOpen: auth == .open)
        stemCellBudgetMiB = try Self.number(reader, "stemCells", default: 768, in: 0...1_048_576)
        registryLogins = reader.string(forKey: "registryLogins")
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
        func list(_ key: ConfigKey) -> [String] {
            reader.string(forKey: key, default: "").split(separator: ",").map(String.init)
        }
        let registries = try list("imageRegistries").map { text in
            guard let registry = ImagePolicy.Registry(text) else {
                throw Invalid(description: "“\(text)” is no registry: write HOST[:PORT], or http://HOST[:PORT].")
            }
            return registry
        }
        let directories = list("imageDirectories")
        if let wrong = directories.first(where: { !$0.hasPrefix("/") }) {
            throw Invalid(description: "The image directory “\(wrong)” must be an absolute path.")
        }
        return ImagePolicy(registries: isOpen && registries.isEmpty ? nil : registries, directories: directories)
    }

    private static func number(
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
