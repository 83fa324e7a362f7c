#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a publish to 100 subscriptions takes, until it is acknowledged and until the last delivery is made.

`Benchmarks/sns/fan_out.py [--binary PATH] [--rounds N] [--subscriptions N]` starts a server of its own in a scratch directory
(durability full), subscribes paths of one local web server, publishes one message at a time, and prints medians and the 90th
percentiles in milliseconds, then the rate at which deliveries are made while publishes are not waited for.
"""

import argparse
import os
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "Tests/EndToEnd"))


def receiver():
    """A web server that answers 200 as cheaply as Python can, and counts; its `wait` returns once so many came."""
    import socket
    state = {"count": 0}
    changed = threading.Condition()
    confirmations = []
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    def serve(connection):
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
                with changed:
                    if b"SubscriptionConfirmation" in head:
                        confirmations.append(body)
                    else:
                        state["count"] += 1
                    changed.notify_all()

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()

    def wait(count=0, confirmed=0):
        with changed:
            assert changed.wait_for(lambda: state["count"] >= count and len(confirmations) >= confirmed, 120)

    return listener.getsockname()[1], state, confirmations, wait


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=os.path.join(ROOT, ".build/release/martlet"))
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--subscriptions", type=int, default=100)
    options = parser.parse_args()
    os.environ["MARTLET_BINARY"] = options.binary
    import json
    from harness import client
    from server import Server
    port, state, confirmations, wait = receiver()
    with Server() as server:
        sns = client("sns", server.endpoint)
        topic = sns.create_topic(Name="fan-out")["TopicArn"]
        for number in range(options.subscriptions):
            sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:%d/%d" % (port, number))
        wait(confirmed=options.subscriptions)
        for body in confirmations:
            urllib.request.urlopen(json.loads(body)["SubscribeURL"]).close()
        acknowledged, delivered = [], []
        for number in range(options.rounds + 5):
            before = time.perf_counter()
            sns.publish(TopicArn=topic, Message="message %d" % number)
            acknowledged.append((time.perf_counter() - before) * 1_000)
            wait((number + 1) * options.subscriptions)
            delivered.append((time.perf_counter() - before) * 1_000)
        # The first ones meet cold connections.
        acknowledged, delivered = acknowledged[5:], delivered[5:]
        for title, values in ("acknowledged", acknowledged), ("last delivery made", delivered):
            print("%-20s p50 %7.2f ms   p90 %7.2f ms" % (title, percentile(values, 0.5), percentile(values, 0.9)))
        before, start = state["count"], time.perf_counter()
        for number in range(options.rounds):
            sns.publish(TopicArn=topic, Message="message %d" % number)
        wait(before + options.rounds * options.subscriptions)
        print("%-20s %d in a second" % ("deliveries", (state["count"] - before) / (time.perf_counter() - start)))


main()
