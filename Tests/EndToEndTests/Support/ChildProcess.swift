// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Glibc

/// A program that a test has started, with its output in a file.
struct ChildProcess: Sendable {
    enum Exit: Equatable, Sendable {
        case status(Int32)
        case signal(Int32)
    }

    struct CannotStart: Error, CustomStringConvertible {
        var description: String
    }

    let id: pid_t

    /// `command` begins with a path. Standard input is empty; output and errors go to the end of the files named.
    init(_ command: [String], environment: [String: String], output: String, errors: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let arguments = command.map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var id: pid_t = 0
        let failure = posix_spawn(&id, command[0], &actions, nil, arguments, variables)
        guard failure == 0 else {
            throw CannotStart(description: "cannot start \(command[0]): \(String(cString: strerror(failure)))")
        }
        self.id = id
    }

    func send(_ signal: Int32) { _ = kill(id, signal) }

    /// Waits for the end; a cancelled test ends the program. One caller.
    func wait() async -> Exit {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // One thread for each program that runs, and few run at a time.
                DispatchQueue.global().async { continuation.resume(returning: Self.waitBlocking(id)) }
            }
        } onCancel: {
            send(SIGKILL)
        }
    }

    private static func waitBlocking(_ id: pid_t) -> Exit {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
    }
}
