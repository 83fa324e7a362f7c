# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: unmodified boto3 clients, zips made on the fly, functions with a few verbs."""

import base64
import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

import boto3
import botocore.config
from botocore.exceptions import ClientError, EndpointConnectionError

ACCOUNT = "000000000000"
REGION = "us-east-1"
SCRIPTS = os.path.dirname(os.path.abspath(__file__))
SYSTEM_PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else os.path.realpath(sys.executable)


def _output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


#: The identifiers of the interpreters that this machine has, so that no test depends on the nearest one being taken.
PYTHON = "python" + _output(SYSTEM_PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
NODE = "nodejs%s.x" % _output("node", "--version").lstrip("v").split(".")[0]
CUSTOM = "provided.al2023"
#: Debian's Ruby may be older than any that AWS still has, so the nearest one serves.
RUBY = "ruby3.4" if shutil.which("ruby") else None
JAVA = "java%s" % _output("javac", "--version").split()[1].split(".")[0] if shutil.which("javac") else None
JAVA_RUNTIME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Sources/Services/Lambda/Runtimes/Bootstraps/java.jar")


def java_classes(source, name):
    """Path → bytes of what a source file compiles to, against the handler interfaces that the runtime has."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name + ".java")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        subprocess.run(["javac", "-encoding", "UTF-8", "-cp", JAVA_RUNTIME, "-d", folder + "/out", path], check=True)
        found = {}
        for root, _, names in os.walk(folder + "/out"):
            for file_name in names:
                with open(os.path.join(root, file_name), "rb") as file:
                    found[os.path.relpath(os.path.join(root, file_name), folder + "/out")] = file.read()
        return found


def endpoint():
    return os.environ["MARTLET_ENDPOINT"]


def client(service, url=None, key="test", secret="test", token=None, region=REGION, **options):
    """A boto3 client that tries once, so that a test sees each answer."""
    # A request is sent within the time to connect, however large it is and however busy the machine.
    config = botocore.config.Config(
        retries={"total_max_attempts": 1}, connect_timeout=120, read_timeout=300, max_pool_connections=64, **options)
    return boto3.client(
        service, endpoint_url=url or endpoint(), region_name=region, aws_access_key_id=key, aws_secret_access_key=secret,
        aws_session_token=token, config=config)


def zip_of(files, executable=("bootstrap",)):
    """The bytes of a zip archive with `files`: path → text or bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            info = zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0))
            info.external_attr = (0o100755 if path in executable else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


def eventually(probe, seconds=120, every=0.05):
    """The first true answer of `probe`. For what AWS promises without saying when."""
    limit = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > limit:
            raise AssertionError("did not become true within %d s: %r" % (seconds, answer))
        time.sleep(every)


class Answer:
    """What an invocation gave back."""

    def __init__(self, response):
        self.status = response["StatusCode"]
        self.error = response.get("FunctionError")
        self.version = response.get("ExecutedVersion")
        self.log = base64.b64decode(response.get("LogResult", "")).decode("utf-8", "replace")
        self.headers = response["ResponseMetadata"]["HTTPHeaders"]
        self.request_id = response["ResponseMetadata"]["RequestId"]
        self.body = response["Payload"].read() if response.get("Payload") else b""

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        return self.log.splitlines()

    def report(self):
        """The figures of the REPORT line, by name."""
        [line] = [l for l in self.lines if l.startswith("REPORT ")]
        return dict(part.split(": ", 1) for part in line[len("REPORT "):].split("\t") if ": " in part)


class Function:
    """A function that a test has made."""

    def __init__(self, lambda_, created):
        self.lambda_ = lambda_
        self.name = created["FunctionName"]
        self.arn = created["FunctionArn"]
        self.created = created

    def invoke(self, event=None, **options):
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        options.setdefault("LogType", "Tail")
        return Answer(self.lambda_.invoke(FunctionName=self.name, Payload=payload, **options))

    def wait(self):
        wait_until_settled(self.lambda_, self.name)
        return self

    def update(self, files=None, **settings):
        """Changes code or settings and waits until the change is in force."""
        if files is not None:
            answer = self.lambda_.update_function_code(FunctionName=self.name, ZipFile=zip_of(files))
        else:
            answer = self.lambda_.update_function_configuration(FunctionName=self.name, **settings)
        self.wait()
        return answer


def wait_until_settled(lambda_, name, qualifier="$LATEST"):
    """As the SDK's waiters do, with a shorter pause."""

    def is_settled():
        now = lambda_.get_function_configuration(FunctionName=name, Qualifier=qualifier)
        if now["State"] == "Failed" or now.get("LastUpdateStatus") == "Failed":
            raise AssertionError("the function failed: %r" % now)
        return now["State"] == "Active" and now.get("LastUpdateStatus", "Successful") == "Successful"

    return eventually(is_settled, every=0.02)


class Account:
    """The clients of one account on one server, and what is made with them."""

    def __init__(self, url=None, **credentials):
        self.url = url
        self.credentials = credentials
        self.clients = {}

    def __getattr__(self, service):
        name = service.rstrip("_")
        if name not in self.clients:
            self.clients[name] = client(name, self.url, **self.credentials)
        return self.clients[name]

    def create(self, files, runtime=PYTHON, handler="app.handler", name=None, wait=True, **settings):
        """Makes a function from sources. A text stands for the only file of its runtime."""
        if isinstance(files, str):
            files = {"bootstrap" if runtime == CUSTOM else "index.js" if runtime == NODE else "app.py": files}
            handler = "index.handler" if runtime == NODE and handler == "app.handler" else handler
        settings.setdefault("Role", "arn:aws:iam::%s:role/end-to-end" % ACCOUNT)
        settings.setdefault("Timeout", 20)
        settings.setdefault("MemorySize", 512)
        code = files if isinstance(files, dict) and "ZipFile" in files else {"ZipFile": zip_of(files)}
        created = self.lambda_.create_function(
            FunctionName=name or "e2e-" + secrets.token_hex(6), Runtime=runtime, Handler=handler, Code=code, **settings)
        function = Function(self.lambda_, created)
        return function.wait() if wait else function


_shared = None


def shared():
    """The account of the server that all scripts share."""
    global _shared
    _shared = _shared or Account()
    return _shared


class EndToEndTest(unittest.TestCase):
    maxDiff = None

    @property
    def account(self):
        return shared()

    @property
    def lambda_(self):
        return self.account.lambda_

    def create(self, *arguments, **settings):
        function = self.account.create(*arguments, **settings)
        self.addCleanup(self._delete, function)
        return function

    def _delete(self, function):
        try:
            function.lambda_.delete_function(FunctionName=function.name)
        except EndpointConnectionError:
            pass  # its server has gone, as the test wanted
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise

    def assertFails(self, code, status, call, *arguments, **options):
        """The error that `call` answers with: its code and status are checked, the rest is returned."""
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **options)
        response = caught.exception.response
        self.assertEqual((response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]), (code, status), response)
        return response

    def log_of(self, function, invocations=1):
        """The messages in the function's log group, once that many invocations have been reported."""
        logs, group = self.account.logs, function.created["LoggingConfig"]["LogGroup"]

        def messages():
            try:
                pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
                found = [event["message"] for page in pages for event in page["events"]]
            except logs.exceptions.ResourceNotFoundException:
                return None
            reports = [m for m in found if m.startswith("REPORT ") or '"platform.report"' in m]
            return found if len(reports) >= invocations else None

        return eventually(messages)

    def result(self, function, event=None, **options):
        """What the function answers, which must be no error."""
        answer = function.invoke(event, **options)
        self.assertIsNone(answer.error, answer.body)
        return answer.json
