# SPDX-License-Identifier: Apache-2.0
"""Queues and functions together: event source mappings, dead letters, destinations in SQS."""

import json

from harness import EndToEndTest, eventually


class Mappings(EndToEndTest):
    def queue(self, name, **attributes):
        """Its address and its ARN."""
        url = self.account.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = self.account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def map(self, function, arn, **settings):
        made = self.lambda_.create_event_source_mapping(FunctionName=function.name, EventSourceArn=arn, **settings)
        self.assertEqual((made["State"], made["StateTransitionReason"]), ("Creating", "USER_INITIATED"))
        self.settle(made["UUID"], "Enabled")
        return made["UUID"]

    def settle(self, uuid, state):
        eventually(lambda: self.lambda_.get_event_source_mapping(UUID=uuid)["State"] == state)

    def left(self, url):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def take(self, url):
        """The next message of a queue."""
        def receive():
            return self.account.sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"]).get("Messages")
        [message] = eventually(receive)
        return message

    def test_messages_run_the_function_as_aws_s_records_and_are_gone(self):
        url, arn = self.queue("mapped")
        function = self.create("def handler(e, c):\n    for r in e['Records']: print('got', r['body'], sorted(r))")
        uuid = self.map(function, arn, BatchSize=1)
        for number in range(10):
            self.account.sqs.send_message(QueueUrl=url, MessageBody=str(number))
        eventually(lambda: self.left(url) == 0)
        log = [line.strip() for line in self.log_of(function, invocations=10) if line.startswith("got")]
        members = "['attributes', 'awsRegion', 'body', 'eventSource', 'eventSourceARN', 'md5OfBody', 'messageAttributes', 'messageId', 'receiptHandle']"
        self.assertEqual(sorted(log), ["got %d %s" % (n, members) for n in range(10)])
        # AWS tells the result of the last batch of streams' mappings alone.
        self.assertNotIn("LastProcessingResult", self.lambda_.get_event_source_mapping(UUID=uuid))

        self.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)
        self.settle(uuid, "Disabled")
        self.account.sqs.send_message(QueueUrl=url, MessageBody="late")
        self.lambda_.delete_event_source_mapping(UUID=uuid)
        eventually(lambda: self.lambda_.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"] == [])
        self.assertEqual(self.left(url), 1)

    def test_what_fails_comes_again_and_what_is_filtered_is_deleted(self):
        url, arn = self.queue("partly", VisibilityTimeout="3")
        function = self.create(
            "def handler(e, c):\n"
            "    bad = [r for r in e['Records'] if r['attributes']['ApproximateReceiveCount'] == '1']\n"
            "    for r in e['Records']: print('saw', r['body'])\n"
            "    return {'batchItemFailures': [{'itemIdentifier': r['messageId']} for r in bad]}", Timeout=2)
        self.map(function, arn, FunctionResponseTypes=["ReportBatchItemFailures"],
                 FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"n": [{"numeric": [">", 1]}]}})}]})
        for number in range(3):
            self.account.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"n": number}))
        eventually(lambda: self.left(url) == 0)
        saw = [line.strip() for line in self.log_of(function, invocations=2) if line.startswith("saw")]
        self.assertEqual(saw, ['saw {"n": 2}'] * 2)

    def test_a_failed_event_goes_to_the_dead_letter_queue_and_the_destination(self):
        dead, dead_arn = self.queue("dead")
        failed, failed_arn = self.queue("failed")
        function = self.create("def handler(e, c): raise ValueError('no')", DeadLetterConfig={"TargetArn": dead_arn})
        self.lambda_.put_function_event_invoke_config(
            FunctionName=function.name, MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": failed_arn}})
        accepted = function.invoke({"n": 1}, InvocationType="Event")

        letter = self.take(dead)
        self.assertEqual(json.loads(letter["Body"]), {"n": 1})
        attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
        self.assertEqual(attributes, {"RequestID": accepted.request_id, "ErrorCode": "200", "ErrorMessage": "no"})
        record = json.loads(self.take(failed)["Body"])
        self.assertEqual(record["requestContext"]["condition"], "RetriesExhausted")
        self.assertEqual(record["responsePayload"]["errorMessage"], "no")
