# SPDX-License-Identifier: Apache-2.0
"""`Examples/swift-function`, compiled and run: a runtime loop over HTTP that knows nothing of Martlet."""

import glob
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import CUSTOM, EndToEndTest
from server import ROOT

SOURCES = os.path.join(ROOT, "Examples/swift-function/Sources/bootstrap")


@unittest.skipIf(not shutil.which("swiftc"), "wants a Swift compiler")
class SwiftFunction(EndToEndTest):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bootstrap")
            # As `swift build --static-swift-stdlib` does, in a tenth of the time.
            subprocess.run(
                ["swiftc", "-swift-version", "6", "-static-stdlib", "-module-name", "bootstrap", "-o", path]
                + sorted(glob.glob(SOURCES + "/*.swift")), check=True)
            subprocess.run(["strip", path], check=True)
            with open(path, "rb") as file:
                cls.bootstrap = file.read()

    def greeter(self, **variables):
        return self.create({"bootstrap": self.bootstrap}, runtime=CUSTOM, MemorySize=128, Environment={"Variables": variables})

    def test_it_answers_one_event_after_another(self):
        function = self.greeter(GREETING="Salve, {name}!")
        for name in ("Ada", "Grace", "ünï ☃", "x" * 100_000):
            self.assertEqual(self.result(function, {"name": name}), {"greeting": "Salve, %s!" % name})

    def test_an_error_of_the_handler_is_reported_and_the_next_event_is_answered(self):
        function = self.greeter()
        answer = function.invoke({"name": ""})
        self.assertEqual((answer.status, answer.error), (200, "Unhandled"))
        self.assertEqual(answer.json, {"errorType": "Nameless", "errorMessage": "nobody to greet", "stackTrace": []})
        self.assertEqual(function.invoke({"no": "name"}).json["errorType"], "DecodingError")
        self.assertEqual(self.result(function, {"name": "Ada"}), {"greeting": "Hello, Ada!"})

    def test_an_error_of_the_init_phase_reaches_the_caller(self):
        answer = self.greeter(GREETING="no place for it").invoke({"name": "Ada"})
        self.assertEqual(answer.error, "Unhandled")
        self.assertEqual(answer.json["errorType"], "BadTemplate")
        self.assertEqual(answer.json["errorMessage"], "GREETING has no {name} in it")
        self.assertTrue(any("Error Type: BadTemplate" in line for line in answer.lines), answer.log)
