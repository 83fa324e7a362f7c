# SPDX-License-Identifier: Apache-2.0
"""What becomes of asynchronous events: the records that other functions are told."""

import ast

from harness import EndToEndTest

#: Prints its event as Python would read it back.
WITNESS = "def handler(e, c): print('told', repr(e))"


class Destinations(EndToEndTest):
    def told(self, witness):
        """The one record that the witness was told."""
        [line] = [line for line in self.log_of(witness) if line.startswith("told ")]
        return ast.literal_eval(line[len("told "):].strip())

    def test_a_success_is_told_to_its_destination_with_both_payloads(self):
        witness = self.create(WITNESS)
        function = self.create("def handler(e, c): return {'seen': e['n'], 'é': None}")
        self.lambda_.put_function_event_invoke_config(
            FunctionName=function.name, DestinationConfig={"OnSuccess": {"Destination": witness.arn}})
        accepted = function.invoke({"n": 1}, InvocationType="Event")

        record = self.told(witness)
        self.assertRegex(record.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(record, {
            "version": "1.0",
            "requestContext": {"requestId": accepted.request_id, "functionArn": function.arn + ":$LATEST",
                               "condition": "Success", "approximateInvokeCount": 1},
            "requestPayload": {"n": 1},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
            "responsePayload": {"seen": 1, "é": None}})

    def test_a_failure_without_retries_is_told_at_once(self):
        witness = self.create(WITNESS)
        function = self.create("def handler(e, c): raise ValueError('no')")
        self.lambda_.put_function_event_invoke_config(
            FunctionName=function.name, MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": witness.arn}})
        function.invoke({}, InvocationType="Event")

        record = self.told(witness)
        self.assertEqual(record["requestContext"]["condition"], "RetriesExhausted")
        self.assertEqual(record["responseContext"]["functionError"], "Unhandled")
        self.assertEqual(record["responsePayload"]["errorMessage"], "no")

    def test_a_function_that_may_not_run_tells_so_without_a_try(self):
        witness = self.create(WITNESS)
        function = self.create("def handler(e, c): print('ran')")
        self.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
        self.lambda_.put_function_event_invoke_config(
            FunctionName=function.name, DestinationConfig={"OnFailure": {"Destination": witness.arn}})
        function.invoke({}, InvocationType="Event")

        record = self.told(witness)
        self.assertEqual(record["requestContext"]["condition"], "ZeroReservedConcurrency")
        self.assertEqual(record["requestContext"]["approximateInvokeCount"], 0)
        self.assertNotIn("responsePayload", record)

    def test_settings_that_cannot_be_are_refused(self):
        function = self.create("def handler(e, c): pass")

        def put(destination):
            return lambda: self.lambda_.put_function_event_invoke_config(
                FunctionName=function.name, DestinationConfig={"OnFailure": {"Destination": destination}})

        self.assertFails("InvalidParameterValueException", 400, put(function.arn))
        self.assertFails("NotImplemented", 501, put("arn:aws:s3:::bucket"))
        self.assertFails("NotImplemented", 501, put("arn:aws:events:us-east-1:000000000000:event-bus/default"))
