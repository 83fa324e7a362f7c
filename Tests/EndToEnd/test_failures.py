# SPDX-License-Identifier: Apache-2.0
"""What goes wrong inside a function: AWS's payload, header and log lines for each, and a next invocation that works."""

import time

from harness import CUSTOM, NODE, EndToEndTest, eventually, zip_of

SOMETIMES = """
import os, sys, time
STARTED = time.time()
def handler(event, context):
    print("about to", event)
    sys.stdout.flush()
    if event == "exit": os._exit(3)
    if event == "exit0": os._exit(0)
    if event == "sys.exit": sys.exit(1)
    if event == "abort": os.abort()
    if event == "sleep": time.sleep(30)
    if event == "eat":
        hoard = []
        while True: hoard.append(bytearray(os.urandom(1 << 20)))
    if event == "large": return "x" * 7_000_000
    if event == "set": return {1, 2}
    return STARTED
"""


class Failures(EndToEndTest):
    def assertUnhandled(self, answer, kind, message=None):
        self.assertEqual((answer.status, answer.error), (200, "Unhandled"), answer.body)
        self.assertEqual(answer.json["errorType"], kind, answer.body)
        if message is not None:
            self.assertEqual(answer.json["errorMessage"], message)
        self.assertEqual(answer.headers["x-amz-function-error"], "Unhandled")

    def assertLogged(self, answer, status=None, kind=None):
        """START, END and REPORT are there whatever happened; REPORT says how it ended."""
        self.assertIn("START RequestId: %s Version: $LATEST" % answer.request_id, answer.lines)
        self.assertIn("END RequestId: " + answer.request_id, answer.lines)
        report = answer.report()
        self.assertEqual(report["RequestId"], answer.request_id)
        self.assertEqual((report.get("Status"), report.get("Error Type")), (status, kind), answer.log)

    def test_an_exception_of_a_python_handler(self):
        function = self.create("class Mine(Exception): pass\ndef handler(e, c):\n    raise Mine('for this reason')")
        answer = function.invoke({})
        self.assertUnhandled(answer, "Mine", "for this reason")
        self.assertEqual(answer.json["requestId"], answer.request_id)
        [frame] = answer.json["stackTrace"]
        self.assertEqual(frame, '  File "/var/task/app.py", line 3, in handler\n    raise Mine(\'for this reason\')\n')
        self.assertLogged(answer)
        self.assertTrue(any(line.startswith("[ERROR] Mine: for this reason") for line in answer.lines), answer.log)

    def test_an_error_of_a_node_handler(self):
        function = self.create("exports.handler = async () => { throw new RangeError('too far'); };", runtime=NODE)
        answer = function.invoke({})
        self.assertUnhandled(answer, "RangeError", "too far")
        self.assertEqual(answer.json["trace"][0], "RangeError: too far")
        self.assertIn("/var/task/index.js", answer.json["trace"][1])
        self.assertLogged(answer)
        [line] = [l for l in answer.lines if "Invoke Error" in l]
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t%s\tERROR\tInvoke Error \t\{" % answer.request_id)

    def test_a_module_that_is_not_there(self):
        answer = self.create("import nowhere\ndef handler(e, c): pass").invoke({})
        self.assertUnhandled(answer, "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere'")
        answer = self.create("require('nowhere'); exports.handler = async () => 1;", runtime=NODE).invoke({})
        self.assertUnhandled(answer, "Runtime.ImportModuleError")
        self.assertIn("Cannot find module 'nowhere'", answer.json["errorMessage"])

    def test_a_handler_that_is_not_there(self):
        answer = self.create("def other(e, c): pass").invoke({})
        self.assertUnhandled(answer, "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'")
        answer = self.create("exports.other = 1", runtime=NODE).invoke({})
        self.assertUnhandled(answer, "Runtime.HandlerNotFound")

    def test_a_syntax_error(self):
        answer = self.create("def handler(e, c)\n    return 1").invoke({})
        self.assertUnhandled(answer, "Runtime.UserCodeSyntaxError")
        self.assertTrue(answer.json["errorMessage"].startswith("Syntax error in module 'app': "), answer.body)
        answer = self.create("exports.handler = async () => { return 1", runtime=NODE).invoke({})
        self.assertUnhandled(answer, "Runtime.UserCodeSyntaxError")

    def test_an_exception_while_a_module_loads_runs_the_init_phase_twice(self):
        function = self.create("print('loading')\nraise KeyError('early')")
        answer = function.invoke({})
        self.assertUnhandled(answer, "KeyError", "'early'")

        def whole():
            # Each environment has a stream of its own, and they are written one after the other.
            texts = [message.rstrip("\n") for message in self.log_of(function)]
            return texts if len([t for t in texts if t.startswith("INIT_REPORT ")]) >= 2 else None

        texts = eventually(whole)
        self.assertEqual(texts.count("loading"), 2, texts)
        self.assertEqual(len([t for t in texts if t.startswith("INIT_START ")]), 2, texts)
        reports = [t for t in texts if t.startswith("INIT_REPORT ")]
        self.assertEqual(len(reports), 2, texts)
        self.assertRegex(reports[0], r"^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: error\tError Type: KeyError$")
        self.assertRegex(reports[1], r"^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke\tStatus: error\tError Type: KeyError$")

    def test_a_runtime_that_exits(self):
        function = self.create(SOMETIMES)
        before = self.result(function, "run")
        for event, reason in (
                ("exit", "Runtime exited with error: exit status 3"), ("exit0", "Runtime exited without providing a reason"),
                ("sys.exit", "Runtime exited with error: exit status 1"), ("abort", "Runtime exited with error: signal: aborted")):
            with self.subTest(event=event):
                answer = function.invoke(event)
                self.assertUnhandled(answer, "Runtime.ExitError", "RequestId: %s Error: %s" % (answer.request_id, reason))
                self.assertLogged(answer, "error", "Runtime.ExitError")
                self.assertIn("about to " + event, answer.lines)
        self.assertGreater(self.result(function, "run"), before, "a new environment has taken its place")

    def test_signals_are_named_as_go_names_them(self):
        function = self.create("import os\ndef handler(number, context): os.kill(os.getpid(), number)")
        names = {
            1: "hangup", 3: "quit", 4: "illegal instruction", 5: "trace/breakpoint trap", 7: "bus error", 8: "floating point exception",
            10: "user defined signal 1", 11: "segmentation fault", 14: "alarm clock", 31: "bad system call", 40: "signal 40"}
        for number, name in names.items():
            with self.subTest(signal=number):
                answer = function.invoke(number)
                self.assertUnhandled(
                    answer, "Runtime.ExitError",
                    "RequestId: %s Error: Runtime exited with error: signal: %s" % (answer.request_id, name))

    def test_a_timeout_ends_the_environment_and_is_counted_from_the_hand_over(self):
        function = self.create(SOMETIMES, Timeout=1)
        before = self.result(function, "run")
        began = time.monotonic()
        answer = function.invoke("sleep")
        self.assertTrue(0.95 < time.monotonic() - began < 15)
        self.assertUnhandled(
            answer, "Sandbox.Timedout", "RequestId: %s Error: Task timed out after 1.00 seconds" % answer.request_id)
        self.assertLogged(answer, "timeout")
        [line] = [l for l in answer.lines if "Task timed out" in l]
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z %s Task timed out after 1\.00 seconds$" % answer.request_id)
        self.assertTrue(1_000 <= float(answer.report()["Duration"].split()[0]) < 5_000, answer.log)
        self.assertGreater(self.result(function, "run"), before)

    def test_a_function_that_eats_its_memory_is_ended_alone(self):
        function = self.create(SOMETIMES, MemorySize=128, Timeout=60)
        answer = function.invoke("eat")
        self.assertUnhandled(
            answer, "Runtime.OutOfMemory", "RequestId: %s Error: Runtime exited with error: signal: killed" % answer.request_id)
        self.assertLogged(answer, "error", "Runtime.OutOfMemory")
        self.assertEqual(answer.report()["Max Memory Used"], "128 MB")
        self.assertIsNone(function.invoke("run").error)

    def test_an_answer_that_is_too_large(self):
        function = self.create(SOMETIMES, MemorySize=1_769)
        answer = function.invoke("large")
        self.assertUnhandled(
            answer, "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
        self.assertIsNone(function.invoke("run").error)

    def test_an_answer_that_has_no_json(self):
        answer = self.create(SOMETIMES).invoke("set")
        self.assertUnhandled(
            answer, "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable")

    def test_an_init_phase_without_end_is_cut_and_the_next_one_takes_the_function_s_own_time(self):
        function = self.create("import time\ntime.sleep(120)\ndef handler(e, c): pass", Timeout=1)
        answer = function.invoke({})
        self.assertUnhandled(
            answer, "Sandbox.Timedout", "RequestId: %s Error: Task timed out after 1.00 seconds" % answer.request_id)
        reports = [message.strip() for message in self.log_of(function) if message.startswith("INIT_REPORT")]
        self.assertEqual(len(reports), 2, reports)
        self.assertRegex(reports[0], r"Init Duration: 1\d{4}\.\d\d ms\tPhase: init\tStatus: timeout$")

    def test_a_bootstrap_that_cannot_be_executed(self):
        answer = self.create({"bootstrap": "\x7fELF not really"}, runtime=CUSTOM).invoke({})
        self.assertEqual(answer.error, "Unhandled")
        self.assertIn(answer.json["errorType"], ("Runtime.InvalidEntrypoint", "Runtime.ExitError"), answer.body)

    def assertCannotBeEntered(self, answer, reason):
        self.assertUnhandled(answer, "Runtime.InvalidEntrypoint", "RequestId: %s Error: %s" % (answer.request_id, reason))
        self.assertLogged(answer, "error", "Runtime.InvalidEntrypoint")

    def test_a_bootstrap_whose_interpreter_is_missing_is_not_taken_for_a_missing_bootstrap(self):
        script = {"bootstrap": "#!/usr/bin/no-such-interpreter\n"}
        answer = self.create(script, runtime=CUSTOM).invoke({})
        self.assertCannotBeEntered(answer, "fork/exec /var/task/bootstrap: no such file or directory")
        layer = self.lambda_.publish_layer_version(LayerName="e2e-no-interpreter", Content={"ZipFile": zip_of(script)})
        function = self.create({"data": ""}, runtime=CUSTOM, Layers=[layer["LayerVersionArn"]])
        self.assertCannotBeEntered(function.invoke({}), "fork/exec /opt/bootstrap: no such file or directory")
        self.lambda_.delete_layer_version(LayerName="e2e-no-interpreter", VersionNumber=layer["Version"])

    def test_a_bootstrap_without_the_permission_to_execute_it(self):
        code = {"ZipFile": zip_of({"bootstrap": "#!/bin/sh\n"}, executable=())}
        self.assertCannotBeEntered(
            self.create(code, runtime=CUSTOM).invoke({}), "fork/exec /var/task/bootstrap: permission denied")

    def test_a_script_that_does_not_find_a_command_has_been_entered_all_the_same(self):
        answer = self.create("#!/bin/sh\nexec no-such-command\n", runtime=CUSTOM).invoke({})
        self.assertUnhandled(
            answer, "Runtime.ExitError", "RequestId: %s Error: Runtime exited with error: exit status 127" % answer.request_id)

    def test_a_binary_of_another_architecture_says_exec_format_error(self):
        # The header of a 64-bit ARM executable and nothing behind it.
        header = bytes.fromhex("7f454c4602010100") + bytes(8) + bytes.fromhex("0200b700010000000000400000000000") + bytes(200)
        answer = self.create({"bootstrap": header}, runtime=CUSTOM).invoke({})
        self.assertEqual(answer.error, "Unhandled")
        self.assertIn("exec format error", answer.json["errorMessage"].lower())

    def test_a_runtime_that_stops_asking_for_work_is_ended_at_the_timeout(self):
        script = """#!/bin/sh
curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next" >/dev/null
sleep 100
"""
        answer = self.create(script, runtime=CUSTOM, Timeout=1).invoke({})
        self.assertUnhandled(answer, "Sandbox.Timedout")

    def test_a_traceback_shows_nothing_of_the_host(self):
        answer = self.create("def handler(e, c): raise KeyboardInterrupt()").invoke({})
        self.assertUnhandled(answer, "Runtime.ExitError")
        files = [line.split('"')[1] for line in answer.lines if line.lstrip().startswith('File "')]
        self.assertTrue(files, answer.log)
        self.assertEqual([path for path in files if not path.startswith(("/var/", "/usr/"))], [])

    def test_a_promise_that_nobody_caught(self):
        function = self.create(
            "exports.handler = async () => { Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 50)); return 1; };",
            runtime=NODE)
        answer = function.invoke({})
        self.assertUnhandled(answer, "Runtime.UnhandledPromiseRejection", "Error: lost")

    def test_a_deadly_recursion_of_a_handler_is_its_own_error(self):
        answer = self.create("def handler(e, c): return handler(e, c)").invoke({})
        self.assertUnhandled(answer, "RecursionError")
