// SPDX-License-Identifier: Apache-2.0

extension EscapeAttempt {
    /// Attacks on the host's files and the sandbox's own, which are not to be changed.
    static let onFiles = [
        EscapeAttempt("read the server's files", "attempt(lambda: exists(secret, os.path.dirname(secret)))"),
        EscapeAttempt(
            "see the host's directories",
            """
            attempt(lambda: exists('/root', '/home', '/var', '/srv', '/run', '/mnt', '/boot', '/sys/kernel', '/opt', '/work'))
            """
        ),
        EscapeAttempt(
            "read the host's secrets in /etc",
            """
            attempt(lambda: exists('/etc/shadow', '/etc/ssh', '/etc/sudoers', '/etc/machine-id', '/etc/fstab'))
            attempt(lambda: os.path.exists('/etc/ssl/private') and os.listdir('/etc/ssl/private'))
            """
        ),
        EscapeAttempt(
            "write to shared directories",
            "attempt(lambda: [p for p in ('/', '/usr', '/etc', '/dev', '/usr/bin', '/usr/lib') if os.access(p, os.W_OK)])"
        ),
        EscapeAttempt("create a file in the root", "attempt(lambda: open('/new', 'w') and 'the root')"),
        EscapeAttempt(
            "climb out by ..",
            """
            fd = os.open('/', os.O_RDONLY)
            for _ in range(64): fd = os.open('..', os.O_RDONLY, dir_fd=fd)
            attempt(lambda: [n for n in os.listdir(fd) if n in ('root', 'home', 'var', 'boot')])
            """
        ),
        EscapeAttempt(
            "open files by handle",
            """
            denied('open_by_handle_at', 304, (-100, 0, 0), (1,))
            denied('name_to_handle_at', 303, (-100, b'/', 0, 0, 0), (1,))
            """
        ),
        EscapeAttempt(
            "make a setuid or device file in /tmp",
            """
            import stat
            attempt(lambda: os.mknod('/tmp/disk', stat.S_IFBLK | 0o666, os.makedev(8, 0)) or 'a disk')
            attempt(lambda: os.mknod('/tmp/mem', stat.S_IFCHR | 0o666, os.makedev(1, 1)) or 'memory')
            attempt(lambda: [l for l in open('/proc/mounts') if ' /tmp ' in l and not ('nosuid' in l and 'nodev' in l)])
            """
        ),
        EscapeAttempt(
            "escape from a chroot with a descriptor",
            """
            fd = os.open('/', os.O_RDONLY)
            try: os.chroot('/tmp')
            except OSError: pass
            os.fchdir(fd)
            for _ in range(32): os.chdir('..')
            attempt(lambda: [n for n in os.listdir('.') if n in ('root', 'home', 'var', 'boot')])
            """
        ),
        EscapeAttempt(
            "mount",
            """
            denied('mount', 165, (b'none', b'/tmp', b'tmpfs', 0, 0), (1,))
            denied('open_tree', 428, (-100, b'/', 1), (1,))
            denied('fsopen', 430, (b'tmpfs', 0), (1,))
            """
        ),
        EscapeAttempt("unmount", "denied('umount2', 166, (b'/proc/sys', 2), (1,))"),
        EscapeAttempt(
            "remount writable",
            """
            denied('mount', 165, (0, b'/', 0, 32, 0), (1,))
            denied('mount_setattr', 442, (-100, b'/', 0, 0, 0), (1,))
            """
        ),
        EscapeAttempt(
            "pivot_root and chroot",
            """
            denied('pivot_root', 155, (b'/tmp', b'/tmp'), (1,))
            denied('chroot', 161, (b'/tmp',), (1,))
            """
        ),
    ]
}
