# SPDX-License-Identifier: Apache-2.0
"""Queues, as boto3 and the AWS CLI use them, by both protocols; and what is left of them when the server is killed."""

import hashlib
import json
import os
import random
import secrets
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from botocore.exceptions import BotoCoreError, ClientError

from harness import ACCOUNT, REGION, Account, EndToEndTest, endpoint
from server import Server

AWS = os.path.join(os.path.dirname(sys.executable), "aws")
NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


def name(suffix=""):
    return "q-" + secrets.token_hex(6) + suffix


def query(path="/", **parameters):
    """A call of the Query protocol, signed as the SDKs of old did; returns status and parsed document."""
    body = urllib.parse.urlencode({"Version": "2012-11-05", **parameters})
    request = botocore.awsrequest.AWSRequest(
        "POST", endpoint() + path, data=body,
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials("test", "test"), "sqs", REGION).add_auth(request)
    prepared = request.prepare()
    try:
        with urllib.request.urlopen(urllib.request.Request(
                prepared.url, data=body.encode(), headers=dict(prepared.headers))) as answer:
            return answer.status, ET.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, ET.fromstring(error.read())


def texts(document, tag):
    return [element.text for element in document.iter(NAMESPACE + tag)]


class Queues(EndToEndTest):
    @property
    def sqs(self):
        return self.account.sqs

    def queue(self, suffix="", **attributes):
        url = self.sqs.create_queue(QueueName=name(suffix), Attributes=attributes)["QueueUrl"]
        self.addCleanup(self.sqs.delete_queue, QueueUrl=url)
        return url

    def fifo(self, **attributes):
        return self.queue(".fifo", FifoQueue="true", **attributes)

    def receive(self, url, **options):
        options.setdefault("MaxNumberOfMessages", 10)
        options.setdefault("MessageSystemAttributeNames", ["All"])
        return self.sqs.receive_message(QueueUrl=url, **options).get("Messages", [])

    def test_a_message_goes_in_and_out(self):
        url = self.queue()
        self.assertEqual(url, "%s/%s/%s" % (endpoint(), ACCOUNT, url.split("/")[-1]))
        self.assertEqual(self.sqs.get_queue_url(QueueName=url.split("/")[-1])["QueueUrl"], url)
        attributes = {
            "text": {"DataType": "String", "StringValue": "värde"}, "number": {"DataType": "Number.int", "StringValue": "7"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}
        # boto3 compares the MD5s that come back with its own.
        sent = self.sqs.send_message(
            QueueUrl=url, MessageBody="grüße", MessageAttributes=attributes,
            MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}})
        [message] = self.receive(url, MessageAttributeNames=["All"])
        self.assertEqual(message["Body"], "grüße")
        self.assertEqual(message["MessageId"], sent["MessageId"])
        self.assertEqual(message["MD5OfBody"], hashlib.md5("grüße".encode()).hexdigest())
        self.assertEqual(message["MessageAttributes"], attributes)
        self.assertEqual(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"])
        self.assertEqual(message["Attributes"]["AWSTraceHeader"], "Root=1-5759e988-bd862e3fe1be46a994272793")
        self.assertEqual(message["Attributes"]["ApproximateReceiveCount"], "1")
        self.assertEqual(self.receive(url), [])
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def test_a_waiting_receiver_gets_a_message_at_once(self):
        url = self.queue()
        found = []

        def wait():
            messages = self.receive(url, WaitTimeSeconds=20)
            found.append((time.monotonic(), [m["Body"] for m in messages]))

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(1)  # so that it waits already; when it does not yet, the test still holds
        self.sqs.send_message(QueueUrl=url, MessageBody="now")
        sent = time.monotonic()
        waiting.join()
        self.assertEqual(found[0][1], ["now"])
        self.assertLess(found[0][0] - sent, 10)

    def test_delays_visibility_and_retries(self):
        url = self.queue(VisibilityTimeout="1")
        self.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
        self.assertEqual(self.receive(url), [])
        [first] = self.receive(url, WaitTimeSeconds=10)
        [second] = self.receive(url, WaitTimeSeconds=10)
        self.assertEqual((first["MessageId"], second["Attributes"]["ApproximateReceiveCount"]), (second["MessageId"], "2"))
        self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
        [third] = self.receive(url)
        self.assertEqual(third["Attributes"]["ApproximateReceiveCount"], "3")

    def test_batches_answer_for_each_entry(self):
        url = self.queue()
        answer = self.sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": "good", "MessageBody": "1"}, {"Id": "bad", "MessageBody": "\x07"}, {"Id": "late", "MessageBody": "2", "DelaySeconds": 901}])
        self.assertEqual([e["Id"] for e in answer["Successful"]], ["good"])
        self.assertEqual(
            [(e["Id"], e["Code"], e["SenderFault"]) for e in answer["Failed"]],
            [("bad", "InvalidMessageContents", True), ("late", "InvalidParameterValue", True)])
        entries = [{"Id": str(i), "MessageBody": "x"} for i in range(11)]
        self.assertFails("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, self.sqs.send_message_batch, QueueUrl=url, Entries=entries)
        self.assertFails("AWS.SimpleQueueService.EmptyBatchRequest", 400, self.sqs.send_message_batch, QueueUrl=url, Entries=[])
        [message] = self.receive(url)
        answer = self.sqs.delete_message_batch(QueueUrl=url, Entries=[
            {"Id": "a", "ReceiptHandle": message["ReceiptHandle"]}, {"Id": "b", "ReceiptHandle": "rubbish"}])
        self.assertEqual([e["Id"] for e in answer["Successful"]], ["a"])
        self.assertEqual(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid")

    def test_a_megabyte_goes_and_a_byte_more_does_not(self):
        url = self.queue()
        body = "x" * 1_048_576
        self.sqs.send_message(QueueUrl=url, MessageBody=body)
        [message] = self.receive(url)
        self.assertEqual(message["Body"], body)
        self.assertFails("InvalidParameterValue", 400, self.sqs.send_message, QueueUrl=url, MessageBody=body + "x")

    def test_a_fifo_queue_keeps_order_and_drops_twins(self):
        url = self.fifo(ContentBasedDeduplication="true")
        first = self.sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="a")
        twin = self.sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="a")
        self.assertEqual((first["MessageId"], first["SequenceNumber"]), (twin["MessageId"], twin["SequenceNumber"]))
        self.sqs.send_message(QueueUrl=url, MessageBody="2", MessageGroupId="a")
        self.sqs.send_message(QueueUrl=url, MessageBody="3", MessageGroupId="b")
        [one] = self.receive(url, MaxNumberOfMessages=1)
        self.assertEqual(one["Body"], "1")
        # Its group is locked while it is in flight.
        [three] = self.receive(url)
        self.assertEqual((three["Body"], three["Attributes"]["MessageGroupId"]), ("3", "b"))
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        [two] = self.receive(url)
        self.assertEqual(two["Body"], "2")
        self.assertGreater(two["Attributes"]["SequenceNumber"], first["SequenceNumber"])

    def test_what_fails_too_often_goes_to_the_dead_letter_queue_and_back(self):
        dead = self.queue()
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        url = self.queue(VisibilityTimeout="0", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"}))
        self.assertEqual(self.sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"], [url])
        self.sqs.send_message(QueueUrl=url, MessageBody="poison")
        for _ in range(2):
            self.assertEqual(len(self.receive(url)), 1)
        self.assertEqual(self.receive(url), [])
        [message] = self.receive(dead, VisibilityTimeout=0)
        self.assertEqual(message["Body"], "poison")
        self.assertTrue(message["Attributes"]["DeadLetterQueueSourceArn"].endswith(url.split("/")[-1]))
        self.sqs.start_message_move_task(SourceArn=arn)
        [back] = self.receive(url, WaitTimeSeconds=20)
        self.assertEqual(back["Body"], "poison")
        task = self.sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]
        self.assertEqual((task["Status"], task["ApproximateNumberOfMessagesMoved"]), ("COMPLETED", 1))

    def test_attributes_tags_permissions_and_lists(self):
        url = self.queue(DelaySeconds="3")
        sqs = self.sqs
        self.assertEqual(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["DelaySeconds"], "3")
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7", "KmsMasterKeyId": "alias/aws/sqs"})
        shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        self.assertEqual((shown["VisibilityTimeout"], shown["KmsMasterKeyId"], shown["SqsManagedSseEnabled"]), ("7", "alias/aws/sqs", "false"))
        self.assertFails("InvalidAttributeValue", 400, sqs.set_queue_attributes, QueueUrl=url, Attributes={"DelaySeconds": "901"})
        sqs.tag_queue(QueueUrl=url, Tags={"a": "1", "b": "2"})
        sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
        self.assertEqual(sqs.list_queue_tags(QueueUrl=url)["Tags"], {"b": "2"})
        sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
        policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
        self.assertEqual(policy["Statement"][0]["Sid"], "l")
        sqs.remove_permission(QueueUrl=url, Label="l")
        self.assertNotIn("Attributes", sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]))
        pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix="q-", PaginationConfig={"PageSize": 1})
        self.assertIn(url, [u for page in pages for u in page.get("QueueUrls", [])])
        sqs.purge_queue(QueueUrl=url)
        self.assertFails("AWS.SimpleQueueService.PurgeQueueInProgress", 400, sqs.purge_queue, QueueUrl=url)

    def test_errors_have_both_names(self):
        gone = "%s/%s/%s" % (endpoint(), ACCOUNT, name())
        response = self.assertFails("AWS.SimpleQueueService.NonExistentQueue", 400, self.sqs.send_message, QueueUrl=gone, MessageBody="x")
        self.assertEqual(response["Error"]["QueryErrorCode"], "QueueDoesNotExist")
        self.assertEqual(response["Error"]["Message"], "The specified queue does not exist.")
        with self.assertRaises(self.sqs.exceptions.QueueDoesNotExist):
            self.sqs.get_queue_url(QueueName=name())

    def test_the_query_protocol_does_the_same(self):
        status, made = query(**{"Action": "CreateQueue", "QueueName": name(), "Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "9", "Tag.1.Key": "k", "Tag.1.Value": "v"})
        [url] = texts(made, "QueueUrl")
        self.addCleanup(self.sqs.delete_queue, QueueUrl=url)
        self.assertEqual((status, made.tag), (200, NAMESPACE + "CreateQueueResponse"))
        path = urllib.parse.urlparse(url).path
        status, sent = query(path, **{
            "Action": "SendMessage", "MessageBody": "a & <b>", "MessageAttribute.1.Name": "n",
            "MessageAttribute.1.Value.DataType": "String", "MessageAttribute.1.Value.StringValue": "v"})
        self.assertEqual((status, texts(sent, "MD5OfMessageBody")), (200, [hashlib.md5(b"a & <b>").hexdigest()]))
        status, got = query(path, **{"Action": "ReceiveMessage", "AttributeName.1": "All", "MessageAttributeName.1": "All", "MaxNumberOfMessages": "10"})
        self.assertEqual(texts(got, "Body"), ["a & <b>"])
        self.assertEqual(texts(got, "StringValue"), ["v"])
        self.assertIn("SentTimestamp", texts(got, "Name"))
        status, batch = query(path, **{
            "Action": "DeleteMessageBatch", "DeleteMessageBatchRequestEntry.1.Id": "x",
            "DeleteMessageBatchRequestEntry.1.ReceiptHandle": texts(got, "ReceiptHandle")[0]})
        self.assertEqual(texts(batch, "Id"), ["x"])
        status, shown = query(**{"Action": "GetQueueAttributes", "QueueUrl": url, "AttributeName.1": "VisibilityTimeout"})
        self.assertEqual(texts(shown, "Value"), ["9"])
        status, error = query("/%s/%s" % (ACCOUNT, name()), Action="SendMessage", MessageBody="x")
        self.assertEqual((status, texts(error, "Code")), (400, ["AWS.SimpleQueueService.NonExistentQueue"]))
        self.assertEqual(texts(error, "Message"), ["The specified queue does not exist for this wsdl version."])

    def test_the_aws_cli_works(self):
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION, "AWS_MAX_ATTEMPTS": "1"}

        def aws(*arguments):
            done = subprocess.run(
                [sys.executable, AWS, "--endpoint-url", endpoint(), "sqs", *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout) if done.stdout.strip() else None

        url = aws("create-queue", "--queue-name", name())["QueueUrl"]
        self.addCleanup(self.sqs.delete_queue, QueueUrl=url)
        aws("send-message", "--queue-url", url, "--message-body", "from the CLI")
        [message] = aws("receive-message", "--queue-url", url)["Messages"]
        self.assertEqual(message["Body"], "from the CLI")
        aws("delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])

    def test_rubbish_is_refused_and_harms_nothing(self):
        url = self.queue()
        rng = random.Random(7)
        for _ in range(200):
            body = bytes(rng.randrange(256) for _ in range(rng.randrange(300)))
            kind = rng.choice(["application/x-amz-json-1.0", "application/x-www-form-urlencoded"])
            target = rng.choice(["SendMessage", "ReceiveMessage", "SendMessageBatch", "CreateQueue", "Nonsense"])
            if kind.endswith("urlencoded"):
                body = b"Action=" + target.encode() + b"&" + body
            request = urllib.request.Request(
                endpoint() + rng.choice(["/", urllib.parse.urlparse(url).path, "/0/../x"]), data=body,
                headers={"Content-Type": kind, **({"X-Amz-Target": "AmazonSQS." + target} if "json" in kind else {})})
            try:
                urllib.request.urlopen(request, timeout=120).read()
            except urllib.error.HTTPError as error:
                self.assertLess(error.code, 500 if error.code != 501 else 502, error.read())
        self.sqs.send_message(QueueUrl=url, MessageBody="still here")
        self.assertIn("still here", [m["Body"] for m in self.receive(url)])


class Kill(EndToEndTest):
    """The server is killed between and during sends and receives; what it acknowledged stays so."""

    ROUNDS = 5

    def test_nothing_that_was_acknowledged_is_lost_or_doubled(self):
        rng = random.Random(1805)
        with Server("--log-level", "warning") as server:
            sqs = Account(server.endpoint).sqs
            queue = sqs.create_queue(QueueName="load", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
            fifo = sqs.create_queue(QueueName="load.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "0"})["QueueUrl"]
            acknowledged, sent, lock = set(), [], threading.Lock()
            for number in range(self.ROUNDS):
                clients = Account(server.endpoint)
                clients.sqs  # boto3 makes clients on one thread only

                def load(worker, number=number, clients=clients):
                    for i in range(100_000):
                        body = "%d-%d-%d" % (number, worker, i)
                        try:
                            if worker % 2:
                                with lock:
                                    sent.append(body)
                                clients.sqs.send_message(QueueUrl=fifo, MessageBody=body, MessageGroupId=str(worker), MessageDeduplicationId=body)
                            else:
                                clients.sqs.send_message(QueueUrl=queue, MessageBody=body)
                        except (BotoCoreError, ClientError):
                            return
                        with lock:
                            acknowledged.add(body)

                workers = [threading.Thread(target=load, args=(w,)) for w in range(4)]
                for worker in workers:
                    worker.start()
                time.sleep(rng.uniform(0.2, 0.8))  # the kill may fall anywhere
                server.kill()
                for worker in workers:
                    worker.join()
                server.start()
            sqs = Account(server.endpoint).sqs
            # What was in doubt is sent again, as a client would: the queue knows what it has.
            doubtful = [body for body in sent if body not in acknowledged]
            for body in doubtful:
                sqs.send_message(QueueUrl=fifo, MessageBody=body, MessageGroupId=body.split("-")[1], MessageDeduplicationId=body)
                acknowledged.add(body)
            standard = self.drain(sqs, queue)
            ordered = self.drain(sqs, fifo)
            self.assertGreater(len(acknowledged), 10)
            self.assertEqual(acknowledged - set(standard) - set(ordered), set())
            self.assertEqual(len(ordered), len(set(ordered)))
            for worker in ("1", "3"):
                for number in range(self.ROUNDS):
                    mine = [int(b.split("-")[2]) for b in ordered if b.startswith("%d-%s-" % (number, worker)) and b not in doubtful]
                    self.assertEqual(mine, sorted(mine))
            self.assertEqual(server.stop(), 0)

    def drain(self, sqs, url):
        bodies = []
        while True:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages", [])
            if not messages:
                return bodies
            bodies += [m["Body"] for m in messages]
            sqs.delete_message_batch(QueueUrl=url, Entries=[
                {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)])
