// SPDX-License-Identifier: Apache-2.0
import Configuration
import Glibc
import Logging
import MartletServer
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
    var logLevel: Logger.Level
    /// Host names beside the local ones that `open` mode answers to.
    var allowedHosts: [String]

    enum SandboxKind: String, CaseIterable { case namespace, process }

    /// A value that cannot be taken: says which are right.
    struct Invalid: Error, CustomStringConvertible {
        var description: String
    }

    init(_ reader: ConfigReader) throws {
        host = reader.string(forKey: "host", default: "127.0.0.1")
        port = try Self.number(reader, "port", default: 4_566, in: 0...65_535)
        let isEphemeral = try Self.flag(reader, "ephemeral")
        dataDirectory = isEphemeral ? nil : reader.string(forKey: "dataDir", default: Self.defaultDataDirectory)
        let isLoopback = Self.isLoopback(host)
        auth = try Self.choice(reader, "auth", default: isLoopback ? AuthMode.open : .enforced)
        durability = try Self.choice(reader, "durability", default: Durability.full)
        sandbox = try Self.choice(reader, "sandbox", default: SandboxKind.namespace)
        allowsMissingCgroups = try Self.flag(reader, "allowMissingCgroups")
        logLevel = try Self.choice(reader, "logLevel", default: Logger.Level.info)
        allowedHosts = reader.string(forKey: "allowedHosts", default: "").split(separator: ",").map(String.init)
        if auth == .open, !isLoopback {
            throw Invalid(
                description: "auth mode “open” takes any credentials, so it listens on loopback only, not on \(host). "
                    + "Use --auth enforced (or signed), or --host 127.0.0.1."
            )
        }
    }

    private static var defaultDataDirectory: String {
        guard getuid() != 0, let home = getenv("HOME") else { return "/var/lib/martlet" }
        return String(cString: home) + "/.martlet"
    }

    /// By name; the server looks again at what the name resolves to.
    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
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
