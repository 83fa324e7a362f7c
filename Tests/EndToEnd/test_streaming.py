# SPDX-License-Identifier: Apache-2.0
"""Response streaming: pieces reach the caller as the function writes them, at AWS's rate, to AWS's limit, whatever breaks."""

import base64
import http.client
import json
import socket
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from harness import CUSTOM, NODE, PYTHON, REGION, EndToEndTest, endpoint, eventually

# The event says what to do: a list of [verb, argument].
STEPS = """
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const write = (data) => stream.write(data) || new Promise((done) => stream.once('drain', done));
  for (const [verb, value] of event) {
    if (verb === 'write') await write(value);
    if (verb === 'bytes') for (let left = value; left > 0; left -= 65536) await write('x'.repeat(Math.min(left, 65536)));
    if (verb === 'type') stream.setContentType(value);
    if (verb === 'sleep') await pause(value);
    if (verb === 'log') console.log(value);
    if (verb === 'throw') throw new TypeError(value);
    if (verb === 'exit') { await pause(200); process.exit(value); }
  }
  stream.end();
});
"""
# Streams by hand: an answer that breaks off, and one without the mode header.
RAW = """#!/usr/bin/python3
import json, os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
base = "/2018-06-01/runtime/invocation/"
def connect():
    return socket.create_connection((host, int(port)))
def call(request):
    with connect() as s:
        s.sendall(request)
        data = b""
        while True:
            piece = s.recv(65536)
            if not piece: break
            data += piece
    head, _, body = data.partition(b"\\r\\n\\r\\n")
    return head.decode(), body
while True:
    head, body = call(("GET %snext HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n" % base).encode())
    id = [l.split(": ")[1] for l in head.split("\\r\\n") if l.lower().startswith("lambda-runtime-aws-request-id")][0]
    what = json.loads(body)
    mode = "" if what == "plain" else "Lambda-Runtime-Function-Response-Mode: streaming\\r\\n"
    start = ("POST %s%s/response HTTP/1.1\\r\\nHost: x\\r\\n%sTransfer-Encoding: chunked\\r\\nConnection: close\\r\\n\\r\\n" % (base, id, mode)).encode()
    if what == "cut":
        with connect() as s:
            s.sendall(start + b"4\\r\\nhalf\\r\\n")
    elif what == "rubbish":
        with connect() as s:
            s.sendall(start + b"4\\r\\nhalf\\r\\nno chunk at all\\r\\n")
            s.recv(10)
    else:
        call(start + b"6\\r\\n\\"abcd\\"\\r\\n0\\r\\n\\r\\n")
"""


class Streaming(EndToEndTest):
    def stream(self, function, event, **options):
        return self.lambda_.invoke_with_response_stream(FunctionName=function.name, Payload=json.dumps(event).encode(), **options)

    def collect(self, answer):
        """The bytes and the last event."""
        body, last = b"", None
        for event in answer["EventStream"]:
            self.assertIsNone(last, "nothing follows InvokeComplete")
            if "PayloadChunk" in event:
                body += event["PayloadChunk"]["Payload"]
            else:
                last = event["InvokeComplete"]
        self.assertIsNotNone(last, "a stream ends with InvokeComplete")
        return body, last

    def streaming(self, **settings):
        return self.create(STEPS, runtime=NODE, **settings)

    def test_the_first_piece_comes_before_the_function_ends(self):
        function = self.streaming()
        answer = self.stream(function, [["write", "first"], ["sleep", 3000], ["write", "second"]])
        events = iter(answer["EventStream"])
        self.assertEqual(next(events)["PayloadChunk"]["Payload"], b"first")
        began = time.monotonic()
        self.assertEqual(next(events)["PayloadChunk"]["Payload"], b"second")
        # The function sleeps between the two, so they were not sent together.
        self.assertGreater(time.monotonic() - began, 1)
        self.assertEqual(next(events), {"InvokeComplete": {}})

    def test_the_answer_has_aws_s_headers_and_the_tail_of_the_log(self):
        function = self.streaming()
        answer = self.stream(function, [["type", "text/x-test"], ["log", "hello log"], ["write", "x"]], LogType="Tail")
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual((answer["StatusCode"], answer["ExecutedVersion"]), (200, "$LATEST"))
        self.assertEqual(headers["content-type"], "application/vnd.amazon.eventstream")
        self.assertEqual(headers["x-amzn-remapped-content-type"], "text/x-test")
        body, last = self.collect(answer)
        self.assertEqual(body, b"x")
        log = base64.b64decode(last["LogResult"]).decode()
        self.assertIn("hello log", log)
        self.assertIn("REPORT RequestId: " + answer["ResponseMetadata"]["RequestId"], log)

    def test_a_function_that_does_not_stream_answers_through_it_too(self):
        function = self.create("def handler(e, c):\n    if e == 'fail': raise ValueError('told to')\n    return e", runtime=PYTHON)
        big = "y" * 3_000_000
        self.assertEqual(self.collect(self.stream(function, big)), (json.dumps(big).encode(), {}))
        body, last = self.collect(self.stream(function, "fail"))
        self.assertEqual((body, last["ErrorCode"]), (b"", "Unhandled"))
        self.assertEqual(json.loads(last["ErrorDetails"])["errorMessage"], "told to")

    def test_invoke_gathers_what_is_streamed_up_to_six_megabytes(self):
        function = self.streaming()
        self.assertEqual(function.invoke([["write", "1"], ["write", "2"]]).body, b"12")
        answer = function.invoke([["bytes", 7_000_000]])
        self.assertEqual((answer.error, answer.json["errorType"]), ("Unhandled", "Function.ResponseSizeTooLarge"))
        self.assertEqual(function.invoke([["write", "1"]]).body, b"1")

    def test_a_handler_that_fails_in_mid_stream_ends_it_with_its_error(self):
        function = self.streaming()
        body, last = self.collect(self.stream(function, [["write", "half"], ["throw", "told to"]]))
        self.assertEqual((body, last["ErrorCode"]), (b"half", "Unhandled"))
        self.assertEqual(json.loads(last["ErrorDetails"])["errorType"], "TypeError")
        self.assertEqual(self.collect(self.stream(function, [["write", "whole"]])), (b"whole", {}))

    def test_a_runtime_that_exits_in_mid_stream_is_named(self):
        function = self.streaming()
        body, last = self.collect(self.stream(function, [["write", "half"], ["exit", 3]]))
        self.assertEqual((body, last["ErrorCode"]), (b"half", "Runtime.ExitError"))
        self.assertIn("exit status 3", last["ErrorDetails"])
        self.assertEqual(self.collect(self.stream(function, [["write", "whole"]])), (b"whole", {}))

    def test_time_runs_out_in_mid_stream(self):
        function = self.streaming(Timeout=1)
        body, last = self.collect(self.stream(function, [["write", "half"], ["sleep", 60_000]]))
        self.assertEqual((body, last["ErrorCode"]), (b"half", "Sandbox.Timedout"))
        self.assertIn("Task timed out after 1.00 seconds", last["ErrorDetails"])

    def test_an_answer_that_breaks_off_is_truncated(self):
        function = self.create({"bootstrap": RAW}, runtime=CUSTOM)
        for what in ("cut", "rubbish"):
            body, last = self.collect(self.stream(function, what))
            self.assertEqual((body, last["ErrorCode"]), (b"half", "Runtime.TruncatedResponse"), what)
        self.assertEqual(self.collect(self.stream(function, "plain")), (b'"abcd"', {}))
        self.assertEqual(self.collect(self.stream(function, "whole")), (b'"abcd"', {}))
        self.assertEqual(function.invoke("whole").json, "abcd")

    def test_beyond_six_megabytes_it_goes_at_two_a_second(self):
        function = self.streaming(Timeout=60)
        began = time.monotonic()
        body, last = self.collect(self.stream(function, [["bytes", 10 << 20]]))
        self.assertEqual((len(body), last), (10 << 20, {}))
        # 4 MB at 2 MB a second; a lower bound only, as slowness proves nothing.
        self.assertGreater(time.monotonic() - began, 1.8)

    def test_a_reader_who_does_not_read_stops_the_function_and_lets_it_run_on_when_he_goes(self):
        function = self.streaming(Timeout=60)
        connection = self.raw_stream(function, [["bytes", 40 << 20], ["log", "all written"]])
        # Another answer of the same function shows that time has passed: 40 MB are written sooner where somebody takes them.
        self.assertEqual(self.collect(self.stream(function, [["sleep", 1000], ["write", "x"]])), (b"x", {}))
        self.assertFalse([line for line in self.log_of(function) if "all written" in line])
        connection.close()
        self.assertTrue([line for line in self.log_of(function, invocations=2) if "all written" in line])

    def test_a_caller_who_goes_away_in_mid_stream_frees_the_environment(self):
        function = self.streaming(Timeout=60)
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
        connection = self.raw_stream(function, [["write", "begun"], ["bytes", 20 << 20], ["sleep", 300], ["write", "end"]])
        response = connection.getresponse()
        self.assertIn(b"begun", response.read(200))
        connection.sock and connection.sock.close()
        response.close()
        connection.close()

        def is_free():
            try:
                return self.collect(self.stream(function, [["write", "again"]])) == (b"again", {})
            except self.lambda_.exceptions.TooManyRequestsException:
                return False

        eventually(is_free)

    def test_refusals_come_before_the_stream(self):
        function = self.streaming()
        self.assertFails("ResourceNotFoundException", 404, self.stream, type("F", (), {"name": "nobody"}), {})
        self.assertFails(
            "InvalidRequestContentException", 400,
            self.lambda_.invoke_with_response_stream, FunctionName=function.name, Payload=b"{no")
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
        self.assertFails("TooManyRequestsException", 429, self.stream, function, [])
        answer = self.lambda_.invoke_with_response_stream(FunctionName=function.name, InvocationType="DryRun")
        self.assertEqual(answer["StatusCode"], 204)

    def raw_stream(self, function, event):
        """A request whose answer is not read before the test reads it."""
        url = "%s/2021-11-15/functions/%s/response-streaming-invocations" % (endpoint(), function.name)
        body = json.dumps(event).encode()
        request = botocore.awsrequest.AWSRequest("POST", url, data=body)
        credentials = botocore.credentials.Credentials("test", "test")
        botocore.auth.SigV4Auth(credentials, "lambda", REGION).add_auth(request)
        host = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(host.hostname, host.port, timeout=120)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.request("POST", host.path, body, dict(request.headers))
        return connection
