# SPDX-License-Identifier: Apache-2.0
"""Asynchronous invokes per second, from SendMessage to a handler, and what many queues and many messages cost."""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
BENCHMARKS = os.path.dirname(HERE)
ROOT = os.path.dirname(BENCHMARKS)
sys.path.insert(0, BENCHMARKS)

from benchmark import archive_of, percentile
from client import Connection, create_body, load, request_bytes
from process import MeasuredServer

ACCOUNT = "000000000000"
CREDENTIAL = "AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/%s/aws4_request, SignedHeaders=host, Signature=0"
TARGETS = {"sqs": ("AmazonSQS", "application/x-amz-json-1.0"), "logs": ("Logs_20140328", "application/x-amz-json-1.1")}
PYTHON = "python%d.%d" % sys.version_info[:2]


def headers(service, operation):
    prefix, kind = TARGETS[service]
    return {"Authorization": CREDENTIAL % service, "X-Amz-Target": "%s.%s" % (prefix, operation), "Content-Type": kind}


def shown(title, text):
    print("%-58s %s" % (title, text), flush=True)


class Caller:
    """One kept-alive connection for the JSON services."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def call(self, service, operation, **members):
        self.connection.request("POST", "/", json.dumps(members), headers(service, operation))
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit("%s: %d %s" % (operation, answer.status, body[:300]))
        return json.loads(body or b"{}")


def metric(port, name, function):
    """One of /_martlet/metrics, of one function."""
    with urllib.request.urlopen("http://127.0.0.1:%d/_martlet/metrics" % port) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + "{") and 'function="%s"' % function in line:
                return float(line.rpartition(" ")[2])
    return 0.0


def create(port, name, source, handler, memory=512):
    """A Python function that is active."""
    with open(source, "rb") as file:
        files = {os.path.basename(source): file.read()}
    connection = Connection(port)
    connection.exchange(request_bytes("POST", "/2015-03-31/functions", create_body(name, archive_of(files), PYTHON, handler, memory)))
    while connection.json("GET", "/2015-03-31/functions/%s/configuration" % name)["State"] != "Active":
        time.sleep(0.002)


def asynchronous(server, program, seconds):
    """Accepted: the caller has its 202, and the event is on the disk. Executed: until the last one has run."""
    for clients in (1, 50):
        name = "async-%d" % clients
        create(server.port, name, BENCHMARKS + "/functions/app.py", "app.handler")
        data = request_bytes("POST", "/2015-03-31/functions/%s/invocations" % name, b"{}", **{"X-Amz-Invocation-Type": "Event"})
        began = time.perf_counter()
        result = load(program, server.port, clients, seconds, data)
        while metric(server.port, "martlet_lambda_invocations_total", name) < result.answers:
            if time.perf_counter() - began > 120:
                raise SystemExit("the accepted events were not executed within two minutes")
            time.sleep(0.02)
        executed = result.answers / (time.perf_counter() - began)
        shown("asynchronous invokes, %d clients" % clients,
              "accepted %.0f/s (p50 %.2f ms, p99 %.2f ms), executed %.0f/s" % (
                  result.per_second, result.median_us / 1e3, result.p99_us / 1e3, executed))


def latency(server, caller, count=200):
    """From SendMessage to the handler's first line: one message at a time, through a mapping."""
    create(server.port, "stamp", HERE + "/stamp.py", "stamp.handler")
    url = caller.call("sqs", "CreateQueue", QueueName="stamped")["QueueUrl"]
    body = {"EventSourceArn": "arn:aws:sqs:us-east-1:%s:stamped" % ACCOUNT, "FunctionName": "stamp", "BatchSize": 1}
    connection = Connection(server.port)
    mapping = connection.json("POST", "/2015-03-31/event-source-mappings/", body)["UUID"]
    while connection.json("GET", "/2015-03-31/event-source-mappings/%s" % mapping)["State"] != "Enabled":
        time.sleep(0.01)
    for _ in range(count):
        caller.call("sqs", "SendMessage", QueueUrl=url, MessageBody=str(time.time_ns()))
        time.sleep(0.02)
    times = []
    for _ in range(100):
        found = []
        page = {}
        while True:
            answer = caller.call("logs", "FilterLogEvents", logGroupName="/aws/lambda/stamp", filterPattern='"under way"', **page)
            found += [int(re.search(r"under way: (\d+)", event["message"]).group(1)) for event in answer["events"]]
            if not answer.get("nextToken"):
                break
            page = {"nextToken": answer["nextToken"]}
        times = found
        if len(times) >= count:
            break
        time.sleep(0.1)
    if len(times) < count:
        raise SystemExit("%d of %d messages reached the function" % (len(times), count))
    warm = times[10:]
    shown("SendMessage to handler entry", "p50 %.2f ms, p99 %.2f ms" % (statistics.median(warm) / 1e3, percentile(warm, 0.99) / 1e3))


def loops(program, port, queue, seconds):
    words = subprocess.run(
        [program, str(port), "10", str(seconds), "1", "256", "/%s/%s" % (ACCOUNT, queue)], capture_output=True, text=True, check=True).stdout.split()
    if int(words[2]):
        raise SystemExit("%s calls failed" % words[2])
    return float(words[0]) / float(words[3])


def many_queues(server, caller, program, seconds, count):
    """The same loop beside one queue and beside many, each of which holds a message."""
    caller.call("sqs", "CreateQueue", QueueName="alone")
    alone, before = loops(program, server.port, "alone", seconds), server.memory()["private"]
    for number in range(count):
        url = caller.call("sqs", "CreateQueue", QueueName="q-%d" % number)["QueueUrl"]
        caller.call("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    among, after = loops(program, server.port, "alone", seconds), server.memory()["private"]
    shown("send, receive, delete, 10 clients: 1 queue", "%.0f/s, %.1f MiB private" % (alone, before))
    shown("the same beside %d queues with a message each" % count, "%.0f/s (%.0f %%), %.1f MiB private" % (
        among, among / alone * 100, after))


def many_messages(server, caller, program, load_program, seconds, count):
    """Memory with a queue full of messages, and how fast it is filled and used then."""
    url = caller.call("sqs", "CreateQueue", QueueName="full")["QueueUrl"]
    entries = [{"Id": str(n), "MessageBody": "m" * 256} for n in range(10)]
    data = request_bytes("POST", "/", json.dumps({"QueueUrl": url, "Entries": entries}).encode(), **headers("sqs", "SendMessageBatch"))
    before, filled, taken = server.memory(), 0, 0.0
    while filled < count:
        part = load(load_program, server.port, 8, 5, data)
        filled, taken = filled + part.answers * 10, taken + part.seconds
    after = server.memory()
    shown("filling a queue, batches of 10, 8 clients", "%.0f messages/s" % (filled / taken))
    shown("memory with %d messages of 256 bytes" % filled, "%.1f MiB private, %.1f before; %.1f resident" % (
        after["private"], before["private"], after["rss"]))
    shown("send, receive, delete, 10 clients, in the full queue", "%.0f/s" % loops(program, server.port, "full", seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", nargs="?", default=os.path.join(ROOT, ".build/release/martlet"))
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--queues", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program, load_program = folder + "/loops", folder + "/load"
        subprocess.run(["cc", "-O2", "-o", program, BENCHMARKS + "/sqs/loops.c"], check=True)
        subprocess.run(["cc", "-O2", "-o", load_program, BENCHMARKS + "/load.c"], check=True)
        with MeasuredServer(options.binary) as server:
            caller = Caller(server.port)
            asynchronous(server, load_program, options.seconds)
            latency(server, caller)
        with MeasuredServer(options.binary) as server:
            many_queues(server, Caller(server.port), program, options.seconds, options.queues)
        with MeasuredServer(options.binary) as server:
            many_messages(server, Caller(server.port), program, load_program, options.seconds, options.messages)


if __name__ == "__main__":
    main()
