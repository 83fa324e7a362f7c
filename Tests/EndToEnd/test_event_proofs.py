# SPDX-License-Identifier: Apache-2.0
"""Events in numbers: a mapping whose function fails at some, a fan-out with filters, records of what failed."""

import ast
import json
import secrets
from concurrent.futures import ThreadPoolExecutor

from harness import ACCOUNT, REGION, EndToEndTest, eventually
from test_sns import Receiver

#: Fails for good at every hundredth message, once at every tenth, and as a whole once where a batch of new messages has a
#: thousandth. What it has done it prints in one line, with the time.
SORTER = """
import json, time
def handler(event, context):
    done, bad = [], []
    records = [(int(r['body']), int(r['attributes']['ApproximateReceiveCount']), r['messageId']) for r in event['Records']]
    if any(n % 1000 == 0 for n, _, _ in records) and all(count == 1 for _, count, _ in records):
        print('whole', time.time_ns(), [n for n, _, _ in records])
        raise ValueError('the whole batch')
    for n, count, id in records:
        if n % 100 == 7 or (n % 10 == 3 and count == 1):
            bad.append({'itemIdentifier': id})
        else:
            done.append(n)
    print('done', time.time_ns(), done)
    return {'batchItemFailures': bad}
"""

#: Fails at one message of each group at first, and then reports all that follow it in its group.
ORDERLY = """
import time
def handler(event, context):
    stopped, done, bad = set(), [], []
    for record in event['Records']:
        group, n = record['body'].split()
        first = record['attributes']['ApproximateReceiveCount'] == '1'
        if group in stopped or (n == '12' and first):
            stopped.add(group)
            bad.append({'itemIdentifier': record['messageId']})
        else:
            done.append((group, int(n)))
    print('done', time.time_ns(), done)
    return {'batchItemFailures': bad}
"""


class Flood(EndToEndTest):
    def queue(self, fifo=False, dead=None, receives=3, **attributes):
        """Its address and its ARN."""
        sqs = self.account.sqs
        name = "proof-" + secrets.token_hex(4) + (".fifo" if fifo else "")
        if fifo:
            attributes["FifoQueue"] = "true"
        if dead:
            attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": str(receives)})
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=url)
        return url, "arn:aws:sqs:%s:%s:%s" % (REGION, ACCOUNT, name)

    def map(self, function, arn, **settings):
        uuid = self.lambda_.create_event_source_mapping(
            FunctionName=function.name, EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"], **settings)["UUID"]
        self.addCleanup(self.lambda_.delete_event_source_mapping, UUID=uuid)

    def send(self, url, entries):
        """In batches of ten, eight at once; a group's messages stay in one hand."""
        def send(batch):
            answer = self.account.sqs.send_message_batch(
                QueueUrl=url, Entries=[dict(entry, Id=str(index)) for index, entry in enumerate(batch)])
            self.assertFalse(answer.get("Failed"), answer)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda lot: [send(lot[i:i + 10]) for i in range(0, len(lot), 10)], entries))

    def left(self, url):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def drain(self, url):
        bodies = []
        while True:
            found = self.account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            if not found:
                return bodies
            bodies += [message["Body"] for message in found]
            self.account.sqs.delete_message_batch(
                QueueUrl=url, Entries=[{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in found])

    def printed(self, function, word):
        """What the function printed after a word: time and value, in the order of time."""
        pages = self.account.logs.get_paginator("filter_log_events").paginate(
            logGroupName=function.created["LoggingConfig"]["LogGroup"], filterPattern=word)
        lines = [event["message"].split(" ", 2) for page in pages for event in page["events"]]
        return sorted((int(time), ast.literal_eval(text)) for first, time, text in lines if first == word)

    def test_ten_thousand_messages_pass_and_exactly_those_that_always_fail_are_dead_letters(self):
        count = 10_000
        dead_url, dead = self.queue()
        url, arn = self.queue(dead=dead, VisibilityTimeout="4")
        function = self.create(SORTER, Timeout=4, MemorySize=256)
        numbers = range(count)
        self.send(url, [[{"MessageBody": str(n)} for n in numbers[i::8]] for i in range(8)])
        self.map(function, arn, BatchSize=10, ScalingConfig={"MaximumConcurrency": 8})
        eventually(lambda: self.left(url) == 0, every=0.5)
        letters = [int(body) for body in self.drain(dead_url)]
        self.assertEqual(sorted(letters), [n for n in numbers if n % 100 == 7])
        wanted = set(numbers) - set(letters)
        done = lambda: {n for _, batch in self.printed(function, "done") for n in batch}
        eventually(lambda: done() >= wanted, every=0.5)
        self.assertEqual(done(), wanted)
        self.assertGreater(len(self.printed(function, "whole")), 0)

    def test_a_fifo_queue_keeps_each_group_s_order_through_failures(self):
        groups, each = 20, 30
        url, arn = self.queue(fifo=True, VisibilityTimeout="2")
        function = self.create(ORDERLY, Timeout=2, MemorySize=256)
        self.map(function, arn, BatchSize=10, ScalingConfig={"MaximumConcurrency": 8})
        self.send(url, [
            [{"MessageBody": "%d %d" % (group, n), "MessageGroupId": str(group), "MessageDeduplicationId": "%d-%d" % (group, n)}
             for n in range(each)] for group in range(groups)])
        eventually(lambda: self.left(url) == 0, every=0.2)
        def done():
            order = {}
            for _, batch in self.printed(function, "done"):
                for group, n in batch:
                    order.setdefault(group, []).append(n)
            return order
        eventually(lambda: sum(len(order) for order in done().values()) >= groups * each, every=0.2)
        for group, order in done().items():
            self.assertEqual(order, list(range(each)), "group " + group)


class FanOut(EndToEndTest):
    def test_one_message_goes_to_each_subscriber_that_wants_it(self):
        sns, sqs = self.account.sns, self.account.sqs
        name = "fan-" + secrets.token_hex(4)
        topic = sns.create_topic(Name=name)["TopicArn"]
        self.addCleanup(sns.delete_topic, TopicArn=topic)
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=url)
        function = self.create("def handler(e, c):\n    for r in e['Records']: print('got', r['Sns']['Message'])")
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:%s:%s:%s" % (REGION, ACCOUNT, name), Attributes={
            "RawMessageDelivery": "true",
            "FilterPolicy": json.dumps({"kind": ["order", {"prefix": "re"}], "price": [{"numeric": [">", 10]}]})})
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn, Attributes={
            "FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps({"customer": {"country": [{"anything-but": "CH"}]}})})
        with Receiver() as receiver:
            receiver.confirmed(sns, topic, FilterPolicy=json.dumps({"kind": [{"exists": False}]}))

            def publish(number, country=None, **attributes):
                body = {"n": number}
                if country:
                    body["customer"] = {"country": country}
                sns.publish(TopicArn=topic, Message=json.dumps(body), MessageAttributes={
                    key: {"DataType": "Number" if isinstance(value, int) else "String", "StringValue": str(value)}
                    for key, value in attributes.items()})
                return json.dumps(body)

            publish(1, kind="order", price=5)
            both = publish(2, country="DE", kind="order", price=50)
            queue_only = publish(3, country="CH", kind="return", price=11)
            web_only = publish(4)
            function_and_web = publish(5, country="FR")
            publish(6, country="CH", kind="other", price=99)
            last = publish(7, country="AT", kind="refund", price=100)

            def received():
                found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
                bodies.extend(message["Body"] for message in found)
                return len(bodies) >= 3
            bodies = []
            eventually(received)
            self.assertEqual(sorted(bodies), sorted([both, queue_only, last]))
            posts = sorted(json.loads(receiver.next()["body"])["Message"] for _ in range(2))
            self.assertEqual(posts, sorted([web_only, function_and_web]))
            log = [line[4:].strip() for line in self.log_of(function, invocations=3) if line.startswith("got ")]
            self.assertEqual(sorted(log), sorted([both, function_and_web, last]))
            self.assertTrue(receiver.posts.empty())


class Failures(EndToEndTest):
    def test_what_failed_is_recorded_as_aws_records_it(self):
        sqs = self.account.sqs
        name = "records-" + secrets.token_hex(4)
        urls = {kind: sqs.create_queue(QueueName="%s-%s" % (name, kind))["QueueUrl"] for kind in ("failed", "dead")}
        arns = {kind: "arn:aws:sqs:%s:%s:%s-%s" % (REGION, ACCOUNT, name, kind) for kind in urls}
        function = self.create("def handler(e, c): raise KeyError('no')", DeadLetterConfig={"TargetArn": arns["dead"]})
        self.lambda_.put_function_event_invoke_config(
            FunctionName=function.name, MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": arns["failed"]}})
        accepted = function.invoke({"é": 1}, InvocationType="Event")

        def take(kind):
            def receive():
                return sqs.receive_message(
                    QueueUrl=urls[kind], WaitTimeSeconds=1, MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["All"]).get("Messages")
            [message] = eventually(receive)
            return message

        record = json.loads(take("failed")["Body"])
        self.assertRegex(record.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        payload = record.pop("responsePayload")
        self.assertEqual(sorted(payload), ["errorMessage", "errorType", "requestId", "stackTrace"])
        self.assertEqual((payload["errorMessage"], payload["errorType"]), ("'no'", "KeyError"))
        self.assertEqual(payload["requestId"], accepted.request_id)
        self.assertEqual(record, {
            "version": "1.0",
            "requestContext": {"requestId": accepted.request_id, "functionArn": function.arn + ":$LATEST",
                               "condition": "RetriesExhausted", "approximateInvokeCount": 1},
            "requestPayload": {"é": 1},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}})
        letter = take("dead")
        self.assertEqual(json.loads(letter["Body"]), {"é": 1})
        self.assertEqual({key: (value["DataType"], value["StringValue"]) for key, value in letter["MessageAttributes"].items()}, {
            "RequestID": ("String", accepted.request_id), "ErrorCode": ("Number", "200"), "ErrorMessage": ("String", "'no'")})
        for url in urls.values():
            sqs.delete_queue(QueueUrl=url)
