// SPDX-License-Identifier: Apache-2.0

/// What an environment executes first, for runtimes whose interpreter and bootstrap Martlet brings together.
///
/// A function whose `AWS_LAMBDA_EXEC_WRAPPER` names a program has that program started instead, with the command as its
/// arguments. Wrappers are written for AWS's commands, which Martlet's then resemble: the interpreter is the first word, all
/// that it does at its start by itself it does, and options can be put before the last word.
struct RuntimeCommand: Sendable, Equatable {
    static let wrapperVariable = "AWS_LAMBDA_EXEC_WRAPPER"
    /// Says what is missing as AWS does, then executes the wrapper.
    static let wrapperScript = ["/bin/sh", "\(LaunchPlan.runtimeRoot)/wrapper.sh"]

    let words: [String]

    /// `environment` is what the runtime is started with.
    init(
        _ version: ExecutableVersion,
        _ interpreter: Interpreter,
        bootstrap: String,
        environment: [String: String]
    ) {
        // As in AWS's scripts, an empty name is none.
        if environment[Self.wrapperVariable, default: ""].isEmpty {
            words = Self.direct(version, interpreter, bootstrap)
        } else {
            words = Self.wrapperScript + Self.wrapped(version, interpreter, bootstrap)
        }
    }

    /// The one that starts soonest.
    private static func direct(
        _ version: ExecutableVersion,
        _ interpreter: Interpreter,
        _ bootstrap: String
    ) -> [String] {
        switch RuntimeFamily(version.runtime) {
        // Without `site`: the bootstrap adds the site-packages itself, last, and starts sooner.
        case .python: [interpreter.path, "-S", "-s", "-B", bootstrap]
        // Without RubyGems, which the bootstrap loads when something needs it; texts are UTF-8 whatever locales the host has.
        case .ruby: [interpreter.path, "--disable-gems", "-EUTF-8", bootstrap]
        case .java: [interpreter.path] + JavaOptions(version).flags + ["-jar", bootstrap]
        case .node, .provided, .other: [interpreter.path] + interpreter.options + [bootstrap]
        }
    }

    /// Agents come by Python's `sitecustomize`, by RUBYOPT as gems, by NODE_OPTIONS and by options of the virtual machine.
    private static func wrapped(
        _ version: ExecutableVersion,
        _ interpreter: Interpreter,
        _ bootstrap: String
    ) -> [String] {
        switch RuntimeFamily(version.runtime) {
        case .python: [interpreter.path, "-s", "-B", bootstrap]
        case .ruby: [interpreter.path, "-EUTF-8", bootstrap]
        case .java:
            [interpreter.path] + JavaOptions(version).flags + JavaOptions.openPackages
                + ["-cp", bootstrap, JavaOptions.mainClass]
        case .node, .provided, .other: [interpreter.path] + interpreter.options + [bootstrap]
        }
    }
}
