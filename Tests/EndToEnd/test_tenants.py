# SPDX-License-Identifier: Apache-2.0
"""Tenant isolation: each tenant has environments of its own. And loops of invocations, which end."""

import http.client
import urllib.parse

from botocore.exceptions import ClientError

from harness import NODE, EndToEndTest, endpoint, shared
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


class Tenants(EndToEndTest):
    def refused(self, function, **options):
        with self.assertRaises(ClientError) as caught:
            function.invoke(1, **options)
        return caught.exception.response["Error"]["Code"], str(caught.exception)

    def tenants(self, source=COUNTER, **settings):
        return self.create(source, TenancyConfig={"TenantIsolationMode": "PER_TENANT"}, **settings)

    def test_an_address_names_no_tenant_so_nothing_runs(self):
        function = self.tenants()
        url = self.lambda_.create_function_url_config(FunctionName=function.name, AuthType="NONE")["FunctionUrl"]
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint()).netloc)
        connection.request("GET", "/", headers={"Host": urllib.parse.urlsplit(url).netloc})
        self.assertEqual(connection.getresponse().status, 502)
        connection.close()

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
