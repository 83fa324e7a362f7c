# SPDX-License-Identifier: Apache-2.0
"""Transformers, data protection and account policies of CloudWatch Logs, as boto3 uses them."""

import json
import secrets
import time

from botocore.exceptions import ClientError
from harness import EndToEndTest, client


class LogPolicies(EndToEndTest):
    def group(self, prefix="policies-"):
        logs, name = self.account.logs, prefix + secrets.token_hex(4)
        logs.create_log_group(logGroupName=name)
        self.addCleanup(logs.delete_log_group, logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        return name

    def put(self, group, *messages):
        now = int(time.time() * 1_000)
        events = [{"timestamp": now + n, "message": message} for n, message in enumerate(messages)]
        self.account.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    def texts(self, group, **options):
        answer = self.account.logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True, **options)
        return [event["message"] for event in answer["events"]]

    def rows(self, text, group):
        logs, now = self.account.logs, int(time.time())
        started = logs.start_query(logGroupName=group, startTime=now - 3_600, endTime=now + 60, queryString=text)
        self.assertEqual(len(logs.list_log_groups_for_query(queryId=started["queryId"])["logGroupIdentifiers"]), 1)
        for _ in range(600):
            answer = logs.get_query_results(queryId=started["queryId"])
            if answer["status"] not in ("Scheduled", "Running"):
                return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]
            time.sleep(0.05)
        self.fail("the query does not end")

    def test_a_transformer_makes_fields_that_queries_find(self):
        logs, group = self.account.logs, self.group()
        config = [
            {"grok": {"match": "%{IPORHOST:client} %{WORD:verb} %{NUMBER:status} %{GREEDYDATA:rest}"}},
            {"typeConverter": {"entries": [{"key": "status", "type": "integer"}]}},
            {"copyValue": {"entries": [{"source": "@logGroupName", "target": "group"}]}},
            {"deleteKeys": {"withKeys": ["rest"]}},
        ]
        tried = logs.test_transformer(transformerConfig=config, logEventMessages=["10.0.0.1 GET 404 x y"])
        self.assertEqual(
            json.loads(tried["transformedLogs"][0]["transformedEventMessage"]),
            {"client": "10.0.0.1", "verb": "GET", "status": 404, "group": ""})
        logs.put_transformer(logGroupIdentifier=group, transformerConfig=config)
        self.assertEqual(logs.get_transformer(logGroupIdentifier=group)["transformerConfig"], config)
        self.put(group, "10.0.0.1 GET 404 x y", "10.0.0.2 PUT 200 z", "rubbish")
        self.assertEqual(
            self.rows("filter status >= 400 | fields client, verb, status, group", group)[0]["client"], "10.0.0.1")
        self.assertEqual(self.rows("stats count(status) as n", group), [{"n": "2"}])
        self.assertEqual(self.texts(group)[2], "rubbish")
        logs.delete_transformer(logGroupIdentifier=group)
        with self.assertRaises(ClientError) as caught:
            logs.put_transformer(logGroupIdentifier=group, transformerConfig=[{"trimString": {"withKeys": ["a"]}}])
        self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidParameterException")

    def test_what_is_sensitive_is_masked_and_audited(self):
        logs, group, audit = self.account.logs, self.group(), self.group("/aws/vendedlogs/audit-")
        names = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress", "Badge"]
        policy = json.dumps({
            "Name": "protect", "Version": "2021-06-01",
            "Configuration": {"CustomDataIdentifier": [{"Name": "Badge", "Regex": "B-[0-9]{4}"}]},
            "Statement": [
                {"Sid": "audit", "DataIdentifier": names,
                 "Operation": {"Audit": {"FindingsDestination": {"CloudWatchLogs": {"LogGroup": audit}}}}},
                {"Sid": "mask", "DataIdentifier": names, "Operation": {"Deidentify": {"MaskConfig": {}}}},
            ]})
        logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument=policy)
        self.assertEqual(logs.get_data_protection_policy(logGroupIdentifier=group)["policyDocument"], policy)
        [shown] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        self.assertEqual(shown["dataProtectionStatus"], "ACTIVATED")
        self.put(group, "jane@example.com has B-1234")
        self.assertEqual(self.texts(group), ["**************** has ******"])
        self.assertEqual(self.texts(group, unmask=True), ["jane@example.com has B-1234"])
        [row] = self.rows("fields @message, unmask(@message) as raw, @ptr", group)
        self.assertEqual((row["@message"], row["raw"]), ("**************** has ******", "jane@example.com has B-1234"))
        [finding] = logs.filter_log_events(logGroupName=audit)["events"]
        found = {each["name"]: each["count"] for each in json.loads(finding["message"])["dataIdentifiers"]}
        self.assertEqual(found, {"EmailAddress": 1, "Badge": 1})
        stream = client("logs", inject_host_prefix=False).get_log_object(logObjectPointer=row["@ptr"])["fieldStream"]
        fields = json.loads(b"".join(event["fields"]["data"] for event in stream))
        self.assertEqual(fields["@message"], "**************** has ******")

    def test_policies_of_the_account_cover_groups_by_prefix(self):
        logs, prefix = self.account.logs, "account-" + secrets.token_hex(4)
        name = "policy-" + secrets.token_hex(4)
        kept = logs.put_account_policy(
            policyName=name, policyType="TRANSFORMER_POLICY", policyDocument='[{"csv": {"columns": ["a", "b"]}}]',
            selectionCriteria=f'LogGroupNamePrefix IN ["{prefix}"]')["accountPolicy"]
        self.addCleanup(logs.delete_account_policy, policyName=name, policyType="TRANSFORMER_POLICY")
        self.assertEqual(kept["scope"], "ALL")
        shown = logs.describe_account_policies(policyType="TRANSFORMER_POLICY", policyName=name)["accountPolicies"]
        self.assertEqual([policy["policyName"] for policy in shown], [name])
        inside, outside = self.group(prefix), self.group()
        for group in (inside, outside):
            self.put(group, "1,2")
        self.assertEqual(self.rows("fields a, b | display a, b", inside)[0]["b"], "2")
        self.assertNotIn("b", self.rows("fields a, b | display a, b", outside)[0])
        logs.put_index_policy(logGroupIdentifier=inside, policyDocument='{"Fields": ["b"]}')
        indexes = logs.describe_field_indexes(logGroupIdentifiers=[inside])["fieldIndexes"]
        self.assertIn("b", [index["fieldIndexName"] for index in indexes])
        self.assertEqual(len(self.rows("filterIndex b = 2", inside)), 1)
        with self.assertRaises(ClientError) as caught:
            logs.put_account_policy(policyName=name, policyType="METRIC_EXTRACTION_POLICY", policyDocument="{}")
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 501)
