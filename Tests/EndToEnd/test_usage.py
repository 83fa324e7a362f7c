# SPDX-License-Identifier: Apache-2.0
"""What functions used: `martlet usage`, the server's own API, and Prometheus's format."""

import json
import urllib.error
import urllib.request

from harness import Account, EndToEndTest, endpoint, eventually
from server import Server
from test_command_line import martlet

SOURCE = """
def handler(event, context):
    if event == "fail":
        raise ValueError("no")
    return event
"""


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()


class Usage(EndToEndTest):
    def usage_of(self, function):
        rows = json.loads(get(endpoint() + "/_martlet/usage?function=" + function.name))["usage"]
        return rows[0] if rows else None

    def measured(self, function, requests):
        def probe():
            row = self.usage_of(function)
            return row if row and row["requests"] == requests else None
        return eventually(probe)

    def test_invocations_errors_and_cold_starts_are_counted(self):
        function = self.create(SOURCE, MemorySize=1024)
        answers = [function.invoke(1), function.invoke(2), function.invoke("fail")]
        row = self.measured(function, 3)
        self.assertEqual((row["errors"], row["throttles"], row["coldStarts"]), (1, 0, 1))
        billed = sum(int(answer.report()["Billed Duration"].split()[0]) for answer in answers)
        self.assertEqual(row["billedMilliseconds"], billed)
        self.assertAlmostEqual(row["gigabyteSeconds"], billed / 1000)
        status, out, err = martlet("usage", "--function", function.name)
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^DAY +REGION +FUNCTION +REQUESTS")
        self.assertIn(function.name, out)

    def test_a_throttle_is_no_request(self):
        function = self.create(SOURCE)
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
        with self.assertRaises(self.lambda_.exceptions.TooManyRequestsException):
            function.invoke(1)
        row = self.measured(function, 0)
        self.assertEqual((row["throttles"], row["billedMilliseconds"]), (1, 0))

    def test_prometheus_reads_counters(self):
        function = self.create(SOURCE)
        function.invoke(1)
        label = 'function="%s"} ' % function.name

        def lines():
            text = get(endpoint() + "/_martlet/metrics")
            found = {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if label in line}
            return found if found.get("martlet_lambda_invocations_total") else None
        found = eventually(lines)
        self.assertEqual(found["martlet_lambda_invocations_total"], 1)
        self.assertEqual(found["martlet_lambda_cold_starts_total"], 1)
        self.assertEqual(found["martlet_lambda_errors_total"], 0)
        self.assertGreater(found["martlet_lambda_gigabyte_seconds_total"], 0)

    def test_prometheus_reads_how_events_fare(self):
        function = self.create(SOURCE)
        function.invoke(1, InvocationType="Event")

        def lines():
            text = get(endpoint() + "/_martlet/metrics").splitlines()
            received = [line for line in text if 'name="AsyncEventsReceived"' in line and 'dimension_FunctionName="%s"' % function.name in line]
            finished = [line for line in text if line.startswith('martlet_delivery_tries_total{queue="lambda",result="finished"}')]
            return received and finished and float(finished[0].rsplit(" ", 1)[1]) >= 1 and float(received[0].rsplit(" ", 1)[1]) >= 1

        eventually(lines)

    def test_hits_and_misses_of_stem_cells_are_counted(self):
        def counted():
            text = get(endpoint() + "/_martlet/metrics")
            return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("martlet_lambda_stem_cells_total{"))
        before = counted()
        self.result(self.create(SOURCE), 1)
        self.assertGreater(counted(), before)

    def test_a_function_inside_learns_nothing_of_others(self):
        function = self.create("""
import os, urllib.request, urllib.error
def handler(event, context):
    try:
        return urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_martlet/" + event).status
    except urllib.error.HTTPError as error:
        return error.code
""")
        self.assertEqual([self.result(function, path) for path in ("usage", "metrics")], [403, 403])

    def test_days_that_are_no_days_are_refused(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            get(endpoint() + "/_martlet/usage?since=yesterday")
        self.assertEqual(caught.exception.code, 400)


class UsageOverRestarts(EndToEndTest):
    @property
    def account(self):
        return self.own

    def test_what_was_used_is_known_after_the_server_stopped(self):
        with Server() as server:
            self.own = Account(server.endpoint)
            function = self.create(SOURCE)
            function.invoke(1)
            server.stop()
            server.start()
            row = json.loads(get(server.endpoint + "/_martlet/usage"))["usage"][0]
            self.assertEqual((row["function"], row["requests"]), (function.name, 1))
