# SPDX-License-Identifier: Apache-2.0
"""The verbs for events: `generate-event`, `queue peek`, `queue redrive`, `events tail`."""

import json
import os
import queue
import secrets
import subprocess
import threading
import time

from harness import EndToEndTest, client, endpoint, eventually
from server import BINARY, Server, clean_environment
from test_command_line import martlet


class Tail:
    """A running `martlet events tail`."""

    def __init__(self, *options):
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            [BINARY, "events", "tail", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=clean_environment(AWS_ENDPOINT_URL=endpoint()))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def find(self, wanted, provoke, seconds=20):
        """The first line that `wanted` accepts. `provoke` is done until then: the tail may not have begun."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            provoke()
            try:
                until = time.monotonic() + 1
                while time.monotonic() < until:
                    line = self.lines.get(timeout=1)
                    if wanted(line):
                        return line
            except queue.Empty:
                continue
        raise AssertionError("no such line")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class SampleEvents(EndToEndTest):
    def test_a_sample_event_runs_a_function(self):
        function = self.create("def handler(e, c): return [r['body'] for r in e['Records']]")
        status, event, errors = martlet("generate-event", "sqs", "receive-message", "--body", '{"order": 7}')
        self.assertEqual((status, errors), (0, ""))
        status, answer, _ = martlet("invoke", function.name, "--event", "-", stdin=event)
        self.assertEqual((status, json.loads(answer)), (0, ['{"order": 7}']))

    def test_help_lists_services_events_and_options(self):
        self.assertIn("stepfunctions", martlet("generate-event", "--help")[1])
        self.assertIn("s3 put", martlet("generate-event", "s3")[1])
        self.assertIn("--bucket", martlet("generate-event", "s3", "put", "--help")[1])
        status, _, errors = martlet("generate-event", "s4")
        self.assertEqual(status, 1)
        self.assertIn("Try: martlet generate-event", errors)


class Queues(EndToEndTest):
    def make(self, dead=None, **attributes):
        name = "verbs-" + secrets.token_hex(4)
        sqs = self.account.sqs
        if dead:
            attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": "1"})
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return name, url, arn

    def test_peek_shows_messages_and_takes_none(self):
        name, url, _ = self.make()
        for body in ("one", "two\n\x1b[2J"):
            self.account.sqs.send_message(QueueUrl=url, MessageBody=body.replace("\x1b", "?"))
        status, output, errors = martlet("queue", "peek", name)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("one", output)
        self.assertIn("two\\n", output)
        lines = [json.loads(line) for line in martlet("queue", "peek", name, "--json")[1].splitlines()]
        self.assertEqual([line["attributes"]["ApproximateReceiveCount"] for line in lines], ["0", "0"])
        received = self.account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        self.assertEqual(len(received), 2)
        self.assertIn("in flight", martlet("queue", "peek", name)[1])

    def test_peek_of_a_queue_that_is_not_there_says_what_to_type(self):
        status, _, errors = martlet("queue", "peek", "verbs-none")
        self.assertEqual(status, 1)
        self.assertIn("aws sqs list-queues", errors)

    def test_redrive_sends_dead_letters_back(self):
        dead_name, dead_url, dead = self.make()
        name, url, _ = self.make(dead, VisibilityTimeout="0")
        sqs = self.account.sqs
        for number in range(10):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
        def all_dead():
            sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            return len(martlet("queue", "peek", dead_name, "--json")[1].splitlines()) == 10
        eventually(all_dead)
        status, output, errors = martlet("queue", "redrive", name)
        self.assertEqual((status, errors), (0, ""))
        self.assertTrue(output.splitlines()[-1].startswith("10 of 10 moved, completed"), output)
        self.assertEqual(len(martlet("queue", "peek", name, "--json")[1].splitlines()), 10)
        self.assertEqual(martlet("queue", "peek", dead_name)[1], "The queue is empty.\n")

    def test_redrive_of_a_queue_without_dead_letters_is_an_error(self):
        name, _, _ = self.make()
        status, _, errors = martlet("queue", "redrive", name)
        self.assertEqual(status, 1)
        self.assertIn("is no dead-letter queue", errors)

    def test_peek_wants_the_root_key_where_signatures_count(self):
        with Server("--auth", "signed") as server:
            keys = dict(
                line.strip().split("=", 1) for line in server.output().decode().splitlines() if "AWS_" in line and "=" in line
                and line.strip().startswith("AWS_"))
            client("sqs", server.endpoint, keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]).create_queue(QueueName="q")
            status, _, errors = martlet("queue", "peek", "q", AWS_ENDPOINT_URL=server.endpoint)
            self.assertEqual(status, 1, errors)
            self.assertIn("AWS_ACCESS_KEY_ID", errors)
            status, output, errors = martlet("queue", "peek", "q", AWS_ENDPOINT_URL=server.endpoint, **keys)
            self.assertEqual((status, output), (0, "The queue is empty.\n"), errors)


class Events(EndToEndTest):
    def test_an_invoke_and_its_failure_are_seen(self):
        good = self.create("def handler(e, c): return 1")
        bad = self.create("def handler(e, c): raise ValueError('no')")
        def provoke():
            for function in (good, bad):
                self.lambda_.invoke(FunctionName=function.name, InvocationType="Event", Payload=b"{}")
        with Tail("--json") as tail:
            line = tail.find(lambda line: good.name in line, provoke)
            passage = json.loads(line)
            self.assertEqual((passage["result"], passage["source"]), ("delivered", ""))
        with Tail("--target", bad.name, "--result", "retried", "--result", "failed") as tail:
            line = tail.find(lambda line: True, provoke)
            self.assertIn("retried    invoke → lambda:%s:$LATEST" % bad.name, line)
            self.assertIn("the function failed: Unhandled", line)

    def test_a_topic_and_a_mapping_are_seen(self):
        sqs, sns = self.account.sqs, self.account.sns
        name = "verbs-" + secrets.token_hex(4)
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name=name)["TopicArn"]
        self.addCleanup(sns.delete_topic, TopicArn=topic)
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        function = self.create("def handler(e, c): return None")
        mapping = self.lambda_.create_event_source_mapping(FunctionName=function.name, EventSourceArn=arn)["UUID"]
        self.addCleanup(self.lambda_.delete_event_source_mapping, UUID=mapping)
        provoke = lambda: sns.publish(TopicArn=topic, Message="m")
        with Tail() as tail:
            tail.find(lambda line: "sns:%s → sqs:%s" % (name, name) in line, provoke)
            tail.find(lambda line: "sqs:%s → lambda:%s" % (name, function.name) in line, provoke)

    def test_a_subscription_of_a_log_group_and_a_dead_letter_are_seen(self):
        sqs, logs, name = self.account.sqs, self.account.logs, "verbs-" + secrets.token_hex(4)
        function = self.create("def handler(e, c): return None")
        logs.create_log_group(logGroupName=name)
        self.addCleanup(logs.delete_log_group, logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        logs.put_subscription_filter(logGroupName=name, filterName="f", filterPattern="", destinationArn=function.arn)
        dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
        dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        url = sqs.create_queue(QueueName=name, Attributes={
            "VisibilityTimeout": "0", "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "1"})})["QueueUrl"]
        for queue_url in (url, dead):
            self.addCleanup(sqs.delete_queue, QueueUrl=queue_url)

        def provoke():
            logs.put_log_events(
                logGroupName=name, logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1_000), "message": "m"}])
            sqs.send_message(QueueUrl=url, MessageBody="poison")
            for _ in range(2):
                sqs.receive_message(QueueUrl=url)

        with Tail("--json", "--source", name) as tail:
            line = tail.find(lambda line: "log-group:%s" % name in line, provoke)
            self.assertEqual((json.loads(line)["result"], json.loads(line)["target"]), ("delivered", function.arn))
        with Tail("--target", name + "-dead") as tail:
            self.assertIn("sqs:%s → sqs:%s-dead" % (name, name), tail.find(lambda line: True, provoke))

    def test_an_event_that_may_not_run_is_seen(self):
        function = self.create("def handler(e, c): return None")
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
        provoke = lambda: function.invoke({}, InvocationType="Event")
        with Tail("--target", function.name, "--result", "failed") as tail:
            self.assertIn("ZeroReservedConcurrency", tail.find(lambda line: True, provoke))

    def test_the_stream_ends_with_the_server(self):
        with Server("--ephemeral") as server:
            process = subprocess.Popen(
                [BINARY, "events", "tail"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env=clean_environment(AWS_ENDPOINT_URL=server.endpoint))
            self.assertEqual(self._wait_for_connection(server), True)
            time.sleep(1)  # the request behind it is to be at its place, too
            self.assertEqual(server.stop(), 0)
            output, errors = process.communicate(timeout=120)
            self.assertEqual((process.returncode, output), (1, ""))
            self.assertIn("martlet events tail", errors)

    @staticmethod
    def _wait_for_connection(server):
        """The tail has a connection to the server."""
        port = "%04X" % server.port
        def is_connected():
            with open("/proc/net/tcp") as file:
                return any(line.split()[2].endswith(":" + port) and line.split()[3] == "01" for line in file if ":" in line)
        return eventually(is_connected)

    def test_an_unknown_result_is_refused(self):
        self.assertEqual(martlet("events", "tail", "--result", "maybe")[0], 64)
