// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore
import NIOConcurrencyHelpers

/// The bootstraps that travel inside the executable, written out once so that sandboxes can mount them.
package final class RuntimeFiles: Sendable {
    package let path: String
    /// By interpreter path: the file's name in `path`.
    private let compiled = NIOLockedValueBox<[String: String]>([:])

    /// Writes the files below `directory` when they are missing or of another build. Each is renamed into place whole.
    package init(in directory: String) throws {
        path = directory
        try Self.makeDirectory(directory)
        try Self.write(PackageResources.python_py, to: "\(directory)/python.py")
        try Self.write(PackageResources.snapshot_restore_py_py, to: "\(directory)/snapshot_restore_py.py")
        try Self.write(PackageResources.compile_py, to: "\(directory)/compile.py")
        try Self.write(PackageResources.node_cjs, to: "\(directory)/node.cjs")
        try Self.write(PackageResources.warm_common_js, to: "\(directory)/warm_common.js")
        try Self.write(PackageResources.warm_module_mjs, to: "\(directory)/warm_module.mjs")
        try Self.write(PackageResources.ruby_rb, to: "\(directory)/ruby.rb")
        try Self.write(PackageResources.java_jar, to: "\(directory)/java.jar")
        try Self.write(PackageResources.Warm_class, to: "\(directory)/Warm.class")
        try Self.write(PackageResources.wrapper_sh, to: "\(directory)/wrapper.sh")
        // Where the SDK of Node.js is mounted, which happens inside of this directory's mount.
        try Self.makeDirectory("\(directory)/node_modules")
    }

    /// The bootstrap for a Python: compiled by that very interpreter once, which saves 6 ms of each cold start. The source
    /// serves where it cannot be compiled.
    func pythonBootstrap(for interpreter: Interpreter) -> String {
        compiled.withLockedValue { compiled in
            if let name = compiled[interpreter.path] { return name }
            let name = compile(with: interpreter) ?? "python.py"
            compiled[interpreter.path] = name
            return name
        }
    }

    private func compile(with interpreter: Interpreter) -> String? {
        let name = "python\(interpreter.version)-\(Self.digest(interpreter.path)).pyc"
        let script = """
            import py_compile, sys
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(sys.argv[1], cfile=sys.argv[2], dfile=sys.argv[3], doraise=True, invalidation_mode=mode)
            """
        // Tracebacks show the name that the file has inside the sandbox.
        let command = [
            interpreter.path, "-I", "-S", "-c", script, "\(path)/python.py", "\(path)/\(name)",
            "\(LaunchPlan.runtimeRoot)/python.py",
        ]
        return HostCommand.output(of: command) == nil ? nil : name
    }

    /// Two interpreters of one version must not share a file: their magic numbers may differ.
    private static func digest(_ text: String) -> String {
        String(text.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
    }

    private static func makeDirectory(_ path: String) throws {
        var current = ""
        for part in path.split(separator: "/") {
            current += "/\(part)"
            if mkdir(current, 0o755) != 0, errno != EEXIST {
                throw MartletError("lambda.runtimes", "cannot create \(current): \(String(cString: strerror(errno)))")
            }
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = "\(path).\(getpid())"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failure(temporary) }
        defer { close(file) }
        do {
            try bytes.withUnsafeBytes { try FileDescriptor(file).writeAll($0) }
        } catch let error as SystemError {
            throw failure(temporary, error.code)
        }
        guard fchmod(file, 0o644) == 0, rename(temporary, path) == 0 else { throw failure(path) }
    }

    private static func failure(_ path: String, _ code: Int32 = errno) -> MartletError {
        MartletError("lambda.runtimes", "cannot write \(path): \(SystemError.text(of: code))")
    }
}
