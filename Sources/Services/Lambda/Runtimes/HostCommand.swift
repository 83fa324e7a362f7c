// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem

/// Runs an interpreter of the host with an empty environment. Never for a function's files: there is no sandbox here.
enum HostCommand {
    /// The first 256 bytes that the command prints when it succeeds; nil when it does not.
    static func output(of command: [String]) -> String? {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        // An exec does not close the server's listening sockets, which were opened early.
        let child = try? ChildProcess.start(
            command,
            environment: [],
            openings: [1: .descriptor(FileDescriptor(ends[1]))],
            closesOthers: true
        )
        close(ends[1])
        // What cannot be started is not there.
        guard let child else { return nil }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(ends[0], &buffer, buffer.count)
        guard child.wait() == .exited(status: 0), count >= 0 else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
