# SPDX-License-Identifier: Apache-2.0
"""The Python bootstrap, as a function and as the Runtime API see it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from contract import BootstrapContract
from fake_runtime_api import BOOTSTRAPS, Function

BOOTSTRAP = os.path.join(BOOTSTRAPS, "python.py")
INTERPRETERS = [p for p in os.environ.get("MARTLET_TEST_PYTHONS", "").split(":") if p] or [
    shutil.which("python3", path="/usr/bin:/bin") or sys.executable
]
NBSP = "\u00a0"


class PythonTests(BootstrapContract):
    """Runs once for each interpreter; see the end of this file."""

    interpreter = None
    ECHO = "def handler(e, c): return e"
    CLAIMED = "import os, logging, time\ndef handler(e, c):\n    logging.warning('hi')\n    return [os.environ['WHO'], os.getcwd(), time.strftime('%H', time.gmtime(0)), time.localtime(0).tm_hour]"
    CLAIM_ENVIRONMENT = {"WHO": "me", "TZ": "UTC-5", "AWS_LAMBDA_LOG_FORMAT": "JSON", "PYTHONPATH": "/tmp/extra"}

    def check_claimed(self, f, answer):
        self.assertEqual(answer, ["me", f.task, "00", 5])
        self.assertEqual(json.loads(f.log())["message"], "hi")

    def function(self, source, handler="app.handler", extra=None, bootstrap=BOOTSTRAP, **options):
        files = {"app.py": source, **(extra or {})}
        command = [self.interpreter, "-S", "-s", "-B", bootstrap]
        function = Function(command, files, handler, **options)
        function.environment.setdefault("AWS_EXECUTION_ENV", "AWS_Lambda_python3.12")
        return function

    def answer(self, source, event=None, **options):
        with self.function(source, **options) as function:
            return function.invoke(event)

    def init_error(self, source, handler="app.handler", **options):
        with self.function(source, handler, **options) as function:
            post = function.posted()
            self.assertEqual(post.path, "/2018-06-01/runtime/init/error")
            self.assertEqual(function.exit_code(), 1)
            self.assertEqual(post.headers["lambda-runtime-function-error-type"], post.json["errorType"])
            self.assertEqual(list(post.json), ["errorMessage", "errorType", "requestId", "stackTrace"])
            self.assertEqual(post.json["requestId"], "")
            return post.json, function.log()

    # Snapshots

    SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    HOOKS = """
from snapshot_restore_py import register_after_restore, register_before_snapshot
seen = []
@register_before_snapshot
def first(): seen.append("first")
def more(*words, **named): seen.append([words, named])
register_before_snapshot(more, 1, a=2)
@register_after_restore
def third(): seen.append("third")
register_after_restore(more, 3)
def handler(e, c): return seen
"""

    def test_hooks_run_around_the_snapshot_in_aws_order(self):
        with self.function(self.HOOKS, environment=self.SNAP_START) as f:
            f.api.broken_rests = 1
            got = f.invoke().json
            self.assertEqual(got, [[[1], {"a": 2}], "first", "third", [[3], {}]])
            self.assertEqual([f.api.rests.get(timeout=5).method for _ in range(2)], ["GET", "GET"])

    def test_without_snap_start_no_hook_runs_and_nothing_asks_to_be_restored(self):
        with self.function(self.HOOKS) as f:
            self.assertEqual(f.invoke().json, [])
            self.assertTrue(f.api.rests.empty())

    def test_a_package_of_the_function_comes_before_the_hooks_module_of_the_runtime(self):
        own = "calls = []\ndef get_before_snapshot(): return []\ndef get_after_restore(): return [(calls.append, ('own',), {})]"
        source = "import snapshot_restore_py\ndef handler(e, c): return snapshot_restore_py.calls"
        with self.function(source, extra={"snapshot_restore_py.py": own}, environment=self.SNAP_START) as f:
            self.assertEqual(f.invoke().json, ["own"])

    def failing_hook(self, when):
        source = (
            "import snapshot_restore_py as s\ndef fail(): raise ValueError('no é')\n"
            "s.register_%s(fail)\ndef handler(e, c): pass" % when
        )
        with self.function(source, environment=self.SNAP_START) as f:
            post = f.posted()
            self.assertEqual((post.json["errorType"], post.json["errorMessage"]), ("ValueError", "no é"))
            code = f.exit_code()
            self.assertIn("[ERROR] ValueError: no é", f.log())
            return post.path, post.headers["lambda-runtime-function-error-type"], code, f.api.rests.qsize()

    def test_an_error_before_the_snapshot_ends_the_init_phase(self):
        expected = ("/2018-06-01/runtime/init/error", "Runtime.BeforeSnapshotError", 64, 0)
        self.assertEqual(self.failing_hook("before_snapshot"), expected)

    def test_an_error_after_the_restore_is_reported_as_one(self):
        expected = ("/2018-06-01/runtime/restore/error", "Runtime.AfterRestoreError", 65, 1)
        self.assertEqual(self.failing_hook("after_restore"), expected)

    def test_copies_get_random_state_of_their_own(self):
        source = """
import random, ssl, _ssl, tempfile, gc
random.seed(7)
expected = random.Random(7).random()
class Recorder:
    added = []
real = _ssl.RAND_add
_ssl.RAND_add = lambda data, entropy: (Recorder.added.append((len(data), entropy)), real(data, entropy))
tempfile._get_candidate_names()
def handler(e, c):
    return [random.random() != expected, Recorder.added, tempfile._name_sequence is None, getattr(gc, "get_freeze_count", lambda: 1)() > 0]
"""
        with self.function(source, environment=self.SNAP_START) as f:
            self.assertEqual(f.invoke().json, [True, [[64, 64.0]], True, True])

    def test_a_server_that_closes_every_connection_ends_the_process(self):
        with self.function("def handler(e, c): pass", environment=self.SNAP_START) as f:
            f.api.broken_rests = 1000
            self.assertEqual(f.exit_code(), 1)
            self.assertEqual(f.api.rests.qsize(), 8)

    # Code compiled ahead

    def compiled(self, files):
        """What compile.py makes of `files`, written out as the server does: a directory, by path and content."""
        folder = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        for name, content in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        script = os.path.join(BOOTSTRAPS, "compile.py")
        command = [self.interpreter, "-I", "-S", "-B", "-W", "ignore", script, folder, "skipped"]
        stream = subprocess.run(command, check=True, capture_output=True).stdout
        found = {}
        while stream[:2] != b"\0\0":
            path, size = int.from_bytes(stream[:2], "big"), int.from_bytes(stream[2:6], "big")
            found[stream[6 : 6 + path].decode()] = stream[6 + path : 6 + path + size]
            stream = stream[6 + path + size :]
        self.assertEqual(stream, bytes(6))
        return found

    def place(self, compiled):
        folder = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        for name, content in compiled.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name + "c"), "wb") as file:
                file.write(content)
        return folder

    def test_the_compiler_leaves_out_what_it_cannot_compile(self):
        found = self.compiled({
            "a.py": "x = 1", "b/c.py": "import a", "wrong.py": "def (:", "zero.py": "a\0b", "text.txt": "x",
            "warns.py": "x = '\\d'", "skipped/d.py": "x = 1", "__pycache__/e.py": "x = 1",
            "deep.py": "(" * 5000 + ")" * 5000, "latin.py": b"# coding: latin-1\nx = '\xe9'\n"})
        self.assertEqual(list(found), ["a.py", "latin.py", "warns.py", "b/c.py"])

    def test_nothing_of_what_is_compiled_runs(self):
        self.assertEqual(list(self.compiled({"a.py": "import os; os._exit(3)", "b.py": "x = 1"})), ["a.py", "b.py"])

    def test_code_compiled_ahead_runs_instead_of_the_source(self):
        source = "import helper\ndef handler(e, c): return [helper.value(), helper.__file__, type(__spec__.loader).__name__]"
        place = self.place(self.compiled({"app.py": source, "helper.py": "def value(): return 'ahead'"}))
        with self.function(source, extra={"helper.py": "def value(): return 'source'"},
                           environment={"MARTLET_COMPILED": place + "::"}) as f:
            self.assertEqual(f.invoke().json, ["ahead", f.task + "/helper.py", "CompiledFileLoader"])

    def test_the_source_runs_where_compiled_code_is_missing_or_of_no_use(self):
        source = "import a, b, c, d, os\ndef handler(e, x): return [a.x, b.x, c.x, d.x, 'MARTLET_COMPILED' in os.environ]"
        made = self.compiled({"a.py": "x = 'ahead'"})
        place = self.place({
            "a.py": b"\0\0\0\0" + made["a.py"][4:], "b.py": made["a.py"][:20], "c.py": b"", "d.py": made["a.py"][:16] + b"rubbish"})
        extra = {name + ".py": "x = 'source'" for name in "abcd"}
        with self.function(source, extra=extra, environment={"MARTLET_COMPILED": place + "::"}) as f:
            self.assertEqual(f.invoke().json, ["source"] * 4 + [False])

    def test_errors_of_compiled_code_name_its_files(self):
        source = "def handler(e, c):\n    raise ValueError('x')"
        place = self.place(self.compiled({"app.py": source}))
        with self.function(source, environment={"MARTLET_COMPILED": place + "::"}) as f:
            self.assertEqual(
                f.invoke().json["stackTrace"],
                ['  File "%s/app.py", line 2, in handler\n    raise ValueError(\'x\')\n' % f.task])

    def test_layers_and_the_library_are_compiled_ahead_too(self):
        layer, library = os.path.realpath(tempfile.mkdtemp()), os.path.dirname(os.__file__)
        self.addCleanup(shutil.rmtree, layer)
        os.makedirs(layer + "/python")
        with open(layer + "/python/word.py", "w") as file:
            file.write("x = 'source'")
        place = self.place(self.compiled({"python/word.py": "x = 'layer'"}))
        fake = self.place(self.compiled({"colorsys.py": "x = 'library'"}))
        source = "import word, colorsys\ndef handler(e, c): return [word.x, colorsys.x]"
        with self.function(source, environment={"MARTLET_COMPILED": ":%s:%s" % (place, fake), "MARTLET_LAYERS": layer}) as f:
            self.assertEqual(f.invoke().json, ["layer", "library"])

    def test_code_compiled_ahead_serves_a_claimed_process(self):
        source = "import helper\ndef handler(e, c): return helper.x"
        place = self.place(self.compiled({"helper.py": "x = 'ahead'"}))
        with self.function(source, extra={"helper.py": "x = 'source'"}, claim=True,
                           environment={"MARTLET_COMPILED": place + "::"}) as f:
            f.send_claim()
            self.assertEqual(f.invoke().json, "ahead")

    def test_optimised_code_is_compiled_from_the_source(self):
        source = "import helper\ndef handler(e, c): return helper.x"
        place = self.place(self.compiled({"helper.py": "x = 'ahead'"}))
        with self.function(source, extra={"helper.py": "x = 'source'"},
                           environment={"MARTLET_COMPILED": place + "::", "PYTHONOPTIMIZE": "1"}) as f:
            self.assertEqual(f.invoke().json, "source")

    # Invocations

    def test_the_result_of_the_handler_is_posted_for_its_request(self):
        with self.function("def handler(event, context): return {'got': event, 'id': context.aws_request_id}") as f:
            for number in (1, 2, 3):
                post = f.invoke({"n": number})
                self.assertEqual(post.path, "/2018-06-01/runtime/invocation/request-%d/response" % number)
                self.assertEqual(post.body.decode(), '{"got": {"n": %d}, "id": "request-%d"}' % (number, number))
                self.assertEqual(post.headers["content-type"], "application/json")
            self.assertEqual(f.api.connections, 1)

    def test_handlers_are_found_in_folders_and_packages(self):
        extra = {"src/deep/mod.py": "def run(e, c): return __name__", "pkg/__init__.py": "", "pkg/m.py": "def go(e, c): return __name__"}
        self.assertEqual(self.answer("", handler="src/deep/mod.run", extra=extra).json, "src.deep.mod")
        self.assertEqual(self.answer("", handler="pkg.m.go", extra=extra).json, "pkg.m")

    def test_the_context_has_every_attribute_of_the_official_one(self):
        source = (
            "import os\n"
            "def handler(event, c):\n"
            "    left = c.get_remaining_time_in_millis()\n"
            "    return [c.function_name, c.function_version, c.memory_limit_in_mb, c.log_group_name, c.log_stream_name,\n"
            "        c.invoked_function_arn, c.tenant_id, c.identity.cognito_identity_id, c.identity.cognito_identity_pool_id,\n"
            "        c.client_context and [c.client_context.custom, c.client_context.env, c.client_context.client.app_title],\n"
            "        isinstance(left, int) and 20000 < left <= 30000, os.environ.get('_X_AMZN_TRACE_ID'), c.w3c()]"
        )
        arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
        fixed = ["f", "$LATEST", "128", "/aws/lambda/f", "2026/01/01/[$LATEST]0", arn]
        with self.function(source) as f:
            client = {"custom": {"a": 1}, "env": {"b": "é"}, "client": {"app_title": "t"}, "w3c": {"traceparent": "00-1", "x": "y"}}
            full = f.invoke(
                {},
                Lambda_Runtime_Client_Context=json.dumps(client, ensure_ascii=False),
                Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
                Lambda_Runtime_Aws_Tenant_Id="blue",
            )
            bare = f.invoke({}, Lambda_Runtime_Trace_Id=None)
        trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
        shown = [{"a": 1}, {"b": "é"}, "t"]
        self.assertEqual(full.json, fixed + ["blue", "i", "p", shown, True, trace, {"traceparent": "00-1"}])
        self.assertEqual(bare.json, fixed + [None, None, None, None, True, None, {}])

    def test_a_malformed_client_context_fails_the_invocation(self):
        with self.function("def handler(e, c): return 1") as f:
            post = f.invoke({}, Lambda_Runtime_Client_Context="{oops")
            self.assertEqual(post.json["errorType"], "Runtime.LambdaContextUnmarshalError")
            self.assertTrue(post.json["errorMessage"].startswith("Unable to parse Client Context JSON: "))

    def test_an_event_that_is_not_json_is_an_unmarshal_error(self):
        with self.function("def handler(e, c): return e") as f:
            for body in (b"", b"{", b"[1] 2", b"\xff"):
                post = f.invoke(body)
                self.assertEqual(post.json["errorType"], "Runtime.UnmarshalError")
                self.assertTrue(post.json["errorMessage"].startswith("Unable to unmarshal input: "), post.json)
            self.assertEqual(f.invoke(b"").json["errorMessage"], "Unable to unmarshal input: Expecting value: line 1 column 1 (char 0)")
            self.assertEqual(f.invoke(b' \n{"a": 1.50} ').json, {"a": 1.5})

    # Results

    WITHOUT_ACCELERATOR = (
        "import runpy, sys\nsys.modules['_json'] = None\n"
        "runpy.run_path(%r, run_name='__main__')" % os.path.realpath(BOOTSTRAP)
    )

    def test_results_are_encoded_as_the_official_client_does(self):
        self.check_results(BOOTSTRAP)

    def test_results_are_the_same_without_the_json_accelerator(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "start.py")
            with open(path, "w") as file:
                file.write(self.WITHOUT_ACCELERATOR)
            self.check_results(path)

    def check_results(self, bootstrap):
        source = (
            "import collections, decimal, enum\n"
            "P = collections.namedtuple('P', 'a b')\n"
            "class I(enum.IntEnum):\n    A = 7\n"
            "loop = []\nloop.append(loop)\n"
            "D = decimal.Decimal\n"
            "cases = [P(1, P(2, 3)), {'k': [P(1, 2)]}, D('1.10'), {'k': D('NaN'), 'j': [D('Infinity')]}, float('nan'), {'k': b'x'},\n"
            "  {b'k': P(1, b'y')}, 'é\\u2028', {1.5: 2, None: 3, True: 4, I.A: 5}, (1, 1e22, -0.0, 2 ** 70), None,\n"
            "  {1, 2}, loop, {(1, 2): 3}, '\\ud800', {'k': b'\\xff'}, object]\n"
            "def handler(e, c): return cases[e]\n"
        )
        good = [
            '{"a": 1, "b": {"a": 2, "b": 3}}', '{"k": [{"a": 1, "b": 2}]}', "1.10", '{"k": NaN, "j": [Infinity]}', "NaN", '{"k": "x"}',
            '{"k": {"a": 1, "b": "y"}}', '"é\u2028"', '{"1.5": 2, "null": 3, "true": 4, "7": 5}', "[1, 1e+22, -0.0, 1180591620717411303424]", "null",
        ]
        bad = [
            "Object of type set is not JSON serializable", "Circular reference detected",
            "key", "'utf-8' codec can't encode character",
            "'utf-8' codec can't decode byte 0xff", "Object of type type is not JSON serializable",
        ]
        with self.function(source, bootstrap=bootstrap) as f:
            for number, text in enumerate(good):
                self.assertEqual(f.invoke(number).body.decode(), text)
            for number, message in enumerate(bad, len(good)):
                post = f.invoke(number)
                self.assertEqual((post.kind, post.json["errorType"]), ("error", "Runtime.MarshalError"))
                self.assertTrue(post.json["errorMessage"].startswith("Unable to marshal response: " + message), post.json)
                self.assertEqual(post.json["stackTrace"], [])

    def test_older_runtimes_escape_non_ascii_characters(self):
        environment = {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.11"}
        source = "import decimal\ndef handler(e, c): return ['é', decimal.Decimal('2.50')]"
        self.assertEqual(self.answer(source, environment=environment).body, b'["\\u00e9", 2.50]')

    def test_bytes_are_posted_as_they_are(self):
        post = self.answer("def handler(e, c): return b'\\x00\\xff'")
        self.assertEqual((post.body, post.headers["content-type"]), (b"\x00\xff", "application/unknown"))

    # Errors

    def test_an_exception_is_posted_and_logged_with_its_own_frames_only(self):
        source = "def inner():\n    raise KeyError('x\\ny')\ndef handler(e, c):\n    inner()\n"
        with self.function(source) as f:
            post = f.invoke({})
            self.assertEqual(post.path, "/2018-06-01/runtime/invocation/request-1/error")
            self.assertEqual(post.headers["lambda-runtime-function-error-type"], "KeyError")
            self.assertEqual(list(post.json), ["errorMessage", "errorType", "requestId", "stackTrace"])
            self.assertEqual((post.json["errorMessage"], post.json["requestId"]), ("'x\\ny'", "request-1"))
            path = f.task + "/app.py"
            self.assertEqual(post.json["stackTrace"], [
                '  File "%s", line 4, in handler\n    inner()\n' % path,
                '  File "%s", line 2, in inner\n    raise KeyError(\'x\\ny\')\n' % path,
            ])
            lines = ["[ERROR] KeyError: 'x\\ny'", "Traceback (most recent call last):",
                     NBSP * 2 + 'File "%s", line 4, in handler' % path, NBSP * 4 + "inner()",
                     NBSP * 2 + 'File "%s", line 2, in inner' % path, NBSP * 4 + "raise KeyError('x\\ny')"]
            self.assertEqual(f.log(), "\r".join(lines) + "\n")
            self.assertEqual(f.invoke({}).kind, "error")

    def test_any_exception_name_makes_a_valid_header(self):
        source = "def handler(e, c): raise type('a\\r\\nX: é', (Exception,), {})(e)"
        post = self.answer(source, "m\ud800")
        self.assertEqual(post.headers["lambda-runtime-function-error-type"], "a??X:??")
        self.assertEqual(post.json["errorType"], "a\r\nX: é")

    def test_exit_inside_the_handler_ends_the_process(self):
        with self.function("import sys\ndef handler(e, c):\n    print('bye', end='')\n    sys.exit(3)") as f:
            f.offer({})
            self.assertEqual((f.exit_code(), f.log()), (3, "bye"))

    def test_a_module_that_is_missing_is_an_import_error(self):
        error, log = self.init_error("", "nope.handler")
        message = "Unable to import module 'nope': No module named 'nope'"
        self.assertEqual((error["errorType"], error["errorMessage"]), ("Runtime.ImportModuleError", message))
        self.assertEqual(error["stackTrace"], [])
        self.assertEqual(log, "[ERROR] Runtime.ImportModuleError: %s\rTraceback (most recent call last):\n" % message)

    def test_a_dependency_that_is_missing_names_the_handlers_module(self):
        error, _ = self.init_error("import not_there")
        self.assertEqual(error["errorMessage"], "Unable to import module 'app': No module named 'not_there'")

    def test_a_syntax_error_shows_its_line(self):
        error, _ = self.init_error("def handler(e, c):\n    return (\n\nx = = 1\n")
        self.assertEqual(error["errorType"], "Runtime.UserCodeSyntaxError")
        self.assertTrue(error["errorMessage"].startswith("Syntax error in module 'app': "), error)
        self.assertRegex(error["stackTrace"][0], r'^  File ".*/app\.py" Line \d+\n    ')

    def test_handler_names_that_cannot_work_are_told_apart(self):
        cases = {
            "app.nope": ("Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"),
            "app": ("Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
            "sys.handler": ("Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
        }
        for handler, expected in cases.items():
            error, _ = self.init_error("", handler)
            self.assertEqual((error["errorType"], error["errorMessage"]), expected)

    def test_an_exception_during_import_keeps_its_type(self):
        error, log = self.init_error("print('starting')\n1 / 0")
        self.assertEqual((error["errorType"], error["errorMessage"]), ("ZeroDivisionError", "division by zero"))
        self.assertTrue(error["stackTrace"][0].startswith('  File "'), error)
        self.assertIn("app.py", error["stackTrace"][-1])
        self.assertTrue(log.startswith("starting\n[ERROR] ZeroDivisionError: division by zero\r"), log)

    # Log

    def test_print_is_written_before_the_answer_is_posted(self):
        with self.function("def handler(e, c):\n    print('a\\nb')\n    print('c', end='')\n    return 1") as f:
            f.invoke({})
            self.assertEqual(f.log(), "a\nb\nc")

    LOGGING = (
        "import logging\nlogging.getLogger().warning('early')\n"
        "def handler(e, c):\n    logging.getLogger('app').info('hidden %d', 1)\n    logging.error('shown %s', e)\n    return len(logging.getLogger().handlers)"
    )

    def test_logging_has_one_root_handler_with_the_request_id(self):
        with self.function(self.LOGGING) as f:
            self.assertEqual(f.invoke("x").json, 1)
            early, shown = f.log().splitlines()
            self.assertRegex(early, r"^\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t\tearly$")
            self.assertRegex(shown, r"^\[ERROR\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\trequest-1\tshown x$")

    def test_the_log_level_comes_from_the_environment(self):
        with self.function(self.LOGGING, environment={"AWS_LAMBDA_LOG_LEVEL": "INFO"}) as f:
            f.invoke("x")
            self.assertEqual([line.split("\t")[0] for line in f.log().splitlines()], ["[WARNING]", "[INFO]", "[ERROR]"])

    def test_json_logs_leave_print_alone(self):
        source = (
            "import logging\ndef handler(e, c):\n    print('plain')\n    logging.warning({'a': 'é'}, extra={'who': 'me'})\n"
            "    try: 1 / 0\n    except Exception: logging.exception('failed %d', 1)\n    raise ValueError('end')"
        )
        with self.function(source, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"}) as f:
            f.invoke({}, Lambda_Runtime_Aws_Tenant_Id="blue")
            plain, warning, failed, end = f.log().splitlines()
        self.assertEqual(plain, "plain")
        warning, failed, end = json.loads(warning), json.loads(failed), json.loads(end)
        self.assertRegex(warning.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(list(warning.items()), [("level", "WARNING"), ("message", {"a": "é"}), ("logger", "root"),
                                                ("requestId", "request-1"), ("tenantId", "blue"), ("who", "me")])
        self.assertEqual((failed["message"], failed["errorType"], failed["errorMessage"]), ("failed 1", "ZeroDivisionError", "division by zero"))
        self.assertRegex(failed["location"], r"/app\.py:handler:\d+$")
        self.assertEqual(list(end), ["timestamp", "level", "errorMessage", "errorType", "requestId", "stackTrace"])

    def test_framed_records_carry_their_level(self):
        with self.function(self.LOGGING + " / 0", framed=True, environment={"AWS_LAMBDA_LOG_LEVEL": "INFO"}) as f:
            f.invoke("x\ny")
            frames = f.frames()
            self.assertEqual([hex(kind) for kind, _, _ in frames], ["0xa55a0013", "0xa55a000f", "0xa55a0017", "0xa55a0017"])
            self.assertTrue(frames[2][2].endswith("\trequest-1\tshown x\ny\n"))
            self.assertTrue(frames[3][2].startswith("[ERROR] ZeroDivisionError: division by zero\nTraceback (most recent call last):\n"))
            self.assertTrue(abs(frames[0][1] / 1e6 - os.stat(f.task).st_ctime) < 60)
            self.assertEqual(f.log(), "")

    # Surroundings

    def test_the_search_path_begins_with_the_function_and_its_layers(self):
        source = "import sys, os\ndef handler(e, c): return [sys.path, os.getcwd(), sorted(k for k in os.environ if k.startswith('MARTLET'))]"
        with self.function(source, environment={"PYTHONPATH": "/tmp/extra"}, framed=True) as f:
            path, cwd, hidden = f.invoke({}).json
            version = re.search(r"python(\d\.\d+)$", [p for p in path if re.search(r"lib/python\d\.\d+$", p)][0])[1]
            self.assertEqual(path[:4], [f.task, "/opt/python/lib/python%s/site-packages" % version, "/opt/python", "/tmp/extra"])
            self.assertNotIn(os.path.realpath(BOOTSTRAPS), [os.path.realpath(p) for p in path])
            self.assertEqual((cwd, hidden), (f.task, []))

    def test_json_and_logging_are_not_imported_for_a_function_that_uses_neither(self):
        loaded = self.answer("import sys\ndef handler(e, c): return sorted(sys.modules)", {"a": [1.5, "é"]}).json
        self.assertFalse({"json", "logging", "re", "socket", "traceback", "threading"} & set(loaded))

    def test_a_compiled_bootstrap_hides_its_frames_too(self):
        with tempfile.TemporaryDirectory() as folder:
            compiled = os.path.join(folder, "bootstrap.pyc")
            code = "import py_compile, sys; py_compile.compile(sys.argv[1], cfile=sys.argv[2], doraise=True)"
            subprocess.run([self.interpreter, "-c", code, BOOTSTRAP, compiled], check=True)
            post = self.answer("def handler(e, c):\n    return 1 / 0", bootstrap=compiled)
        self.assertEqual([t.rsplit(", ", 1)[1].split("\n")[0] for t in post.json["stackTrace"]], ["in handler"])


for number, path in enumerate(INTERPRETERS):
    name = "PythonTests_%d" % number
    globals()[name] = type(name, (PythonTests, unittest.TestCase), {"interpreter": path, "__doc__": path})
