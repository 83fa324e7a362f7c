// SPDX-License-Identifier: Apache-2.0

extension EscapeAttempt {
    /// Attacks on processes: of the server, of the sandbox, of others.
    static let onProcesses = [
        EscapeAttempt(
            "look through other processes' links",
            """
            for p in os.listdir('/proc'):
                if p.isdigit() and int(p) != os.getpid():
                    for link in ('root', 'cwd', 'exe', 'fd/0', 'fd/3', 'ns/mnt'):
                        attempt(lambda: os.readlink(f'/proc/{p}/{link}'))
            """
        ),
        EscapeAttempt(
            "read process 1",
            "attempt(lambda: readable('/proc/1/environ', '/proc/1/mem', '/proc/1/maps', '/proc/1/auxv', '/proc/1/stack'))"
        ),
        EscapeAttempt(
            "write process 1",
            "attempt(lambda: writable('/proc/1/mem', '/proc/1/oom_score_adj', '/proc/1/uid_map', '/proc/1/comm'))"
        ),
        EscapeAttempt(
            "see the server's process",
            "attempt(lambda: server not in (1, os.getpid()) and exists(f'/proc/{server}'))"
        ),
        EscapeAttempt(
            "see more than its own processes",
            "attempt(lambda: [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())])"
        ),
        EscapeAttempt(
            "kill others",
            """
            attempt(lambda: os.kill(server, 0) or (server not in (1, os.getpid()) and 'the server'))
            import signal
            for s in (9, 15, 19, 11):
                try: os.kill(1, s)
                except OSError: pass
            """
        ),
        EscapeAttempt(
            "stop process 1 through its group",
            "attempt(lambda: os.killpg(1, 9) or 'the group of process 1')"
        ),
        EscapeAttempt(
            "trace",
            """
            denied('ptrace', 101, (0, 0, 0, 0), (1,))
            denied('process_vm_readv', 310, (1, 0, 0, 0, 0, 0), (1,))
            denied('kcmp', 312, (1, 2, 0, 0, 0), (1,))
            """
        ),
        EscapeAttempt("take descriptors of others", "denied('pidfd_getfd', 438, (0, 0, 0), (1,))"),
        EscapeAttempt(
            "find descriptors of the server",
            "attempt(lambda: [n for n in range(3, 1024) if os.path.lexists(f'/proc/self/fd/{n}')])"
        ),
    ]
}
