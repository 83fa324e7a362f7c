# SPDX-License-Identifier: Apache-2.0
"""Event source mappings with much to do: how pollers grow, how large batches become, what changes cost under way."""

import json
import math
import os
import shutil
import tempfile
import threading
import time
import unittest
import urllib.request

from harness import Account, EndToEndTest, endpoint, eventually
from server import Server

POINT = "fsap-0123456789abcdef0"
ARN = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/" + POINT
LIMIT = 6_291_456

#: A mark for each delivery of a message; nothing of a queue ends before its gate opens.
GATED = """
import os, time
def handler(event, context):
    for record in event["Records"]:
        with open("/mnt/gate/" + record["body"], "a") as mark: mark.write("x")
    while not os.path.exists("/mnt/gate/open " + record["body"].split("-")[0]): time.sleep(0.05)
"""
SIZES = """
import json
def handler(event, context):
    records = event["Records"]
    size = len(json.dumps(event, separators=(",", ":")))
    print("saw", json.dumps({"size": size, "numbers": [int(r["body"].split(" ")[0]) for r in records]}))
"""


class Mapping(EndToEndTest):
    def queue(self, name, **attributes):
        """Its address and its ARN."""
        url = self.account.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = self.account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def send(self, url, bodies, at_once=10):
        for start in range(0, len(bodies), at_once):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start:start + at_once])]
            self.assertFalse(self.account.sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed"))

    def map(self, function, arn, **settings):
        made = self.lambda_.create_event_source_mapping(FunctionName=function.name, EventSourceArn=arn, **settings)
        self.addCleanup(self.unmap, made["UUID"])
        return made["UUID"]

    def unmap(self, uuid):
        self.settle(uuid, "Enabled")
        self.lambda_.delete_event_source_mapping(UUID=uuid)

    def settle(self, uuid, state):
        eventually(lambda: self.lambda_.get_event_source_mapping(UUID=uuid)["State"] == state)

    def until_empty(self, url):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def is_empty():
            found = self.account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return all(found[name] == "0" for name in names)

        eventually(is_empty, every=0.2)

    def saw(self, *functions):
        """What the functions have printed after `saw`, each line's JSON."""
        lines = []
        for function in functions:
            pages = self.account.logs.get_paginator("filter_log_events").paginate(
                logGroupName=function.created["LoggingConfig"]["LogGroup"], filterPattern="saw")
            lines += [event["message"] for page in pages for event in page["events"]]
        return [json.loads(line[len("saw "):]) for line in lines if line.startswith("saw ")]


@unittest.skipUnless(os.geteuid() == 0, "it takes root to give directories away")
class Pollers(Mapping):
    @property
    def account(self):
        return self.own

    def setUp(self):
        super().setUp()
        self.gate = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.gate, ignore_errors=True)
        os.chmod(self.gate, 0o755)
        os.chown(self.gate, 54321, 54321)
        server = Server("--mount", "%s=%s" % (POINT, self.gate))
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.own = Account(server.endpoint)

    def unmap(self, uuid):
        pass  # its server goes

    def under_way(self, queue):
        return [name for name in os.listdir(self.gate) if name.startswith(queue + "-")]

    def test_pollers_grow_with_the_backlog_and_keep_to_their_bounds(self):
        function = self.create(
            GATED, Timeout=60, MemorySize=128, FileSystemConfigs=[{"Arn": ARN, "LocalMountPath": "/mnt/gate"}])
        bounded = self.backlog("bounded", 5)
        self.map(function, bounded[1], BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
        grows, began = self.backlog("grows", 13), time.time()
        self.map(function, grows[1], BatchSize=1)
        eventually(lambda: len(self.under_way("grows")) == 13)
        started = sorted(os.stat(os.path.join(self.gate, name)).st_mtime for name in self.under_way("grows"))
        # Five at first and five more in each second, though none has ended; a busy machine only makes them later.
        for number, when in enumerate(started[10:], 1):
            self.assertGreater(when, began + math.ceil(number / 5) - 0.1)
        self.open("grows", grows)

        provisioned = self.backlog("provisioned", 25)
        uuid = self.map(
            function, provisioned[1], BatchSize=1, ProvisionedPollerConfig={"MinimumPollers": 2, "MaximumPollers": 2})
        eventually(lambda: len(self.under_way("provisioned")) >= 20)
        self.assertEqual((len(self.under_way("provisioned")), len(self.under_way("bounded"))), (20, 2))
        shown = self.lambda_.get_event_source_mapping(UUID=uuid)["ProvisionedPollerConfig"]
        self.assertEqual(shown, {"MinimumPollers": 2, "MaximumPollers": 2})
        self.open("provisioned", provisioned)
        self.open("bounded", bounded)

    def backlog(self, name, count):
        url, arn = self.queue(name, VisibilityTimeout="300")
        self.send(url, ["%s-%d" % (name, n) for n in range(count)])
        return url, arn, count

    def open(self, name, queue):
        """Then each message of the queue has been delivered once."""
        with open(os.path.join(self.gate, "open " + name), "w"):
            pass
        self.until_empty(queue[0])
        marks = sorted((mark, os.stat(os.path.join(self.gate, mark)).st_size) for mark in self.under_way(name))
        self.assertEqual(marks, sorted(("%s-%d" % (name, n), 1) for n in range(queue[2])))


class Batches(Mapping):
    def test_a_batch_takes_more_than_ten_messages_and_no_more_than_six_megabytes(self):
        url, arn = self.queue("heavy", VisibilityTimeout="120")
        self.send(url, ["%d %s" % (n, "x" * 200_000) for n in range(66)], at_once=5)
        function = self.create(SIZES)
        self.map(function, arn, BatchSize=100, MaximumBatchingWindowInSeconds=5, ScalingConfig={"MaximumConcurrency": 2})
        self.until_empty(url)
        batches = eventually(lambda: [b for b in [self.saw(function)] if sum(len(x["numbers"]) for x in b) >= 66])[0]
        self.assertEqual(sorted(n for batch in batches for n in batch["numbers"]), list(range(66)))
        self.assertLessEqual(max(batch["size"] for batch in batches), LIMIT)
        self.assertGreater(max(len(batch["numbers"]) for batch in batches), 10)
        # 66 messages are more than two full batches.
        self.assertGreaterEqual(len(batches), 3)

    def test_a_window_lets_batches_grow_to_their_number_and_no_further(self):
        url, arn = self.queue("many", VisibilityTimeout="60")
        self.send(url, ["%d" % n for n in range(120)])
        function = self.create(SIZES)
        self.map(function, arn, BatchSize=25, MaximumBatchingWindowInSeconds=2, ScalingConfig={"MaximumConcurrency": 2})
        self.until_empty(url)
        batches = eventually(lambda: [b for b in [self.saw(function)] if sum(len(x["numbers"]) for x in b) >= 120])[0]
        self.assertEqual(sorted(n for batch in batches for n in batch["numbers"]), list(range(120)))
        self.assertEqual(max(len(batch["numbers"]) for batch in batches), 25)


class Changes(Mapping):
    WHO = """
import json, os
def handler(event, context):
    print("saw", json.dumps({"who": os.environ["WHO"], "sent": [json.loads(r["body"])["n"] for r in event["Records"]]}))
"""

    def produce(self, url, sent, until):
        """Ten messages at a time, every second one marked, as fast as the server takes them."""
        while not until.is_set():
            with self.lock:
                start = len(sent)
                sent.extend(range(start, start + 10))
            self.send(url, [json.dumps({"n": n, "even": n % 2 == 0}) for n in range(start, start + 10)])
            until.wait(0.05)

    def change(self, uuid, state="Enabled", **settings):
        """Lets the producers go on for a while first."""
        before = len(self.sent)
        eventually(lambda: len(self.sent) >= before + 40)
        self.lambda_.update_event_source_mapping(UUID=uuid, **settings)
        self.settle(uuid, state)

    def counted(self, uuid, name):
        """A metric of the mapping since the server's start."""
        lines = urllib.request.urlopen(endpoint() + "/_martlet/metrics").read().decode().splitlines()
        [line] = [l for l in lines if l.startswith("martlet_measurements_sum{") and uuid in l and 'name="%s"' % name in l]
        return int(float(line.rsplit(" ", 1)[1]))

    def test_a_mapping_changes_while_messages_come_and_each_is_delivered_once(self):
        url, arn = self.queue("busy", VisibilityTimeout="120")
        one = self.create(self.WHO, Environment={"Variables": {"WHO": "one"}})
        two = self.create(self.WHO, Environment={"Variables": {"WHO": "two"}})
        uuid = self.map(one, arn, BatchSize=10, MetricsConfig={"Metrics": ["EventCount"]})
        self.settle(uuid, "Enabled")
        self.sent, self.lock, stop = [], threading.Lock(), threading.Event()
        producers = [threading.Thread(target=self.produce, args=(url, self.sent, stop)) for _ in range(2)]
        for producer in producers:
            producer.start()
        try:
            self.change(uuid, BatchSize=3)
            self.change(uuid, FunctionName=two.name)
            self.change(uuid, BatchSize=50, MaximumBatchingWindowInSeconds=1)
            self.change(uuid, "Disabled", Enabled=False)
            self.change(uuid, Enabled=True, FunctionName=one.name)
            self.change(uuid, FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"even": [True]}})}]})
            self.change(uuid, BatchSize=10, MaximumBatchingWindowInSeconds=0)
        finally:
            stop.set()
            for producer in producers:
                producer.join()
        self.until_empty(url)
        def delivered():
            found = [n for batch in self.saw(one, two) for n in batch["sent"]]
            return found if self.counted(uuid, "InvokedEventCount") == len(found) else None

        found = eventually(delivered)
        self.assertEqual(len(found), len(set(found)), "something was delivered twice")
        # Odd ones that were still in the queue when the filter came are deleted unseen.
        self.assertEqual([n for n in self.sent if n % 2 == 0 and n not in set(found)], [])
        self.assertEqual({batch["who"] for batch in self.saw(one, two)}, {"one", "two"})
        self.assertLess(len(set(found)), len(self.sent))
        self.assertEqual(self.counted(uuid, "DeletedEventCount"), len(found))
        self.assertEqual(self.counted(uuid, "FilteredOutEventCount"), len(self.sent) - len(found))
        self.assertGreaterEqual(self.counted(uuid, "PolledEventCount"), len(self.sent))
