# SPDX-License-Identifier: Apache-2.0
"""Send, receive, delete: loops per second and the time of each call, by client count and batch size, synced to disk."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from process import MeasuredServer

SIGNATURE = "AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"


def call(port, operation, **body):
    request = urllib.request.Request(
        "http://127.0.0.1:%d/" % port, data=json.dumps(body).encode(), headers={
            "X-Amz-Target": "AmazonSQS." + operation, "Content-Type": "application/x-amz-json-1.0", "Authorization": SIGNATURE})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"{}")


def fsync_milliseconds(folder, rounds=200):
    """What one append and sync costs on this disk: the floor of a send."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(rounds):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return sorted(times)[rounds // 2] * 1e3


def loops(program, port, clients, seconds, batch, body, path):
    output = subprocess.run(
        [program, str(port), str(clients), str(seconds), str(batch), str(body), path], capture_output=True, text=True, check=True).stdout
    done, messages, failures, taken, *times = (float(word) for word in output.split())
    if failures:
        raise SystemExit("%d calls failed" % failures)
    return done / taken, messages / taken, times


def main(binary, seconds):
    with tempfile.TemporaryDirectory() as folder:
        program = folder + "/loops"
        subprocess.run(["cc", "-O2", "-o", program, HERE + "/loops.c"], check=True)
        for durability in ("full", "process"):
            with MeasuredServer(binary, ("--durability", durability)) as server:
                measure(server, program, seconds, durability)


def measure(server, program, seconds, durability):
    print("durability %s; one append and fdatasync: %.2f ms (median)" % (durability, fsync_milliseconds(server.scratch)))
    print("%-34s %9s %9s %15s %15s %15s" % ("", "loops/s", "messages/s", "send p50/p99", "receive p50/p99", "delete p50/p99"))
    for clients in (1, 50):
        for batch in (1, 10):
            name = "bench-%d-%d" % (clients, batch)
            call(server.port, "CreateQueue", QueueName=name)
            rate, messages, times = loops(program, server.port, clients, seconds, batch, 256, "/000000000000/" + name)
            pairs = ["%.2f/%.2f ms" % (times[i] / 1e3, times[i + 1] / 1e3) for i in (0, 2, 4)]
            what = "%d clients, %s" % (clients, "single" if batch == 1 else "batches of 10")
            print("%-34s %9.0f %9.0f %15s %15s %15s" % (what, rate, messages, *pairs), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
