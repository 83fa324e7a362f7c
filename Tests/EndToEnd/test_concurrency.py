# SPDX-License-Identifier: Apache-2.0
"""Reserved concurrency, its refusals, and many callers at once."""

import http.client
import json
import os
import secrets
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from harness import EndToEndTest, eventually
from server import processes_with

SLOW = "import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'done'"


class Concurrency(EndToEndTest):
    def reserve(self, function, number):
        answer = self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=number)
        self.assertEqual(answer["ReservedConcurrentExecutions"], number)

    def test_a_reserved_concurrency_of_zero_stops_every_invocation(self):
        function = self.create(SLOW)
        self.reserve(function, 0)
        response = self.assertFails("TooManyRequestsException", 429, function.invoke, 0)
        self.assertEqual(response["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
        self.assertEqual(response["Error"]["Message"], "Rate Exceeded.")
        self.assertIn("retry-after", response["ResponseMetadata"]["HTTPHeaders"])
        self.lambda_.delete_function_concurrency(FunctionName=function.name)
        self.assertEqual(self.result(function, 0), "done")

    def test_a_reserved_concurrency_of_one_lets_one_run(self):
        function = self.create(SLOW)
        self.reserve(function, 1)
        self.assertEqual(self.result(function, 0), "done")

        def outcome(_):
            try:
                return function.invoke(2).json
            except ClientError as error:
                return error.response["Error"]["Code"]

        with ThreadPoolExecutor(2) as pool:
            self.assertEqual(sorted(pool.map(outcome, range(2))), ["TooManyRequestsException", "done"])
        self.assertEqual(self.result(function, 0), "done")

    def test_the_reservation_is_read_back(self):
        function = self.create(SLOW)
        self.assertNotIn("ReservedConcurrentExecutions", self.lambda_.get_function_concurrency(FunctionName=function.name))
        self.assertNotIn("Concurrency", self.lambda_.get_function(FunctionName=function.name))
        self.reserve(function, 7)
        self.assertEqual(self.lambda_.get_function_concurrency(FunctionName=function.name)["ReservedConcurrentExecutions"], 7)
        got = self.lambda_.get_function(FunctionName=function.name)["Concurrency"]
        self.assertEqual(got, {"ReservedConcurrentExecutions": 7})

    def test_a_hundred_must_stay_unreserved(self):
        function = self.create(SLOW)
        self.assertFails(
            "InvalidParameterValueException", 400, self.lambda_.put_function_concurrency, FunctionName=function.name,
            ReservedConcurrentExecutions=901)

    def test_an_event_waits_until_it_is_let_in(self):
        function = self.create("import time\ndef handler(e, c):\n    time.sleep(e)\n    print('ran', e)")
        self.reserve(function, 1)
        with ThreadPoolExecutor(1) as pool:
            busy = pool.submit(function.invoke, 3)
            time.sleep(1)  # until the other one holds the only place
            self.assertEqual(function.invoke(0, InvocationType="Event").status, 202)
            self.assertIsNone(busy.result().error)
        self.assertEqual(self.log_of(function, 2).count("ran 0\n"), 1)

    def test_an_event_for_a_function_that_is_switched_off_is_not_kept(self):
        function = self.create("def handler(e, c): print('ran', e)")
        self.reserve(function, 0)
        self.assertEqual(function.invoke("dropped", InvocationType="Event").status, 202)
        time.sleep(1)  # AWS drops it at once; nothing tells when that has happened
        self.lambda_.delete_function_concurrency(FunctionName=function.name)
        self.assertEqual(function.invoke("kept", InvocationType="Event").status, 202)
        self.assertEqual([m for m in self.log_of(function) if m.startswith("ran")], ["ran kept\n"])

    def test_three_hundred_invocations_from_twenty_callers_are_all_answered_right(self):
        function = self.create("def handler(e, c): return [e, c.aws_request_id]", MemorySize=1_769)

        def call(number):
            answer = function.invoke({"n": number}, LogType="None")
            return answer.error is None and answer.json == [{"n": number}, answer.request_id]

        with ThreadPoolExecutor(20) as pool:
            self.assertTrue(all(pool.map(call, range(300))))

    def test_there_are_no_more_environments_than_callers(self):
        function = self.create("import uuid\nME = str(uuid.uuid4())\ndef handler(e, c): return ME", MemorySize=1_769)
        with ThreadPoolExecutor(4) as pool:
            seen = set(pool.map(lambda _: self.result(function), range(200)))
        self.assertLessEqual(len(seen), 4)

    def test_environments_end_with_their_function(self):
        # What a process was executed with says whose it is; that of a stem cell says nothing.
        mark = "mark-" + secrets.token_hex(6)
        function = self.create("def handler(e, c): return e", MemorySize=1_769, Environment={"Variables": {"MARK": mark, "MARTLET_STEM_CELLS": "never"}})
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda n: self.result(function, n), range(60)))
        self.assertTrue(processes_with(mark))
        function.update(Environment={"Variables": {}})
        eventually(lambda: not processes_with(mark))

    def test_fifty_cold_starts_at_once_are_all_answered(self):
        functions = [self.create("def handler(e, c): return e", wait=False) for _ in range(50)]
        for function in functions:
            function.wait()
        with ThreadPoolExecutor(50) as pool:
            got = list(pool.map(lambda pair: self.result(pair[1], pair[0]), enumerate(functions)))
        self.assertEqual(got, list(range(50)))

    def test_a_caller_that_hangs_up_leaves_the_environment_usable(self):
        function = self.create("import time\ncount = 0\ndef handler(e, c):\n    global count\n    count += 1\n    time.sleep(e)\n    return count")
        self.assertEqual(self.result(function, 0), 1)
        address = urllib.parse.urlsplit(os.environ["MARTLET_ENDPOINT"]).netloc
        connection = http.client.HTTPConnection(address)
        connection.request(
            "POST", "/2015-03-31/functions/%s/invocations" % function.name, body=json.dumps(1),
            headers={"Authorization": "AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"})
        time.sleep(0.3)
        connection.close()
        # The invocation runs to its end in its environment; later ones find it, or another.
        self.assertIn(self.result(function, 0), (1, 2, 3))
        eventually(lambda: self.result(function, 0) >= 2)
