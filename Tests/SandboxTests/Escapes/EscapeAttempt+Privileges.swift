// SPDX-License-Identifier: Apache-2.0

extension EscapeAttempt {
    /// Attacks on the sandbox's own bounds: users, namespaces, limits.
    static let onPrivileges = [
        EscapeAttempt(
            "make namespaces",
            """
            for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x4000000, 0x8000000, 0x2000000):
                denied('unshare', 272, (flag,), (1,))
                denied('clone', 56, (flag | 17, 0, 0, 0, 0), (1, 38))
            denied('clone3', 435, (0, 0), (38,))
            """
        ),
        EscapeAttempt(
            "enter namespaces",
            """
            fd = os.open('/proc/self/ns/net', os.O_RDONLY)
            denied('setns', 308, (fd, 0), (1,))
            """
        ),
        EscapeAttempt(
            "become somebody else",
            """
            attempt(lambda: os.setuid(0) or 'root')
            attempt(lambda: os.setgid(0) or 'group root')
            attempt(lambda: os.setgroups([0]) or 'groups')
            """
        ),
        EscapeAttempt(
            "gain from setuid programs",
            """
            import subprocess
            for p in ('/usr/bin/su', '/usr/bin/mount', '/usr/bin/passwd'):
             if os.path.exists(p) and os.stat(p).st_mode & 0o4000: attempt(lambda: b'0\
            ' == subprocess.run([p, '-c', 'id -u'], capture_output=True, stdin=subprocess.DEVNULL).stdout and 'root')
            """
        ),
        EscapeAttempt(
            "raise its limits",
            """
            import resource
            for r in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
             try: resource.setrlimit(r, (1 << 20, 1 << 20)); print('REACHED limit', r)
             except (ValueError, OSError): pass
            """
        ),
        EscapeAttempt(
            "see cgroups",
            """
            attempt(lambda: exists('/sys/fs/cgroup'))
            attempt(lambda: [l for l in open('/proc/self/cgroup') if 'martlet' in l])
            """
        ),
        EscapeAttempt(
            "write into the user map",
            """
            attempt(lambda: os.write(os.open('/proc/self/uid_map', os.O_WRONLY), b'0 0 1') and 'the map')
            attempt(lambda: os.write(os.open('/proc/self/setgroups', os.O_WRONLY), b'allow') and 'groups')
            """
        ),
    ]
}
