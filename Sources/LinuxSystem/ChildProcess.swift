// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A program that this one has started beside itself, outside of every sandbox: an interpreter of the host's, a machine's
/// monitor, a program at the terminal. Whoever starts one waits for it, once.
package struct ChildProcess: Sendable {
    package enum Ending: Sendable, Equatable {
        case exited(status: Int32)
        case signalled(Int32)

        /// As a shell tells it: the status, or 128 and the signal's number.
        package var code: Int32 {
            switch self {
            case .exited(let status): status
            case .signalled(let signal): 128 + signal
            }
        }
    }

    /// Where a descriptor of the program's leads.
    package enum Opening: Sendable {
        /// To one of this process's, which stays open here.
        case descriptor(FileDescriptor)
        case reading(path: String)
        /// Made anew.
        case writing(path: String)
    }

    /// Beyond this number nothing is looked for that must not be inherited.
    private static let mostDescriptors: Int32 = 1_024

    package let processID: Int32

    /// Executes `command`, a path and then arguments. The standard descriptors are this process's own, where `openings` does
    /// not say otherwise. Closed at exec is what is marked so, and with `closesOthers` everything else, too.
    package static func start(
        _ command: [String],
        environment: [String],
        openings: [Int32: Opening] = [:],
        closesOthers: Bool = false
    ) throws(SystemError) -> ChildProcess {
        guard let path = command.first else { throw SystemError("start a program", ENOENT) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, opening) in openings {
            switch opening {
            // Onto itself, it is not closed at exec.
            case .descriptor(let file): posix_spawn_file_actions_adddup2(&actions, file.number, number)
            case .reading(let path): posix_spawn_file_actions_addopen(&actions, number, path, O_RDONLY, 0)
            case .writing(let path):
                posix_spawn_file_actions_addopen(&actions, number, path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
            }
        }
        if closesOthers {
            for number in 3..<mostDescriptors where openings[number] == nil {
                posix_spawn_file_actions_addclose(&actions, number)
            }
        }
        var child = pid_t()
        let result = withVector(command) { arguments in
            withVector(environment) { posix_spawn(&child, path, &actions, nil, arguments, $0) }
        }
        guard result == 0 else { throw SystemError("start \(path)", result) }
        return ChildProcess(processID: child)
    }

    /// Blocks until it has ended.
    package func wait() -> Ending {
        var status: Int32 = 0
        while waitpid(processID, &status, 0) < 0 {
            // Somebody else has waited for it, or nobody can.
            guard errno == EINTR else { return .signalled(SIGKILL) }
        }
        let signal = status & 0x7f
        return signal == 0 ? .exited(status: (status >> 8) & 0xff) : .signalled(signal)
    }

    package func kill() { _ = Glibc.kill(processID, SIGKILL) }

    /// Calls `body` with texts as C programs take them.
    private static func withVector<Result>(
        _ texts: [String],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(&pointers)
    }
}
