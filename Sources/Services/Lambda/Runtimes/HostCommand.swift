// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Runs an interpreter of the host with an empty environment. Never for a function's files: there is no sandbox here.
enum HostCommand {
    /// The first 256 bytes that the command prints when it succeeds; nil when it does not.
    static func output(of command: [String]) -> String? {
        guard let path = command.first else { return nil }
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        // An exec does not close the server's listening sockets, which were opened early; those that are not open do not matter.
        for descriptor in Int32(3)..<1_024 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var noEnvironment: [UnsafeMutablePointer<CChar>?] = [nil]
        defer { for argument in arguments { free(argument) } }
        var child = pid_t()
        let started = posix_spawn(&child, path, &actions, nil, &arguments, &noEnvironment)
        posix_spawn_file_actions_destroy(&actions)
        close(ends[1])
        guard started == 0 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(ends[0], &buffer, buffer.count)
        var status: Int32 = 0
        waitpid(child, &status, 0)
        guard status == 0, count >= 0 else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
