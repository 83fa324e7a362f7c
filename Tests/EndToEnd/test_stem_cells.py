# SPDX-License-Identifier: Apache-2.0
"""Runtimes that were booted ahead: whoever claims one finds what a plain start would have given."""

import time
from concurrent.futures import ThreadPoolExecutor

from harness import CUSTOM, NODE, EndToEndTest

# What the process was executed with: a plain start has the function's name in it, a stem cell nobody's.
PROBE = """
import os, sys
seen = globals().get("seen", [])
def handler(event, context):
    seen.append(event)
    with open("/tmp/mark", "a") as file: file.write("x")
    boot = open("/proc/self/environ").read().split("\\0")
    return {
        "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"], "cell": not any(v.startswith("AWS_LAMBDA_FUNCTION_NAME") for v in boot),
        "boot": sorted(v.split("=")[0] for v in boot if v), "seen": len(seen), "marks": os.path.getsize("/tmp/mark"),
        "files": sorted(os.readlink("/proc/self/fd/" + n).split(":")[0] for n in os.listdir("/proc/self/fd") if int(n) > 2 and os.path.exists("/proc/self/fd/" + n)),
        "own": os.environ.get("OWN"), "key": os.environ["AWS_ACCESS_KEY_ID"], "random": __import__("random").random(),
        "hash": hash("martlet"), "code": sorted(os.listdir("/var/task")), "cwd": os.getcwd(), "martlet": [n for n in os.environ if n.startswith("MARTLET")],
        "stack": hex(id(object())), "sandbox": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
    }
"""


class StemCells(EndToEndTest):
    def until_cell(self, source, **settings):
        """A function whose environment began as a stem cell: the first ones of a runtime may find none."""
        for _ in range(20):
            got = self.result(self.create(source, **settings))
            if got["cell"]:
                return got
            time.sleep(0.3)  # refilling goes on beside the requests, and nothing tells when it is done
        self.fail("no function got a stem cell")

    def test_a_new_function_finds_a_booted_runtime_and_only_its_own_things_in_it(self):
        got = self.until_cell(PROBE, Environment={"Variables": {"OWN": "mine"}})
        self.assertEqual((got["own"], got["seen"], got["marks"], got["cwd"]), ("mine", 1, 1, "/var/task"))
        self.assertEqual((got["code"], got["martlet"]), (["app.py"], []))
        self.assertEqual([n for n in got["boot"] if n.startswith("AWS_") and n != "AWS_LAMBDA_RUNTIME_API"], [])
        self.assertEqual(got["files"], ["socket"])  # the way to the Runtime API; the claim's is closed

    def test_each_cell_serves_one_function_and_differs_from_the_others(self):
        self.until_cell(PROBE)
        functions = [self.create(PROBE, Environment={"Variables": {"OWN": str(index)}}) for index in range(8)]
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda function: self.result(function), functions))
        self.assertEqual([got["own"] for got in results], [str(index) for index in range(8)])
        # A cell that served two would hold what the first has left: an event seen, a file in /tmp, its mounts.
        self.assertEqual([(got["seen"], got["marks"]) for got in results], [(1, 1)] * 8)
        for what in ("key", "random", "hash", "stack", "sandbox"):
            self.assertEqual(len({str(got[what]) for got in results}), 8, what)
        self.assertGreaterEqual(len([got for got in results if got["cell"]]), 2, results)

    def test_a_function_that_chooses_how_its_interpreter_starts_gets_its_choice(self):
        self.until_cell(PROBE)
        got = self.result(self.create(PROBE, Environment={"Variables": {"PYTHONHASHSEED": "0"}}))
        self.assertFalse(got["cell"])
        again = self.result(self.create(PROBE, Environment={"Variables": {"PYTHONHASHSEED": "0"}}))
        self.assertEqual(got["hash"], again["hash"])

    def test_a_function_can_keep_away_from_cells(self):
        self.until_cell(PROBE)
        self.assertFalse(self.result(self.create(PROBE, Environment={"Variables": {"MARTLET_STEM_CELLS": "never"}}))["cell"])

    def test_memory_limits_arrive_with_the_claim(self):
        source = PROBE + "\nhog = handler\ndef handler(event, context):\n    got = hog(event, context)\n    if event: x = b'x' * (300 << 20)\n    return got\n"
        self.until_cell(source, MemorySize=128)
        for _ in range(20):
            function = self.create(source, MemorySize=128)
            began = self.result(function)
            # The environment is warm now, and the very one that is to fail.
            answer = function.invoke({"hog": 1})
            self.assertEqual((answer.error, answer.json["errorType"]), ("Unhandled", "Runtime.OutOfMemory"), answer.body)
            self.assertNotIn("Init Duration", answer.report())
            if began["cell"]:
                return
            time.sleep(0.3)
        self.fail("no function got a stem cell")

    def test_a_broken_custom_bootstrap_is_told_as_without_cells(self):
        for _ in range(3):
            function = self.create({"bootstrap": "#!/not/there\n"}, runtime=CUSTOM)
            answer = function.invoke({})
            self.assertIn("fork/exec /var/task/bootstrap: no such file or directory", answer.body.decode())
            time.sleep(0.2)

    def test_node_js_gets_its_variables_and_paths_with_the_claim(self):
        source = """
const boot = require('fs').readFileSync('/proc/self/environ', 'utf8');
exports.handler = async () => ({ cell: !boot.includes('AWS_LAMBDA_FUNCTION_NAME='), own: process.env.OWN, zone: new Date(0).getHours(),
  cwd: process.cwd(), martlet: Object.keys(process.env).filter((name) => name.startsWith('MARTLET')) });
"""
        got = self.until_cell(source, runtime=NODE, Environment={"Variables": {"OWN": "mine", "TZ": "Asia/Tokyo"}})
        self.assertEqual((got["own"], got["zone"], got["cwd"], got["martlet"]), ("mine", 9, "/var/task", []))
