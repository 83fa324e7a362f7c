# SPDX-License-Identifier: Apache-2.0
"""SNS with unmodified boto3: topics, filters, signed notifications to a web server of the test, and what a kill leaves."""

import base64
import glob
import http.server
import json
import os
import queue
import secrets
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, EndToEndTest, client, endpoint, eventually
from server import Server


class Receiver:
    """A web server that keeps what is posted to it, and answers what the test says."""

    def __init__(self):
        self.posts = queue.Queue()
        self.answer = lambda post: 200
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                post = {"path": self.path, "headers": self.headers, "body": body}
                status = receiver.answer(post)
                if status == 200:
                    receiver.posts.put(post)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()

    def next(self, seconds=30):
        return self.posts.get(timeout=seconds)

    def confirmed(self, sns, topic, path="x", **attributes):
        """A subscription, confirmed as people do it: by following the link."""
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=self.url + path, Attributes=attributes)
        post = self.next()
        assert post["headers"]["x-amz-sns-message-type"] == "SubscriptionConfirmation", post
        with urllib.request.urlopen(json.loads(post["body"])["SubscribeURL"]) as answer:
            text = answer.read().decode()
        return text.split("<SubscriptionArn>")[1].split("</SubscriptionArn>")[0]


def signed_text(message):
    """What AWS documents that the signature is about."""
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    if message["Type"] == "Notification":
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    return "".join("%s\n%s\n" % (name, message[name]) for name in names if name in message)


def is_verified(message):
    """By openssl, with the certificate that the message names."""
    with tempfile.TemporaryDirectory() as folder:
        def path(name, content):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
            return file.name

        certificate = path("certificate.pem", urllib.request.urlopen(message["SigningCertURL"]).read())
        public = subprocess.run(
            ["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, capture_output=True).stdout
        subprocess.run(["openssl", "x509", "-in", certificate, "-checkend", "86400", "-noout"], check=True, capture_output=True)
        digest = {"1": "-sha1", "2": "-sha256"}[message["SignatureVersion"]]
        found = subprocess.run(
            ["openssl", "dgst", digest, "-verify", path("key.pem", public), "-signature",
             path("signature", base64.b64decode(message["Signature"])), path("text", signed_text(message).encode())],
            capture_output=True, text=True)
        return found.returncode == 0 and found.stdout == "Verified OK\n"


class Topics(EndToEndTest):
    def setUp(self):
        self.sns = client("sns")

    def topic(self, **attributes):
        name = "t" + secrets.token_hex(6) + (".fifo" if attributes.get("FifoTopic") else "")
        return self.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]

    def refused(self, call, **arguments):
        with self.assertRaises(ClientError) as refusal:
            call(**arguments)
        return refusal.exception.response["Error"]

    def test_a_topic_lives_and_dies(self):
        arn = self.topic(DisplayName="shown")
        self.assertRegex(arn, "^arn:aws:sns:%s:%s:t[0-9a-f]{12}$" % (REGION, ACCOUNT))
        self.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
        self.assertEqual(self.sns.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "k", "Value": "v"}])
        attributes = self.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        self.assertEqual(attributes["DisplayName"], "shown")
        self.assertEqual(json.loads(attributes["Policy"])["Id"], "__default_policy_ID")
        topics = [t["TopicArn"] for page in self.sns.get_paginator("list_topics").paginate() for t in page["Topics"]]
        self.assertIn(arn, topics)
        self.sns.delete_topic(TopicArn=arn)
        error = self.refused(self.sns.get_topic_attributes, TopicArn=arn)
        self.assertEqual((error["Code"], error["Message"], error["Type"]), ("NotFound", "Topic does not exist", "Sender"))

    def test_notifications_over_http_are_signed_and_verify(self):
        for version in "1", "2":
            with self.subTest(version=version), Receiver() as receiver:
                topic = self.topic(SignatureVersion=version)
                self.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
                ask = receiver.next()
                message = json.loads(ask["body"])
                self.assertEqual(ask["headers"]["Content-Type"], "text/plain; charset=UTF-8")
                self.assertTrue(is_verified(message), message)
                with urllib.request.urlopen(message["SubscribeURL"]) as answer:
                    arn = answer.read().decode().split("<SubscriptionArn>")[1].split("</")[0]
                sent = self.sns.publish(
                    TopicArn=topic, Message="hello \N{SNOWMAN}", Subject="subject",
                    MessageAttributes={"n": {"DataType": "Number", "StringValue": "5"},
                                       "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"}})
                post = receiver.next()
                message = json.loads(post["body"])
                self.assertEqual(message["MessageId"], sent["MessageId"])
                self.assertEqual(message["Message"], "hello \N{SNOWMAN}")
                self.assertEqual(message["MessageAttributes"]["b"], {"Type": "Binary", "Value": "AP8="})
                self.assertEqual(post["headers"]["x-amz-sns-subscription-arn"], arn)
                self.assertTrue(is_verified(message), message)
                self.assertFalse(is_verified(dict(message, Message="forged")))
                with urllib.request.urlopen(message["UnsubscribeURL"]):
                    pass
                message = json.loads(receiver.next()["body"])
                self.assertEqual(message["Type"], "UnsubscribeConfirmation")
                self.assertTrue(is_verified(message), message)
                self.assertEqual(self.refused(self.sns.get_subscription_attributes, SubscriptionArn=arn)["Code"], "NotFound")

    def test_each_subscription_gets_what_its_filter_wants(self):
        with Receiver() as receiver:
            topic = self.topic()
            receiver.confirmed(self.sns, topic, "red", FilterPolicy='{"colour": ["red"], "size": [{"numeric": [">", 5]}]}')
            receiver.confirmed(
                self.sns, topic, "body", FilterPolicyScope="MessageBody", FilterPolicy='{"a": {"b": [{"prefix": "x"}]}}',
                RawMessageDelivery="true")

            def publish(text, colour, size):
                self.sns.publish(TopicArn=topic, Message=text, MessageAttributes={
                    "colour": {"DataType": "String", "StringValue": colour},
                    "size": {"DataType": "Number", "StringValue": size}})

            publish("no", "blue", "9")
            publish("no", "red", "5")
            publish('{"a": {"b": "xyz"}}', "red", "5.5")
            posts = sorted([receiver.next(), receiver.next()], key=lambda post: post["path"])
            self.assertEqual([post["path"] for post in posts], ["/body", "/red"])
            self.assertEqual(posts[0]["body"], '{"a": {"b": "xyz"}}')
            self.assertEqual(posts[0]["headers"]["x-amz-sns-rawdelivery"], "true")
            self.assertTrue(receiver.posts.empty())

    def test_a_batch_and_what_is_wrong_with_it(self):
        with Receiver() as receiver:
            topic = self.topic()
            receiver.confirmed(self.sns, topic)
            answer = self.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
                {"Id": "a", "Message": "1"}, {"Id": "b", "Message": "2", "Subject": "line\nbreak"}, {"Id": "c", "Message": "3"}])
            self.assertEqual([entry["Id"] for entry in answer["Successful"]], ["a", "c"])
            self.assertEqual([(entry["Id"], entry["Code"]) for entry in answer["Failed"]], [("b", "InvalidParameter")])
            self.assertEqual({json.loads(receiver.next()["body"])["Message"] for _ in range(2)}, {"1", "3"})
        error = self.refused(self.sns.publish, TopicArn=topic, Message="x" * 262_145)
        self.assertEqual(error["Message"], "Invalid parameter: Message too long")

    def test_a_server_that_fails_is_asked_again(self):
        with Receiver() as receiver:
            topic = self.topic()
            receiver.confirmed(
                self.sns, topic, DeliveryPolicy=json.dumps({"healthyRetryPolicy": {
                    "minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 3, "numNoDelayRetries": 1}}))
            tries = []
            receiver.answer = lambda post: 200 if len(tries) == 2 else tries.append(1) or 503
            self.sns.publish(TopicArn=topic, Message="at last")
            self.assertEqual(json.loads(receiver.next()["body"])["Message"], "at last")
            self.assertEqual(len(tries), 2)

    def test_fifo_topics_number_their_messages(self):
        topic = self.topic(FifoTopic="true", ContentBasedDeduplication="true")
        first = self.sns.publish(TopicArn=topic, Message="m", MessageGroupId="g")
        self.assertRegex(first["SequenceNumber"], "^[0-9]{20}$")
        copy = self.sns.publish(TopicArn=topic, Message="m", MessageGroupId="g")
        self.assertEqual((copy["MessageId"], copy["SequenceNumber"]), (first["MessageId"], first["SequenceNumber"]))
        self.assertIn("MessageGroupId", self.refused(self.sns.publish, TopicArn=topic, Message="m")["Message"])

    def test_text_messages_and_pushes_are_in_the_log(self):
        number = "+1555%07d" % secrets.randbelow(10_000_000)
        self.sns.publish(PhoneNumber=number, Message="a text")
        logs = client("logs")

        def lines():
            try:
                events = logs.filter_log_events(logGroupName="sns/%s/%s/DirectPublishToPhoneNumber" % (REGION, ACCOUNT))["events"]
            except ClientError:
                return None
            return [line for line in (json.loads(event["message"]) for event in events) if line["delivery"]["destination"] == number]

        [line] = eventually(lines)
        self.assertEqual(line["delivery"]["message"], "a text")
        application = self.sns.create_platform_application(
            Name="a" + secrets.token_hex(6), Platform="GCM", Attributes={"PlatformCredential": "c"})["PlatformApplicationArn"]
        device = self.sns.create_platform_endpoint(PlatformApplicationArn=application, Token="t")["EndpointArn"]
        self.assertEqual(self.sns.get_endpoint_attributes(EndpointArn=device)["Attributes"], {"Enabled": "true", "Token": "t"})
        self.assertTrue(self.sns.publish(TargetArn=device, Message="a push")["MessageId"])
        self.sns.delete_platform_application(PlatformApplicationArn=application)

    def test_every_operation_of_the_model_answers(self):
        """No operation is unknown: what is asked wrongly gets a 4xx of its own."""
        for operation in self.sns.meta.service_model.operation_names:
            query = urllib.parse.urlencode({"Action": operation, "Version": "2010-03-31"}).encode()
            request = urllib.request.Request(endpoint() + "/", query, {
                "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/%s/sns/aws4_request, SignedHeaders=host, Signature=x" % REGION})
            try:
                status = urllib.request.urlopen(request).status
            except urllib.error.HTTPError as error:
                status = error.code
            self.assertTrue(status == 200 or 400 <= status < 500, (operation, status))

    def test_hostile_links_do_nothing(self):
        topic = self.topic()
        for query in (
            "Action=ConfirmSubscription&Version=2010-03-31&TopicArn=%s&Token=%s" % (topic, "x" * 10_000),
            "Action=ConfirmSubscription&Version=2010-03-31&TopicArn=%00&Token=",
            "Action=Unsubscribe&Version=2010-03-31&SubscriptionArn=%s:%s" % (topic, "../x"),
            "Action=Unsubscribe&Version=2010-03-31&SubscriptionArn=",
        ):
            with self.subTest(query=query[:80]):
                try:
                    urllib.request.urlopen(endpoint() + "/?" + query)
                except urllib.error.HTTPError as error:
                    self.assertEqual(error.code, 400)


class Letters(unittest.TestCase):
    def test_e_mails_are_files_of_the_data_directory(self):
        with Server() as server:
            sns = client("sns", server.endpoint)
            topic = sns.create_topic(Name="t")["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="someone@example.com")
            [path] = eventually(lambda: glob.glob(os.path.join(server.data, "sns-mail", "*.eml")))
            with open(path, encoding="utf-8") as file:
                text = file.read()
            self.assertIn("To: someone@example.com\n", text)
            self.assertEqual(os.stat(path).st_mode & 0o077, 0)
            [link] = [line for line in text.splitlines() if "Action=ConfirmSubscription" in line]
            urllib.request.urlopen(link).close()
            [subscription] = sns.list_subscriptions()["Subscriptions"]
            self.assertTrue(subscription["SubscriptionArn"].startswith(topic), subscription)


class Kill(unittest.TestCase):
    def test_what_was_acknowledged_is_delivered_after_sigkill(self):
        with Server() as server, Receiver() as receiver:
            sns = client("sns", server.endpoint)
            topic = sns.create_topic(Name="t")["TopicArn"]
            arn = receiver.confirmed(sns, topic)
            receiver.answer = lambda post: 503
            sent = {sns.publish(TopicArn=topic, Message="m%d" % number)["MessageId"] for number in range(20)}
            server.kill()
            receiver.answer = lambda post: 200
            server.start()
            found = set()
            while found != sent:
                found.add(json.loads(receiver.next(60)["body"])["MessageId"])
            self.assertEqual(sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"], "false")
            with urllib.request.urlopen(server.endpoint + "/_martlet/health") as answer:
                self.assertEqual(answer.status, 200)

    def test_the_signing_key_is_the_same_after_a_restart(self):
        with Server() as server, Receiver() as receiver:
            sns = client("sns", server.endpoint)
            topic = sns.create_topic(Name="t")["TopicArn"]
            receiver.confirmed(sns, topic)
            sns.publish(TopicArn=topic, Message="m")
            before = json.loads(receiver.next()["body"])
            self.assertEqual(server.stop(), 0)
            server.start()
            sns.publish(TopicArn=topic, Message="m")
            after = json.loads(receiver.next()["body"])
            self.assertEqual(before["SigningCertURL"], after["SigningCertURL"])
            self.assertTrue(is_verified(before) and is_verified(after))
            for path in glob.glob(os.path.join(server.data, "**"), recursive=True):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        self.assertNotIn(b"PRIVATE KEY", file.read())


class Guarded(unittest.TestCase):
    def test_links_work_without_a_key_where_keys_are_checked_and_the_loopback_is_out_of_reach(self):
        from test_auth import root_of
        with Server("--auth", "enforced") as server, Receiver() as receiver:
            sns = client("sns", server.endpoint, **root_of(server))
            topic = sns.create_topic(Name="t")["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
            link = "%s/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn=%s&Token=x" % (server.endpoint, topic)
            with self.assertRaises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(link)
            self.assertEqual(refusal.exception.code, 400)
            self.assertIn("Invalid parameter: Token", refusal.exception.read().decode())
            with self.assertRaises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen("%s/?Action=ListTopics&Version=2010-03-31" % server.endpoint)
            self.assertEqual(refusal.exception.code, 403)
            eventually(lambda: "notifications are not posted to 127.0.0.1" in server.log())
            self.assertTrue(receiver.posts.empty())


if __name__ == "__main__":
    unittest.main()
