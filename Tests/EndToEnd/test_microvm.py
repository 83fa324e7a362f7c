# SPDX-License-Identifier: Apache-2.0
"""`--sandbox microvm`: a Python function in a machine of its own, emulated where there is no KVM."""

import glob
import os
import shutil
import unittest

from harness import Account, EndToEndTest
from server import ROOT, Server

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
