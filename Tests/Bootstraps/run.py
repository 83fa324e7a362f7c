#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the runtime bootstraps: `python3 Tests/Bootstraps/run.py [unittest arguments]`.

MARTLET_TEST_PYTHONS, _NODES, _RUBIES and _JAVAS name interpreters to test, separated by colons.
Without them, those of this machine are tested; a missing one is printed.
"""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import test_java
import test_node
import test_python
import test_ruby


def load_tests(loader, _, __):
    suite = unittest.TestSuite()
    for module in (test_python, test_node, test_ruby, test_java):
        suite.addTests(loader.loadTestsFromModule(module))
    return suite


if __name__ == "__main__":
    unittest.main()
