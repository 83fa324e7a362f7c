// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import NineP
internal import VirtioVsock

/// What runs in a machine's jail: the martlet executable as `martlet-machine`. It starts the monitor, serves the guest's files,
/// and is the vsock of a monitor that has none. It has no more rights in the jail than the monitor, and ends as that does.
package struct MachineProgram: Sendable, Equatable {
    package static let name = "martlet-machine"
    /// Guest connections to port P go to the socket `vsockPath_P`.
    static let vsockPath = JailerNumber.vsockPath
    /// The descriptor at which a monitor finds the vsock's device, or the device, run alone, its monitor.
    static let vsockDescriptor: Int32 = 3

    /// A directory that the guest may mount.
    package struct Export: Sendable, Equatable {
        var tag: String
        var path: String
    }

    /// A file that the monitor wants to read.
    package struct File: Sendable, Equatable {
        var path: String
        var text: String
    }

    var exports: [Export] = []
    var files: [File] = []
    /// Whether the monitor speaks vhost-user to a vsock at `vsockDescriptor`.
    var givesVsock = false
    /// Whether what the guest connects to is connected to from here.
    var hasWayOut = false
    /// Nothing but the vsock's device, for a monitor at `vsockDescriptor` that somebody else has started.
    var isVsockAlone = false
    /// The monitor.
    var command: [String] = []

    // MARK: - as arguments

    var arguments: [String] {
        var words: [String] = []
        for export in exports { words += ["--export", export.tag, export.path] }
        for file in files { words += ["--file", file.path, file.text] }
        if givesVsock { words.append("--vsock") }
        if hasWayOut { words.append("--way-out") }
        if isVsockAlone { words.append("--vsock-alone") }
        return words + ["--"] + command
    }

    /// Nil for what `arguments` does not make.
    init?(_ arguments: some Sequence<String>) {
        self.init()
        var words = Array(arguments)[...]
        while let word = words.popFirst() {
            switch word {
            case "--vsock": givesVsock = true
            case "--vsock-alone": isVsockAlone = true
            case "--way-out": hasWayOut = true
            case "--":
                command = Array(words)
                return
            case "--export", "--file":
                guard let one = words.popFirst(), let other = words.popFirst() else { return nil }
                if word == "--file" {
                    files.append(File(path: one, text: other))
                } else {
                    exports.append(Export(tag: one, path: other))
                }
            default: return nil
            }
        }
        return nil
    }

    init(
        exports: [Export] = [],
        files: [File] = [],
        givesVsock: Bool = false,
        hasWayOut: Bool = false,
        isVsockAlone: Bool = false,
        command: [String] = []
    ) {
        self.exports = exports
        self.files = files
        self.givesVsock = givesVsock
        self.hasWayOut = hasWayOut
        self.isVsockAlone = isVsockAlone
        self.command = command
    }

    // MARK: - running

    /// The whole program. `arguments` without its name; `wayOut` serves a listening socket for as long as the process lives.
    package static func main(_ arguments: some Sequence<String>, wayOut: @escaping @Sendable (Int32) -> Void) -> Never {
        guard let program = MachineProgram(arguments) else {
            complain("is what runs a microVM, not a command.")
            exit(64)
        }
        signal(SIGPIPE, SIG_IGN)
        do {
            try program.run(wayOut)
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    private func run(_ wayOut: @escaping @Sendable (Int32) -> Void) throws -> Never {
        if isVsockAlone {
            VsockDevice(frontend: FileDescriptor(Self.vsockDescriptor), path: Self.vsockPath).run()
            exit(0)
        }
        for file in files { try HostFile.write(Array(file.text.utf8), to: file.path) }
        try serveFiles()
        if hasWayOut {
            let listener = try UnixListener.open(at: "\(Self.vsockPath)_\(JailerNumber.guestWayOutPort)")
            try detachThread(named: "way out") { wayOut(listener.number) }
        }
        var pair: [Int32] = [-1, -1]
        if givesVsock {
            let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            guard socketpair(AF_UNIX, type, 0, &pair) == 0 else { throw SystemError("make a socket pair", errno) }
        }
        let monitor = try ChildProcess.start(
            command,
            environment: ["PATH=/usr/bin", "TMPDIR=/tmp"],
            openings: givesVsock ? [Self.vsockDescriptor: .descriptor(FileDescriptor(pair[1]))] : [:]
        )
        close(pair[1])
        if givesVsock {
            let frontend = FileDescriptor(pair[0])
            try detachThread(named: "vsock") {
                VsockDevice(frontend: frontend, path: Self.vsockPath).run()
                // Without its device a machine is deaf and dumb. But mostly it is the monitor that is ending.
                sleep(2)
                monitor.kill()
            }
        }
        Self.end(as: monitor.wait())
    }

    private static func end(as ending: ChildProcess.Ending) -> Never {
        if case .signalled(let number) = ending {
            signal(number, SIG_DFL)
            raise(number)
        }
        exit(ending.code)
    }

    private func serveFiles() throws {
        let listener = try UnixListener.open(at: "\(Self.vsockPath)_\(JailerNumber.guestFilePort)")
        let server = NinePServer(exports.map { NinePExport(name: $0.tag, path: $0.path) })
        try detachThread(named: "files") { server.accept(at: listener) }
    }

    private static func complain(_ text: String) {
        let line = Array("\(name): \(text)\n".utf8)
        _ = write(2, line, line.count)
    }
}
