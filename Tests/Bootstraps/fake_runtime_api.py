# SPDX-License-Identifier: Apache-2.0
"""A Runtime API for one bootstrap process at a time, and the process that it serves."""

import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BOOTSTRAPS = os.path.join(HERE, "../../Sources/Services/Lambda/Runtimes/Bootstraps")
PATIENCE_SECONDS = 20


class Request:
    def __init__(self, method, path, headers, body, trailers):
        self.method, self.path, self.headers, self.body, self.trailers = method, path, headers, body, trailers

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def kind(self):
        """The last part of the path: next, response or error."""
        return self.path.rsplit("/", 1)[1]


class FakeRuntimeAPI:
    """Answers `next` with what `offer` queues and keeps every post."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.events = queue.Queue()
        self.posts = queue.Queue()
        self.polls = queue.Queue()
        self.rests = queue.Queue()
        self.broken_rests = 0
        self.connections = 0
        self.post_status = b"202 Accepted"
        self.close_after_post = False
        self.chunked_events = False
        threading.Thread(target=self.accept, daemon=True).start()

    def offer(self, body, headers):
        self.events.put((body, headers))

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        with connection:
            while True:
                request = read_request(stream)
                if request is None:
                    return
                try:
                    if not self.answer(connection, request):
                        return
                except OSError:
                    return

    def answer(self, connection, request):
        if request.path.endswith("/restore/next"):
            return self.restore(connection, request)
        if request.kind == "next":
            self.polls.put(request)
            body, headers = self.events.get()
            connection.sendall(self.event_bytes(body, headers))
            return True
        self.posts.put(request)
        closing = b"Connection: close\r\n" if self.close_after_post else b""
        connection.sendall(b"HTTP/1.1 %s\r\n%sContent-Length: 0\r\n\r\n" % (self.post_status, closing))
        return not self.close_after_post

    def restore(self, connection, request):
        """The connection of a process that is copied breaks; the copy asks again."""
        self.rests.put(request)
        if self.broken_rests > 0:
            self.broken_rests -= 1
            return False
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return True

    def event_bytes(self, body, headers):
        head = "".join("%s: %s\r\n" % pair for pair in headers.items()).encode()
        if not self.chunked_events:
            return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)
        middle = len(body) // 2
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part)
        return b"HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % (head, chunks)


def read_request(stream):
    """Returns None at the end of the connection. A request cut short has None as its trailers."""
    try:
        first = stream.readline()
        if not first:
            return None
        method, path, _ = first.decode().split(" ")
        headers = read_headers(stream)
        if headers.get("transfer-encoding") != "chunked":
            body = stream.read(int(headers.get("content-length", 0)))
            return Request(method, path, headers, body, {})
        body = b""
        while True:
            line = stream.readline()
            if not line:
                return Request(method, path, headers, body, None)
            size = int(line, 16)
            if size == 0:
                return Request(method, path, headers, body, read_headers(stream))
            body += stream.read(size)
            stream.read(2)
    except OSError:
        return None


def read_headers(stream):
    headers = {}
    while True:
        line = stream.readline().decode()
        if line in ("\r\n", ""):
            return headers
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()


class Function:
    """A task folder and the bootstrap process that runs it. Use it with `with`."""

    def __init__(self, command, files, handler, environment=None, claim=False, framed=False, api=None, early=False):
        self.api = api or FakeRuntimeAPI()
        self.task = os.path.realpath(tempfile.mkdtemp())
        for name, content in files.items():
            path = os.path.join(self.task, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode("utf-8"))
        self.command, self.handler, self.claim, self.framed = command, handler, claim, framed
        self.early = early
        self.environment = {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "LAMBDA_TASK_ROOT": self.task,
            "_HANDLER": handler,
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
            **(environment or {}),
        }
        self.count = 0

    def __enter__(self):
        process_environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        inherited = []
        if self.framed:
            self.log_reader, log_writer = os.pipe()
            inherited.append(log_writer)
            process_environment["MARTLET_LOG_FD"] = str(log_writer)
        if self.claim:
            claim_reader, self.claim_writer = os.pipe()
            inherited.append(claim_reader)
            process_environment["MARTLET_CLAIM_FD"] = str(claim_reader)
            if self.early:
                process_environment["AWS_LAMBDA_RUNTIME_API"] = self.api.address
        else:
            process_environment.update(self.environment)
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command, env=process_environment, pass_fds=inherited, cwd="/", stdout=self.output, stderr=self.output
        )
        for fd in inherited:
            os.close(fd)
        return self

    def send_claim(self):
        claim = {"environment": self.environment, "handler": self.handler}
        os.write(self.claim_writer, json.dumps(claim).encode() + b"\n")
        os.close(self.claim_writer)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.api.close()
        if self.framed:
            os.close(self.log_reader)
        self.output.close()
        shutil.rmtree(self.task)

    def offer(self, event, **headers):
        self.count += 1
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        standard = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": "request-%d" % self.count,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 30000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        }
        standard.update({name.replace("_", "-"): value for name, value in headers.items()})
        self.api.offer(body, {name: value for name, value in standard.items() if value is not None})

    def invoke(self, event=None, **headers):
        self.offer(event, **headers)
        return self.posted()

    def posted(self):
        return self.api.posts.get(timeout=PATIENCE_SECONDS)

    def wait_for_poll(self):
        return self.api.polls.get(timeout=PATIENCE_SECONDS)

    def exit_code(self):
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def log(self):
        self.output.seek(0)
        return self.output.read().decode("utf-8")

    def frames(self):
        """The records written so far: (type, time in µs, message)."""
        data, found = os.read(self.log_reader, 1 << 20), []
        while data:
            kind, size = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
            found.append((kind, int.from_bytes(data[8:16], "big"), data[16 : 16 + size].decode()))
            data = data[16 + size :]
        return found
