// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import OCI

/// How a runtime is served on this host.
struct RuntimeChoice: Sendable, Equatable {
    /// Nil for `provided`.
    var interpreter: Interpreter?
    /// Not the version that was asked for: the function's log and `martlet doctor` say so.
    var isNearest: Bool
    /// In INIT_START: `python:3.12`.
    var displayName: String

    /// The root that functions of the runtime run in, instead of the host's. Without an interpreter the image's own
    /// `/var/runtime/bootstrap` runs them, as on AWS.
    var image: RuntimeImage? = nil

    /// A container image brings its own.
    static let image = RuntimeChoice(interpreter: nil, isNearest: false, displayName: "")
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
    /// What `martlet runtimes pull` has brought goes before the host's.
    private let images: RuntimeImages?

    package init(finder: InterpreterFinder, allowsNearest: Bool, images: RuntimeImages? = nil) {
        self.finder = finder
        self.allowsNearest = allowsNearest
        self.images = images
    }

    func choose(_ identifier: String) throws -> RuntimeChoice {
        if let image = images?.image(for: identifier) { return try choose(identifier, in: image) }
        return try chooseOfHost(identifier)
    }

    private func chooseOfHost(_ identifier: String) throws -> RuntimeChoice {
        switch RuntimeFamily(identifier) {
        case .provided:
            return RuntimeChoice(interpreter: nil, isNearest: false, displayName: identifier.replacing(".", with: ":"))
        case .python(let minor):
            return try choose(
                minor,
                among: finder.pythons,
                name: "python:3.\(minor)",
                missing:
                    "Python 3.\(minor) is not installed on this host; install it with: apt-get install python3.\(minor)"
            )
        case .node(let major):
            return try choose(
                major,
                among: finder.nodes,
                name: "nodejs:\(major)",
                missing: "Node.js \(major) is not installed on this host; install it with: apt-get install nodejs"
            )
        case .ruby(let version):
            let number = "\(version / 100).\(version % 100)"
            return try choose(
                version,
                among: finder.rubies,
                name: "ruby:\(number)",
                missing: "Ruby \(number) is not installed on this host; install it with: apt-get install ruby"
            )
        case .java(let feature):
            return try choose(feature, among: finder.javas, name: "java:\(feature)", missing: Self.missingJava(feature))
        case .other:
            throw RuntimeUnavailable(
                message: "Martlet does not run \(identifier) yet; see docs/runtimes.md for what it runs."
            )
        }
    }

    /// AWS's base images have a runtime client that starts everything; of others the interpreter is taken.
    private func choose(_ identifier: String, in image: RuntimeImage) throws -> RuntimeChoice {
        let (root, path) = (ImageRoot(path: image.root), image.configuration.environment["PATH"])
        var choice = RuntimeChoice(interpreter: nil, isNearest: false, displayName: identifier, image: image)
        if RuntimeFamily(identifier) == .provided || root.isExecutable("\(LaunchPlan.runtimeRoot)/bootstrap") {
            return choice
        }
        let (name, version, options): (String, String, [String]) =
            switch RuntimeFamily(identifier) {
            case .python(let minor): ("python3.\(minor)", "3.\(minor)", [])
            case .node(let major): ("node", String(major), Interpreter.nodeOptions(major: major, minor: nil))
            // Those of AWS have the bootstrap above; of others nothing is known.
            case .ruby, .java, .provided, .other: ("", "", [])
            }
        let program = root.program(name, path: path, from: "/")
        guard !name.isEmpty, root.isExecutable(program) else {
            throw RuntimeUnavailable(
                message:
                    "The image \(image.reference) has neither /var/runtime/bootstrap nor an interpreter for \(identifier)."
            )
        }
        choice.interpreter = Interpreter(path: program, prefixes: [], version: version, options: options)
        return choice
    }

    private static func missingJava(_ feature: Int) -> String {
        let package = "openjdk-\(max(feature, InterpreterFinder.oldestJava))-jre-headless"
        return feature < InterpreterFinder.oldestJava
            ? "Martlet runs Java functions on Java 17 and newer, those of java\(feature) in open mode only; install one with: apt-get install \(package)"
            : "Java \(feature) is not installed on this host; install it with: apt-get install \(package)"
    }

    private func choose(
        _ version: Int,
        among interpreters: [Int: Interpreter],
        name: String,
        missing: String
    ) throws -> RuntimeChoice {
        if let exact = interpreters[version] {
            return RuntimeChoice(interpreter: exact, isNearest: false, displayName: name)
        }
        let nearest = interpreters.min { abs($0.key - version) < abs($1.key - version) }
        guard allowsNearest, let nearest else { throw RuntimeUnavailable(message: missing) }
        return RuntimeChoice(interpreter: nearest.value, isNearest: true, displayName: name)
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
