# SPDX-License-Identifier: Apache-2.0
"""Function URLs: plain HTTP in, the event of payload format 2.0, what the function says out."""

import concurrent.futures
import http.client
import json
import random
import shutil
import socket
import subprocess
import time
import unittest
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from harness import NODE, REGION, EndToEndTest, eventually
from test_auth import OwnServer
from test_iam import TRUST

# Answers the event, or whatever the body asks for.
ECHO = """
import base64, json
def handler(event, context):
    body = event.get("body") or ""
    if event["isBase64Encoded"]: body = base64.b64decode(body).decode("utf-8", "replace")
    if body.startswith("raise"): raise ValueError(body)
    if body.startswith("answer "): return json.loads(body[7:])
    return event
"""
STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const way = event.rawPath;
  if (way === '/early') throw new Error('before anything');
  if (way !== '/plain') {
    stream = awslambda.HttpResponseStream.from(stream, {
      statusCode: 201, headers: { 'Content-Type': 'text/x-sse', 'X-Way': way }, cookies: ['a=1', 'b=2'] });
  }
  if (way === '/empty') return stream.end();
  stream.write('first');
  if (way === '/late') throw new Error('after the head');
  await new Promise((done) => setTimeout(done, 2000));
  stream.write('second');
  stream.end();
});
"""


class Reply:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class URLTest(EndToEndTest):
    def address(self, function, auth="NONE", **options):
        return self.lambda_.create_function_url_config(FunctionName=function.name, AuthType=auth, **options)["FunctionUrl"]

    def open(self, url, method="GET", path="/", body=None, headers=None):
        """The response, unread. The name resolves to this machine."""
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=120)
        self.addCleanup(connection.close)
        connection.request(method, path, body, {"Host": parts.netloc, **(headers or {})})
        return connection.getresponse()

    def ask(self, *arguments, **options):
        return Reply(self.open(*arguments, **options))

    def signed(self, url, key="test", secret="test", method="GET", path="/", body=None, token=None):
        parts = urllib.parse.urlsplit(url)
        request = botocore.awsrequest.AWSRequest(method, "http://%s%s" % (parts.netloc, path), data=body)
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret, token), "lambda", REGION).add_auth(request)
        return self.ask(url, method, path, body, dict(request.headers))


class Rubbish(URLTest):
    def test_ten_thousand_broken_requests_leave_an_address_healthy(self):
        # The function is there for what comes through whole; a place for one keeps the rest from starting a crowd.
        function = self.create(ECHO)
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
        url = self.address(function, Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["*"]})
        parts = urllib.parse.urlsplit(url)
        call = ("POST /a/b?c=d&e=%%20 HTTP/1.1\r\nHost: %s\r\nCookie: f=g; h=i\r\nOrigin: https://a.example\r\n"
                "Content-Type: text/plain\r\nConnection: close\r\nContent-Length: 9\r\n\r\nraise 123" % parts.netloc).encode()
        chance = random.Random(20)

        def broken():
            text = bytearray(call)
            for _ in range(chance.randint(1, 6)):
                at = chance.randrange(len(text))
                way = chance.randrange(4)
                if way == 0: text[at] = chance.randrange(256)
                elif way == 1: del text[at:at + chance.randint(1, 30)]
                elif way == 2: text[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 30)))
                else: text[at:at] = text[at:at + chance.randint(1, 60)]
                text = text or bytearray(b"x")
            return bytes(text)

        def send(texts):
            for text in texts:
                with socket.create_connection(("127.0.0.1", parts.port), 60) as connection:
                    try:
                        connection.sendall(text)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536): pass
                    except (BrokenPipeError, ConnectionResetError):
                        pass

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(send, [[broken() for _ in range(1250)] for _ in range(8)]))
        self.assertEqual(eventually(lambda: (lambda r: r.status == 200 and r)(self.ask(url, body="x", method="POST"))).json["body"], "eA==")


class FunctionURLs(URLTest):
    def test_the_event_has_payload_format_two(self):
        url = self.address(self.create(ECHO))
        host = urllib.parse.urlsplit(url).hostname
        event = self.ask(
            url, "PUT", "/a%20b/c?x=1&x=2&y=%C3%BC", '{"k":1}',
            {"Content-Type": "application/json", "Cookie": "a=1; b=2", "X-Upper": "V", "User-Agent": "tests"}).json
        self.assertEqual((event["version"], event["routeKey"], event["rawPath"]), ("2.0", "$default", "/a%20b/c"))
        self.assertEqual(event["rawQueryString"], "x=1&x=2&y=%C3%BC")
        self.assertEqual(event["queryStringParameters"], {"x": "1,2", "y": "ü"})
        self.assertEqual(event["cookies"], ["a=1", "b=2"])
        self.assertEqual((event["headers"]["x-upper"], event["headers"]["content-type"]), ("V", "application/json"))
        self.assertRegex(event["headers"]["x-amzn-trace-id"], r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24}")
        self.assertEqual((event["body"], event["isBase64Encoded"]), ('{"k":1}', False))
        context = event["requestContext"]
        self.assertEqual((context["domainName"], context["apiId"], context["accountId"]), (host, host.split(".")[0], "anonymous"))
        self.assertEqual(
            context["http"],
            {"method": "PUT", "path": "/a b/c", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "tests"})
        self.assertAlmostEqual(context["timeEpoch"] / 1000, time.time(), delta=60)

    def test_bytes_travel_both_ways(self):
        url = self.address(self.create("def handler(e, c): return {'statusCode': 200, 'body': e['body'], 'isBase64Encoded': e['isBase64Encoded'], 'headers': {'content-type': 'image/x'}}"))
        data = bytes(range(256)) * 100
        reply = self.ask(url, "POST", body=data, headers={"Content-Type": "application/octet-stream"})
        self.assertEqual((reply.status, reply.body, reply.headers["content-type"]), (200, data, "image/x"))

    def test_answers_are_inferred(self):
        url = self.address(self.create(ECHO))
        for value in ({"message": "hi"}, "hi", [1], None, 4):
            reply = self.ask(url, "POST", body="answer " + json.dumps(value), headers={"Content-Type": "text/plain"})
            self.assertEqual((reply.status, reply.json, reply.headers["content-type"]), (200, value, "application/json"))
        full = {"statusCode": 418, "headers": {"X-Pot": "short"}, "cookies": ["a=1; Path=/", "b=2"], "body": "tea"}
        reply = self.ask(url, "POST", body="answer " + json.dumps(full), headers={"Content-Type": "text/plain"})
        self.assertEqual((reply.status, reply.body, reply.headers["x-pot"]), (418, b"tea", "short"))
        self.assertEqual(reply.headers.get_all("set-cookie"), ["a=1; Path=/", "b=2"])

    def test_a_function_that_fails_is_a_bad_gateway(self):
        url = self.address(self.create(ECHO))
        for body in ("raise me", 'answer {"statusCode": 99}', 'answer {"statusCode":200,"headers":{"a":"b\\r\\nc: d"}}'):
            reply = self.ask(url, "POST", body=body, headers={"Content-Type": "text/plain"})
            self.assertEqual((reply.status, reply.body), (502, b"Internal Server Error"), body)
        self.assertEqual(self.ask(url).status, 200)

    def test_limits_throttles_and_unknown_addresses(self):
        function = self.create(ECHO)
        url = self.address(function)
        for size in (7_000_000, 6_291_456):  # too large itself, and too large in its event
            self.assertEqual(self.ask(url, "POST", body="x" * size, headers={"Content-Type": "text/plain"}).status, 413)
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
        reply = self.ask(url)
        self.assertEqual((reply.status, reply.headers["x-amzn-errortype"]), (429, "TooManyRequestsException"))
        self.assertEqual(self.ask(url.replace("://", "://nobody")).status, 404)
        self.lambda_.delete_function_url_config(FunctionName=function.name)
        self.assertEqual(self.ask(url).status, 404)

    def test_an_alias_has_an_address_of_its_own(self):
        function = self.create("def handler(e, c): return [c.function_version, c.invoked_function_arn]")
        version = self.lambda_.publish_version(FunctionName=function.name)["Version"]
        self.lambda_.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
        eventually(lambda: self.lambda_.get_function_configuration(FunctionName=function.name, Qualifier=version)["State"] == "Active")
        own, alias = self.address(function), self.address(function, Qualifier="live")
        self.assertEqual(self.ask(own).json, ["$LATEST", function.arn])
        self.assertEqual(self.ask(alias).json, [version, function.arn + ":live"])

    def test_cors_is_answered_by_the_address(self):
        function = self.create("def handler(e, c): return {'statusCode': 200, 'headers': {'Access-Control-Allow-Origin': 'http://own'}, 'body': e['requestContext']['http']['method']}")
        url = self.address(function)
        asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
        self.assertEqual(self.ask(url, "OPTIONS", headers=asks).body, b"OPTIONS")
        self.lambda_.update_function_url_config(
            FunctionName=function.name,
            Cors={"AllowOrigins": ["https://app.example"], "AllowMethods": ["PUT"], "AllowHeaders": ["x-a"],
                  "ExposeHeaders": ["x-b"], "MaxAge": 9, "AllowCredentials": True})
        reply = self.ask(url, "OPTIONS", headers=asks)
        self.assertEqual((reply.status, reply.body), (200, b""))
        self.assertEqual(
            {name.lower(): value for name, value in reply.headers.items() if name.lower().startswith("access-control")},
            {"access-control-allow-origin": "https://app.example", "access-control-allow-methods": "PUT",
             "access-control-allow-headers": "x-a", "access-control-max-age": "9", "access-control-allow-credentials": "true"})
        reply = self.ask(url, "PUT", headers={"Origin": "https://app.example"})
        self.assertEqual((reply.body, reply.headers.get_all("access-control-allow-origin")), (b"PUT", ["https://app.example"]))
        self.assertEqual(reply.headers["access-control-expose-headers"], "x-b")
        self.assertIsNone(self.ask(url, headers={"Origin": "https://evil.example"}).headers["access-control-allow-origin"])

    def test_a_signature_is_needed_with_aws_iam_and_ignored_without(self):
        function = self.create(ECHO)
        url = self.address(function, "AWS_IAM")
        reply = self.ask(url)
        self.assertEqual((reply.status, reply.json, reply.headers["x-amzn-errortype"]), (403, {"Message": "Forbidden"}, "AccessDeniedException"))
        event = self.signed(url, method="POST", path="/p?q=1", body="x").json
        caller = event["requestContext"]["authorizer"]["iam"]
        self.assertEqual((caller["accountId"], caller["accessKey"]), ("000000000000", "test"))
        self.assertNotIn("authorization", event["headers"])
        self.lambda_.update_function_url_config(FunctionName=function.name, AuthType="NONE")
        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, nonsense"}
        self.assertEqual(self.ask(url, headers=headers).json["headers"]["authorization"], headers["Authorization"])

    @unittest.skipUnless(shutil.which("curl"), "no curl here")
    def test_the_address_resolves_for_curl(self):
        url = self.address(self.create(ECHO))
        answer = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-X", "DELETE", url + "x/y"], check=True, capture_output=True, timeout=120, env={"PATH": "/usr/bin:/bin"})
        self.assertEqual(json.loads(answer.stdout)["requestContext"]["http"]["method"], "DELETE")


class StreamedURLs(URLTest):
    def streamed(self):
        return self.address(self.create(STREAM, runtime=NODE), InvokeMode="RESPONSE_STREAM")

    def test_the_prelude_is_the_head_and_the_first_piece_comes_early(self):
        response = self.open(self.streamed(), path="/way")
        self.assertEqual((response.status, response.headers["content-type"], response.headers["x-way"]), (201, "text/x-sse", "/way"))
        self.assertEqual(response.headers.get_all("set-cookie"), ["a=1", "b=2"])
        self.assertEqual(response.read(5), b"first")
        began = time.monotonic()
        self.assertEqual(response.read(), b"second")
        # The function sleeps between the two, so they were not sent together.
        self.assertGreater(time.monotonic() - began, 0.7)

    def test_a_stream_without_a_prelude_is_bytes(self):
        reply = self.ask(self.streamed(), path="/plain")
        self.assertEqual((reply.status, reply.headers["content-type"], reply.body), (200, "application/octet-stream", b"firstsecond"))

    def test_failures_are_a_bad_gateway_before_the_head_and_a_broken_connection_after(self):
        url = self.streamed()
        self.assertEqual(self.ask(url, path="/early").status, 502)
        response = self.open(url, path="/late")
        self.assertEqual(response.status, 201)
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            response.read()
        self.assertEqual(self.ask(url, path="/empty").body, b"")

    def test_a_streaming_function_behind_a_buffered_address_answers_whole(self):
        url = self.address(self.create(STREAM, runtime=NODE))
        reply = self.ask(url, path="/way")
        self.assertEqual((reply.status, reply.body, reply.headers["x-way"]), (201, b"firstsecond", "/way"))

    def test_a_function_that_does_not_stream_behind_a_streaming_address_is_its_answer(self):
        url = self.address(self.create("def handler(e, c): return {'statusCode': 201}"), InvokeMode="RESPONSE_STREAM")
        reply = self.ask(url)
        self.assertEqual((reply.status, reply.json), (200, {"statusCode": 201}))


class EnforcedURLs(OwnServer, URLTest):
    mode = "enforced"

    def make(self, auth):
        iam = self.own.iam
        name = "url-role-" + auth.lower()
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        function = self.create(ECHO, Role=role)
        return function, self.address(function, auth)

    def permit(self, function, action, principal, **options):
        self.lambda_.add_permission(
            FunctionName=function.name, StatementId=action + str(len(options)), Action="lambda:" + action, Principal=principal, **options)

    def test_the_public_needs_both_statements(self):
        function, url = self.make("NONE")
        self.assertEqual(self.ask(url).status, 403)
        self.permit(function, "InvokeFunctionUrl", "*", FunctionUrlAuthType="NONE")
        self.assertEqual(self.ask(url).status, 403)
        self.permit(function, "InvokeFunction", "*", InvokedViaFunctionUrl=True)
        self.assertEqual(self.ask(url).status, 200)
        # What is for the address is for nothing else.
        self.lambda_.remove_permission(FunctionName=function.name, StatementId="InvokeFunctionUrl1")
        self.assertEqual(self.ask(url).status, 403)

    def test_signatures_are_verified_and_policies_asked(self):
        function, url = self.make("AWS_IAM")
        root = self.root
        self.assertEqual(self.signed(url, root["key"], root["secret"]).status, 200)
        self.assertEqual(self.signed(url, root["key"], "wrong").status, 403)
        self.assertEqual(self.signed(url, "AKIAUNKNOWN", "wrong").status, 403)
        self.assertEqual(self.ask(url).status, 403)
        iam = self.own.iam
        user = iam.create_user(UserName="url-user")["User"]
        key = iam.create_access_key(UserName="url-user")["AccessKey"]
        mine = (key["AccessKeyId"], key["SecretAccessKey"])
        self.assertEqual(self.signed(url, *mine).status, 403)
        statement = {"Effect": "Allow", "Action": ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"], "Resource": function.arn,
                     "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}, "Bool": {"lambda:InvokedViaFunctionUrl": "true"}}}
        iam.put_user_policy(
            UserName="url-user", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        reply = eventually(lambda: (lambda r: r.status == 200 and r)(self.signed(url, *mine)))
        self.assertEqual(reply.json["requestContext"]["authorizer"]["iam"]["userArn"], user["Arn"])
