// SPDX-License-Identifier: Apache-2.0

/// Signals as Go's `syscall` prints them on Linux. AWS's side of the Runtime API is written in Go, so functions' errors
/// name them so.
enum SignalName {
    /// `killed`; `signal 42` of those that have no name.
    static func text(of signal: Int32) -> String {
        let index = Int(signal) - 1
        return names.indices.contains(index) ? names[index] : "signal \(signal)"
    }

    /// From 1 on.
    private static let names = [
        "hangup", "interrupt", "quit", "illegal instruction", "trace/breakpoint trap", "aborted", "bus error",
        "floating point exception", "killed", "user defined signal 1", "segmentation fault", "user defined signal 2",
        "broken pipe", "alarm clock", "terminated", "stack fault", "child exited", "continued", "stopped (signal)",
        "stopped", "stopped (tty input)", "stopped (tty output)", "urgent I/O condition", "CPU time limit exceeded",
        "file size limit exceeded", "virtual timer expired", "profiling timer expired", "window changed",
        "I/O possible", "power failure", "bad system call",
    ]
}
