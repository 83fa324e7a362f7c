# SPDX-License-Identifier: Apache-2.0
"""The calls that Terraform's AWS provider makes, in its order: make everything, then read it again and again.

A plan is empty only when each reading is the same, so the readings are compared whole.
"""

import json
import secrets

from harness import ACCOUNT, PYTHON, EndToEndTest, zip_of
from test_iam import ALLOW_LOGS, TRUST


class Stack:
    """A role, a log group, a layer, a function, and all that hangs on it."""

    def __init__(self, account, name):
        self.account, self.name = account, name

    def apply(self):
        iam, lambda_, name = self.account.iam, self.account.lambda_, self.name
        role = iam.create_role(
            RoleName=name, Path="/", AssumeRolePolicyDocument=json.dumps(TRUST), MaxSessionDuration=3_600,
            Tags=[{"Key": "by", "Value": "tests"}])["Role"]
        iam.get_waiter("role_exists").wait(RoleName=name)
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(ALLOW_LOGS))
        iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
        self.account.logs.create_log_group(logGroupName="/aws/lambda/" + name, tags={"by": "tests"})
        self.account.logs.put_retention_policy(logGroupName="/aws/lambda/" + name, retentionInDays=14)
        layer = lambda_.publish_layer_version(
            LayerName=name, Content={"ZipFile": zip_of({"python/words.py": "X = 1"})}, CompatibleRuntimes=[PYTHON])
        lambda_.create_function(
            FunctionName=name, Role=role["Arn"], Runtime=PYTHON, Handler="app.handler", Publish=True, Timeout=3, MemorySize=128,
            Code={"ZipFile": zip_of({"app.py": "import words\ndef handler(e, c): return words.X"})}, Layers=[layer["LayerVersionArn"]],
            Environment={"Variables": {"STAGE": "test"}}, TracingConfig={"Mode": "PassThrough"}, Architectures=["x86_64"],
            EphemeralStorage={"Size": 512}, LoggingConfig={"LogFormat": "Text", "LogGroup": "/aws/lambda/" + name},
            Tags={"by": "tests"})
        lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
        lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=5)
        lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1", Description="")
        lambda_.add_permission(
            FunctionName=name, Qualifier="live", StatementId="AllowAPIGateway", Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com", SourceArn="arn:aws:execute-api:us-east-1:%s:abc/*/*" % ACCOUNT)
        lambda_.create_function_url_config(FunctionName=name, AuthType="NONE", Qualifier="live")
        lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0, Qualifier="live")

    def read(self):
        """Everything that a refresh reads, without what differs by nature from call to call."""
        iam, lambda_, logs, name = self.account.iam, self.account.lambda_, self.account.logs, self.name
        answers = {
            "role": iam.get_role(RoleName=name),
            "inline": iam.list_role_policies(RoleName=name),
            "inline policy": iam.get_role_policy(RoleName=name, PolicyName="inline"),
            "attached": iam.list_attached_role_policies(RoleName=name),
            "profiles": iam.list_instance_profiles_for_role(RoleName=name),
            "group": logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/" + name),
            "group tags": logs.list_tags_for_resource(
                resourceArn="arn:aws:logs:us-east-1:%s:log-group:/aws/lambda/%s" % (ACCOUNT, name)),
            "layer": lambda_.get_layer_version(LayerName=name, VersionNumber=1),
            "function": lambda_.get_function(FunctionName=name),
            "versions": lambda_.list_versions_by_function(FunctionName=name),
            "tags": lambda_.list_tags(Resource="arn:aws:lambda:us-east-1:%s:function:%s" % (ACCOUNT, name)),
            "concurrency": lambda_.get_function_concurrency(FunctionName=name),
            "alias": lambda_.get_alias(FunctionName=name, Name="live"),
            "policy": lambda_.get_policy(FunctionName=name, Qualifier="live"),
            "url": lambda_.get_function_url_config(FunctionName=name, Qualifier="live"),
            "events": lambda_.get_function_event_invoke_config(FunctionName=name, Qualifier="live"),
            "runtime": lambda_.get_runtime_management_config(FunctionName=name),
            "recursion": lambda_.get_function_recursion_config(FunctionName=name),
        }
        for answer in answers.values():
            answer.pop("ResponseMetadata")
        # Presigned: it differs with the time.
        answers["function"]["Code"].pop("Location")
        answers["layer"]["Content"].pop("Location")
        return answers

    def destroy(self):
        iam, lambda_, name = self.account.iam, self.account.lambda_, self.name
        lambda_.delete_function_event_invoke_config(FunctionName=name, Qualifier="live")
        lambda_.delete_function_url_config(FunctionName=name, Qualifier="live")
        lambda_.remove_permission(FunctionName=name, StatementId="AllowAPIGateway", Qualifier="live")
        lambda_.delete_alias(FunctionName=name, Name="live")
        lambda_.delete_function(FunctionName=name)
        lambda_.delete_layer_version(LayerName=name, VersionNumber=1)
        self.account.logs.delete_log_group(logGroupName="/aws/lambda/" + name)
        iam.detach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
        iam.delete_role_policy(RoleName=name, PolicyName="inline")
        iam.delete_role(RoleName=name)


class Terraform(EndToEndTest):
    def test_what_was_applied_reads_the_same_each_time_and_can_be_destroyed(self):
        stack = Stack(self.account, "tf-" + secrets.token_hex(5))
        stack.apply()
        first = stack.read()
        self.assertEqual(first["function"]["Configuration"]["State"], "Active")
        self.assertEqual(first["alias"]["FunctionVersion"], "1")
        self.assertEqual(json.loads(first["policy"]["Policy"])["Statement"][0]["Resource"], first["alias"]["AliasArn"])
        for _ in range(4):
            self.assertEqual(stack.read(), first)
        invoked = self.lambda_.invoke(FunctionName=stack.name, Qualifier="live")
        self.assertEqual(invoked["Payload"].read(), b"1")
        after = stack.read()
        after["group"]["logGroups"][0].pop("storedBytes")
        first["group"]["logGroups"][0].pop("storedBytes")
        self.assertEqual(after, first)
        stack.destroy()
        self.assertFails("NoSuchEntity", 404, self.account.iam.get_role, RoleName=stack.name)
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_function, FunctionName=stack.name)
