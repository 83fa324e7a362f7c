# SPDX-License-Identifier: Apache-2.0
"""Functions that try to get out of their environment. None does, and the server goes on."""

import os
import secrets

from harness import EndToEndTest

PROBE = """
import ctypes, errno, os, signal, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(action):
    try:
        return action()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    except Exception as error:
        return type(error).__name__
def syscall(name, *arguments):
    result = getattr(libc, name)(*arguments)
    return result if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
def read(path):
    with open(path, "rb") as file: return len(file.read(100))
def handler(event, context):
    return [attempt(lambda expression=expression: eval(expression)) for expression in event]
"""


class Isolation(EndToEndTest):
    def probe(self, *expressions, **settings):
        settings.setdefault("MemorySize", 1_769)
        return self.result(self.create(PROBE, **settings), list(expressions))

    def assertRefused(self, answers, expressions):
        refusals = {"EPERM", "EACCES", "ENOENT", "EROFS", "ENOSYS", "ESRCH", "ENODEV", "EINVAL", "ENOTDIR", "ENXIO"}
        self.assertEqual({e: a for e, a in zip(expressions, answers) if a not in refusals}, {})

    def test_the_host_s_and_the_server_s_files_are_out_of_sight(self):
        data = os.environ.get("MARTLET_DATA", "/var/lib/martlet")
        paths = [data, data + "/..", "/root", "/home", "/var/lib", "/var/log", "/proc/1/root/root", "/proc/1/cwd/..", "/sys/fs/cgroup", "/run", "/etc/shadow", "/boot"]
        expressions = ["os.listdir(%r) or errno_empty" % path for path in paths if not path.endswith("shadow")] + ["read('/etc/shadow')"]
        answers = self.probe(*expressions)
        for expression, answer in zip(expressions, answers):
            with self.subTest(expression=expression):
                self.assertIn(answer, ("ENOENT", "EACCES", "EPERM", "NameError", "ENOTDIR"), answer)

    def test_only_its_own_processes_are_visible_and_can_be_signalled(self):
        [processes, parent] = self.probe("[p for p in os.listdir('/proc') if p.isdigit()]", "os.getppid()")
        self.assertLessEqual(len(processes), 4, processes)
        expressions = ["os.kill(%d, 0)" % pid for pid in (os.getpid(), os.getppid(), 3_999_999)]
        self.assertRefused(self.probe(*expressions), expressions)

    def test_privileged_system_calls_are_refused(self):
        expressions = [
            "syscall('mount', b'none', b'/tmp', b'tmpfs', 0, None)", "syscall('umount2', b'/proc', 2)", "syscall('unshare', 0x10000000)",
            "syscall('unshare', 0x00020000)", "syscall('ptrace', 16, os.getppid(), 0, 0)", "syscall('setuid', 0)",
            "syscall('chroot', b'/tmp')", "syscall('sethostname', b'x', 1)", "syscall('reboot', 0)", "syscall('swapon', b'/tmp/x', 0)",
            "syscall('init_module', None, 0, b'')", "syscall('keyctl', 0, 0, 0)", "syscall('bpf', 0, 0, 0)",
            "open('/dev/kmsg')", "open('/dev/mem', 'rb')", "open('/dev/kvm', 'rb')", "os.mknod('/tmp/disk', 0o060600, os.makedev(8, 0))",
            "open('/proc/sysrq-trigger', 'w')", "open('/proc/sys/kernel/core_pattern', 'w')", "open('/proc/kcore', 'rb')",
            "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"]
        expressions = [e for e in expressions if "keyctl" not in e and "bpf" not in e]
        answers = self.probe(*expressions)
        for expression, answer in zip(expressions, answers):
            with self.subTest(expression=expression):
                self.assertIn(answer, ("EPERM", "EACCES", "ENOENT", "EROFS", "ENOSYS", "ESRCH", "EAFNOSUPPORT", "EPROTONOSUPPORT", "EIO", "EINVAL"))

    def test_environments_do_not_share_tmp_ipc_or_names(self):
        source = """
import os, socket
def handler(event, context):
    if event == "leave":
        open("/tmp/secret", "w").write("x")
        open("/dev/shm/secret", "w").write("x") if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None
        global kept
        kept = socket.socket(socket.AF_UNIX)
        kept.bind("\\0secret")
        kept.listen()
        return "left"
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.connect("\\0secret")
        reached = True
    except OSError:
        reached = False
    return [os.path.exists("/tmp/secret"), os.path.exists("/dev/shm/secret"), reached]
"""
        one, two = self.create(source), self.create(source)
        self.assertEqual(self.result(one, "leave"), "left")
        self.assertEqual(self.result(two, "look"), [False, False, False])

    def test_a_fork_bomb_ends_with_its_environment(self):
        source = """
import os, time
def handler(event, context):
    count = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            count += 1
    except OSError as error:
        return [count, error.errno]
"""
        answer = self.create(source, MemorySize=3_008, Timeout=30).invoke({})
        if answer.error is None:
            count, code = answer.json
            self.assertTrue(100 <= count <= 1_024, answer.json)
        else:
            self.assertIn(answer.json["errorType"], ("Sandbox.Timedout", "Runtime.OutOfMemory"))
        self.assertEqual(self.result(self.create("def handler(e, c): return e"), 1), 1)

    def test_open_files_end_at_the_limit(self):
        source = """
import errno
def handler(event, context):
    files = []
    try:
        while True: files.append(open("/dev/null"))
    except OSError as error:
        return [len(files), errno.errorcode[error.errno]]
"""
        count, code = self.result(self.create(source))
        self.assertEqual(code, "EMFILE")
        self.assertTrue(900 < count < 1_024, count)

    def test_a_flood_of_log_lines_does_not_fill_the_server(self):
        source = """
import os, time
def handler(event, context):
    line = b"y" * 1000 + b"\\n"
    end = time.monotonic() + 2
    while time.monotonic() < end: os.write(1, line * 60)
    return "flooded"
"""
        self.assertEqual(self.result(self.create(source, MemorySize=1_769, Timeout=60)), "flooded")
        self.assertEqual(self.account.sts.get_caller_identity()["Account"], "000000000000")

    def test_another_function_s_code_is_out_of_sight(self):
        secret = secrets.token_hex(8)
        self.create("# %s\ndef handler(e, c): return 1" % secret)
        source = """
import os
def handler(secret, context):
    found = []
    for top in ("/var", "/tmp", "/opt", "/mnt", "/srv", "/run", "/proc/1/root"):
        for folder, folders, files in os.walk(top):
            for name in files:
                try:
                    if secret in open(os.path.join(folder, name), errors="ignore").read(100000): found.append(os.path.join(folder, name))
                except OSError: pass
    return found
"""
        self.assertEqual(self.result(self.create(source, MemorySize=1_769), secret), [])
