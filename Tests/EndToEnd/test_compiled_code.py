# SPDX-License-Identifier: Apache-2.0
"""Python code is compiled once, in a sandbox, and later environments import what was made."""

from harness import EndToEndTest, eventually, zip_of

#: Enough for the server to find it worth while.
PADDING = "# padding\n" * 1_000

PROBE = """
import sys, helper, os
def handler(event, context):
    code = [folder + "/" + name for folder, _, names in os.walk("/var/martlet/compiled") for name in sorted(names)]
    return {"loader": type(helper.__loader__).__name__, "compiled": sorted(code), "value": helper.value(), "file": helper.__file__}
"""


class CompiledCode(EndToEndTest):
    def cold(self, function):
        """Asks an environment that did not exist before."""
        self.count = getattr(self, "count", 0) + 1
        function.update(Description="environment %d" % self.count)
        return self.result(function)

    def compiled(self, function, paths):
        return eventually(lambda: (lambda seen: seen if seen["compiled"] == paths else None)(self.cold(function)))

    def test_a_later_environment_imports_what_was_compiled(self):
        function = self.create({"app.py": PROBE, "helper.py": PADDING + "def value(): return 1"})
        seen = self.compiled(function, ["/var/martlet/compiled/task/app.pyc", "/var/martlet/compiled/task/helper.pyc"])
        self.assertEqual((seen["loader"], seen["value"], seen["file"]), ("CompiledFileLoader", 1, "/var/task/helper.py"))
        function.update({"app.py": PROBE, "helper.py": PADDING + "def value(): return 2"})
        self.assertEqual(self.result(function)["value"], 2)

    def test_layers_are_compiled_apart_from_the_code(self):
        layer = self.lambda_.publish_layer_version(
            LayerName="compiled", Content={"ZipFile": zip_of({"python/helper.py": PADDING + "def value(): return 'layer'"})})
        function = self.create(PROBE, Layers=[layer["LayerVersionArn"]])
        seen = self.compiled(function, ["/var/martlet/compiled/opt/python/helper.pyc"])
        self.assertEqual((seen["loader"], seen["value"], seen["file"]), ("CompiledFileLoader", "layer", "/opt/python/helper.py"))

    def test_what_was_compiled_cannot_be_changed_from_inside(self):
        function = self.create({"helper.py": PADDING + "def value(): return 1", "app.py": PROBE + """
inner = handler
def handler(event, context):
    seen = inner(event, context)
    if seen["compiled"]:
        try:
            open(seen["compiled"][0], "wb")
        except OSError as error:
            seen["error"] = error.strerror
    return seen
"""})
        seen = self.compiled(function, ["/var/martlet/compiled/task/app.pyc", "/var/martlet/compiled/task/helper.pyc"])
        self.assertIn(seen["error"], ("Read-only file system", "Permission denied"))

    def test_a_file_that_the_compiler_dies_of_keeps_nobody_from_running(self):
        # Nested deeper than the compiler's stack or its own limit, whichever comes first.
        function = self.create({"app.py": PROBE, "helper.py": "def value(): return 1", "a.py": "x = " + "-" * 2_000_000 + "1"})
        for _ in range(2):
            self.assertEqual(self.cold(function)["value"], 1)
