# SPDX-License-Identifier: Apache-2.0
"""`--sandbox microvm`: a Python function in a machine of its own, emulated where there is no KVM."""

import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

from harness import Account, EndToEndTest
from server import BINARY, ROOT, Server, clean_environment

KERNELS = glob.glob(os.path.join(ROOT, ".kernel/boot/vmlinuz-*")) or glob.glob("/boot/vmlinuz-*")
FUNCTION = """
import os, boto_free
def handler(event, context):
    print("in", os.uname().nodename)
    with open("/proc/uptime") as file:
        uptime = float(file.read().split()[0])
    return {"event": event, "uptime": uptime, "word": boto_free.WORD, "user": os.getuid(), "root": os.getcwd()}
"""


@unittest.skipUnless(shutil.which("qemu-system-x86_64") and KERNELS, "no QEMU or no kernel: scripts/setup --tests")
class MicroVM(EndToEndTest):
    @property
    def account(self):
        return self.own

    def test_a_python_function_runs_in_a_machine_of_its_own(self):
        server = Server("--sandbox", "microvm", "--microvm-emulation", "--microvm-kernel", KERNELS[0])
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.own = Account(server.endpoint)
        function = self.create({"app.py": FUNCTION, "boto_free.py": "WORD = 'imported'"}, Timeout=60, MemorySize=256)
        answer = function.invoke({"n": 1})
        self.assertIsNone(answer.error, answer.body)
        self.assertEqual(answer.json["event"], {"n": 1})
        self.assertEqual(answer.json["word"], "imported")
        self.assertEqual(answer.json["user"], 993)
        self.assertEqual(answer.json["root"], "/var/task")
        self.assertLess(answer.json["uptime"], 300)
        self.assertIn("in martlet", answer.lines)
        again = function.invoke({"n": 2})
        self.assertGreater(again.json["uptime"], answer.json["uptime"])
        self.assertNotIn("Init Duration", again.report())

    def test_functions_are_put_into_machines_by_name_and_the_others_are_not(self):
        with open("/proc/uptime") as file:
            uptime = float(file.read().split()[0])
        server = Server("--function-sandbox", "hostile-*=microvm", "--microvm-emulation", "--microvm-kernel", KERNELS[0])
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.own = Account(server.endpoint)
        files = {"app.py": FUNCTION, "boto_free.py": "WORD = 'imported'"}
        # One that SnapStart is for.
        settings = {"runtime": "python3.12"}
        tame = self.create(files, name="tame", **settings)
        hostile = self.create(files, name="hostile-plugin", Timeout=60, MemorySize=256, **settings)
        answer = tame.invoke({"n": 1})
        self.assertEqual((answer.error, answer.json["event"]), (None, {"n": 1}))
        self.assertGreaterEqual(answer.json["uptime"], uptime)
        answer = hostile.invoke({"n": 2})
        self.assertEqual((answer.error, answer.json["event"]), (None, {"n": 2}))
        self.assertLess(answer.json["uptime"], uptime)
        # What its machines have no snapshots for is said of it alone.
        self.assertFails("NotImplemented", 501, self.lambda_.update_function_configuration,
                         FunctionName=hostile.name, SnapStart={"ApplyOn": "PublishedVersions"})
        self.lambda_.update_function_configuration(FunctionName=tame.name, SnapStart={"ApplyOn": "PublishedVersions"})
        with urllib.request.urlopen(server.endpoint + "/_martlet/usage") as response:
            usage = {row["function"]: row for row in json.load(response)["usage"]}
        self.assertEqual({name: (row["requests"], row["coldStarts"]) for name, row in usage.items()},
                         {"tame": (1, 1), "hostile-plugin": (1, 1)})

    def test_a_directory_that_a_machine_cannot_write_to_is_the_mounts_failure(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        if os.geteuid() == 0:
            os.chown(folder, 54321, 54321)  # root's is refused
        server = Server("--function-sandbox", "*=microvm", "--microvm-emulation", "--microvm-kernel", KERNELS[0],
                        "--mount", "fsap-0123456789abcdef0=" + folder)
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.own = Account(server.endpoint)
        arn = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
        function = self.create({"app.py": FUNCTION, "boto_free.py": ""}, FileSystemConfigs=[{"Arn": arn, "LocalMountPath": "/mnt/a"}])
        error = self.assertFails("EFSMountFailureException", 403, function.invoke, "x")
        self.assertIn("A microVM cannot mount /mnt/a writable", error["Error"]["Message"])


class Choices(unittest.TestCase):
    def test_what_cannot_be_is_refused_at_the_start(self):
        for options, word in (
                (("--function-sandbox", "f"), "FUNCTION=SANDBOX"), (("--function-sandbox", "f=process"), "namespace or microvm"),
                (("--function-sandbox", "f=microVM"), "FUNCTION=SANDBOX"),
                (("--sandbox", "process", "--function-sandbox", "f=microvm"), "--function-sandbox"),
                (("--sandbox", "microvm", "--network", "host"), "microVM"),
                (("--function-sandbox", "f=microvm", "--microvm-kernel", "/no/such/vmlinuz-1"), "--function-sandbox")):
            ended = subprocess.run([BINARY, "serve", "--ephemeral", "--port", "0", *options], capture_output=True, timeout=120,
                                   env=clean_environment())
            self.assertNotEqual(ended.returncode, 0, options)
            self.assertIn(word, ended.stderr.decode(), options)
