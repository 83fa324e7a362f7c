# SPDX-License-Identifier: Apache-2.0
"""Tenant isolation: each tenant has environments of its own. And loops of invocations, which end."""

import http.client
import json
import os
import urllib.parse

from botocore.exceptions import ClientError

from harness import NODE, EndToEndTest, endpoint, eventually, shared
from test_clients_inside import publish_boto3

COUNTER = """
seen = []
def handler(event, context):
    seen.append(context.tenant_id)
    return seen
"""
#: Calls itself until somebody stops it; answers how deep it came.
LOOP = """
import boto3, json, os
def handler(event, context):
    depth = event["depth"] + 1
    if depth > event["last"]:
        return {"depth": depth}
    try:
        answer = boto3.client("lambda").invoke(
            FunctionName=context.function_name, Payload=json.dumps({"depth": depth, "last": event["last"]}))
    except Exception as error:
        return {"depth": depth, "error": type(error).__name__, "message": str(error)}
    return json.load(answer["Payload"])
"""
#: Calls its own address.
LOOP_BY_ADDRESS = """
import http.client, json, os, urllib.parse
def handler(event, context):
    body = json.loads(event["body"])
    depth = body["depth"] + 1
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(endpoint.hostname, endpoint.port)
    connection.request("POST", "/", json.dumps({"depth": depth}), {
        "Content-Type": "application/json", "Host": event["headers"]["host"], "X-Amzn-Trace-Id": os.environ["_X_AMZN_TRACE_ID"]})
    answer = connection.getresponse()
    text = answer.read()
    return json.loads(text) if answer.status == 200 else {"depth": depth, "status": answer.status}
"""
#: Sends each message to the queue that it came from.
LOOP_BY_QUEUE = """
import boto3, json, os
def handler(event, context):
    for record in event["Records"]:
        print("ROUND", record["body"], flush=True)
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=str(int(record["body"]) + 1))
"""


class Tenants(EndToEndTest):
    def refused(self, function, **options):
        with self.assertRaises(ClientError) as caught:
            function.invoke(1, **options)
        return caught.exception.response["Error"]["Code"], str(caught.exception)

    def tenants(self, source=COUNTER, **settings):
        return self.create(source, TenancyConfig={"TenantIsolationMode": "PER_TENANT"}, **settings)

    def test_addresses_and_provisioned_concurrency_name_no_tenant_and_are_refused(self):
        function = self.tenants()
        self.assertFails(
            "InvalidParameterValueException", 400, self.lambda_.create_function_url_config, FunctionName=function.name, AuthType="NONE")
        version = self.lambda_.publish_version(FunctionName=function.name)["Version"]
        self.assertFails(
            "InvalidParameterValueException", 400, self.lambda_.put_provisioned_concurrency_config, FunctionName=function.name,
            Qualifier=version, ProvisionedConcurrentExecutions=1)

    def test_records_in_json_name_the_tenant(self):
        function = self.tenants(LoggingConfig={"LogFormat": "JSON"})
        function.invoke(1, TenantId="blue")
        records = [json.loads(line) for line in self.log_of(function) if '"platform.' in line]
        named = {record["type"]: record["record"].get("tenantId") for record in records}
        self.assertEqual((named["platform.start"], named["platform.report"]), ("blue", "blue"))

    def test_each_tenant_has_environments_of_its_own(self):
        function = self.tenants()
        self.assertEqual(function.created["TenancyConfig"], {"TenantIsolationMode": "PER_TENANT"})
        for tenant in ("a", "b", "a", "b/with: @all=+-._"):
            function.invoke(1, TenantId=tenant)
        self.assertEqual(function.invoke(1, TenantId="a").json, ["a"] * 3)
        self.assertEqual(function.invoke(1, TenantId="b").json, ["b"] * 2)

    def test_node_sees_its_tenant(self):
        function = self.tenants("exports.handler = async (e, c) => c.tenantId", runtime=NODE)
        self.assertEqual(function.invoke(1, TenantId="blue").json, "blue")

    def test_an_event_runs_in_an_environment_of_its_tenant(self):
        function = self.tenants()
        queue = self.account.sqs.create_queue(QueueName="tenants-%d" % os.getpid())["QueueUrl"]
        self.addCleanup(self.account.sqs.delete_queue, QueueUrl=queue)
        arn = self.account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.lambda_.put_function_event_invoke_config(
            FunctionName=function.name, DestinationConfig={"OnSuccess": {"Destination": arn}})
        self.assertEqual(function.invoke(1, TenantId="a").json, ["a"])
        code, _ = self.refused(function, InvocationType="Event")
        self.assertEqual(code, "InvalidParameterValueException")
        for tenant in ("a", "b"):
            self.assertEqual(function.invoke(1, TenantId=tenant, InvocationType="Event").status, 202)
        seen = []

        def arrived():
            for message in self.account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                seen.append(json.loads(message["Body"])["responsePayload"])
                self.account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return sorted(seen) == [["a", "a"], ["b"]]

        eventually(arrived)

    def test_a_change_ends_the_environments_of_every_tenant(self):
        function = self.tenants()
        self.assertEqual(function.invoke(1, TenantId="a").json, ["a"])
        function.update(Description="new")
        self.assertEqual(function.invoke(1, TenantId="a").json, ["a"])
        self.assertEqual(
            self.lambda_.get_function_configuration(FunctionName=function.name)["TenancyConfig"]["TenantIsolationMode"], "PER_TENANT")

    def test_a_tenant_must_be_named_where_there_are_some_and_only_there(self):
        code, message = self.refused(self.tenants())
        self.assertEqual(code, "InvalidParameterValueException")
        self.assertIn("enabled with tenancy configuration. Add a valid tenant ID in your request and try again.", message)
        code, _ = self.refused(self.create(COUNTER), TenantId="a")
        self.assertEqual(code, "InvalidParameterValueException")

    def test_a_tenant_has_a_form(self):
        function = self.tenants()
        for tenant in ("x" * 257, "a!b", "ä"):
            code, _ = self.refused(function, TenantId=tenant.encode().decode("latin-1"))
            self.assertEqual(code, "ValidationException", tenant)


class Loops(EndToEndTest):
    @classmethod
    def setUpClass(cls):
        cls.layer = publish_boto3(shared())

    def test_a_function_that_calls_itself_is_stopped(self):
        function = self.create(LOOP, Layers=[self.layer], MemorySize=1_769, Timeout=120)
        end = self.result(function, {"depth": 0, "last": 30})
        self.assertEqual((end["error"], end["depth"]), ("RecursiveInvocationException", 16))
        self.assertEqual(
            self.lambda_.get_function_recursion_config(FunctionName=function.name)["RecursiveLoop"], "Terminate")

    def test_a_function_that_may_loop_does(self):
        function = self.create(LOOP, Layers=[self.layer], MemorySize=1_769, Timeout=120)
        self.lambda_.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Allow")
        self.assertEqual(self.result(function, {"depth": 0, "last": 18}), {"depth": 19})

    def test_a_function_that_calls_its_own_address_is_stopped(self):
        function = self.create(LOOP_BY_ADDRESS, MemorySize=1_769, Timeout=120)
        url = self.lambda_.create_function_url_config(FunctionName=function.name, AuthType="NONE")["FunctionUrl"]
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint()).netloc, timeout=120)
        connection.request("POST", "/", json.dumps({"depth": 0}), {
            "Content-Type": "application/json", "Host": urllib.parse.urlsplit(url).netloc})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        self.assertEqual(answer, {"depth": 16, "status": 502})

    def test_a_function_that_feeds_its_own_queue_is_stopped(self):
        sqs = self.account.sqs
        name = "loop-%d" % os.getpid()
        dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        queue = sqs.create_queue(QueueName=name, Attributes={
            "VisibilityTimeout": "60", "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})})["QueueUrl"]
        for url in (queue, dead):
            self.addCleanup(sqs.delete_queue, QueueUrl=url)
        function = self.create(LOOP_BY_QUEUE, Layers=[self.layer], MemorySize=1_769, Timeout=60, Environment={"Variables": {"QUEUE": queue}})
        source = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        mapping = self.lambda_.create_event_source_mapping(FunctionName=function.name, EventSourceArn=source)
        self.addCleanup(self.lambda_.delete_event_source_mapping, UUID=mapping["UUID"])
        sqs.send_message(QueueUrl=queue, MessageBody="0")

        def rounds():
            return {line.split()[1] for line in self.log_of(function) if line.startswith("ROUND")}

        eventually(lambda: "15" in rounds(), every=0.5)
        # The message of the seventeenth round is refused; it is seen again when it is visible again, and then is dead.
        with self.assertRaises(AssertionError):
            eventually(lambda: "16" in rounds(), seconds=3, every=0.5)
