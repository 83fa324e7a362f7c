# SPDX-License-Identifier: Apache-2.0
"""The life of a function's settings, and of what hangs on it."""

import base64
import hashlib
import json
import urllib.request

from harness import ACCOUNT, PYTHON, EndToEndTest, zip_of

ECHO = "def handler(e, c): return e"


class Configuration(EndToEndTest):
    def test_a_new_function_is_described_whole_and_without_empty_members(self):
        function = self.create(ECHO, wait=False, Description="words", Tags={"team": "birds"})
        made = function.created
        made.pop("ResponseMetadata")
        sha = base64.b64encode(hashlib.sha256(zip_of({"app.py": ECHO})).digest()).decode()
        self.assertRegex(made.pop("LastModified"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$")
        self.assertRegex(made.pop("RevisionId"), r"^[0-9a-f-]{36}$")
        self.assertRegex(made.pop("RuntimeVersionConfig")["RuntimeVersionArn"], r"^arn:aws:lambda:us-east-1::runtime:")
        self.assertEqual(
            made,
            {"FunctionName": function.name, "FunctionArn": "arn:aws:lambda:us-east-1:%s:function:%s" % (ACCOUNT, function.name),
             "Runtime": PYTHON, "Role": "arn:aws:iam::%s:role/end-to-end" % ACCOUNT, "Handler": "app.handler",
             "CodeSize": len(zip_of({"app.py": ECHO})), "Description": "words", "Timeout": 20, "MemorySize": 512,
             "CodeSha256": sha, "Version": "$LATEST", "TracingConfig": {"Mode": "PassThrough"}, "State": "Pending",
             "StateReason": "The function is being created.", "StateReasonCode": "Creating", "PackageType": "Zip",
             "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512},
             "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
             "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/" + function.name}})

    def test_waiters_of_the_sdk_end(self):
        function = self.create(ECHO, wait=False)
        for waiter in ("function_exists", "function_active", "function_active_v2", "function_updated", "function_updated_v2"):
            self.lambda_.get_waiter(waiter).wait(FunctionName=function.name)
        got = self.lambda_.get_function(FunctionName=function.name)
        self.assertEqual((got["Configuration"]["State"], got["Configuration"]["LastUpdateStatus"]), ("Active", "Successful"))
        for member in ("StateReason", "StateReasonCode", "LastUpdateStatusReason", "KMSKeyArn", "Layers", "VpcConfig", "Environment"):
            self.assertNotIn(member, got["Configuration"])

    def test_the_code_can_be_fetched_again(self):
        function = self.create(ECHO)
        code = self.lambda_.get_function(FunctionName=function.name)["Code"]
        self.assertEqual(code["RepositoryType"], "S3")
        with urllib.request.urlopen(code["Location"]) as answer:
            self.assertEqual(answer.read(), zip_of({"app.py": ECHO}))

    def test_new_code_answers_while_the_old_environment_is_warm(self):
        function = self.create("def handler(e, c): return 'old'")
        self.assertEqual(self.result(function), "old")
        answer = function.update({"app.py": "def handler(e, c): return 'new'"})
        self.assertEqual(answer["LastUpdateStatus"], "InProgress")
        self.assertEqual([self.result(function) for _ in range(3)], ["new"] * 3)

    def test_new_settings_are_in_force_for_the_next_invocation(self):
        function = self.create("import os\ndef handler(e, c): return [os.environ.get('COLOUR'), c.memory_limit_in_mb]")
        self.assertEqual(self.result(function), [None, "512"])
        function.update(Environment={"Variables": {"COLOUR": "red"}}, MemorySize=640, Description="now red", Timeout=9)
        self.assertEqual(self.result(function), ["red", "640"])
        got = self.lambda_.get_function_configuration(FunctionName=function.name)
        self.assertEqual((got["Environment"], got["Description"], got["Timeout"]), ({"Variables": {"COLOUR": "red"}}, "now red", 9))
        function.update(Handler="app.missing")
        self.assertEqual(function.invoke({}).json["errorType"], "Runtime.HandlerNotFound")

    def test_a_dry_run_of_an_update_changes_nothing(self):
        function = self.create(ECHO)
        code = zip_of({"app.py": "other"})
        answer = self.lambda_.update_function_code(FunctionName=function.name, ZipFile=code, DryRun=True)
        self.assertEqual(answer["CodeSha256"], base64.b64encode(hashlib.sha256(code).digest()).decode())
        self.assertEqual(self.result(function, 1), 1)

    def test_the_same_name_twice_is_a_conflict(self):
        function = self.create(ECHO)
        response = self.assertFails("ResourceConflictException", 409, self.account.create, ECHO, name=function.name)
        self.assertEqual(response["Error"]["Message"], "Function already exist: " + function.name)

    def test_a_deleted_function_is_gone_with_everything_on_it(self):
        function = self.create(ECHO)
        self.result(function)
        self.lambda_.create_alias(FunctionName=function.name, Name="live", FunctionVersion="$LATEST")
        self.lambda_.delete_function(FunctionName=function.name)
        self.assertFails("ResourceNotFoundException", 404, function.invoke, {})
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_function, FunctionName=function.name)
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.delete_function, FunctionName=function.name)
        again = self.create("def handler(e, c): return 'reborn'", name=function.name)
        self.assertEqual(self.result(again), "reborn")
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_alias, FunctionName=function.name, Name="live")

    def test_permissions_make_a_policy(self):
        function = self.create(ECHO)
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_policy, FunctionName=function.name)
        added = self.lambda_.add_permission(
            FunctionName=function.name, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
            SourceArn="arn:aws:s3:::bucket", SourceAccount=ACCOUNT)
        statement = {
            "Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction",
            "Resource": function.arn,
            "Condition": {"StringEquals": {"AWS:SourceAccount": ACCOUNT}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}}
        self.assertEqual(json.loads(added["Statement"]), statement)
        got = self.lambda_.get_policy(FunctionName=function.name)
        self.assertEqual(json.loads(got["Policy"]), {"Version": "2012-10-17", "Id": "default", "Statement": [statement]})
        self.assertFails(
            "ResourceConflictException", 409, self.lambda_.add_permission, FunctionName=function.name, StatementId="s3",
            Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
        self.lambda_.remove_permission(FunctionName=function.name, StatementId="s3", RevisionId=got["RevisionId"])
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_policy, FunctionName=function.name)

    def test_tags_are_put_read_and_taken_away(self):
        function = self.create(ECHO, Tags={"a": "1"})
        self.assertEqual(self.lambda_.list_tags(Resource=function.arn)["Tags"], {"a": "1"})
        self.lambda_.tag_resource(Resource=function.arn, Tags={"b": "zwei ü", "a": "one"})
        self.assertEqual(self.lambda_.get_function(FunctionName=function.name)["Tags"], {"a": "one", "b": "zwei ü"})
        self.lambda_.untag_resource(Resource=function.arn, TagKeys=["a"])
        self.assertEqual(self.lambda_.list_tags(Resource=function.arn)["Tags"], {"b": "zwei ü"})

    def test_the_configuration_of_a_function_url_lives(self):
        function = self.create(ECHO)
        cors = {"AllowOrigins": ["https://example.org"], "AllowMethods": ["GET"], "MaxAge": 60}
        made = self.lambda_.create_function_url_config(FunctionName=function.name, AuthType="NONE", Cors=cors)
        self.assertEqual((made["AuthType"], made["Cors"], made["FunctionArn"]), ("NONE", cors, function.arn))
        self.assertRegex(made["FunctionUrl"], r"^https?://[a-z0-9]{32}\.lambda-url\.us-east-1\.")
        got = self.lambda_.get_function_url_config(FunctionName=function.name)
        self.assertEqual((got["FunctionUrl"], got["InvokeMode"]), (made["FunctionUrl"], "BUFFERED"))
        self.assertFails(
            "ResourceConflictException", 409, self.lambda_.create_function_url_config, FunctionName=function.name, AuthType="NONE")
        changed = self.lambda_.update_function_url_config(FunctionName=function.name, AuthType="AWS_IAM")
        self.assertEqual((changed["AuthType"], changed["FunctionUrl"]), ("AWS_IAM", made["FunctionUrl"]))
        [listed] = self.lambda_.list_function_url_configs(FunctionName=function.name)["FunctionUrlConfigs"]
        self.assertEqual(listed["FunctionUrl"], made["FunctionUrl"])
        self.lambda_.delete_function_url_config(FunctionName=function.name)
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_function_url_config, FunctionName=function.name)

    def test_the_configuration_of_events_lives(self):
        function = self.create(ECHO)
        name = function.name
        made = self.lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
        self.assertEqual((made["MaximumRetryAttempts"], made["MaximumEventAgeInSeconds"], made["FunctionArn"]), (1, 60, function.arn + ":$LATEST"))
        changed = self.lambda_.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
        self.assertEqual((changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]), (0, 60))
        got = self.lambda_.get_function_event_invoke_config(FunctionName=name)
        self.assertEqual(got["MaximumRetryAttempts"], 0)
        [listed] = self.lambda_.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
        self.assertEqual(listed["MaximumEventAgeInSeconds"], 60)
        self.lambda_.delete_function_event_invoke_config(FunctionName=name)
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_function_event_invoke_config, FunctionName=name)

    def test_runtime_management_and_recursion_settings_are_kept(self):
        function = self.create(ECHO)
        self.assertEqual(self.lambda_.get_runtime_management_config(FunctionName=function.name)["UpdateRuntimeOn"], "Auto")
        self.lambda_.put_runtime_management_config(FunctionName=function.name, UpdateRuntimeOn="FunctionUpdate")
        self.assertEqual(self.lambda_.get_runtime_management_config(FunctionName=function.name)["UpdateRuntimeOn"], "FunctionUpdate")
        self.assertEqual(self.lambda_.get_function_recursion_config(FunctionName=function.name)["RecursiveLoop"], "Terminate")
        self.lambda_.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Allow")
        self.assertEqual(self.lambda_.get_function_recursion_config(FunctionName=function.name)["RecursiveLoop"], "Allow")

    def test_the_account_counts_its_functions_and_code(self):
        self.create(ECHO)
        settings = self.lambda_.get_account_settings()
        self.assertGreaterEqual(settings["AccountUsage"]["FunctionCount"], 1)
        self.assertGreater(settings["AccountUsage"]["TotalCodeSize"], 0)
        self.assertEqual(settings["AccountLimit"]["ConcurrentExecutions"], 1_000)
        self.assertEqual(settings["AccountLimit"]["CodeSizeUnzipped"], 262_144_000)

    def test_bad_settings_get_aws_s_validation_message(self):
        from harness import client

        lambda_ = client("lambda", parameter_validation=False)
        response = self.assertFails(
            "ValidationException", 400, lambda_.create_function, FunctionName="bad name!", Runtime=PYTHON, Handler="a.b",
            Role="nonsense", Code={"ZipFile": zip_of({"app.py": ECHO})}, MemorySize=64)
        message = response["Error"]["Message"]
        self.assertTrue(message.startswith("3 validation errors detected: Value "), message)
        for part in ("'bad name!' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: ",
                     "'64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
                     "'nonsense' at 'role' failed to satisfy constraint"):
            self.assertIn(part, message)

    def test_what_martlet_has_not_yet_answers_501_by_name(self):
        response = self.assertFails("NotImplemented", 501, self.lambda_.list_code_signing_configs)
        self.assertIn("ListCodeSigningConfigs", response["Error"]["Message"])

    def test_accounts_and_regions_are_worlds_apart(self):
        from harness import Account

        mine = self.create("def handler(e, c): return c.invoked_function_arn")
        other = Account(key="111122223333")
        there = other.create("def handler(e, c): return c.invoked_function_arn", name=mine.name, Role="arn:aws:iam::111122223333:role/r")
        west = Account(region="eu-west-1").create("def handler(e, c): return c.invoked_function_arn", name=mine.name)
        self.addCleanup(there.lambda_.delete_function, FunctionName=there.name)
        self.addCleanup(west.lambda_.delete_function, FunctionName=west.name)
        self.assertEqual(
            [self.result(f) for f in (mine, there, west)],
            ["arn:aws:lambda:us-east-1:000000000000:function:" + mine.name,
             "arn:aws:lambda:us-east-1:111122223333:function:" + mine.name,
             "arn:aws:lambda:eu-west-1:000000000000:function:" + mine.name])
