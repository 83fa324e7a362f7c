// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// How a specification looks to processes that share the host's network, or its files, instead of having their own.
///
/// A port may be taken there, so the kernel chooses one, and addresses of the specified ports in the environment and
/// the command are rewritten. Where nothing can be mounted, so are paths: each mount's target to its source, `/tmp`
/// to a directory of the sandbox's own, which the variables for temporary files name, since `/tmp` is not it.
struct SharedView: Sendable {
    let listeners: [FileDescriptor]
    let ports: [UInt16]
    private let addresses: [(from: String, to: String)]
    private let paths: [(target: String, source: String)]
    private let scratch: String?

    /// POSIX's name, and those that Python and Node.js look at too.
    private static let temporaryVariables = ["TMPDIR", "TEMP", "TMP"]

    /// `scratch` is the directory that stands for `/tmp`; nil where files are the sandbox's own. Throws `SandboxError`.
    init(_ specification: SandboxSpecification, scratch: String?) throws {
        var listeners: [FileDescriptor] = []
        var ports: [UInt16] = []
        do {
            for _ in specification.listeners {
                let listener = try FileDescriptor.listeningOnLoopback()
                listeners.append(listener)
                ports.append(try listener.localPort())
            }
        } catch {
            listeners.closeAll()
            throw SandboxError(.failed, "The sandbox cannot listen on 127.0.0.1: \(error)")
        }
        self.scratch = scratch
        self.listeners = listeners
        self.ports = ports
        addresses = zip(specification.listeners, ports).flatMap { listener, port in
            ["127.0.0.1", "localhost"].map { ("\($0):\(listener.port)", "\($0):\(port)") }
        }
        let mounts = specification.mounts.map { (target: $0.target, source: $0.source) }
        // The longest target first: a mount may lie in another.
        paths =
            scratch.map { scratch in
                (mounts + [("/tmp", scratch)]).sorted { $0.target.utf8.count > $1.target.utf8.count }
            } ?? []
    }

    /// For a failed start: the listeners have found no owner.
    func abandon() { listeners.closeAll() }

    func path(_ path: String) -> String {
        for (target, source) in paths where path == target || path.hasPrefix(target + "/") {
            return source + path.dropFirst(target.count)
        }
        return path
    }

    /// Rewrites a path, a list of paths separated by colons, or a text with addresses in it.
    func text(_ text: String) -> String {
        var result = text
        for (from, to) in addresses { result = replace(from, with: to, in: result) }
        guard !paths.isEmpty, result.utf8.contains(0x2f), !result.contains("://") else { return result }
        return result.split(separator: ":", omittingEmptySubsequences: false).map { path(String($0)) }.joined(
            separator: ":"
        )
    }

    /// Applies the view to what the processes will read.
    func applied(to specification: SandboxSpecification) -> SandboxSpecification {
        var shared = specification
        shared.command = specification.command.map(text)
        shared.environment = specification.environment.mapValues(text)
        for name in Self.temporaryVariables { shared.environment[name] = shared.environment[name] ?? scratch }
        shared.workingDirectory = path(specification.workingDirectory)
        return shared
    }

    func applied(to companion: CompanionSpecification) -> CompanionSpecification {
        var shared = companion
        shared.command = companion.command.map(text)
        shared.environment = companion.environment.mapValues(text)
        for name in Self.temporaryVariables { shared.environment[name] = shared.environment[name] ?? scratch }
        shared.workingDirectory = path(companion.workingDirectory)
        return shared
    }

    /// Replaces an address that is not the beginning of one with a longer port.
    private func replace(_ address: String, with other: String, in text: String) -> String {
        var result = ""
        var rest = text[...]
        while let range = rest.firstRange(of: address) {
            let goesOn = rest[range.upperBound...].first?.isNumber ?? false
            result += rest[..<range.lowerBound]
            result += goesOn ? address : other
            rest = rest[range.upperBound...]
        }
        return result + rest
    }
}
