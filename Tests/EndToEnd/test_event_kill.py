# SPDX-License-Identifier: Apache-2.0
"""The server is killed again and again while events of all kinds are on their way; what it acknowledged arrives."""

import json
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from harness import ACCOUNT, REGION, Account, EndToEndTest, eventually
from server import Server

KILLS = 30

#: Sends what it got from a queue to another, signed by hand: nothing but Python is in the sandbox.
FORWARDER = '''
import datetime, hashlib, hmac, json, os, urllib.request

def sign(key, text): return hmac.new(key, text.encode(), hashlib.sha256).digest()

def send(url, entries):
    endpoint, region, token = (os.environ[name] for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SESSION_TOKEN"))
    body = json.dumps({"QueueUrl": url, "Entries": entries})
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": endpoint.split("/")[2], "x-amz-date": now, "x-amz-security-token": token,
               "x-amz-target": "AmazonSQS.SendMessageBatch", "content-type": "application/x-amz-json-1.0"}
    names = ";".join(sorted(headers))
    canonical = "\\n".join(["POST", "/", ""] + ["%s:%s" % (n, headers[n]) for n in sorted(headers)] + [
        "", names, hashlib.sha256(body.encode()).hexdigest()])
    scope = "%s/%s/sqs/aws4_request" % (now[:8], region)
    text = "\\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in (now[:8], region, "sqs", "aws4_request"): key = sign(key, part)
    headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
        os.environ["AWS_ACCESS_KEY_ID"], scope, names, sign(key, text).hex())
    answer = json.load(urllib.request.urlopen(urllib.request.Request(endpoint, body.encode(), headers), timeout=4))
    assert not answer.get("Failed"), answer

def handler(event, context):
    def entry(number, record):
        of = record["attributes"]
        ordered = {"MessageGroupId": of["MessageGroupId"], "MessageDeduplicationId": record["body"]} if "MessageGroupId" in of else {}
        return {"Id": str(number), "MessageBody": record["body"], **ordered}
    send(os.environ["MAPPED_URL"], [entry(i, r) for i, r in enumerate(event["Records"])])
'''


class Ledger:
    """What was acknowledged, and what has arrived."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = {}
        #: kind → body → what it arrived as
        self.arrived = {}
        #: group → bodies in the order of their first arrival
        self.order = {}

    def acknowledge(self, kind, *bodies):
        with self.lock:
            self.acknowledged.setdefault(kind, set()).update(bodies)

    def arrive(self, kind, body, mark, group=None):
        with self.lock:
            marks = self.arrived.setdefault(kind, {}).setdefault(body, set())
            if not marks and group is not None:
                self.order.setdefault(group, []).append(int(body.split("-")[1]))
            marks.add(mark)

    def missing(self, kind):
        with self.lock:
            return self.acknowledged.get(kind, set()) - set(self.arrived.get(kind, {}))


class EventKill(EndToEndTest):
    KINDS = ("standard", "fifo", "topic", "ordered-topic", "invoke", "failed", "dead", "mapping", "ordered-mapping")
    #: The queues of these kinds are FIFO.
    ORDERED = ("fifo", "ordered-topic", "ordered-mapping", "ordered-source")
    #: Kinds whose messages are told apart by a record's payload: where their function was run twice, they are twice there.
    RECORDS = ("invoke", "failed")

    def test_every_acknowledged_event_arrives_however_often_the_server_is_killed(self):
        rng = random.Random(1815)
        self.ledger, self.stop = Ledger(), threading.Event()
        with Server("--log-level", "error") as server:
            self.make(Account(server.endpoint))
            producers = [self.send_standard, self.send_fifo, self.publish, self.publish_in_order, self.invoke, self.fail_at,
                         self.feed, self.feed_in_order]
            self.refusals = []
            threads = [threading.Thread(target=self.work, args=(server, body)) for body in producers]
            ending = threading.Event()
            readers = [threading.Thread(target=self.read, args=(server, kind, ending)) for kind in self.KINDS]
            for thread in threads + readers:
                thread.start()
            try:
                for _ in range(KILLS):
                    time.sleep(rng.uniform(0.05, 0.8))
                    server.kill()
                    server.start()
                self.stop.set()
                for thread in threads:
                    thread.join()
                try:
                    eventually(lambda: not any(self.ledger.missing(kind) for kind in self.KINDS), every=0.2)
                except AssertionError:
                    self.fail("acknowledged and lost: %s" % {kind: sorted(self.ledger.missing(kind))[:20] for kind in self.KINDS})
            finally:
                self.stop.set()
                ending.set()
                for thread in threads + readers:
                    thread.join()
            self.assertEqual(self.refusals, [], "a call was refused")
            self.check()
            self.assertEqual(server.stop(), 0)

    def check(self):
        for kind in self.KINDS:
            self.assertGreater(len(self.ledger.acknowledged.get(kind, ())), KILLS // 2, kind)
        for kind in ("fifo", "ordered-topic", "ordered-mapping"):
            doubled = {body: marks for body, marks in self.ledger.arrived[kind].items() if len(marks) > 1}
            self.assertEqual(doubled, {}, "sent again within the deduplication window, and there twice")
        for group, order in self.ledger.order.items():
            self.assertEqual(order, sorted(order), "group %s of %s" % (group[1], group[0]))

    # What there is

    def make(self, account):
        sqs, sns = account.sqs, account.sns
        self.urls = {}
        for kind in self.KINDS + ("source", "ordered-source"):
            name, attributes = kind, {"VisibilityTimeout": "5"}
            if kind in self.ORDERED:
                name, attributes["FifoQueue"] = kind + ".fifo", "true"
            self.urls[kind] = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = lambda name: "arn:aws:sqs:%s:%s:%s" % (REGION, ACCOUNT, name)
        self.topic = sns.create_topic(Name="topic")["TopicArn"]
        sns.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=arn("topic"), Attributes={"RawMessageDelivery": "true"})
        self.ordered_topic = sns.create_topic(Name="topic.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
        sns.subscribe(
            TopicArn=self.ordered_topic, Protocol="sqs", Endpoint=arn("ordered-topic.fifo"),
            Attributes={"RawMessageDelivery": "true"})
        echo = account.create("def handler(e, c): return e", name="echo", MemorySize=256)
        account.lambda_.put_function_event_invoke_config(
            FunctionName=echo.name, DestinationConfig={"OnSuccess": {"Destination": arn("invoke")}})
        thrower = account.create(
            "def handler(e, c): raise ValueError(e)", name="thrower", MemorySize=256, DeadLetterConfig={"TargetArn": arn("dead")})
        account.lambda_.put_function_event_invoke_config(
            FunctionName=thrower.name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn("failed")}})
        for name, source, kind in (
                ("forwarder", "source", "mapping"), ("ordered-forwarder", "ordered-source.fifo", "ordered-mapping")):
            account.create(FORWARDER, name=name, Timeout=5, MemorySize=256,
                           Environment={"Variables": {"MAPPED_URL": self.urls[kind]}})
            account.lambda_.create_event_source_mapping(FunctionName=name, EventSourceArn=arn(source), BatchSize=10)

    # Producers: each call sends a few and notes them once they are acknowledged

    def work(self, server, produce):
        account, step = Account(server.endpoint), 0
        while not self.stop.is_set():
            try:
                produce(account, step)
            except (BotoCoreError, ClientError) as error:
                if isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    self.refusals.append("%s: %s" % (produce.__name__, error))
                    return
                time.sleep(0.02)
            except Exception as error:
                self.refusals.append("%s: %r" % (produce.__name__, error))
                return
            step += 1
            # Enough to be under way at each kill, and little enough to be read in time.
            time.sleep(0.01)

    def send_standard(self, account, step):
        bodies = ["%d-%d" % (step, n) for n in range(5)]
        answer = account.sqs.send_message_batch(
            QueueUrl=self.urls["standard"], Entries=[{"Id": body, "MessageBody": body} for body in bodies])
        self.ledger.acknowledge("standard", *(entry["Id"] for entry in answer["Successful"]))

    def send_fifo(self, account, step):
        body = "f-%d" % step
        self.repeat(lambda: account.sqs.send_message(
            QueueUrl=self.urls["fifo"], MessageBody=body, MessageGroupId=str(step % 3), MessageDeduplicationId=body))
        self.ledger.acknowledge("fifo", body)

    @staticmethod
    def repeat(send):
        """As clients do it: again with the same deduplication id until it is acknowledged."""
        while True:
            try:
                return send()
            except BotoCoreError:
                time.sleep(0.02)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    raise
                time.sleep(0.02)

    def publish(self, account, step):
        account.sns.publish(TopicArn=self.topic, Message="t-%d" % step)
        self.ledger.acknowledge("topic", "t-%d" % step)

    def publish_in_order(self, account, step):
        body = "o-%d" % step
        self.repeat(lambda: account.sns.publish(
            TopicArn=self.ordered_topic, Message=body, MessageGroupId=str(step % 3), MessageDeduplicationId=body))
        self.ledger.acknowledge("ordered-topic", body)

    def invoke(self, account, step):
        account.lambda_.invoke(FunctionName="echo", InvocationType="Event", Payload='"i-%d"' % step)
        self.ledger.acknowledge("invoke", "i-%d" % step)

    def fail_at(self, account, step):
        account.lambda_.invoke(FunctionName="thrower", InvocationType="Event", Payload='"e-%d"' % step)
        for kind in ("failed", "dead"):
            self.ledger.acknowledge(kind, "e-%d" % step)

    def feed(self, account, step):
        account.sqs.send_message(QueueUrl=self.urls["source"], MessageBody="m-%d" % step)
        self.ledger.acknowledge("mapping", "m-%d" % step)

    def feed_in_order(self, account, step):
        body = "p-%d" % step
        self.repeat(lambda: account.sqs.send_message(
            QueueUrl=self.urls["ordered-source"], MessageBody=body, MessageGroupId=str(step % 3), MessageDeduplicationId=body))
        self.ledger.acknowledge("ordered-mapping", body)

    # Consumers

    def read(self, server, kind, ending):
        account = Account(server.endpoint)
        while not ending.is_set():
            try:
                self.consume(account, kind)
            except (BotoCoreError, ClientError):
                time.sleep(0.02)

    def consume(self, account, kind):
        found = account.sqs.receive_message(
            QueueUrl=self.urls[kind], MaxNumberOfMessages=10, WaitTimeSeconds=1,
            MessageSystemAttributeNames=["All"]).get("Messages", [])
        for message in found:
            body, attributes = message["Body"], message["Attributes"]
            if kind in self.RECORDS:
                body = json.loads(body)["requestPayload"]
            elif kind == "dead":
                body = json.loads(body)
            group = attributes.get("MessageGroupId")
            self.ledger.arrive(
                kind, body, attributes.get("SequenceNumber", message["MessageId"]), group and (kind, group))
        if found:
            account.sqs.delete_message_batch(
                QueueUrl=self.urls[kind],
                Entries=[{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(found)])


class MoveKill(EndToEndTest):
    def test_a_move_task_that_is_killed_in_its_middle_moves_each_message_once(self):
        count = 1_500
        with Server("--log-level", "error") as server:
            sqs = Account(server.endpoint).sqs
            dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
            arn = "arn:aws:sqs:%s:%s:dead" % (REGION, ACCOUNT)
            policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
            source = sqs.create_queue(QueueName="source", Attributes={"RedrivePolicy": policy})["QueueUrl"]
            for first in range(0, count, 10):
                sqs.send_message_batch(
                    QueueUrl=dead, Entries=[{"Id": str(n), "MessageBody": str(n)} for n in range(first, first + 10)])
            sqs.start_message_move_task(
                SourceArn=arn, DestinationArn="arn:aws:sqs:%s:%s:source" % (REGION, ACCOUNT), MaxNumberOfMessagesPerSecond=500)
            for fraction in (0.1, 0.4, 0.7):
                eventually(lambda: self.task(sqs, arn)["ApproximateNumberOfMessagesMoved"] >= fraction * count, every=0.01)
                server.kill()
                server.start()
                self.assertEqual(self.task(sqs, arn)["Status"], "RUNNING")
            eventually(lambda: self.task(sqs, arn)["Status"] == "COMPLETED")
            self.assertEqual(self.task(sqs, arn)["ApproximateNumberOfMessagesMoved"], count)
            bodies = []
            while found := sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10).get("Messages"):
                bodies += [int(message["Body"]) for message in found]
            self.assertEqual(sorted(bodies), list(range(count)))
            self.assertNotIn("Messages", sqs.receive_message(QueueUrl=dead))

    @staticmethod
    def task(sqs, arn):
        return sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]
