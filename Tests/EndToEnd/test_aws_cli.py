# SPDX-License-Identifier: Apache-2.0
"""Events by the AWS CLI alone: topics, mappings, destinations and log subscriptions, as a shell script makes them."""

import json
import os
import secrets
import tempfile

from harness import EndToEndTest, endpoint, eventually
from test_logs import aws_output
from test_subscriptions import READER

ECHO = "def handler(event, context):\n    print('ran', event)\n    return {'got': event}\n"
CONSUMER = "def handler(event, context):\n    for record in event['Records']: print('body', record['body'])\n"


def output(*arguments):
    # Version 1 of the CLI looks for queues at an address of AWS's own, whatever AWS_ENDPOINT_URL says.
    return aws_output("--endpoint-url", endpoint(), *arguments)


def aws(*arguments):
    return json.loads(output(*arguments) or "null")


class CommandLine(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.name = "cli-" + secrets.token_hex(4)

    def queue(self):
        url = aws("sqs", "create-queue", "--queue-name", self.name)["QueueUrl"]
        self.addCleanup(output, "sqs", "delete-queue", "--queue-url", url)
        shown = aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "QueueArn")
        return url, shown["Attributes"]["QueueArn"]

    def received(self, url):
        found = aws("sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", "20")
        return [message["Body"] for message in found["Messages"]]

    def test_a_topic_filters_what_its_queue_gets(self):
        url, arn = self.queue()
        topic = aws("sns", "create-topic", "--name", self.name)["TopicArn"]
        self.addCleanup(output, "sns", "delete-topic", "--topic-arn", topic)
        attributes = {"RawMessageDelivery": "true", "FilterPolicy": '{"kind":[{"prefix":"want"}]}'}
        subscription = aws("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", arn,
                           "--attributes", json.dumps(attributes), "--return-subscription-arn")["SubscriptionArn"]
        shown = aws("sns", "get-subscription-attributes", "--subscription-arn", subscription)["Attributes"]
        self.assertEqual((shown["RawMessageDelivery"], shown["Protocol"]), ("true", "sqs"))
        for kind in ("other", "wanted"):
            told = {"kind": {"DataType": "String", "StringValue": kind}}
            sent = aws("sns", "publish", "--topic-arn", topic, "--message", "of " + kind, "--message-attributes", json.dumps(told))
            self.assertRegex(sent["MessageId"], r"^[0-9a-f-]{36}$")
        self.assertEqual(self.received(url), ["of wanted"])

    def test_a_mapping_is_made_changed_and_deleted(self):
        url, arn = self.queue()
        function = self.create(CONSUMER)
        made = aws("lambda", "create-event-source-mapping", "--function-name", function.name, "--event-source-arn", arn,
                   "--batch-size", "5", "--function-response-types", "ReportBatchItemFailures")
        self.assertEqual((made["State"], made["BatchSize"]), ("Creating", 5))
        output("sqs", "send-message", "--queue-url", url, "--message-body", "by hand")
        eventually(lambda: "body by hand\n" in self.log_of(function))
        output("lambda", "update-event-source-mapping", "--uuid", made["UUID"], "--batch-size", "7", "--no-enabled")

        def is_off():
            now = aws("lambda", "get-event-source-mapping", "--uuid", made["UUID"])
            return (now["State"], now["BatchSize"]) == ("Disabled", 7)

        eventually(is_off, every=0.5)
        self.assertEqual(aws("lambda", "delete-event-source-mapping", "--uuid", made["UUID"])["State"], "Deleting")

    def test_an_event_is_accepted_and_its_record_comes(self):
        url, arn = self.queue()
        function = self.create(ECHO)
        output("lambda", "put-function-event-invoke-config", "--function-name", function.name, "--maximum-retry-attempts", "0",
                   "--destination-config", json.dumps({"OnSuccess": {"Destination": arn}}))
        with tempfile.TemporaryDirectory() as folder:
            answer = aws("lambda", "invoke", "--function-name", function.name, "--invocation-type", "Event",
                         "--payload", '{"n": 1}', os.path.join(folder, "out"))
        self.assertEqual(answer["StatusCode"], 202)
        [record] = map(json.loads, self.received(url))
        self.assertEqual((record["requestPayload"], record["responsePayload"]), ({"n": 1}, {"got": {"n": 1}}))
        self.assertEqual(record["requestContext"]["condition"], "Success")

    def test_a_log_group_feeds_a_function(self):
        function = self.create(READER)
        output("logs", "create-log-group", "--log-group-name", self.name)
        self.addCleanup(output, "logs", "delete-log-group", "--log-group-name", self.name)
        output("logs", "create-log-stream", "--log-group-name", self.name, "--log-stream-name", "s")
        output("logs", "put-subscription-filter", "--log-group-name", self.name, "--filter-name", "errors",
                   "--filter-pattern", "ERROR", "--destination-arn", function.arn)
        now = output("logs", "describe-log-groups", "--query", "logGroups[?logGroupName=='%s'].creationTime" % self.name, "--output", "text").strip()
        events = [{"timestamp": int(now), "message": text} for text in ("ERROR by hand", "fine")]
        output("logs", "put-log-events", "--log-group-name", self.name, "--log-stream-name", "s", "--log-events", json.dumps(events))
        eventually(lambda: "got %s s ERROR by hand" % self.name in [line.strip() for line in self.log_of(function)])
