// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import NIOCore

/// Runs another program at the terminal of this one, with its variables.
enum ForegroundProgram {
    /// Waits for its end; the exit status, or 128 and the signal's number. Throws when it cannot be started.
    /// - Parameter descriptor: one of this program's that the other has, too, as long as it runs.
    static func run(_ command: [String], keepingOpen descriptor: Int32? = nil) throws -> Int32 {
        guard let path = command.first else { throw MartletError("cli.program", "there is no program to run") }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = try variables().map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Onto itself: it is not closed at the exec then.
        if let descriptor { posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor) }
        var child = pid_t()
        let code = posix_spawn(&child, path, &actions, nil, &arguments, &variables)
        guard code == 0 else {
            throw MartletError("cli.program", "cannot run \(path): \(String(cString: strerror(code)))")
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { throw MartletError("cli.program", "\(path) cannot be waited for") }
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// As this program was started with; what C calls `environ` is a variable that anybody may change meanwhile.
    private static func variables() throws -> [String] {
        let file = open("/proc/self/environ", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw MartletError("cli.program", "/proc/self/environ cannot be read") }
        defer { close(file) }
        return try FileHandles.readAll(descriptor: file).readableBytesView.split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
