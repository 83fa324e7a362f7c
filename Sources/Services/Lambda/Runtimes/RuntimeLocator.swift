// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// How a runtime is served on this host.
struct RuntimeChoice: Sendable, Equatable {
    /// Nil for `provided`.
    var interpreter: Interpreter?
    /// Not the version that was asked for: the function's log and `martlet doctor` say so.
    var isNearest: Bool
    /// In INIT_START: `python:3.12`.
    var displayName: String
}

/// Why a runtime cannot be served, in words that say what to do.
struct RuntimeUnavailable: Error, Sendable, Equatable {
    var message: String
}

/// Decides how each runtime identifier is served: by the host's exact version, or, where that is allowed, by the nearest.
package struct RuntimeLocator: Sendable {
    private let finder: InterpreterFinder
    /// `open` mode: a laptop rather runs 3.12 code on 3.11 than not at all.
    private let allowsNearest: Bool

    package init(finder: InterpreterFinder, allowsNearest: Bool) {
        self.finder = finder
        self.allowsNearest = allowsNearest
    }

    func choose(_ identifier: String) throws -> RuntimeChoice {
        switch RuntimeFamily(identifier) {
        case .provided:
            return RuntimeChoice(interpreter: nil, isNearest: false, displayName: identifier.replacing(".", with: ":"))
        case .python(let minor):
            return try choose(
                minor,
                among: finder.pythons,
                name: "python:3.",
                missing:
                    "Python 3.\(minor) is not installed on this host; install it with: apt-get install python3.\(minor)"
            )
        case .node(let major):
            return try choose(
                major,
                among: finder.nodes,
                name: "nodejs:",
                missing: "Node.js \(major) is not installed on this host; install it with: apt-get install nodejs"
            )
        case .other:
            throw RuntimeUnavailable(
                message: "Martlet does not run \(identifier) yet; see docs/runtimes.md for what it runs."
            )
        }
    }

    private func choose(
        _ version: Int,
        among interpreters: [Int: Interpreter],
        name: String,
        missing: String
    ) throws -> RuntimeChoice {
        if let exact = interpreters[version] {
            return RuntimeChoice(interpreter: exact, isNearest: false, displayName: "\(name)\(version)")
        }
        let nearest = interpreters.min { abs($0.key - version) < abs($1.key - version) }
        guard allowsNearest, let nearest else { throw RuntimeUnavailable(message: missing) }
        return RuntimeChoice(interpreter: nearest.value, isNearest: true, displayName: "\(name)\(version)")
    }
}

extension RuntimeLocator: RuntimeAvailability {
    /// Any architecture: interpreted code runs natively, and a foreign binary fails in its init phase with the kernel's word.
    func check(runtime: String, architecture: String) throws {
        do {
            _ = try choose(runtime)
        } catch let unavailable as RuntimeUnavailable {
            throw InvalidParameterValueException(unavailable.message)
        }
    }
}
