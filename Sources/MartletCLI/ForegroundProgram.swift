// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore
import NIOCore

/// Runs another program at the terminal of this one, with its variables.
enum ForegroundProgram {
    /// Waits for its end; the exit status, or 128 and the signal's number. Throws when it cannot be started.
    /// - Parameter descriptor: one of this program's that the other has, too, as long as it runs.
    static func run(_ command: [String], keepingOpen descriptor: Int32? = nil) throws -> Int32 {
        do {
            return try ChildProcess.start(
                command,
                environment: try variables(),
                openings: descriptor.map { [$0: .descriptor(FileDescriptor($0))] } ?? [:]
            ).wait().code
        } catch let error as SystemError {
            throw MartletError(
                "cli.program",
                "cannot run \(command.first ?? "nothing"): \(SystemError.text(of: error.code))"
            )
        }
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
