# SPDX-License-Identifier: Apache-2.0
"""The official clients inside functions: boto3 as the function's role, and the official runtime client."""

import json
import secrets

from harness import ACCOUNT, CUSTOM, SYSTEM_PYTHON, EndToEndTest, shared, zip_of
from vendored import boto3_files, runtime_client_files

TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
CALLS = """
import boto3, os
def handler(event, context):
    client = boto3.client(event["service"])
    try:
        answer = getattr(client, event["call"])(**event.get("input", {}))
    except Exception as error:
        response = getattr(error, "response", None)
        return {"error": response["Error"]["Code"] if response else type(error).__name__, "message": str(error)}
    answer.pop("ResponseMetadata")
    payload = answer.pop("Payload", None)
    if payload is not None: answer["payload"] = payload.read().decode()
    return answer
"""


def publish_boto3(account):
    """A layer with the boto3 of this environment."""
    archive = zip_of(boto3_files(under="python"))
    return account.lambda_.publish_layer_version(LayerName="boto3", Content={"ZipFile": archive})["LayerVersionArn"]


class BotoInside(EndToEndTest):
    """One layer with boto3 serves all cases."""

    @classmethod
    def setUpClass(cls):
        cls.layer = publish_boto3(shared())

    def make_role(self):
        name = "role-" + secrets.token_hex(4)
        iam = self.account.iam
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]
        self.addCleanup(iam.delete_role, RoleName=name)
        return name, role["Arn"]

    def make_function(self, role):
        return self.create(CALLS, Layers=[self.layer], Role=role, MemorySize=1_769, Timeout=60)

    def test_a_function_is_its_role(self):
        name, arn = self.make_role()
        function = self.make_function(arn)
        identity = self.result(function, {"service": "sts", "call": "get_caller_identity"})
        self.assertEqual(identity["Arn"], "arn:aws:sts::%s:assumed-role/%s/%s" % (ACCOUNT, name, function.name))
        self.assertEqual(identity["Account"], ACCOUNT)
        self.assertRegex(identity["UserId"], r"^AROA[A-Z0-9]{17}:" + function.name + "$")

    def test_a_function_calls_another_and_the_logs(self):
        echo = self.create("def handler(e, c): return ['called', e]")
        function = self.make_function(self.make_role()[1])
        called = self.result(
            function, {"service": "lambda", "call": "invoke", "input": {"FunctionName": echo.name, "Payload": '{"n": 1}'}})
        self.assertEqual(json.loads(called["payload"]), ["called", {"n": 1}])
        group = "from-inside-" + secrets.token_hex(4)
        self.assertEqual(
            self.result(function, {"service": "logs", "call": "create_log_group", "input": {"logGroupName": group}}), {})
        self.account.logs.delete_log_group(logGroupName=group)

    def test_credentials_that_a_function_alters_are_worth_nothing(self):
        source = CALLS.replace("client = boto3", "os.environ['AWS_SECRET_ACCESS_KEY'] = 'stolen'; client = boto3")
        _, arn = self.make_role()
        function = self.create(source, Layers=[self.layer], Role=arn, MemorySize=1_769, Timeout=60)
        refused = self.result(function, {"service": "sts", "call": "get_caller_identity"})
        self.assertEqual(refused.get("error"), "SignatureDoesNotMatch", refused)


class RuntimeClient(EndToEndTest):
    def test_the_official_runtime_client_works_unchanged_in_a_custom_runtime(self):
        files = {
            **runtime_client_files(),
            "bootstrap": "#!/bin/sh\nexec %s -m awslambdaric app.handler\n" % SYSTEM_PYTHON,
            "app.py": "import awslambdaric\ndef handler(e, c):\n    print('in', c.aws_request_id)\n    if e == 'fail': raise ValueError('told to')\n"
                      "    return [awslambdaric.__version__, e, c.invoked_function_arn]",
        }
        function = self.create(files, runtime=CUSTOM)
        for number in range(3):
            answer = function.invoke({"n": number})
            self.assertIsNone(answer.error, answer.log)
            self.assertRegex(answer.json[0], r"^\d+\.\d+")
            self.assertEqual(answer.json[1:], [{"n": number}, function.arn])
            self.assertIn("in " + answer.request_id, answer.log)
        failed = function.invoke("fail")
        self.assertEqual((failed.error, failed.json["errorType"], failed.json["errorMessage"]), ("Unhandled", "ValueError", "told to"))
        self.assertEqual(self.result(function, 1)[1], 1)
