// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import NIOConcurrencyHelpers
import Sandbox

/// An interpreter of the host that can serve a managed runtime.
struct Interpreter: Sendable, Equatable {
    /// The real path: no shim, no link.
    var path: String
    /// Host directories that it needs beside the root file system, mounted at their own path.
    var prefixes: [String]
    /// `3.12` of Python, `20` of Node.js, `3.4` of Ruby, `21` of Java.
    var version: String
    /// What it is started with, before the bootstrap.
    var options: [String] = []
}

extension Interpreter {
    /// Node.js before 22.15 (or 23.5) has no hooks for imports in the thread that imports: the bootstrap changes its loader.
    /// - Parameter minor: nil where it is not known, as in images, which are rather new.
    static func nodeOptions(major: Int, minor: Int?) -> [String] {
        let hasHooks =
            switch major {
            case ..<22: false
            case 22: minor.map { $0 >= 15 } ?? true
            case 23: minor.map { $0 >= 5 } ?? true
            default: true
            }
        return hasHooks ? [] : ["--expose-internals"]
    }
}

/// Finds the interpreters of this host. Looks once, at the first question, and keeps the answer: installing another one
/// wants a restart.
package final class InterpreterFinder: Sendable {
    private let searchPath: [String]
    private let found = NIOLockedValueBox<[String: [Int: Interpreter]]>([:])

    /// `searchPath`: directories to look in, best first.
    package init(searchPath: [String]) { self.searchPath = searchPath }

    /// The usual places: `/usr/bin`, `/usr/local/bin`, what PATH names, and version managers' folders under `home`.
    package convenience init(path: String, home: String?) {
        var directories =
            ["/usr/bin", "/usr/local/bin"] + path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        if let home {
            directories += Self.subdirectories(of: "\(home)/.pyenv/versions").map { "\($0)/bin" }
            for folder in [
                ".nvm/versions/node", ".rbenv/versions", ".rubies", ".rvm/rubies", ".sdkman/candidates/java",
            ] {
                directories += Self.subdirectories(of: "\(home)/\(folder)").map { "\($0)/bin" }
            }
        }
        for folder in ["/usr/lib/jvm", "/opt/java", "/opt/rubies"] {
            directories += Self.subdirectories(of: folder).map { "\($0)/bin" }
        }
        self.init(searchPath: directories)
    }

    /// Looks where this process's PATH and HOME point.
    package static func ofThisHost() -> InterpreterFinder {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        return InterpreterFinder(path: variable("PATH") ?? "", home: variable("HOME"))
    }

    /// By minor version: 12 for Python 3.12.
    var pythons: [Int: Interpreter] { once("python", findPythons) }
    /// By major version.
    var nodes: [Int: Interpreter] { once("node", findNodes) }

    /// By version: 304 for Ruby 3.4.
    var rubies: [Int: Interpreter] { once("ruby", findRubies) }
    /// By feature version; from 17 on, the oldest that the bootstrap runs on.
    var javas: [Int: Interpreter] { once("java", findJavas) }

    static let oldestJava = 17

    private func once(_ name: String, _ find: () -> [Int: Interpreter]) -> [Int: Interpreter] {
        found.withLockedValue { found in
            if let known = found[name] { return known }
            let interpreters = find()
            found[name] = interpreters
            return interpreters
        }
    }

    private func findPythons() -> [Int: Interpreter] {
        var result: [Int: Interpreter] = [:]
        for directory in searchPath where !directory.hasSuffix("/shims") {
            for minor in 6...20 where result[minor] == nil {
                result[minor] = interpreter("\(directory)/python3.\(minor)", version: "3.\(minor)")
            }
        }
        return result
    }

    /// Node's file name has no version: it is asked.
    private func findNodes() -> [Int: Interpreter] {
        var result: [Int: Interpreter] = [:]
        for directory in searchPath {
            for name in ["node", "nodejs"] {
                guard let interpreter = interpreter("\(directory)/\(name)", version: ""),
                    let text = HostCommand.output(of: [interpreter.path, "--version"]), text.hasPrefix("v"),
                    case let numbers = text.dropFirst().split(separator: ".").prefix(2).map({ Int($0) }),
                    let major = numbers.first ?? nil, result[major] == nil
                else { continue }
                result[major] = Interpreter(
                    path: interpreter.path,
                    prefixes: interpreter.prefixes,
                    version: String(major),
                    options: Interpreter.nodeOptions(major: major, minor: numbers.last ?? nil)
                )
            }
        }
        return result
    }

    private func findRubies() -> [Int: Interpreter] {
        var result: [Int: Interpreter] = [:]
        for directory in searchPath where !directory.hasSuffix("/shims") {
            for name in ["ruby", "ruby3.1", "ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0"] {
                guard let found = interpreter("\(directory)/\(name)", version: ""),
                    // `ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) [x86_64-linux-gnu]`
                    let text = HostCommand.output(of: [found.path, "--version"]), text.hasPrefix("ruby "),
                    let version = RuntimeFamily.rubyVersion(
                        number: text.dropFirst(5).prefix { $0.isNumber || $0 == "." }
                    ),
                    result[version] == nil
                else { continue }
                let number = "\(version / 100).\(version % 100)"
                result[version] = Interpreter(path: found.path, prefixes: found.prefixes, version: number)
            }
        }
        return result
    }

    private func findJavas() -> [Int: Interpreter] {
        var result: [Int: Interpreter] = [:]
        for directory in searchPath {
            guard let found = interpreter("\(directory)/java", version: ""),
                let feature = Self.javaFeature(of: found.path),
                feature >= Self.oldestJava, result[feature] == nil
            else { continue }
            result[feature] = Interpreter(path: found.path, prefixes: found.prefixes, version: String(feature))
        }
        return result
    }

    /// What the `release` file beside `bin` says, which is quicker than to ask; else what the interpreter says.
    private static func javaFeature(of path: String) -> Int? {
        let mark = "JAVA_VERSION=\""
        let lines = prefix(of: path).map { start(of: "\($0)/release").split(separator: "\n") } ?? []
        if let line = lines.first(where: { $0.hasPrefix(mark) }) {
            return Int(line.dropFirst(mark.count).prefix { $0.isNumber })
        }
        // `openjdk 21.0.7 2025-04-15`
        let words = HostCommand.output(of: [path, "--version"])?.split(separator: " ") ?? []
        return words.count > 1 ? Int(words[1].prefix { $0.isNumber }) : nil
    }

    /// The first 4 KiB of a file; empty when it cannot be read.
    private static func start(of path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(file, &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }

    private func interpreter(_ path: String, version: String) -> Interpreter? {
        guard access(path, X_OK) == 0, let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        let target = String(cString: real)
        let prefix = Self.prefix(of: target)
        let isInRoot = ["/usr", "/bin", "/lib", "/lib64"].contains { target.hasPrefix($0 + "/") }
        return Interpreter(path: target, prefixes: isInRoot || prefix == nil ? [] : [prefix ?? "/"], version: version)
    }

    /// `/a/b` of `/a/b/bin/python3`.
    private static func prefix(of path: String) -> String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2 else { return nil }
        return "/" + parts.dropLast(2).joined(separator: "/")
    }

    private static func subdirectories(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append("\(path)/\(name)") }
        }
        return names.sorted(by: >)
    }
}
