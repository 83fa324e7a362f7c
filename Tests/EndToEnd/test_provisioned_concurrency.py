# SPDX-License-Identifier: Apache-2.0
"""Environments that are initialised before anybody calls."""

from concurrent.futures import ThreadPoolExecutor

from harness import EndToEndTest, eventually, wait_until_settled

SOURCE = """
import os, time
born = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
name = os.urandom(4).hex()
def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return {"type": born, "name": name, "version": context.function_version}
"""


class ProvisionedConcurrency(EndToEndTest):
    def published(self, source=SOURCE, **settings):
        function = self.create(source, **settings)
        version = self.lambda_.publish_version(FunctionName=function.name)["Version"]
        wait_until_settled(self.lambda_, function.name, version)
        return function, version

    def put(self, function, qualifier, count):
        answer = self.lambda_.put_provisioned_concurrency_config(
            FunctionName=function.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 202)
        self.assertEqual((answer["Status"], answer["AllocatedProvisionedConcurrentExecutions"]), ("IN_PROGRESS", 0))
        self.assertRegex(answer["LastModified"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$")
        return answer

    def get(self, function, qualifier):
        return self.lambda_.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier=qualifier)

    def until(self, function, qualifier, status="READY"):
        def reached():
            now = self.get(function, qualifier)
            return now if now["Status"] == status else None
        return eventually(reached)

    def call(self, function, qualifier, **event):
        answer = function.invoke(event, Qualifier=qualifier)
        self.assertIsNone(answer.error, answer.body)
        return answer.json

    def test_environments_are_ready_before_the_first_call_and_more_are_started_on_demand(self):
        function, version = self.published()
        self.put(function, version, 2)
        ready = self.until(function, version)
        self.assertEqual((ready["AvailableProvisionedConcurrentExecutions"], ready["AllocatedProvisionedConcurrentExecutions"]), (2, 2))
        with ThreadPoolExecutor(4) as pool:
            got = list(pool.map(lambda _: self.call(function, version, seconds=1), range(4)))
        self.assertEqual(sorted(g["type"] for g in got), ["on-demand", "on-demand", "provisioned-concurrency", "provisioned-concurrency"])
        self.assertEqual(len({g["name"] for g in got}), 4)

    def test_one_that_ends_is_replaced(self):
        function, version = self.published(SOURCE.replace("time.sleep", "event.get('die') and os._exit(1); time.sleep"))
        self.put(function, version, 1)
        self.until(function, version)
        self.assertEqual(function.invoke({"die": 1}, Qualifier=version).error, "Unhandled")
        self.until(function, version)
        eventually(lambda: self.call(function, version)["type"] == "provisioned-concurrency")

    def test_an_alias_moves_its_environments_to_its_new_version(self):
        function, first = self.published()
        self.lambda_.create_alias(FunctionName=function.name, Name="live", FunctionVersion=first)
        self.put(function, "live", 1)
        self.until(function, "live")
        function.update({"app.py": SOURCE + "# second\n"})
        second = self.lambda_.publish_version(FunctionName=function.name)["Version"]
        wait_until_settled(self.lambda_, function.name, second)
        self.lambda_.update_alias(FunctionName=function.name, Name="live", FunctionVersion=second)
        eventually(lambda: self.call(function, "live")["version"] == second)
        eventually(lambda: self.call(function, "live")["type"] == "provisioned-concurrency")

    def test_a_function_that_cannot_be_initialised_fails_with_its_reason(self):
        function, version = self.published("raise Exception('no')")
        self.put(function, version, 1)
        failed = self.until(function, version, "FAILED")
        self.assertEqual(failed["StatusReason"], "FUNCTION_ERROR_INIT_FAILURE")

    def test_a_deleted_configuration_is_gone_and_its_environments_end(self):
        function, version = self.published()
        self.put(function, version, 1)
        self.until(function, version)
        listed = self.lambda_.list_provisioned_concurrency_configs(FunctionName=function.name)["ProvisionedConcurrencyConfigs"]
        self.assertEqual([(c["FunctionArn"], c["Status"]) for c in listed], [("%s:%s" % (function.arn, version), "READY")])
        self.lambda_.delete_provisioned_concurrency_config(FunctionName=function.name, Qualifier=version)
        self.assertFails("ProvisionedConcurrencyConfigNotFoundException", 404, self.get, function, version)
        eventually(lambda: self.call(function, version)["type"] == "on-demand")

    def test_what_is_provisioned_is_the_versions_own(self):
        function, version = self.published()
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
        self.put(function, version, 1)
        self.until(function, version)
        self.assertEqual(self.call(function, version)["type"], "provisioned-concurrency")
        # All of the reservation is provisioned: the unpublished version has no part in it.
        response = self.assertFails("TooManyRequestsException", 429, function.invoke, {})
        self.assertEqual(response["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
        self.assertFails(
            "InvalidParameterValueException", 400, self.lambda_.put_function_concurrency, FunctionName=function.name,
            ReservedConcurrentExecutions=0)
        self.lambda_.delete_function_concurrency(FunctionName=function.name)
        self.assertEqual(function.invoke({}).json["type"], "on-demand")

    def test_what_aws_refuses_is_refused(self):
        function, version = self.published()
        put = lambda qualifier, count: self.lambda_.put_provisioned_concurrency_config(
            FunctionName=function.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count)
        self.assertFails("InvalidParameterValueException", 400, put, "$LATEST", 1)
        self.assertFails("ResourceNotFoundException", 404, put, "77", 1)
        self.assertFails("InvalidParameterValueException", 400, put, version, 901)
        self.assertFails("InvalidParameterValueException", 400, put, version, 2_147_483_647)
        self.assertFails("ProvisionedConcurrencyConfigNotFoundException", 404, self.get, function, version)
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=3)
        self.assertFails("InvalidParameterValueException", 400, put, version, 4)
        self.put(function, version, 1)
        self.lambda_.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
        self.assertFails("ResourceConflictException", 409, put, "live", 1)
        self.until(function, version)
