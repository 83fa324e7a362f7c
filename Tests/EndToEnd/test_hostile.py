# SPDX-License-Identifier: Apache-2.0
"""Input that nobody means well with: AWS's error, and a server that answers the next caller."""

import io
import os
import random
import socket
import stat
import struct
import urllib.parse
import zipfile
from concurrent.futures import ThreadPoolExecutor

from harness import PYTHON, EndToEndTest, client, endpoint, eventually, zip_of

ECHO = "def handler(e, c): return e"


def zip_with_link(name, target):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", ECHO)
        link = zipfile.ZipInfo(name)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)
    return buffer.getvalue()


def bomb(mebibytes):
    """Zeros, as many as asked for, in a small archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("app.py", ECHO)
        with archive.open("zeros", "w") as file:
            for _ in range(mebibytes):
                file.write(bytes(1 << 20))
    return buffer.getvalue()


def lying_bomb():
    """Its directory says 10 bytes; the data says 400 MiB."""
    archive = bytearray(bomb(400))
    entry = archive.index(b"PK\x01\x02", archive.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", archive, entry + 24, 10)
    return bytes(archive)


class Hostile(EndToEndTest):
    def refuse(self, archive):
        """Refused when it is created, or a function that failed; either way with words, and without a trace."""
        response = self.assertFails(
            "InvalidParameterValueException", 400, self.account.create, {"ZipFile": archive}, name="hostile", wait=False)
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_function, FunctionName="hostile")
        return response["Error"]["Message"]

    def is_alive(self):
        self.assertEqual(self.account.sts.get_caller_identity()["Account"], "000000000000")

    def test_names_that_lead_out_of_the_package_are_refused(self):
        for name in ("../evil", "a/../../evil", "/etc/evil", "a/./../../b", "..", "a\\..\\..\\evil"):
            with self.subTest(name=name):
                buffer = io.BytesIO()
                with zipfile.ZipFile(buffer, "w") as archive:
                    archive.writestr("app.py", ECHO)
                    archive.writestr(name, "x")
                self.refuse(buffer.getvalue())
        for path in ("/evil", "/etc/evil"):
            self.assertFalse(os.path.exists(path))

    def test_links_that_lead_out_of_the_package_are_refused(self):
        for target in ("/etc/passwd", "../../etc/passwd", "a/../../../x"):
            with self.subTest(target=target):
                self.refuse(zip_with_link("link", target))

    def test_a_link_inside_the_package_works(self):
        self.assertEqual(self.result(self.create({"ZipFile": zip_with_link("other.py", "app.py")}, handler="other.handler"), 1), 1)

    def test_bombs_are_refused(self):
        self.assertIn("262144000", self.refuse(bomb(300)))
        self.refuse(lying_bomb())

    def test_archives_with_too_many_files_or_of_other_kinds_do_no_harm(self):
        with self.subTest("no zip at all"):
            self.assertEqual(self.refuse(b"this is no archive"), "Could not unzip uploaded file. Please check your file, then try to upload again.")
        with self.subTest("empty"):
            self.refuse(zip_of({}))
        whole = zip_of({"app.py": ECHO * 50})
        for cut in (4, 30, len(whole) // 2, len(whole) - 3):
            with self.subTest(cut=cut):
                self.refuse(whole[:cut])
        with self.subTest("wrong checksum"):
            broken = bytearray(whole)
            broken[40] ^= 0xff
            self.refuse(bytes(broken))
        self.is_alive()

    def test_broken_archives_of_all_kinds_are_answered(self):
        rng = random.Random(7)
        whole = zip_of({"app.py": ECHO, "b/c.txt": "text" * 100})
        for _ in range(60):
            broken = bytearray(whole)
            for _ in range(rng.randint(1, 8)):
                broken[rng.randrange(len(broken))] = rng.randrange(256)
            try:
                function = self.create({"ZipFile": bytes(broken)}, wait=False)
                self.lambda_.delete_function(FunctionName=function.name)
            except self.lambda_.exceptions.InvalidParameterValueException:
                pass
        self.is_alive()

    def test_weird_names_get_a_validation_error(self):
        lambda_ = client("lambda", parameter_validation=False)
        for name in ("", " ", "a" * 300, "ü", "a/b", "../x", "a%00b", "$LATEST", "a\nb", "arn:aws:lambda:::function:", ":" * 20, "\U0001f600" * 40):
            with self.subTest(name=name):
                with self.assertRaises(Exception) as caught:
                    lambda_.create_function(
                        FunctionName=name, Runtime=PYTHON, Handler="a.b", Role="arn:aws:iam::000000000000:role/r",
                        Code={"ZipFile": zip_of({"app.py": ECHO})})
                status = caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]
                self.assertTrue(400 <= status < 500, caught.exception.response)
                with self.assertRaises(Exception) as caught:
                    lambda_.get_function(FunctionName=name or "%")
                self.assertTrue(400 <= caught.exception.response["ResponseMetadata"]["HTTPStatusCode"] < 500)

    def exchange(self, data):
        """Whatever the server answers to these bytes."""
        address = urllib.parse.urlsplit(endpoint())
        with socket.create_connection((address.hostname, address.port), timeout=120) as connection:
            answer = b""
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it answered and closed before it had everything
            try:
                while chunk := connection.recv(65_536):
                    answer += chunk
            except ConnectionError:
                pass  # what had arrived counts
            return answer

    def test_random_requests_never_get_a_500_and_never_end_the_server(self):
        rng = random.Random(11)
        targets = ["DynamoDB_20120810.ListTables", "Logs_20140328.PutLogEvents", "Logs_20140328.", "", "\x7f", "AWSLambda.Invoke"]
        paths = [
            "/", "/2015-03-31/functions", "/2015-03-31/functions/", "/2015-03-31/functions/x/invocations", "/2015-03-31/functions/%00",
            "/2015-03-31/functions/%ff%fe/versions", "//", "/_martlet/", "/_martlet/health/../../x", "/2018-10-31/layers/x/versions/99999999999999999999",
            "/2015-03-31/functions?MaxItems=99999999999999999999", "/2015-03-31/functions?Marker=%22%00", "/?Action=ListRoles&Version=2010-05-08",
            "/2017-03-31/tags/arn%3Aaws", "/x" * 2_000]
        bodies = [
            b"", b"{}", b"[]", b"null", b'{"a":' * 5_000, b"[" * 100_000, b'{"logGroupName": 1}', b'{"logEvents": {}}', b"\xff" * 50,
            b"Action=CreateRole&RoleName=", b"Action=" + b"A" * 5_000, b'{"ZipFile": "%%%"}', b'{"Timeout": 1e400}', b'{"Timeout": -9223372036854775809}']
        services = ["lambda", "iam", "sts", "logs", "nope", "", "a/b"]
        for number in range(200):
            body = rng.choice(bodies)
            lines = ["%s %s HTTP/1.1" % (rng.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]), rng.choice(paths)), "Host: localhost"]
            if rng.random() < 0.8:
                lines.append(
                    "Authorization: AWS4-HMAC-SHA256 Credential=%s/20240101/us-east-1/%s/aws4_request, SignedHeaders=host, Signature=0"
                    % (rng.choice(["test", "111122223333", "", "x" * 500]), rng.choice(services)))
            if rng.random() < 0.5:
                lines.append("X-Amz-Target: " + rng.choice(targets))
            if rng.random() < 0.5:
                lines.append("Content-Type: " + rng.choice(["application/x-amz-json-1.1", "application/x-www-form-urlencoded", "text/\x80", ""]))
            if rng.random() < 0.9:
                lines.append("Content-Length: %s" % rng.choice([str(len(body))] * 6 + ["0", "-1", "99999999999999999999"]))
            lines.append("Connection: close")
            data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
            answer = self.exchange(data)
            self.assertFalse(answer.startswith(b"HTTP/1.1 500"), (number, data[:300], answer[:300]))
        self.is_alive()

    def test_bytes_that_are_no_http_are_answered_or_cut(self):
        rng = random.Random(13)
        for size in (1, 10, 1_000, 100_000):
            answer = self.exchange(bytes(rng.randrange(256) for _ in range(size)))
            self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100])
        self.assertFalse(self.exchange(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n").startswith(b"HTTP/1.1 5"))
        self.is_alive()

    def test_watchers_of_events_that_break_off_are_answered_or_cut_and_make_room(self):
        whole = b"GET /_martlet/events?source=orders&results=retried,failed&a=%20 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        server = urllib.parse.urlsplit(endpoint())
        address = (server.hostname, server.port)

        def break_off(seed):
            rng = random.Random(seed)
            for number in range(100):
                data = bytearray(whole)
                for _ in range(rng.randrange(1, 12)):
                    at = rng.randrange(len(data))
                    data[at:at + rng.randrange(2)] = rng.randbytes(rng.randrange(2))
                way = rng.randrange(3)
                with socket.create_connection(address, timeout=120) as connection:
                    try:
                        connection.sendall(data)
                        if way == 0:
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                            continue
                        connection.shutdown(socket.SHUT_WR)
                        # A connection of which one half is closed is answered, or it is closed: neither is a timeout here.
                        answer = connection.recv(65_536) if way == 1 else b""
                    except ConnectionError:
                        continue
                self.assertFalse(answer.startswith(b"HTTP/1.1 500"), (seed, number, bytes(data)))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(break_off, range(8)))
        good = b"GET /_martlet/events HTTP/1.1\r\nHost: localhost\r\n\r\n"

        def is_shown():
            with socket.create_connection(address, timeout=120) as connection:
                connection.sendall(good)
                return connection.recv(65_536).startswith(b"HTTP/1.1 200")

        # The gone are found out at the next pulse.
        eventually(is_shown)
        self.is_alive()

    def test_web_pages_cannot_drive_the_open_mode(self):
        for header in ("Host: attacker.example", "Host: localhost\r\nOrigin: https://attacker.example"):
            request = "GET /2015-03-31/functions/ HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n" % header
            self.assertRegex(self.exchange(request.encode()), rb"^HTTP/1\.1 403 ", header)

    def test_a_function_cannot_confuse_the_runtime_api(self):
        source = """
import socket
def call(data):
    with socket.create_connection(("127.0.0.1", 9001), timeout=5) as s:
        s.sendall(data)
        return s.recv(65536).decode("latin-1").split("\\r\\n")[0]
def post(path, body=b"{}"):
    return call(b"POST /2018-06-01/runtime/%s HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (path, len(body), body))
def handler(e, c):
    mine = c.aws_request_id.encode()
    return [
        post(b"invocation/no-such-id/response"), post(b"init/error"), call(b"GET /nothing HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"),
        post(b"invocation/" + mine + b"/response", b'"first"'), post(b"invocation/" + mine + b"/response", b'"second"')]
"""
        function = self.create(source)
        answer = function.invoke({})
        self.assertEqual(answer.json, "first")
        self.is_alive()
        self.assertEqual(self.create(ECHO).invoke(1).json, 1)
