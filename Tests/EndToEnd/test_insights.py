# SPDX-License-Identifier: Apache-2.0
"""Logs Insights, metric filters and live tails, as boto3, the AWS CLI and `martlet logs query` use them."""

import json
import secrets
import subprocess
import time
import urllib.request

from botocore.exceptions import ClientError
from harness import EndToEndTest, client, endpoint, eventually
from server import BINARY, clean_environment
from test_logs import aws_output


class Insights(EndToEndTest):
    def group(self, messages=(), stream="s"):
        logs, name = self.account.logs, "insights-" + secrets.token_hex(4)
        logs.create_log_group(logGroupName=name)
        self.addCleanup(logs.delete_log_group, logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        if messages:
            self.put(name, messages, stream)
        return name

    def put(self, group, messages, stream="s"):
        now = int(time.time() * 1_000) - len(messages)
        events = [{"timestamp": now + n, "message": message} for n, message in enumerate(messages)]
        self.account.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def query(self, text, *groups):
        logs, now = self.account.logs, int(time.time())
        started = logs.start_query(logGroupNames=list(groups), startTime=now - 3_600, endTime=now + 60, queryString=text)
        for _ in range(600):
            answer = logs.get_query_results(queryId=started["queryId"])
            if answer["status"] not in ("Scheduled", "Running"):
                self.assertEqual(answer["status"], "Complete")
                return answer
            time.sleep(0.05)
        self.fail("the query does not end")

    def rows(self, text, *groups):
        return [{cell["field"]: cell["value"] for cell in row} for row in self.query(text, *groups)["results"]]

    def test_aws_s_example_queries(self):
        requests = [json.dumps({"path": "/" + "ab"[n % 2], "status": 500 if n % 10 == 0 else 200, "ms": n}) for n in range(100)]
        group = self.group(requests)
        self.assertEqual(
            self.rows("filter status = 500 | stats count(*) as errors, avg(ms), pct(ms, 90) by path | sort path", group),
            [{"path": "/a", "errors": "10", "avg(ms)": "45", "pct(ms, 90)": "81"}])
        answer = self.query("fields @timestamp, @message | sort @timestamp desc | limit 20", group)
        self.assertEqual(len(answer["results"]), 20)
        self.assertEqual([cell["field"] for cell in answer["results"][0]], ["@timestamp", "@message", "@ptr"])
        self.assertEqual(answer["results"][0][1]["value"], requests[-1])
        self.assertEqual(answer["statistics"]["recordsMatched"], 100)
        record = self.account.logs.get_log_record(logRecordPointer=answer["results"][0][2]["value"])["logRecord"]
        self.assertEqual((record["status"], record["ms"], record["@logStream"]), ("200", "99", "s"))
        self.assertEqual(
            self.rows("parse @message '\"path\": \"*\", \"status\": *,' as p, s | stats count_distinct(s) as kinds by p | sort p", group),
            [{"p": "/a", "kinds": "2"}, {"p": "/b", "kinds": "1"}])

    def test_the_fields_of_a_function_s_lines(self):
        function = self.create("def handler(e, c): print('{\"answer\": 42}')")
        first = function.invoke({})
        self.log_of(function)
        group = "/aws/lambda/" + function.name
        [row] = self.rows("filter @type = 'REPORT' | fields @requestId, @duration, @memorySize, @maxMemoryUsed, @initDuration", group)
        self.assertEqual(row["@requestId"], first.request_id)
        self.assertEqual(row["@memorySize"], "5.12E8")
        self.assertGreater(float(row["@duration"]), 0)
        self.assertGreater(float(row["@maxMemoryUsed"]), 1_000_000)
        [row] = self.rows("stats max(@memorySize / 1000 / 1000) as mb, count(@duration) as reports", group)
        self.assertEqual(row, {"mb": "512", "reports": "1"})
        self.assertEqual([row["answer"] for row in self.rows("filter ispresent(answer) | fields answer", group)], ["42"])

    def test_a_query_that_is_no_query_says_where(self):
        group = self.group()
        with self.assertRaises(ClientError) as caught:
            self.query("fields @message | filtre x = 1", group)
        error = caught.exception.response
        self.assertEqual(error["Error"]["Code"], "MalformedQueryException")
        self.assertEqual(error["queryCompileError"]["location"], {"startCharOffset": 18, "endCharOffset": 24})
        with self.assertRaises(ClientError) as caught:
            self.account.logs.get_query_results(queryId="00000000-0000-4000-8000-000000000000")
        self.assertEqual(caught.exception.response["Error"]["Code"], "ResourceNotFoundException")

    def test_the_aws_cli_and_our_own_ask_too(self):
        group = "/" + self.group()
        self.account.logs.create_log_group(logGroupName=group)
        self.addCleanup(self.account.logs.delete_log_group, logGroupName=group)
        self.account.logs.create_log_stream(logGroupName=group, logStreamName="s")
        self.put(group, ["level=INFO n=1", "level=ERROR n=2", "level=ERROR n=3"])
        now = int(time.time())
        text = "parse @message 'level=* n=*' as level, n | stats sum(n) as total by level | sort level"
        started = json.loads(aws_output(
            "logs", "start-query", "--log-group-name", group, "--start-time", str(now - 3_600), "--end-time", str(now + 60),
            "--query-string", text))
        answer = {"status": "Running"}
        while answer["status"] in ("Scheduled", "Running"):
            answer = json.loads(aws_output("logs", "get-query-results", "--query-id", started["queryId"]))
        values = [[cell["value"] for cell in row] for row in answer["results"]]
        self.assertEqual(values, [["ERROR", "5"], ["INFO", "1"]])
        environment = clean_environment(AWS_ENDPOINT_URL=endpoint(), AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
        shown = subprocess.run(
            [BINARY, "logs", "query", text, "--group", group], env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertEqual(shown.stdout, "level  total\nERROR  5\nINFO   1\n")
        wrong = subprocess.run(
            [BINARY, "logs", "query", "nonsense", "--group", group], env=environment, capture_output=True, text=True, timeout=120)
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("unexpected symbol found nonsense", wrong.stderr)

    def test_a_live_tail_brings_what_comes(self):
        group = self.group()
        logs = client("logs", inject_host_prefix=False)
        arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["logGroupArn"]
        stream = logs.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="wanted")["responseStream"]
        self.addCleanup(stream.close)
        events = iter(stream)
        self.assertEqual(next(events)["sessionStart"]["logGroupIdentifiers"], [arn])
        self.put(group, ["wanted 1", "other", "wanted 2"])
        found, deadline = [], time.time() + 60
        while len(found) < 2 and time.time() < deadline:
            found += [event["message"] for event in next(events)["sessionUpdate"]["sessionResults"]]
        self.assertEqual(found, ["wanted 1", "wanted 2"])

    def test_metric_filters_and_definitions_are_kept(self):
        logs, group = self.account.logs, self.group()
        logs.put_metric_filter(
            logGroupName=group, filterName="errors", filterPattern="{ $.level = \"error\" }",
            metricTransformations=[{"metricName": "Errors", "metricNamespace": "Own", "metricValue": "1", "defaultValue": 0}])
        [kept] = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
        self.assertEqual(kept["metricTransformations"][0]["defaultValue"], 0)
        self.put(group, ['{"level": "error"}', '{"level": "info"}', '{"level": "error"}'])

        def measured():
            lines = urllib.request.urlopen(endpoint() + "/_martlet/metrics").read().decode().splitlines()
            return [line.rsplit(" ", 1)[1] for line in lines if line.startswith("martlet_measurements_sum{") and 'namespace="Own",name="Errors"' in line]

        eventually(lambda: measured() == ["2.0"])
        matches = logs.test_metric_filter(filterPattern="[ip, ..., bytes]", logEventMessages=["1.2.3.4 GET 17"])["matches"]
        self.assertEqual(matches[0]["extractedValues"], {"$ip": "1.2.3.4", "$2": "GET", "$bytes": "17"})
        made = logs.put_query_definition(name="mine", queryString="fields @message", logGroupNames=[group])
        self.addCleanup(logs.delete_query_definition, queryDefinitionId=made["queryDefinitionId"])
        names = [each["name"] for each in logs.describe_query_definitions(queryDefinitionNamePrefix="mi")["queryDefinitions"]]
        self.assertEqual(names, ["mine"])
