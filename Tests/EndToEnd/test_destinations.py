# SPDX-License-Identifier: Apache-2.0
"""What becomes of asynchronous events: the records that other functions are told."""

import ast
import hashlib
import json
import secrets

from harness import ACCOUNT, REGION, EndToEndTest, client, eventually

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

    # Records in queues and topics

    def queue(self, **attributes):
        """Its address and its ARN."""
        name = "told-" + secrets.token_hex(4)
        url = self.account.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.addCleanup(self.account.sqs.delete_queue, QueueUrl=url)
        return url, "arn:aws:sqs:%s:%s:%s" % (REGION, ACCOUNT, name)

    def topic(self):
        """Its ARN, and the queue where its messages are."""
        topic = self.account.sns.create_topic(Name="told-" + secrets.token_hex(4))["TopicArn"]
        self.addCleanup(self.account.sns.delete_topic, TopicArn=topic)
        url, arn = self.queue()
        self.account.sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        return topic, url

    def take(self, url):
        """The next message of a queue."""
        receive = lambda: self.account.sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"]).get("Messages")
        return eventually(receive)[0]

    def assertShortened(self, record, condition, accepted):
        self.assertEqual(record["requestContext"]["condition"], condition)
        self.assertEqual(record["requestContext"]["requestId"], accepted.request_id)
        self.assertEqual(record["responseContext"]["statusCode"], 200)
        self.assertNotIn("requestPayload", record)
        self.assertNotIn("responsePayload", record)

    def test_a_record_that_is_larger_than_its_destination_takes_comes_without_its_payloads(self):
        witness = self.create("def handler(e, c): print('told', repr(e))", MemorySize=256)
        topic, at_topic = self.topic()
        queue, queue_arn = self.queue()
        small, small_arn = self.queue(MaximumMessageSize="2048")
        # More than a topic takes of 256 KiB, a queue and a function of 1 MiB, and a small queue of 2 KiB.
        for destination, size in ((topic, 300_000), (queue_arn, 1_100_000), (witness.arn, 1_100_000), (small_arn, 3_000)):
            with self.subTest(destination=destination):
                function = self.create("def handler(e, c): return 'x' * e")
                self.lambda_.put_function_event_invoke_config(
                    FunctionName=function.name, DestinationConfig={"OnSuccess": {"Destination": destination}})
                accepted = function.invoke(size, InvocationType="Event")
                if destination == witness.arn:
                    record = self.told(witness)
                else:
                    url = {topic: at_topic, queue_arn: queue, small_arn: small}[destination]
                    record = json.loads(self.take(url)["Body"])
                self.assertShortened(record, "Success", accepted)

    def test_an_event_in_a_loop_is_told_to_the_dead_letter_queue_and_the_destination(self):
        (dead, dead_arn), (failed, failed_arn) = self.queue(), self.queue()
        function = self.create("def handler(e, c): print('ran')", DeadLetterConfig={"TargetArn": dead_arn})
        self.lambda_.put_function_event_invoke_config(
            FunctionName=function.name, DestinationConfig={"OnFailure": {"Destination": failed_arn}})
        # Fifteen times the chain has come back to the function; this is the sixteenth.
        mark = hashlib.sha256(function.arn.encode()).hexdigest()[:8]
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:%s:15" % mark
        lambda_ = client("lambda")
        lambda_.meta.events.register(
            "before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", trace))
        lambda_.invoke(FunctionName=function.name, InvocationType="Event", Payload=b'{"n": 1}')

        letter = self.take(dead)
        self.assertEqual(json.loads(letter["Body"]), {"n": 1})
        self.assertEqual(letter["MessageAttributes"]["ErrorCode"]["StringValue"], "400")
        self.assertIn("recursive loop", letter["MessageAttributes"]["ErrorMessage"]["StringValue"])
        record = json.loads(self.take(failed)["Body"])
        self.assertEqual(record["requestContext"]["condition"], "RetriesExhausted")
        self.assertEqual(record["requestContext"]["approximateInvokeCount"], 0)
        self.assertEqual(record["requestPayload"], {"n": 1})

    def test_settings_that_cannot_be_are_refused(self):
        function = self.create("def handler(e, c): pass")

        def put(destination):
            return lambda: self.lambda_.put_function_event_invoke_config(
                FunctionName=function.name, DestinationConfig={"OnFailure": {"Destination": destination}})

        self.assertFails("InvalidParameterValueException", 400, put(function.arn))
        for fifo in ("arn:aws:sqs:us-east-1:000000000000:q.fifo", "arn:aws:sns:us-east-1:000000000000:t.fifo"):
            self.assertFails("InvalidParameterValueException", 400, put(fifo))
            self.assertFails(
                "InvalidParameterValueException", 400, self.lambda_.update_function_configuration,
                FunctionName=function.name, DeadLetterConfig={"TargetArn": fifo})
        self.assertFails("NotImplemented", 501, put("arn:aws:s3:::bucket"))
        self.assertFails("NotImplemented", 501, put("arn:aws:events:us-east-1:000000000000:event-bus/default"))
