# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs, as functions fill it and people read it."""

import json
import os
import secrets
import subprocess
import sys
import time

from harness import REGION, EndToEndTest, endpoint

AWS = os.path.join(os.path.dirname(sys.executable), "aws")


def aws(*arguments, **options):
    environment = {
        "PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_ENDPOINT_URL": endpoint(), "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION, "AWS_MAX_ATTEMPTS": "1"}
    return subprocess.Popen(
        [sys.executable, AWS, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, **options)


def aws_output(*arguments):
    process = aws(*arguments)
    output, errors = process.communicate(timeout=120)
    if process.returncode != 0:
        raise AssertionError("aws %s: %d\n%s" % (" ".join(arguments), process.returncode, errors))
    return output


class Logs(EndToEndTest):
    def test_a_function_s_lines_are_in_its_group_in_order(self):
        function = self.create("import logging\ndef handler(e, c):\n    print('printed')\n    logging.getLogger().warning('logged')")
        answer = function.invoke({})
        logs = self.account.logs
        group = "/aws/lambda/" + function.name
        self.log_of(function)
        [stream] = logs.describe_log_streams(logGroupName=group)["logStreams"]
        self.assertRegex(stream["logStreamName"], r"^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$")
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)["events"]
        messages = [event["message"] for event in events]
        self.assertTrue(messages[0].startswith("INIT_START Runtime Version: "), messages)
        self.assertEqual(messages[1], "START RequestId: %s Version: $LATEST\n" % answer.request_id)
        self.assertEqual(messages[2], "printed\n")
        self.assertRegex(messages[3], r"^\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t%s\tlogged\n$" % answer.request_id)
        self.assertEqual(messages[4], "END RequestId: %s\n" % answer.request_id)
        self.assertTrue(messages[5].startswith("REPORT RequestId: " + answer.request_id), messages)

    def test_the_aws_cli_prints_them(self):
        function = self.create("def handler(e, c): print('a line to find')")
        answer = function.invoke({})
        self.log_of(function)
        found = json.loads(aws_output("logs", "filter-log-events", "--log-group-name", "/aws/lambda/" + function.name))
        messages = [event["message"].strip() for event in found["events"]]
        self.assertIn("a line to find", messages)
        self.assertIn("END RequestId: " + answer.request_id, messages)

    def test_a_tail_follows_without_loss_or_repetition(self):
        """The calls of `aws logs tail --follow`: from the newest known time on, leaving out what it has seen."""
        function = self.create("def handler(e, c):\n    for n in range(3): print('event', e, n)")
        function.invoke(0)
        self.log_of(function)
        logs, shown, seen = self.account.logs, [], set()
        since = int(time.time() * 1_000) - 600_000

        def poll(since):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName="/aws/lambda/" + function.name, interleaved=True, startTime=since)
            for event in (event for page in pages for event in page["events"]):
                since = max(since, event["timestamp"])
                if event["eventId"] not in seen:
                    seen.add(event["eventId"])
                    shown.append(event["message"].strip())
            return since

        for number in range(1, 4):
            since = poll(since)
            function.invoke(number)
        wanted = ["event %d %d" % (number, n) for number in range(4) for n in range(3)]
        for _ in range(100):
            since = poll(since)
            if len([line for line in shown if line.startswith("event")]) >= len(wanted):
                break
            time.sleep(0.05)
        self.assertEqual([line for line in shown if line.startswith("event")], wanted)

    def test_own_groups_streams_and_events(self):
        logs = self.account.logs
        group = "own-" + secrets.token_hex(4)
        logs.create_log_group(logGroupName=group, tags={"a": "b"})
        self.addCleanup(logs.delete_log_group, logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        now = int(time.time() * 1_000)
        events = [{"timestamp": now + n, "message": '{"level": "%s", "n": %d}' % ("error" if n % 10 == 0 else "info", n)} for n in range(50)]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
        paginator = logs.get_paginator("filter_log_events")
        pages = list(paginator.paginate(logGroupName=group, filterPattern='{ $.level = "error" }', PaginationConfig={"PageSize": 2}))
        self.assertEqual([e["timestamp"] - now for page in pages for e in page["events"]], [0, 10, 20, 30, 40])
        got = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True, limit=3)
        self.assertEqual([e["timestamp"] - now for e in got["events"]], [0, 1, 2])
        more = logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=got["nextForwardToken"], limit=2)
        self.assertEqual([e["timestamp"] - now for e in more["events"]], [3, 4])
        logs.put_retention_policy(logGroupName=group, retentionInDays=7)
        [described] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        self.assertEqual(described["retentionInDays"], 7)
        self.assertEqual(logs.list_tags_log_group(logGroupName=group)["tags"], {"a": "b"})

    def test_the_json_format_writes_platform_records(self):
        function = self.create(
            "import logging\nlogging.getLogger().setLevel('INFO')\ndef handler(e, c): logging.getLogger().info('informed')",
            LoggingConfig={"LogFormat": "JSON", "LogGroup": "shared-" + secrets.token_hex(4), "ApplicationLogLevel": "INFO", "SystemLogLevel": "DEBUG"})
        answer = function.invoke({})
        self.log_of(function)
        self.addCleanup(self.account.logs.delete_log_group, logGroupName=function.created["LoggingConfig"]["LogGroup"])
        records = [json.loads(line) for line in answer.lines]
        kinds = [record.get("type") or record["level"] for record in records]
        self.assertEqual(kinds, ["platform.start", "INFO", "platform.runtimeDone", "platform.report"], answer.log)
        self.assertEqual(records[1]["message"], "informed")
        self.assertEqual(records[1]["requestId"], answer.request_id)
        self.assertEqual(records[2]["record"]["status"], "success")
