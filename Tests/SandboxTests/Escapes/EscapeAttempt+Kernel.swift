// SPDX-License-Identifier: Apache-2.0

extension EscapeAttempt {
    /// Attacks on the kernel that all sandboxes share.
    static let onKernel = [
        EscapeAttempt(
            "load code into the kernel",
            """
            denied('bpf', 321, (0, 0, 0), (1,))
            denied('init_module', 175, (0, 0, b''), (1,))
            denied('finit_module', 313, (0, b'', 0), (1,))
            denied('kexec_load', 246, (0, 0, 0, 0), (1,))
            """
        ),
        EscapeAttempt(
            "use keyrings",
            """
            denied('keyctl', 250, (0, -3, 0), (1,))
            denied('add_key', 248, (b'user', b'a', b'b', 1, -3), (1,))
            denied('request_key', 249, (b'user', b'a', 0, -3), (1,))
            """
        ),
        EscapeAttempt(
            "use io_uring, userfaultfd, perf",
            """
            denied('io_uring_setup', 425, (8, 0), (1,))
            denied('userfaultfd', 323, (0,), (1,))
            denied('perf_event_open', 298, (0, 0, -1, -1, 0), (1,))
            """
        ),
        EscapeAttempt(
            "change the clock, the name, reboot",
            """
            denied('settimeofday', 164, (0, 0), (1,))
            denied('sethostname', 170, (b'x', 1), (1,))
            denied('reboot', 169, (0xfee1dead, 672274793, 0, 0), (1,))
            denied('swapon', 167, (b'/tmp/x', 0), (1,))
            """
        ),
        EscapeAttempt("reach I/O ports", "denied('iopl', 172, (3,), (1,))\ndenied('ioperm', 173, (0, 1, 1), (1,))"),
        EscapeAttempt(
            "read the kernel's log",
            """
            denied('syslog', 103, (3, 0, 0), (1,))
            attempt(lambda: readable('/dev/kmsg', '/proc/kmsg', '/proc/kcore', '/proc/kallsyms', '/dev/mem', '/proc/keys', '/proc/timer_list'))
            """
        ),
        EscapeAttempt(
            "steer the kernel",
            """
            attempt(lambda: writable('/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/proc/sys/vm/overcommit_memory', '/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/hostname', '/proc/irq/default_smp_affinity'))
            """
        ),
    ]
}
