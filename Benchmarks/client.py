# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP/1.1 client for latencies of single calls, and the C program for everything that is a rate."""

import base64
import json
import selectors
import socket
import subprocess
import time
from dataclasses import dataclass

SIGNATURE = "AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"


def request_bytes(method, path, body=b"", **headers):
    fields = {"Host": "localhost", "Authorization": SIGNATURE, "Content-Length": str(len(body)), **headers}
    head = "%s %s HTTP/1.1\r\n" % (method, path) + "".join("%s: %s\r\n" % field for field in fields.items()) + "\r\n"
    return head.encode() + body


def invoke_bytes(function, event=b"{}", version=None):
    qualifier = "?Qualifier=%s" % version if version else ""
    return request_bytes("POST", "/2015-03-31/functions/%s/invocations%s" % (function, qualifier), event)


class Failed(Exception):
    pass


class Connection:
    """One kept-alive connection, one request at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def receive_some(self):
        """Status, headers, body; None while the answer is not all there."""
        chunk = self.socket.recv(1 << 20)
        if not chunk:
            raise Failed("the server closed the connection")
        self.buffer += chunk
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if len(rest) < int(headers.get("content-length", 0)):
            return None
        self.buffer = b""
        return int(lines[0].split()[1]), headers, rest

    def exchange(self, data):
        self.send(data)
        while True:
            answer = self.receive_some()
            if answer:
                status, headers, body = answer
                if status >= 300 or "x-amz-function-error" in headers:
                    raise Failed("%d %s" % (status, body[:300]))
                return body

    def timed(self, data):
        """Milliseconds until the answer."""
        began = time.perf_counter()
        self.exchange(data)
        return (time.perf_counter() - began) * 1e3

    def json(self, method, path, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        return json.loads(self.exchange(request_bytes(method, path, body)) or b"null")


def first_byte(port, data):
    """Milliseconds until the first byte behind the answer's head; the answer is then read to its end."""
    connection = Connection(port)
    began = time.perf_counter()
    connection.send(data)
    received = b""
    while not received.partition(b"\r\n\r\n")[2]:
        chunk = connection.socket.recv(1 << 16)
        if not chunk:
            raise Failed("the server closed the connection")
        received += chunk
    took = (time.perf_counter() - began) * 1e3
    if not received.startswith(b"HTTP/1.1 200 "):
        raise Failed(repr(received[:300]))
    while not received.endswith(b"0\r\n\r\n"):
        chunk = connection.socket.recv(1 << 16)
        if not chunk:
            raise Failed("the stream broke off")
        received += chunk
    connection.socket.close()
    return took


def create_body(name, archive, runtime, handler, memory=512, layers=(), **more):
    value = {
        **more,
        "FunctionName": name, "Runtime": runtime, "Handler": handler, "Role": "arn:aws:iam::000000000000:role/benchmark",
        "Code": {"ZipFile": base64.b64encode(archive).decode()}, "MemorySize": memory, "Timeout": 30}
    if layers:
        value["Layers"] = list(layers)
    return json.dumps(value).encode()


def at_once(port, requests):
    """Milliseconds until the last of `requests` is answered, all sent together."""
    connections = [Connection(port) for _ in requests]
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for connection, data in zip(connections, requests):
            connection.send(data)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        waiting = len(connections)
        while waiting:
            for key, _ in selector.select():
                answer = key.data.receive_some()
                if answer:
                    if answer[0] >= 300 or "x-amz-function-error" in answer[1]:
                        raise Failed("%d %s" % (answer[0], answer[2][:300]))
                    selector.unregister(key.fileobj)
                    waiting -= 1
        return (time.perf_counter() - began) * 1e3


@dataclass
class Load:
    """What the C client measured."""

    answers: int
    failures: int
    seconds: float
    median_us: float
    p99_us: float

    @property
    def per_second(self):
        return self.answers / self.seconds


def load(program, port, connections, seconds, data, numbers=100_000_000):
    done = subprocess.run(
        [program, "127.0.0.1", str(port), str(connections), str(seconds), str(numbers)], input=data, capture_output=True, check=False)
    if done.returncode != 0:
        raise Failed(done.stderr.decode())
    numbers = done.stdout.split()
    result = Load(int(numbers[0]), int(numbers[1]), *map(float, numbers[2:]))
    if result.failures:
        raise Failed("%d of %d requests failed" % (result.failures, result.answers))
    return result
