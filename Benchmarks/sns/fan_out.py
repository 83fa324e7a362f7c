# SPDX-License-Identifier: Apache-2.0
"""How long a publish to 100 subscriptions takes, until it is acknowledged and until the last delivery is made.

`Benchmarks/sns/run [BINARY] [--rounds N] [--subscriptions N] [--protocol sqs|http]` starts a server of its own in a
scratch directory (durability full), subscribes queues, or paths of one local web server, publishes one message at a time,
and prints medians and 90th percentiles in milliseconds, then the rate of deliveries while publishes are not waited for.

When the last queue has its message is told by the message's own SentTimestamp, which is in milliseconds.
"""

import argparse
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "Benchmarks"))
sys.path.insert(0, os.path.join(ROOT, "Benchmarks/events"))

from client import Connection, request_bytes
from events import CREDENTIAL, Caller, percentile
from process import MeasuredServer

ACCOUNT = "000000000000"


class Topics:
    """SNS by its Query protocol, on one connection."""

    def __init__(self, port):
        self.connection = Connection(port)

    def call(self, action, **members):
        form = urllib.parse.urlencode({"Action": action, "Version": "2010-03-31", **members}).encode()
        return self.connection.exchange(request_bytes(
            "POST", "/", form, **{"Content-Type": "application/x-www-form-urlencoded", "Authorization": CREDENTIAL % "sns"})).decode()

    def create(self, name):
        return re.search("<TopicArn>(.*?)</TopicArn>", self.call("CreateTopic", Name=name)).group(1)


class Queues:
    """A queue for each subscription."""

    def __init__(self, server, topics, topic, count):
        self.callers = [Caller(server.port) for _ in range(8)]
        self.names = ["fan-out-%d" % number for number in range(count)]
        for name in self.names:
            self.callers[0].call("sqs", "CreateQueue", QueueName=name)
            topics.call("Subscribe", TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:%s:%s" % (ACCOUNT, name))
        self.urls = ["http://localhost/%s/%s" % (ACCOUNT, name) for name in self.names]
        self.last = 0.0
        self.lock = threading.Lock()

    def wait(self, messages):
        """Until so many messages have come to each queue; the time of the last one, in seconds."""
        def empty(place):
            for url in self.urls[place::len(self.callers)]:
                left = messages
                while left:
                    found = self.callers[place].call(
                        "sqs", "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20, MaxNumberOfMessages=min(10, left),
                        AttributeNames=["SentTimestamp"])["Messages"]
                    left -= len(found)
                    for message in found:
                        with self.lock:
                            self.last = max(self.last, int(message["Attributes"]["SentTimestamp"]) / 1_000)
                        self.callers[place].call("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        threads = [threading.Thread(target=empty, args=(place,)) for place in range(len(self.callers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.last


class WebServer:
    """A web server that answers 200 as cheaply as Python can, and counts."""

    def __init__(self, server, topics, topic, count):
        self.subscriptions, self.count, self.wanted = count, 0, 0
        self.changed = threading.Condition()
        self.confirmations = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        threading.Thread(target=self.accept, daemon=True).start()
        port = self.listener.getsockname()[1]
        for number in range(count):
            topics.call("Subscribe", TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:%d/%d" % (port, number))
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.confirmations) >= count, 120)
        for body in self.confirmations:
            topics.call("ConfirmSubscription", TopicArn=topic, Token=json.loads(body)["Token"])

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            buffer = b""
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = connection.recv(65_536)
                    if not data:
                        return
                    buffer += data
                head, buffer = buffer.split(b"\r\n\r\n", 1)
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                while len(buffer) < length:
                    buffer += connection.recv(65_536)
                body, buffer = buffer[:length], buffer[length:]
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                with self.changed:
                    if b"SubscriptionConfirmation" in head:
                        self.confirmations.append(body)
                    else:
                        self.count += 1
                        self.last = time.time()
                    self.changed.notify_all()

    def wait(self, messages):
        self.wanted += messages * self.subscriptions
        with self.changed:
            assert self.changed.wait_for(lambda: self.count >= self.wanted, 120)
            return self.last


def measure(kind, options):
    with MeasuredServer(options.binary) as server:
        topics = Topics(server.port)
        topic = topics.create("fan-out")
        receiver = kind(server, topics, topic, options.subscriptions)
        acknowledged, delivered = [], []
        for number in range(options.rounds + 5):
            began, before = time.time(), time.perf_counter()
            topics.call("Publish", TopicArn=topic, Message="message %d" % number)
            acknowledged.append((time.perf_counter() - before) * 1_000)
            delivered.append((receiver.wait(1) - began) * 1_000)
        # The first ones meet cold connections.
        acknowledged, delivered = acknowledged[5:], delivered[5:]
        for title, values in ("acknowledged", acknowledged), ("last delivery made", delivered):
            print("  %-20s p50 %7.2f ms   p90 %7.2f ms" % (title, percentile(values, 0.5), percentile(values, 0.9)))
        began = time.time()
        for number in range(options.rounds):
            topics.call("Publish", TopicArn=topic, Message="message %d" % number)
        seconds = receiver.wait(options.rounds) - began
        print("  %-20s %d in a second" % ("deliveries", options.rounds * options.subscriptions / seconds), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary", nargs="?", default=os.path.join(ROOT, ".build/release/martlet"))
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--subscriptions", type=int, default=100)
    parser.add_argument("--protocol", choices=("sqs", "http"), help="both, where none is named")
    options = parser.parse_args()
    kinds = {"sqs": Queues, "http": WebServer}
    for name in [options.protocol] if options.protocol else kinds:
        print("to %d subscriptions of the protocol %s" % (options.subscriptions, name))
        measure(kinds[name], options)


main()
