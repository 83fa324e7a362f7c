# SPDX-License-Identifier: Apache-2.0
"""`AWS_LAMBDA_EXEC_WRAPPER`: a program of a layer, or of the package, that starts the runtime."""

import unittest

from harness import CUSTOM, JAVA, NODE, PYTHON, RUBY, Account, EndToEndTest, java_classes, wait_until_settled, zip_of
from server import Server
from test_runtimes import BASH
from test_snapstart import ENABLED, RUNTIME

#: Exports a variable, as the layers of tracing agents do, and goes on as the runtime.
EXPORTS = "#!/bin/sh\nexport WRAPPED=\"by $0\"\nexec \"$@\"\n"
#: Puts its options before the last word, as AWS's guide does.
INSERTS = "#!/bin/bash\nexport WRAPPED=\"by $0\"\nexec \"${@:1:$#-1}\" %s \"${@: -1}\"\n"
WRAPPER = "/opt/wrapper"

PYTHON_SOURCE = """
import os, sys
def handler(event, context):
    return [os.environ["WRAPPED"], event, sorted(sys._xoptions), [n for n in os.environ if n.startswith("MARTLET")], sys.path[0]]
"""
NODE_SOURCE = "exports.handler = async (event) => [process.env.WRAPPED, event, process.execArgv, globalThis.preloaded];"
RUBY_SOURCE = "def handler(event:, context:) = [ENV['WRAPPED'], event, $PRELOADED, defined?(::Gem::Specification)]"
JAVA_SOURCE = """
package example;
import java.util.*;
public class Told {
    public Object handle(Map<String, Object> event) {
        return List.of(System.getenv("WRAPPED"), event, System.getProperty("told", "nothing"));
    }
}
"""


class Wrappers(EndToEndTest):
    def layer(self, wrapper, more=None, executable=("wrapper",)):
        archive = zip_of({"wrapper": wrapper, **(more or {})}, executable=executable)
        return self.lambda_.publish_layer_version(LayerName="wrapper", Content={"ZipFile": archive})["LayerVersionArn"]

    def wrapped(self, source, wrapper, more=None, **settings):
        variables = {"AWS_LAMBDA_EXEC_WRAPPER": WRAPPER, **settings.pop("variables", {})}
        return self.create(source, Layers=[self.layer(wrapper, more)], Environment={"Variables": variables}, **settings)

    def test_python_is_started_by_its_wrapper(self):
        plain = self.result(self.wrapped(PYTHON_SOURCE, EXPORTS), {"n": 1})
        self.assertEqual(plain, ["by " + WRAPPER, {"n": 1}, [], [], "/var/task"])
        told = self.result(self.wrapped(PYTHON_SOURCE, INSERTS % "-X word"), 2)
        self.assertEqual(told[:3], ["by " + WRAPPER, 2, ["word"]])

    def test_an_agent_for_python_comes_by_sitecustomize_and_by_another_handler(self):
        agent = {
            "python/sitecustomize.py": "import sys\nsys.customised = True\n",
            "python/agent.py": "import sys, importlib, os\ninner = importlib.import_module('app').handler\n"
                               "def handler(e, c): return ['seen', sys.customised, inner(e, c)]\n",
        }
        wrapper = "#!/bin/sh\nexport WRAPPED=yes PYTHONPATH=/opt/python _HANDLER=agent.handler\nexec \"$@\"\n"
        got = self.result(self.wrapped(PYTHON_SOURCE, wrapper, agent), 3)
        self.assertEqual((got[:2], got[2][:2]), (["seen", True], ["yes", 3]))

    def test_node_js_is_started_by_its_wrapper(self):
        preload = {"preload.js": "globalThis.preloaded = true;"}
        wrapper = EXPORTS.replace("exec", "export NODE_OPTIONS=\"--require /opt/preload.js\"\nexec")
        got = self.result(self.wrapped(NODE_SOURCE, wrapper, preload, runtime=NODE), {"n": 1})
        self.assertEqual(got, ["by " + WRAPPER, {"n": 1}, [], True])
        told = self.result(self.wrapped(NODE_SOURCE, INSERTS % "--no-warnings", runtime=NODE), 2)
        self.assertEqual(told[:3], ["by " + WRAPPER, 2, ["--no-warnings"]])

    @unittest.skipUnless(RUBY, "there is no Ruby")
    def test_ruby_is_started_by_its_wrapper(self):
        preload = {"preload.rb": "$PRELOADED = true"}
        wrapper = EXPORTS.replace("exec", "export RUBYOPT=\"-r/opt/preload\"\nexec")
        function = self.wrapped({"app.rb": RUBY_SOURCE}, wrapper, preload, runtime=RUBY)
        self.assertEqual(self.result(function, {"n": 1}), ["by " + WRAPPER, {"n": 1}, True, "constant"])

    @unittest.skipUnless(JAVA, "there is no JDK")
    def test_java_is_started_by_its_wrapper(self):
        function = self.wrapped(
            java_classes(JAVA_SOURCE, "Told"), INSERTS % "-Dtold=by-the-wrapper", runtime=JAVA, handler="example.Told::handle")
        self.assertEqual(self.result(function, {"n": 1}), ["by " + WRAPPER, {"n": 1}, "by-the-wrapper"])

    def test_a_wrapper_of_the_package_needs_no_layer(self):
        files = {"app.py": PYTHON_SOURCE, "bootstrap": EXPORTS}  # the name is one that the archive makes executable
        variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap"}
        got = self.result(self.create(files, Environment={"Variables": variables}))
        self.assertEqual(got[0], "by /var/task/bootstrap")

    def test_an_empty_name_is_no_wrapper_and_custom_runtimes_have_none(self):
        source = PYTHON_SOURCE.replace('os.environ["WRAPPED"]', 'os.environ.get("WRAPPED")')
        self.assertIsNone(self.result(self.create(source, Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": ""}}))[0])
        own = self.wrapped(BASH, "#!/bin/sh\nexit 9\n", runtime=CUSTOM)
        self.assertEqual(self.result(own, 5)["echo"], 5)

    def assertRefused(self, function, line, status):
        answer = function.invoke({})
        self.assertEqual((answer.error, answer.json["errorType"]), ("Unhandled", "Runtime.ExitError"), answer.body)
        message = "RequestId: %s Error: Runtime exited with error: exit status %d" % (answer.request_id, status)
        self.assertEqual(answer.json["errorMessage"], message)
        self.assertIn(line, answer.lines)
        self.assertEqual(answer.report()["Error Type"], "Runtime.ExitError")

    def test_a_wrapper_that_cannot_be_started_is_told_as_on_aws(self):
        def with_wrapper(path, layers=()):
            return self.create(PYTHON_SOURCE, Layers=list(layers), Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": path}})

        self.assertRefused(with_wrapper("/opt/missing"), "/opt/missing: does not exist", 127)
        self.assertRefused(with_wrapper("/var/task"), "/var/task: does not exist", 127)
        closed = self.layer(EXPORTS, executable=())
        self.assertRefused(with_wrapper(WRAPPER, [closed]), WRAPPER + ": is not an executable", 126)
        self.assertRefused(with_wrapper("/opt/a b; echo $(id)"), "/opt/a b; echo $(id): does not exist", 127)

    def test_a_wrapper_that_starts_no_runtime_fails_the_init_phase(self):
        answer = self.wrapped(PYTHON_SOURCE, "#!/bin/sh\necho not today\nexit 3\n").invoke({})
        self.assertEqual((answer.error, answer.json["errorType"]), ("Unhandled", "Runtime.ExitError"), answer.body)
        self.assertIn("exit status 3", answer.json["errorMessage"])
        self.assertIn("not today", answer.lines)

    def test_a_snapshot_is_taken_of_what_the_wrapper_has_started(self):
        function = self.wrapped(PYTHON_SOURCE, EXPORTS, runtime=RUNTIME, SnapStart=ENABLED)
        version = self.lambda_.publish_version(FunctionName=function.name)["Version"]
        wait_until_settled(self.lambda_, function.name, version)
        answer = function.invoke(4, Qualifier=version)
        self.assertEqual(answer.json[:2], ["by " + WRAPPER, 4], answer.body)
        self.assertIn("Restore Duration", answer.report())


class WrappersWithoutNamespaces(EndToEndTest):
    @property
    def account(self):
        return self.own

    def test_wrappers_of_layers_are_found_in_the_process_sandbox(self):
        with Server("--sandbox", "process") as server:
            self.own = Account(server.endpoint)
            layer = self.lambda_.publish_layer_version(
                LayerName="wrapper", Content={"ZipFile": zip_of({"wrapper": EXPORTS}, executable=("wrapper",))})
            sources = [(PYTHON, PYTHON_SOURCE), (NODE, NODE_SOURCE)]
            if RUBY:
                sources.append((RUBY, {"app.rb": RUBY_SOURCE}))
            for runtime, source in sources:
                function = self.create(
                    source, runtime=runtime, Layers=[layer["LayerVersionArn"]],
                    Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": WRAPPER}})
                got = self.result(function, runtime)
                self.assertRegex(got[0], "^by /.*/wrapper$")
                self.assertEqual(got[1], runtime)
            missing = self.create(PYTHON_SOURCE, Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/missing"}}).invoke({})
            self.assertIn("exit status 127", missing.json["errorMessage"])
            self.own = None


