// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore

/// How an SDK comes into a directory: the programs of the host that are run for it, in order.
package struct SDKInstall: Sendable, Equatable {
    package struct Step: Sendable, Equatable {
        package var command: [String]
        /// Why, when it fails, the rest is done all the same; nil: it must not fail.
        package var excuse: String? = nil
    }

    package enum Origin: Sendable, Equatable {
        /// By the host's pip or npm, from the registry that it is set up for. None: the family's usual ones.
        case packages([String])
        /// A directory of this host that holds them.
        case directory(String)
    }

    package let steps: [Step]

    /// The clients of the services that Martlet speaks for. AWS's Node.js has those of all.
    static let nodePackages = ["lambda", "sqs", "sns", "cloudwatch-logs", "iam", "sts"].map { "@aws-sdk/client-\($0)" }
    static let pythonPackages = ["boto3"]
    /// The oldest that AWS takes functions for.
    private static let oldestPython = 9

    /// Throws when this host has no program that could.
    /// - Parameter searchPath: where npm is looked for.
    package init(
        _ family: RuntimeSDKs.Family,
        _ origin: Origin,
        into draft: String,
        finder: InterpreterFinder,
        searchPath: String
    ) throws {
        let first: Step
        switch (origin, family) {
        case (.directory(let directory), _):
            guard HostPath(directory).isDirectory else {
                throw MartletError("lambda.sdk", "“\(directory)” is not a directory of this host")
            }
            // Sandboxes have users of their own, so what the files' owner alone may read would be of no use.
            first = Step(command: ["/bin/cp", "-rL", "--no-preserve=mode,ownership", "--", "\(directory)/.", draft])
        case (.packages(let packages), .python):
            first = try Self.pip(packages.isEmpty ? Self.pythonPackages : packages, draft, finder)
        case (.packages(let packages), .nodejs):
            first = try Self.npm(packages.isEmpty ? Self.nodePackages : packages, draft, searchPath)
        }
        steps = [first] + (family == .python ? Self.compilations(draft, finder) : [])
    }

    /// By the oldest Python that will do: what works with that one works with the newer ones.
    private static func pip(_ packages: [String], _ draft: String, _ finder: InterpreterFinder) throws -> Step {
        let pythons = finder.pythons.filter { $0.key >= oldestPython }.sorted { $0.key < $1.key }.map(\.value)
        guard let python = pythons.first(where: { HostCommand.output(of: [$0.path, "-m", "pip", "--version"]) != nil })
        else {
            throw MartletError(
                "lambda.sdk",
                "no Python of this host has pip; install it with: apt-get install python3-pip, or name a directory with --from"
            )
        }
        let options = ["--target", draft, "--no-compile", "--no-input", "--disable-pip-version-check", "--"]
        return Step(command: [python.path, "-m", "pip", "install"] + options + packages)
    }

    private static func npm(_ packages: [String], _ draft: String, _ searchPath: String) throws -> Step {
        let programs = searchPath.split(separator: ":").filter { $0.hasPrefix("/") }.map { "\($0)/npm" }
        guard let program = programs.first(where: { access($0, X_OK) == 0 }) else {
            throw MartletError(
                "lambda.sdk",
                "npm is not on this host; install it with: apt-get install npm, or name a directory with --from"
            )
        }
        let options = ["--prefix", draft, "--ignore-scripts", "--no-audit", "--no-fund", "--"]
        return Step(command: [program, "install"] + options + packages)
    }

    /// By each Python that functions may run on, so that no environment compiles it again. Nothing changes there any more, so no
    /// import compares times.
    private static func compilations(_ draft: String, _ finder: InterpreterFinder) -> [Step] {
        finder.pythons.filter { $0.key >= oldestPython }.sorted { $0.key < $1.key }.map { _, python in
            Step(
                command: [
                    python.path, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", draft,
                ],
                excuse: "some of it is not compiled for Python \(python.version), and is imported more slowly there"
            )
        }
    }
}
