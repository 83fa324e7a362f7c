#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end tests: `.venv/bin/python Tests/EndToEnd/run.py [test_script | test_script.Class.case]…`

MARTLET_BINARY names another binary than `.build/debug/martlet`, MARTLET_ENDPOINT a server that runs already. With
`--lines`, each case is one line on standard output (`passed`, `failed` or `skipped`, tab, its name) with the reason
indented below: what `swift test` reads.
"""

import glob
import os
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from server import Server


def name_of(case):
    """`test_a_function_can_fail` → `a function can fail`."""
    method = getattr(case, "_testMethodName", None)
    return method[len("test_"):].replace("_", " ") if method else str(case)


class LineResult(unittest.TestResult):
    """A line per case, as soon as it is known."""

    def say(self, what, case, reason=""):
        name = name_of(getattr(case, "test_case", case))
        text = "%s\t%s\n" % (what, name) + "".join("    %s\n" % line for line in reason.splitlines())
        sys.stdout.write(text)
        sys.stdout.flush()

    def addSuccess(self, case):
        self.say("passed", case)

    def addError(self, case, error):
        super().addError(case, error)
        self.say("failed", case, self._exc_info_to_string(error, case))

    def addFailure(self, case, error):
        super().addFailure(case, error)
        self.say("failed", case, self._exc_info_to_string(error, case))

    def addSubTest(self, case, subtest, error):
        super().addSubTest(case, subtest, error)
        if error is not None:
            self.say("failed", case, "%s\n%s" % (subtest.params, self._exc_info_to_string(error, case)))

    def addSkip(self, case, reason):
        super().addSkip(case, reason)
        self.say("skipped", case, reason)


class TimedResult(unittest.TextTestResult):
    """For people: what took how long."""

    def startTest(self, case):
        super().startTest(case)
        self.began = time.monotonic()

    def stopTest(self, case):
        super().stopTest(case)
        self.stream.write("        %.2f s\n" % (time.monotonic() - self.began))


def run(names, by_line):
    names = names or sorted(os.path.basename(path)[:-3] for path in glob.glob(HERE + "/test_*.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    if suite.countTestCases() == 0:
        sys.exit("no such tests: %s" % " ".join(names))
    if by_line:
        result = LineResult()
        suite.run(result)
        return result
    return unittest.TextTestRunner(resultclass=TimedResult, verbosity=2).run(suite)


def main():
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    by_line = "--lines" in sys.argv
    if os.environ.get("MARTLET_ENDPOINT"):
        return run(names, by_line)
    with Server() as server:
        os.environ["MARTLET_ENDPOINT"] = server.endpoint
        os.environ["MARTLET_DATA"] = server.data
        result = run(names, by_line)
        status = server.stop()
        if status != 0:
            sys.exit("the server ended with %d:\n%s" % (status, server.log()[-4_000:]))
        if os.environ.get("MARTLET_SHOW_LOG"):
            sys.stderr.write(server.log())
        return result


if __name__ == "__main__":
    sys.exit(0 if main().wasSuccessful() else 1)
