// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import OCI

/// An image on this machine, with the command that a function runs in it.
struct ExecutableImage: Sendable, Equatable {
    /// Host path of the unpacked root.
    var root: String
    /// The program as an absolute path inside the image, then its arguments. Empty when neither the image nor the function
    /// names any.
    var command: [String]
    var workingDirectory: String
    /// The image's own variables.
    var environment: [String: String]

    /// As a container engine puts it together: an entry point of the function's own drops the image's command too.
    init(root: String, _ configuration: ImageConfiguration, _ overrides: FunctionImage.Overrides) {
        self.root = root
        environment = configuration.environment
        let directory = overrides.workingDirectory ?? configuration.workingDirectory
        workingDirectory = directory.hasPrefix("/") ? directory : "/" + directory
        let entryPoint = overrides.entryPoint ?? configuration.entryPoint
        let arguments = overrides.command ?? (overrides.entryPoint == nil ? configuration.command : [])
        command = entryPoint + arguments
        guard let program = command.first else { return }
        command[0] = ImageRoot(path: root).program(program, path: environment["PATH"], from: workingDirectory)
    }
}

/// Looks for files in an unpacked image, as a process inside would find them.
struct ImageRoot {
    private static let usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    let path: String

    /// The absolute path of a program. What is not found keeps its name, so that starting it fails with a reason.
    func program(_ name: String, path: String?, from directory: String) -> String {
        if name.hasPrefix("/") { return name }
        if name.contains("/") { return (directory == "/" ? "" : directory) + "/" + name }
        let candidates = (path ?? Self.usualPath).split(separator: ":").map { "\($0)/\(name)" }
        return candidates.first { $0.hasPrefix("/") && isExecutable($0) } ?? "/\(name)"
    }

    func isExecutable(_ path: String) -> Bool { RootedFile.isExecutable(path, inRoot: self.path) }
}
