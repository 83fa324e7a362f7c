# SPDX-License-Identifier: Apache-2.0
"""What a function finds around it."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from harness import NODE, PYTHON, EndToEndTest

VARIABLES = "import os\ndef handler(e, c): return dict(os.environ)"
PROBE = """
import errno, os, resource, socket, subprocess
def attempt(action):
    try:
        return action()
    except OSError as error:
        return errno.errorcode[error.errno]
def write(path, text="x"):
    with open(path, "w") as file: file.write(text)
    return "written"
def handler(event, context):
    return eval(event["expression"])
"""


class Environment(EndToEndTest):
    def probe(self, expression, **settings):
        return self.result(self.create(PROBE, **settings), {"expression": expression})

    def test_the_variables_are_aws_s_and_the_function_s_own(self):
        function = self.create(VARIABLES, Environment={"Variables": {"COLOUR": "grün", "EMPTY": "", "TZ": "Europe/Berlin"}})
        got = self.result(function)
        expected = {
            "COLOUR": "grün", "EMPTY": "", "TZ": "Europe/Berlin", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": function.name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/" + function.name,
            "AWS_EXECUTION_ENV": "AWS_Lambda_" + PYTHON, "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "_HANDLER": "app.handler", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LANG": "en_US.UTF-8",
        }
        self.assertEqual({name: got.get(name) for name in expected}, expected)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL", "PATH"):
            self.assertTrue(got.get(name), name)
        self.assertEqual([name for name in got if name.startswith("MARTLET")], [])

    def test_nothing_of_the_server_s_own_environment_leaks_in(self):
        got = self.result(self.create(VARIABLES))
        self.assertNotIn("HOME", got)
        self.assertNotIn("SHELL", got)

    def test_reserved_variables_cannot_be_set(self):
        response = self.assertFails(
            "InvalidParameterValueException", 400, self.account.create, VARIABLES, Environment={"Variables": {"AWS_REGION": "x"}})
        self.assertIn("AWS_REGION", response["Error"]["Message"])

    def test_more_than_four_kilobytes_of_variables_are_refused(self):
        self.assertFails(
            "InvalidParameterValueException", 400, self.account.create, VARIABLES,
            Environment={"Variables": {"BIG": "x" * 4_096}})

    def test_tmp_is_writable_empty_at_first_and_sized(self):
        self.assertEqual(self.probe("[os.listdir('/tmp'), write('/tmp/a'), os.listdir('/tmp')]"), [[], "written", ["a"]])
        size = self.probe("(lambda s: s.f_blocks * s.f_frsize)(os.statvfs('/tmp'))", EphemeralStorage={"Size": 600})
        self.assertTrue(560 << 20 <= size <= 640 << 20, size)

    def test_tmp_ends_at_its_size(self):
        source = """
import errno
def handler(e, c):
    written = 0
    try:
        with open("/tmp/big", "wb", buffering=0) as file:
            while written < 700 << 20: written += file.write(bytes(1 << 20))
    except OSError as error:
        return [errno.errorcode[error.errno], written >> 20]
    return ["no end", written >> 20]
"""
        code, mebibytes = self.result(self.create(source, MemorySize=1_769, Timeout=60))
        self.assertEqual(code, "ENOSPC")
        self.assertTrue(450 < mebibytes <= 520, mebibytes)

    def test_the_rest_of_the_file_system_is_read_only(self):
        paths = ["/var/task/a", "/opt/a", "/usr/a", "/etc/a", "/a", "/var/runtime/a", "/dev/shm/../a"]
        got = self.probe("[attempt(lambda: write(p)) for p in %r]" % paths)
        self.assertTrue(set(got) <= {"EROFS", "EACCES", "ENOENT", "EPERM"}, dict(zip(paths, got)))

    def test_limits_are_aws_s(self):
        files, processes = self.probe("[resource.getrlimit(resource.RLIMIT_NOFILE), os.cpu_count()]")
        self.assertEqual(files, [1_024, 1_024])

    def test_a_function_is_an_unprivileged_user_without_capabilities(self):
        status = self.probe("dict(l.rstrip().partition(':\\t')[::2] for l in open('/proc/self/status'))")
        self.assertEqual({int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, {0}, status)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")

    def test_a_function_reaches_its_own_loopback_only(self):
        source = """
import socket
def attempt(host, port):
    try:
        socket.create_connection((host, port), timeout=3).close()
        return "connected"
    except OSError as error:
        return type(error).__name__ + " " + str(error.errno)
def handler(event, context):
    return [attempt(*address) for address in event]
"""
        port = int(os.environ["MARTLET_ENDPOINT"].rsplit(":", 1)[1])
        got = self.result(self.create(source), [["127.0.0.1", 9001], ["127.0.0.1", 4566], ["127.0.0.1", port], ["192.0.2.1", 80]])
        self.assertEqual(got[:2], ["connected", "connected"])
        if port != 4566:
            self.assertNotEqual(got[2], "connected")
        self.assertNotEqual(got[3], "connected")

    def test_a_warm_environment_keeps_globals_and_tmp(self):
        source = """
import os
count = 0
def handler(e, c):
    global count
    count += 1
    seen = os.path.exists("/tmp/mark")
    open("/tmp/mark", "w").close()
    return [count, seen]
"""
        function = self.create(source)
        self.assertEqual([self.result(function) for _ in range(4)], [[1, False], [2, True], [3, True], [4, True]])

    def test_a_frozen_environment_thaws_with_everything_it_had(self):
        source = """
import threading, time
beats = []
def beat():
    while True:
        beats.append(time.monotonic())
        time.sleep(0.01)
threading.Thread(target=beat, daemon=True).start()
def handler(e, c):
    # The event may be here before the thread has had its turn: then its gap is still open.
    moments = beats + [time.monotonic()]
    return [len(beats), max((b - a for a, b in zip(moments, moments[1:])), default=0)]
"""
        function = self.create(source)
        self.result(function)
        time.sleep(1.5)
        beats, gap = self.result(function)
        self.assertGreater(gap, 1.0, "a thread ran on between the invocations")

    def test_concurrent_invocations_use_an_environment_each(self):
        source = "import os, time, uuid\nME = str(uuid.uuid4())\ndef handler(e, c):\n    time.sleep(1)\n    return ME"
        function = self.create(source)
        with ThreadPoolExecutor(6) as pool:
            seen = list(pool.map(lambda _: self.result(function), range(6)))
        self.assertEqual(len(set(seen)), 6)
        self.assertIn(self.result(function), seen)

    def test_node_finds_its_own_names_too(self):
        function = self.create("exports.handler = async () => process.env", runtime=NODE)
        got = self.result(function)
        self.assertEqual(got["AWS_EXECUTION_ENV"], "AWS_Lambda_" + NODE)
        self.assertIn("/opt/nodejs/node_modules", got["NODE_PATH"])
        self.assertEqual([name for name in got if name.startswith("MARTLET")], [])

    def test_more_memory_is_more_cpu(self):
        source = """
import time
def handler(e, c):
    began, steps = time.process_time(), 0
    end = time.monotonic() + 2
    while time.monotonic() < end: steps += 1
    return time.process_time() - began
"""
        seconds = self.result(self.create(source, MemorySize=256))
        faster = self.create(source, MemorySize=1_769)
        more = max(self.result(faster) for _ in range(3))
        # 256 of 1,769 MB are 14 % of a CPU; the loop runs for two seconds.
        self.assertTrue(0 < seconds < 2 * 0.145 * 1.8, "%.2f s of CPU time" % seconds)
        # A whole CPU, of which others on this machine take their share, now more, now less.
        self.assertTrue(more > 1.5 * seconds, "%.2f s of CPU time with 1,769 MB, %.2f with 256" % (more, seconds))

    def test_a_child_of_an_invocation_does_not_outlive_the_environment(self):
        source = """
import os, subprocess
def handler(e, c):
    child = subprocess.Popen(["/bin/sleep", "300"])
    if e == "end": os._exit(1)
    return child.pid
"""
        function = self.create(source)
        self.assertEqual(function.invoke("end").error, "Unhandled")
        self.assertIsInstance(self.result(function, "stay"), int)
