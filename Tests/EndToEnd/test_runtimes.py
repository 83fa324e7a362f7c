# SPDX-License-Identifier: Apache-2.0
"""Functions in every kind of runtime, created from zips and invoked."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import CUSTOM, JAVA, NODE, PYTHON, RUBY, EndToEndTest, java_classes, zip_of
from server import ROOT

BASH = r"""#!/bin/sh
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
echo "booting $_HANDLER"
while true; do
    event=$(curl -sS -D "${TMPDIR:-/tmp}/headers" "$api/next")
    id=$(grep -i '^lambda-runtime-aws-request-id:' "${TMPDIR:-/tmp}/headers" | tr -d '\r' | cut -d' ' -f2)
    echo "got $event"
    case $event in
    *fail*) curl -sS -o /dev/null -H 'Lambda-Runtime-Function-Error-Type: Custom.Failed' \
        -d '{"errorType":"Custom.Failed","errorMessage":"as you wish"}' "$api/$id/error" ;;
    *) curl -sS -o /dev/null -d "{\"echo\":$event,\"id\":\"$id\"}" "$api/$id/response" ;;
    esac
done
"""

COMMONJS = """
exports.handler = async (event, context) => ({ event, id: context.awsRequestId, left: context.getRemainingTimeInMillis() });
"""

MODULE = """
import { sep } from 'node:path';
const answer = await Promise.resolve(42);
export const handler = async (event) => ({ answer, sep, event });
"""

CALLBACK = """
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => event.fail ? callback(new TypeError('told to')) : callback(null, { twice: event.n * 2 }), 5);
  setTimeout(() => {}, 60000);
};
"""


RUBY_SOURCE = """
LOG = Logger.new($stdout)
module Deep
  class Thing
    def self.go(event:, context:) = { up: event['text'].upcase, root: Dir.pwd, ruby: RUBY_VERSION }
  end
end
def handler(event:, context:)
  puts "first\\nsecond"
  LOG.info("from the logger")
  raise ArgumentError, 'told to' if event['fail']
  exit 3 if event['exit']
  { event: event, id: context.aws_request_id, name: context.function_name, left: context.get_remaining_time_in_millis }
end
"""

JAVA_SOURCE = r"""
package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.*;

public class Order implements RequestHandler<Order.Event, Map<String, Object>> {
    public static class Event {
        private String name;
        private List<Integer> numbers;
        public String getName() { return name; }
        public void setName(String name) { this.name = name; }
        public List<Integer> getNumbers() { return numbers; }
        public void setNumbers(List<Integer> numbers) { this.numbers = numbers; }
    }

    public Map<String, Object> handleRequest(Event event, Context context) {
        context.getLogger().log("first\nsecond\n");
        System.out.println("to standard output");
        if (event.getName() == null) throw new IllegalArgumentException("no name");
        Map<String, Object> answer = new TreeMap<>();
        answer.put("name", event.getName().toUpperCase());
        answer.put("sum", event.getNumbers().stream().mapToInt(n -> n).sum());
        answer.put("id", context.getAwsRequestId());
        answer.put("memory", context.getMemoryLimitInMB());
        answer.put("heap", Runtime.getRuntime().maxMemory() >> 20);
        answer.put("java", Runtime.version().feature());
        return answer;
    }

    public String shout(String text) { return text + "!"; }
}
"""


class Runtimes(EndToEndTest):
    def test_a_python_handler_gets_the_event_and_the_context(self):
        function = self.create(
            """
import os
def handler(event, context):
    return {"event": event, "id": context.aws_request_id, "name": context.function_name, "arn": context.invoked_function_arn,
            "version": context.function_version, "memory": context.memory_limit_in_mb, "group": context.log_group_name,
            "stream": context.log_stream_name, "left": context.get_remaining_time_in_millis()}
""",
            Timeout=7)
        event = {"text": "grüß dich \U0001f600", "list": [1, 2.5, None, True], "nested": {"a": {"b": []}}}
        answer = function.invoke(event)
        self.assertEqual((answer.status, answer.error, answer.version), (200, None, "$LATEST"), answer.body)
        got = answer.json
        self.assertTrue(5_000 < got.pop("left") <= 7_000)
        self.assertRegex(got.pop("stream"), r"^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$")
        self.assertEqual(
            got,
            {"event": event, "id": answer.request_id, "name": function.name, "arn": function.arn, "version": "$LATEST",
             "memory": "512", "group": "/aws/lambda/" + function.name})

    def test_a_python_handler_lies_in_a_package_of_the_zip(self):
        files = {"src/pkg/__init__.py": "", "src/pkg/deep.py": "from . import word\ndef run(e, c): return word.WORD", "src/pkg/word.py": "WORD = 'found'"}
        self.assertEqual(self.result(self.create(files, handler="src/pkg/deep.run")), "found")

    def test_a_commonjs_handler_answers_with_a_promise(self):
        answer = self.create(COMMONJS, runtime=NODE).invoke({"a": "ä"})
        self.assertIsNone(answer.error, answer.body)
        self.assertEqual((answer.json["event"], answer.json["id"]), ({"a": "ä"}, answer.request_id))
        self.assertTrue(0 < answer.json["left"] <= 20_000)

    def test_an_es_module_handler_may_await_at_the_top(self):
        function = self.create({"index.mjs": MODULE}, runtime=NODE, handler="index.handler")
        self.assertEqual(self.result(function, [1]), {"answer": 42, "sep": "/", "event": [1]})

    def test_package_json_makes_js_files_es_modules(self):
        function = self.create(
            {"index.js": MODULE, "package.json": '{"type": "module"}'}, runtime=NODE, handler="index.handler")
        self.assertEqual(self.result(function, None)["answer"], 42)

    @unittest.skipIf(int(NODE[6:-2]) > 22, "AWS runs callback handlers up to Node.js 22")
    def test_a_callback_handler_answers_before_its_event_loop_is_empty(self):
        function = self.create(CALLBACK, runtime=NODE)
        self.assertEqual(self.result(function, {"n": 21}), {"twice": 42})
        answer = function.invoke({"fail": True})
        self.assertEqual(answer.error, "Unhandled")
        self.assertEqual((answer.json["errorType"], answer.json["errorMessage"]), ("TypeError", "told to"))
        self.assertEqual(self.result(function, {"n": 1}), {"twice": 2})

    def test_a_streaming_handler_of_node_answers_what_it_has_written(self):
        function = self.create(
            "exports.handler = awslambda.streamifyResponse(async (e, stream) => { stream.write('{\"a\":'); stream.write('1}'); stream.end(); });",
            runtime=NODE)
        self.assertEqual(self.result(function, {}), {"a": 1})

    def test_a_shell_script_is_a_custom_runtime(self):
        function = self.create(BASH, runtime=CUSTOM, handler="my.entry")
        answer = function.invoke({"n": 1})
        self.assertEqual((answer.error, answer.json), (None, {"echo": {"n": 1}, "id": answer.request_id}))
        self.assertIn("got " + json.dumps({"n": 1}), answer.lines)
        failed = function.invoke({"please": "fail"})
        self.assertEqual((failed.status, failed.error), (200, "Unhandled"))
        self.assertEqual(failed.json, {"errorType": "Custom.Failed", "errorMessage": "as you wish"})
        self.assertEqual(self.result(function, 2)["echo"], 2)

    @unittest.skipIf(not shutil.which("cc"), "wants a C compiler")
    def test_a_static_binary_is_a_custom_runtime(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bootstrap")
            subprocess.run(["cc", "-O2", "-static", "-o", path, os.path.join(ROOT, "Benchmarks/functions/bootstrap.c")], check=True)
            with open(path, "rb") as file:
                function = self.create({"bootstrap": file.read()}, runtime=CUSTOM, MemorySize=128)
        self.assertEqual([self.result(function, n) for n in range(3)], [0, 1, 2])

    def test_a_custom_runtime_without_bootstrap_says_so(self):
        answer = self.create({"readme.txt": "nothing here"}, runtime=CUSTOM).invoke({})
        self.assertEqual(answer.error, "Unhandled")
        self.assertEqual(answer.json["errorType"], "Runtime.InvalidEntrypoint", answer.body)
        self.assertIn("START RequestId: %s Version: $LATEST" % answer.request_id, answer.lines)
        self.assertEqual(answer.report()["Error Type"], "Runtime.InvalidEntrypoint")

    def test_a_runtime_that_martlet_has_not_yet_is_refused_by_name(self):
        with self.assertRaises(Exception) as caught:
            self.account.create({"Main.cs": ""}, runtime="dotnet8", handler="Main::run")
        self.assertIn("dotnet8", str(caught.exception))

    def test_an_unknown_runtime_is_refused_in_aws_s_words(self):
        function = self.create("def handler(e, c): pass")
        for call in (
                lambda: self.account.create("x", runtime="cobol85", wait=False),
                lambda: self.lambda_.update_function_configuration(FunctionName=function.name, Runtime="cobol85")):
            message = self.assertFails("InvalidParameterValueException", 400, call)["Error"]["Message"]
            self.assertRegex(
                message, r"^Value cobol85 at 'runtime' failed to satisfy constraint: "
                r"Member must satisfy enum value set: \[nodejs.*, provided\.al2023\] or be a valid ARN$")
        # A layer's runtimes are a list, and that is checked as the model says.
        message = self.assertFails(
            "ValidationException", 400, self.lambda_.publish_layer_version, LayerName="unknown", Content={"ZipFile": b"x"},
            CompatibleRuntimes=["cobol85"])["Error"]["Message"]
        self.assertIn("Value '[cobol85]' at 'compatibleRuntimes' failed to satisfy constraint: ", message)

    def test_open_mode_runs_the_nearest_interpreter_and_says_so_in_the_log(self):
        wanted = "python3.14" if PYTHON != "python3.14" else "python3.13"
        function = self.create("import sys\ndef handler(e, c): return list(sys.version_info[:2])", runtime=wanted)
        self.assertEqual("python%d.%d" % tuple(self.result(function)), PYTHON)
        log = self.log_of(function)
        self.assertEqual(len([line for line in log if wanted in line and "[WARN]" in line]), 1, log)

    @unittest.skipIf(not RUBY, "wants Ruby")
    def test_a_ruby_handler_gets_event_and_context_and_logs_whole_records(self):
        function = self.create({"app.rb": RUBY_SOURCE}, runtime=RUBY, Timeout=7)
        answer = function.invoke({"text": "grüß"})
        self.assertIsNone(answer.error, answer.body)
        got = answer.json
        self.assertTrue(3_000 < got.pop("left") <= 7_000)
        self.assertEqual(got, {"event": {"text": "grüß"}, "id": answer.request_id, "name": function.name})
        log = self.log_of(function)
        self.assertIn("first\nsecond\n", log)
        self.assertEqual(len([m for m in log if "INFO %s -- : from the logger" % answer.request_id in m]), 1, log)

    @unittest.skipIf(not RUBY, "wants Ruby")
    def test_a_ruby_handler_may_be_a_class_method(self):
        function = self.create({"lib/app.rb": RUBY_SOURCE}, runtime=RUBY, handler="lib/app.Deep::Thing.go")
        got = self.result(function, {"text": "abc"})
        self.assertEqual((got["up"], got["root"]), ("ABC", "/var/task"))

    @unittest.skipIf(not RUBY, "wants Ruby")
    def test_a_ruby_handler_that_raises_is_an_unhandled_error(self):
        function = self.create({"app.rb": RUBY_SOURCE}, runtime=RUBY)
        answer = function.invoke({"fail": True})
        self.assertEqual((answer.status, answer.error), (200, "Unhandled"))
        self.assertEqual((answer.json["errorType"], answer.json["errorMessage"]), ("Function<ArgumentError>", "told to"))
        self.assertRegex(answer.json["stackTrace"][0], r"^/var/task/app\.rb:\d+:in ")
        self.assertEqual(function.invoke({"exit": True}).json["errorType"], "Function<SystemExit>")
        self.assertEqual(self.result(function, {"n": 1})["event"], {"n": 1})
        broken = self.create({"app.rb": "require 'not_there'"}, runtime=RUBY).invoke({})
        self.assertEqual((broken.json["errorType"], broken.json["errorMessage"]), ("Init<LoadError>", "cannot load such file -- not_there"))

    @unittest.skipIf(not RUBY, "wants Ruby")
    def test_ruby_finds_the_gems_of_the_package(self):
        place = "vendor/bundle/ruby/%s.0/" % RUBY[4:]
        spec = "Gem::Specification.new { |s| s.name = 'greeter'; s.version = '1.2.0'; s.summary = 'x'; s.authors = ['x']; s.files = ['lib/greeter.rb'] }"
        files = {"app.rb": "require 'greeter'\ndef handler(event:, context:) = GREETING",
                 place + "specifications/greeter-1.2.0.gemspec": spec, place + "gems/greeter-1.2.0/lib/greeter.rb": "GREETING = 'hello'"}
        self.assertEqual(self.result(self.create(files, runtime=RUBY)), "hello")

    @unittest.skipIf(not JAVA, "wants a JDK")
    def test_a_java_handler_gets_its_event_as_an_object(self):
        function = self.create(java_classes(JAVA_SOURCE, "Order"), runtime=JAVA, handler="example.Order")
        answer = function.invoke({"name": "grüß", "numbers": [1, 2, 3], "more": {}})
        self.assertIsNone(answer.error, answer.body)
        got = answer.json
        self.assertTrue(380 <= got.pop("heap") <= 436)
        self.assertEqual(got, {"name": "GRÜSS", "sum": 6, "id": answer.request_id, "memory": 512, "java": int(JAVA[4:])})
        log = self.log_of(function)
        self.assertIn("first\nsecond\n", log)
        self.assertIn("to standard output\n", log)
        failed = function.invoke({})
        self.assertEqual((failed.error, failed.json["errorType"], failed.json["errorMessage"]), ("Unhandled", "java.lang.IllegalArgumentException", "no name"))
        self.assertRegex(failed.json["stackTrace"][0], r"^example\.Order\.handleRequest\(Order\.java:\d+\)$")

    @unittest.skipIf(not JAVA, "wants a JDK")
    def test_a_java_handler_may_be_any_method_in_a_jar_of_the_package(self):
        jar = zip_of(java_classes(JAVA_SOURCE, "Order"))
        function = self.create({"lib/order.jar": jar}, runtime=JAVA, handler="example.Order::shout", MemorySize=256)
        self.assertEqual(self.result(function, "hey"), "hey!")

    @unittest.skipIf(not JAVA, "wants a JDK")
    def test_java_options_of_the_function_are_honoured(self):
        options = {"Variables": {"JAVA_TOOL_OPTIONS": "-Xmx64m -Dwho=me"}}
        function = self.create(java_classes(JAVA_SOURCE, "Order"), runtime=JAVA, handler="example.Order", Environment=options)
        self.assertTrue(60 <= self.result(function, {"name": "x", "numbers": []})["heap"] <= 64)
        self.assertTrue([m for m in self.log_of(function) if "Picked up JAVA_TOOL_OPTIONS" in m])

    @unittest.skipIf(not JAVA, "wants a JDK")
    def test_a_java_class_that_is_missing_is_named(self):
        answer = self.create({"lib/readme.txt": "nothing"}, runtime=JAVA, handler="example.Nope::go").invoke({})
        self.assertEqual(answer.json, {"errorMessage": "Class not found: example.Nope", "errorType": "java.lang.ClassNotFoundException"})
