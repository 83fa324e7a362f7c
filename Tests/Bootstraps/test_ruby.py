# SPDX-License-Identifier: Apache-2.0
"""The Ruby bootstrap, as a function and as the Runtime API see it."""

import json
import os
import shutil
import unittest

from contract import BootstrapContract
from fake_runtime_api import BOOTSTRAPS, Function

BOOTSTRAP = os.path.realpath(os.path.join(BOOTSTRAPS, "ruby.rb"))
INTERPRETERS = [p for p in os.environ.get("MARTLET_TEST_RUBIES", "").split(":") if p] or [
    p for p in [shutil.which("ruby", path="/usr/local/bin:/usr/bin:/bin")] if p
]
if not INTERPRETERS:
    print("not tested: Ruby is not installed")


class RubyTests(BootstrapContract):
    """Runs once for each interpreter; see the end of this file."""

    interpreter = None
    ECHO = "def handler(event:, context:) = event"
    CLAIMED = "def handler(event:, context:)\n  Logger.new($stdout).info('hi')\n  [ENV['WHO'], Dir.pwd, Time.at(0).hour, ENV.keys.grep(/MARTLET/)]\nend"
    CLAIM_ENVIRONMENT = {"WHO": "me", "TZ": "UTC-5", "AWS_LAMBDA_LOG_FORMAT": "JSON"}

    def check_claimed(self, f, answer):
        self.assertEqual(answer, ["me", f.task, 5, []])
        self.assertEqual(json.loads(f.log())["message"], "hi")

    def function(self, source, handler="app.handler", extra=None, **options):
        files = {"app.rb": source, **(extra or {})}
        return Function([self.interpreter, "--disable-gems", "-EUTF-8", BOOTSTRAP], files, handler, **options)

    def answer(self, source, event=None, **options):
        with self.function(source, **options) as function:
            return function.invoke(event)

    def init_error(self, source, handler="app.handler", **options):
        with self.function(source, handler, **options) as function:
            post = function.posted()
            self.assertEqual(post.path, "/2018-06-01/runtime/init/error")
            self.assertEqual(function.exit_code(), 252)
            self.assertEqual(list(post.json), ["errorMessage", "errorType", "stackTrace"])
            return post, function.log()

    # Invocations

    def test_the_result_of_the_handler_is_posted_for_its_request(self):
        with self.function("def handler(event:, context:) = { got: event, id: context.aws_request_id }") as f:
            for number in (1, 2, 3):
                post = f.invoke({"n": number})
                self.assertEqual(post.path, "/2018-06-01/runtime/invocation/request-%d/response" % number)
                self.assertEqual(post.body.decode(), '{"got":{"n":%d},"id":"request-%d"}' % (number, number))
                self.assertEqual(post.headers["content-type"], "application/json")
            self.assertEqual(f.api.connections, 1)

    def test_handlers_are_top_level_methods_or_class_methods(self):
        source = "module Deep; class Thing; def self.go(event:, context:) = event.upcase; end; end"
        self.assertEqual(self.answer(source, "abc", handler="app.Deep::Thing.go").json, "ABC")
        extra = {"src/folder/other.rb": "require_relative 'word'\ndef run(event:, context:) = WORD", "src/folder/word.rb": "WORD = 'found'"}
        self.assertEqual(self.answer("", extra=extra, handler="src/folder/other.run").json, "found")

    def test_the_context_has_every_field(self):
        source = (
            "def handler(event:, context:)\n"
            "  names = %i[aws_request_id invoked_function_arn log_group_name log_stream_name function_name memory_limit_in_mb\n"
            "             function_version identity client_context tenant_id]\n"
            "  [names.to_h { |n| [n, context.public_send(n)] }, context.get_remaining_time_in_millis, context.deadline_ms]\n"
            "end"
        )
        with self.function(source) as f:
            fields, left, deadline = f.invoke(
                {}, Lambda_Runtime_Client_Context='{"custom":{"a":"ü"}}', Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId":"i"}',
                Lambda_Runtime_Aws_Tenant_Id="blue").json
            self.assertEqual(fields, {
                "aws_request_id": "request-1", "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
                "log_group_name": "/aws/lambda/f", "log_stream_name": "2026/01/01/[$LATEST]0", "function_name": "f",
                "memory_limit_in_mb": "128", "function_version": "$LATEST", "identity": {"cognitoIdentityId": "i"},
                "client_context": {"custom": {"a": "ü"}}, "tenant_id": "blue"})
            self.assertTrue(25000 < left <= 30000)
            self.assertGreater(deadline, 1700000000000)
            late = f.invoke({}, Lambda_Runtime_Deadline_Ms="1").json
            self.assertEqual((late[0]["client_context"], late[1]), (None, 0))

    def test_the_trace_id_follows_the_invocation(self):
        with self.function("def handler(event:, context:) = ENV['_X_AMZN_TRACE_ID']") as f:
            self.assertEqual(f.invoke({}).json, "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
            self.assertIsNone(f.invoke({}, Lambda_Runtime_Trace_Id=None).json)

    def test_an_event_that_is_no_json_fails_its_invocation_only(self):
        with self.function("def handler(event:, context:) = event") as f:
            for body in (b"", b"{", b"[1] 2", b"\xff"):
                post = f.invoke(body)
                self.assertEqual((post.kind, post.json["errorType"]), ("error", "Runtime<JSON::ParserError>"), body)
            self.assertEqual(f.invoke(b' \n{"a": 1.50} ').json, {"a": 1.5})
            self.assertEqual(f.invoke(b"plain", Content_Type="text/plain").json, "plain")

    def test_a_stream_is_posted_as_it_is(self):
        post = self.answer("require 'stringio'\ndef handler(event:, context:) = StringIO.new(\"\\x00\\xff\".b)")
        self.assertEqual((post.body, post.headers["content-type"]), (b"\x00\xff", "application/unknown"))

    # Errors

    def test_an_error_is_posted_and_logged_with_the_functions_own_frames(self):
        source = "class Odd < StandardError; end\ndef inner\n  raise Odd, 'x'\nend\ndef handler(event:, context:)\n  inner\nend\n"
        with self.function(source) as f:
            post = f.invoke({})
            self.assertEqual(post.path, "/2018-06-01/runtime/invocation/request-1/error")
            self.assertEqual(post.headers["lambda-runtime-function-error-type"], "Function<UserException>")
            self.assertEqual((post.json["errorMessage"], post.json["errorType"]), ("x", "Function<Odd>"))
            self.assertEqual(len(post.json["stackTrace"]), 2, post.json)
            self.assertRegex(post.json["stackTrace"][0], r"^/.*/app\.rb:3:in [`'].*inner'$")
            title, rest = f.log().split("\n", 1)
            self.assertEqual((title, json.loads(rest)), ("Error raised from handler method", post.json))
            self.assertEqual(f.invoke({}).kind, "error")

    def test_an_answer_that_has_no_json_form_is_the_functions_error(self):
        post = self.answer("def handler(event:, context:) = Float::NAN")
        self.assertEqual((post.kind, post.json["errorType"]), ("error", "Function<JSON::GeneratorError>"))

    def test_a_missing_method_ends_the_process(self):
        with self.function("", handler="app.nope") as f:
            post = f.invoke({})
            self.assertEqual(post.json["errorType"], "Function<NoMethodError>")
            self.assertEqual(post.headers["lambda-runtime-function-error-type"], "Function<NoMethodError>")
            self.assertEqual(f.exit_code(), 255)
            self.assertTrue(f.log().startswith("Critical exception from handler\n{"), f.log())

    def test_exit_inside_the_handler_is_told_and_ends_the_process(self):
        with self.function("def handler(event:, context:)\n  print 'bye '\n  exit 3\nend") as f:
            self.assertEqual(f.invoke({}).json["errorType"], "Function<SystemExit>")
            self.assertEqual(f.exit_code(), 255)
            self.assertTrue(f.log().startswith("bye Critical"))

    def test_what_cannot_be_loaded_is_an_init_error(self):
        post, log = self.init_error("", "nope.handler")
        self.assertEqual((post.json["errorType"], post.json["errorMessage"]), ("Init<LoadError>", "cannot load such file -- nope"))
        self.assertEqual(post.headers["lambda-runtime-function-error-type"], "Init<LoadError>")
        self.assertTrue(log.startswith("Init error when loading handler nope.handler\n{"), log)
        self.assertEqual(self.init_error("require 'not_there'")[0].json["errorMessage"], "cannot load such file -- not_there")
        self.assertEqual(self.init_error("def x(\n")[0].json["errorType"], "Init<SyntaxError>")
        failed = self.init_error("puts 'starting'\n1 / 0")
        self.assertEqual((failed[0].json["errorType"], failed[0].json["errorMessage"]), ("Init<ZeroDivisionError>", "divided by 0"))
        self.assertTrue(failed[1].startswith("starting\nInit error"))
        for handler in ("app", "", "a.b.c.d"):
            error = self.init_error("", handler)[0].json
            self.assertEqual(error["errorType"], "Init<ArgumentError>")
            self.assertTrue(error["errorMessage"].startswith("Invalid handler ["), error)

    # Log

    LOGGING = (
        "LOG = Logger.new($stdout, progname: 'me')\nLOG.warn('early')\n"
        "def handler(event:, context:)\n  LOG.debug('hidden')\n  LOG.error(\"shown #{event}\")\n  LOG\n"
        "  begin; 1 / 0; rescue => e; LOG.error(e); end\nend"
    )

    def test_loggers_name_the_request(self):
        with self.function(self.LOGGING) as f:
            f.invoke("x")
            early, debug, shown, *_ = f.log().splitlines()
            self.assertRegex(early, r"^W, \[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} #\d+\]  WARN  -- me: early$")
            self.assertRegex(shown, r"^E, \[.*\] ERROR request-1 -- me: shown x$")

    def test_json_logs_have_their_fields_and_the_level_of_the_environment(self):
        environment = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
        with self.function(self.LOGGING, environment=environment) as f:
            f.invoke("é")
            early, shown, raised = [json.loads(line) for line in f.log().splitlines()]
        self.assertEqual((early["level"], early["message"], early["logger"], early.get("requestId")), ("WARN", "early", "me", None))
        self.assertRegex(shown.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual(shown, {"level": "ERROR", "message": "shown é", "requestId": "request-1", "logger": "me"})
        self.assertEqual((raised["errorType"], raised["errorMessage"]), ("ZeroDivisionError", "divided by 0"))
        self.assertRegex(raised["location"], r"/app\.rb:.*:\d+$")

    def test_puts_and_loggers_write_whole_records(self):
        source = "def handler(event:, context:)\n  puts 'a', ['b']\n  Logger.new($stderr).info(\"c\\nd\")\n  $stdout.puts 'raw'\nend"
        with self.function(source, framed=True) as f:
            f.invoke({})
            frames = f.frames()
            self.assertEqual([hex(kind) for kind, _, _ in frames], ["0xa55a0003", "0xa55a0003"])
            self.assertEqual(frames[0][2], "a\nb\n")
            self.assertTrue(frames[1][2].endswith(" request-1 -- : c\nd\n"), frames)
            self.assertTrue(abs(frames[0][1] / 1e6 - os.stat(f.task).st_ctime) < 60)
            self.assertEqual(f.log(), "raw\n")

    # Surroundings

    def test_the_function_comes_first_and_martlets_variables_are_hidden(self):
        source = "def handler(event:, context:) = [$LOAD_PATH, Dir.pwd, ENV.keys.grep(/MARTLET/), Encoding.default_external.name]"
        with self.function(source, framed=True) as f:
            path, cwd, hidden, encoding = f.invoke({}).json
            self.assertEqual((path[0], cwd, hidden, encoding), (f.task, f.task, [], "UTF-8"))

    def test_rubygems_is_loaded_when_something_needs_it(self):
        idle = "def handler(event:, context:) = $LOADED_FEATURES.grep(/rubygems|logger|net\\/http/)"
        self.assertEqual(self.answer(idle).json, [])
        self.assertTrue(self.answer("def handler(event:, context:) = Gem::VERSION").json)
        self.assertEqual(self.answer("gem 'json'\ndef handler(event:, context:) = Gem.loaded_specs.key?('json')").json, True)
        self.assertEqual(self.answer("def handler(event:, context:) = Net::HTTP.name").json, "Net::HTTP")

    def test_gems_of_the_package_are_found(self):
        spec = "Gem::Specification.new { |s| s.name = 'greeter'; s.version = '1.2.0'; s.summary = 'x'; s.authors = ['x']; s.files = ['lib/greeter.rb'] }"
        extra = {"v/specifications/greeter-1.2.0.gemspec": spec, "v/gems/greeter-1.2.0/lib/greeter.rb": "GREETING = 'hello'"}
        for claim in (False, True):
            function = self.function("require 'greeter'\ndef handler(event:, context:) = GREETING", extra=extra, claim=claim)
            function.environment["GEM_PATH"] = function.task + "/v"
            with function as f:
                if claim:
                    f.send_claim()
                self.assertEqual(f.invoke({}).json, "hello")


for number, path in enumerate(INTERPRETERS):
    name = "RubyTests_%d" % number
    globals()[name] = type(name, (RubyTests, unittest.TestCase), {"interpreter": path, "__doc__": path})
