# SPDX-License-Identifier: Apache-2.0
"""Invoke: types, payloads, headers, the lines of the log."""

import base64
import json
import re
import uuid

from botocore.exceptions import ClientError

from harness import NODE, EndToEndTest, client

ECHO = "def handler(event, context): return event"
TALKATIVE = """
def handler(event, context):
    print("hello", event["who"])
    print("two\\nlines")
    return "done"
"""
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
REPORT = re.compile(
    r"^REPORT RequestId: (%s)\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\t"
    r"Max Memory Used: \d+ MB\t(Init Duration: \d+\.\d\d ms\t)?$" % ID)


class Invoke(EndToEndTest):
    def test_every_json_value_comes_back_as_it_went(self):
        function = self.create(ECHO)
        for value in (None, True, 0, -1.5e300, "", "\u0000\u2028\U0001f600\"\\", [], {}, {"": [[]]}, [{"k": "v"}] * 50):
            with self.subTest(value=value):
                self.assertEqual(self.result(function, value), value)

    def test_a_handler_that_returns_nothing_answers_null(self):
        self.assertEqual(self.create("def handler(e, c): pass").invoke({}).body, b"null")
        self.assertEqual(self.create("exports.handler = async () => {}", runtime=NODE).invoke({}).body, b"null")

    def test_an_empty_payload_is_an_empty_object(self):
        self.assertEqual(self.create(ECHO).invoke(b"").json, {})

    def test_payloads_of_almost_six_megabytes_go_both_ways(self):
        event = {"text": "x" * (6 * 1024 * 1024 - 100)}
        self.assertEqual(self.result(self.create(ECHO, MemorySize=1_769), event), event)

    def test_the_tail_holds_the_lines_of_this_invocation_in_aws_s_forms(self):
        function = self.create(TALKATIVE)
        first, second = function.invoke({"who": "Ada"}), function.invoke({"who": "Grace"})
        for answer, who in ((first, "Ada"), (second, "Grace")):
            self.assertEqual(answer.lines[0], "START RequestId: %s Version: $LATEST" % answer.request_id)
            self.assertEqual(answer.lines[1:4], ["hello " + who, "two", "lines"])
            self.assertEqual(answer.lines[4], "END RequestId: " + answer.request_id)
            self.assertEqual(REPORT.match(answer.lines[5]).group(1), answer.request_id, answer.lines)
            self.assertEqual(len(answer.lines), 6)
        self.assertIn("Init Duration", first.report())
        self.assertNotIn("Init Duration", second.report())

    def test_the_figures_of_the_report_are_true(self):
        function = self.create(
            "import time\nblock = bytearray(60 << 20)\ntime.sleep(0.3)\ndef handler(e, c): time.sleep(0.25)")
        cold, warm = function.invoke({}).report(), function.invoke({}).report()
        self.assertGreaterEqual(float(cold["Init Duration"].split()[0]), 300)
        for report in (cold, warm):
            self.assertTrue(250 <= float(report["Duration"].split()[0]) < 5_000, report)
            self.assertTrue(60 <= int(report["Max Memory Used"].split()[0]) < 160, report)
        billed = int(warm["Billed Duration"].split()[0])
        self.assertTrue(0 <= billed - float(warm["Duration"].split()[0]) < 1, warm)

    def test_the_tail_is_cut_to_its_last_four_kilobytes(self):
        answer = self.create("def handler(e, c):\n    for n in range(400): print('line number %04d' % n)").invoke({})
        self.assertLessEqual(len(answer.log.encode()), 4_096)
        self.assertGreater(len(answer.log), 3_900)
        self.assertIn("line number 0399", answer.lines)
        self.assertIn("REPORT RequestId: " + answer.request_id, answer.log)

    def test_no_tail_is_sent_unasked(self):
        answer = self.create(TALKATIVE).invoke({"who": "Ada"}, LogType="None")
        self.assertEqual((answer.log, answer.json), ("", "done"))
        self.assertNotIn("x-amz-log-result", answer.headers)

    def test_the_client_context_reaches_the_handler(self):
        context = {"client": {"app_title": "tests"}, "custom": {"k": "wert ü"}, "env": {"locale": "de"}}
        encoded = base64.b64encode(json.dumps(context).encode()).decode()
        function = self.create("def handler(e, c): return [c.client_context.custom, c.client_context.client.app_title, c.client_context.env]")
        self.assertEqual(self.result(function, ClientContext=encoded), [context["custom"], "tests", context["env"]])

    def test_a_client_context_that_is_no_json_is_refused(self):
        function = self.create(ECHO)
        self.assertFails("InvalidRequestContentException", 400, function.invoke, {}, ClientContext=base64.b64encode(b"{no").decode())

    def test_a_dry_run_runs_nothing(self):
        function = self.create("def handler(e, c): print('ran')")
        answer = function.invoke({}, InvocationType="DryRun")
        self.assertEqual((answer.status, answer.body, answer.version), (204, b"", None))
        groups = self.account.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/" + function.name)["logGroups"]
        self.assertEqual(groups, [])

    def test_an_event_is_accepted_at_once_and_run_once(self):
        function = self.create("def handler(e, c): print('ran', e['n'], c.aws_request_id)")
        accepted = [function.invoke({"n": n}, InvocationType="Event") for n in range(5)]
        self.assertEqual({(a.status, a.body, a.version, a.error) for a in accepted}, {(202, b"", None, None)})
        wanted = sorted("ran %d %s" % (n, a.request_id) for n, a in enumerate(accepted))

        log = self.log_of(function, invocations=5)
        self.assertEqual(sorted(line.strip() for line in log if line.startswith("ran")), wanted)

    def test_invoke_async_is_the_older_form_of_an_event(self):
        function = self.create("def handler(e, c): print('async ran', e)")
        answer = self.lambda_.invoke_async(FunctionName=function.name, InvokeArgs=b'{"n": 1}')
        self.assertEqual(answer["Status"], 202)
        self.assertIn("async ran {'n': 1}\n", self.log_of(function))

    def test_names_arns_and_qualifiers_are_the_same_function(self):
        function = self.create("def handler(e, c): return c.invoked_function_arn")
        partial = "000000000000:function:" + function.name
        for name in (function.name, function.arn, partial, function.name + ":$LATEST", function.arn + ":$LATEST"):
            with self.subTest(name=name):
                answer = self.lambda_.invoke(FunctionName=name, Payload=b"{}")
                expected = function.arn + (":$LATEST" if name.endswith("$LATEST") else "")
                self.assertEqual(json.loads(answer["Payload"].read()), expected)
        answer = self.lambda_.invoke(FunctionName=function.name, Qualifier="$LATEST")
        self.assertEqual(json.loads(answer["Payload"].read()), function.arn + ":$LATEST")

    def test_a_function_that_is_not_there_is_named_in_the_error(self):
        response = self.assertFails("ResourceNotFoundException", 404, self.lambda_.invoke, FunctionName="nobody")
        self.assertEqual(response["Error"]["Message"], "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody")
        self.assertEqual(response["Type"], "User")
        function = self.create(ECHO)
        response = self.assertFails(
            "ResourceNotFoundException", 404, self.lambda_.invoke, FunctionName=function.name, Qualifier="7")
        self.assertEqual(response["Error"]["Message"], "Function not found: %s:7" % function.arn)

    def test_a_payload_that_is_no_json_is_refused(self):
        function = self.create(ECHO)
        for payload in (b"{", b"{]", b"nul", b"\xff\xfe", b"{} {}", b"'a'"):
            with self.subTest(payload=payload):
                self.assertFails("InvalidRequestContentException", 400, function.invoke, payload)

    def test_a_payload_beyond_the_limits_is_refused(self):
        function = self.create(ECHO)
        event = "1100002 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
        request = "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
        cases = ((7_000_000, "RequestResponse", request), (7_000_000, "Event", request), (1_100_000, "Event", event))
        for size, kind, message in cases:
            response = self.assertFails(
                "RequestEntityTooLargeException", 413, function.invoke, json.dumps("x" * size).encode(), InvocationType=kind)
            self.assertEqual(response["Error"]["Message"], message)
        with self.assertRaises(ClientError) as refused:
            self.lambda_.invoke_async(FunctionName=function.name, InvokeArgs=json.dumps("x" * 1_100_000).encode())
        self.assertEqual(refused.exception.response["Error"]["Message"], event)
        self.assertEqual(self.result(function, 1), 1)

    def test_the_request_id_is_one_everywhere(self):
        answer = self.create("def handler(e, c):\n    print('id', c.aws_request_id)\n    return c.aws_request_id").invoke({})
        self.assertEqual(str(uuid.UUID(answer.request_id)), answer.request_id)
        self.assertEqual(answer.json, answer.request_id)
        self.assertIn("id " + answer.request_id, answer.lines)
        self.assertEqual(answer.headers["x-amzn-requestid"], answer.request_id)

    def test_the_trace_header_of_the_caller_is_handed_on(self):
        function = self.create("import os\ndef handler(e, c): return os.environ['_X_AMZN_TRACE_ID']")
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

        def add_header(request, **_):
            request.headers["X-Amzn-Trace-Id"] = trace

        lambda_ = client("lambda")
        lambda_.meta.events.register("before-sign.lambda.Invoke", add_header)
        answer = json.loads(lambda_.invoke(FunctionName=function.name)["Payload"].read())
        self.assertTrue(answer.startswith("Root=1-5759e988-bd862e3fe1be46a994272793"), answer)
        self.assertRegex(self.result(function), r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24}")
