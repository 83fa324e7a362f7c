# SPDX-License-Identifier: Apache-2.0
"""The platform is killed while policies of logs are written and logs arrive; what it acknowledged is in force each time."""

import json
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from harness import Account, EndToEndTest
from server import Server

ROUNDS = 3
EMAIL = "arn:aws:dataprotection::aws:data-identifier/EmailAddress"


def protection(letter, step):
    """Masks what looks like A3-1234, and addresses."""
    names = [EMAIL, "Badge"]
    return json.dumps({
        "Name": "protect", "Version": "2021-06-01", "Description": str(step),
        "Configuration": {"CustomDataIdentifier": [{"Name": "Badge", "Regex": "%s%d-[0-9]{4}" % (letter, step)}]},
        "Statement": [
            {"Sid": "audit", "DataIdentifier": names, "Operation": {"Audit": {"FindingsDestination": {}}}},
            {"Sid": "mask", "DataIdentifier": names, "Operation": {"Deidentify": {"MaskConfig": {}}}},
        ]})


def columns(letter, step):
    return [{"csv": {"columns": ["%s%d" % (letter, step), "rest"]}}]


class Policy:
    """One of a kind, written again and again: which try was last begun, and which acknowledged."""

    def __init__(self, group, write, read, works):
        self.group, self.write, self.read, self.works = group, write, read, works
        self.begun = self.acknowledged = 0

    def write_next(self, logs):
        self.begun += 1
        self.write(logs, self.begun)
        self.acknowledged = self.begun


class PolicyKill(EndToEndTest):
    @property
    def account(self):
        return self.own

    def test_an_acknowledged_policy_is_in_force_after_each_kill(self):
        self.lines = set()
        self.policies = [
            Policy("transformed", self.write_transformer, self.read_transformer, lambda step: self.is_parsed("transformed", "t", step)),
            Policy("protected", self.write_protection, self.read_protection, lambda step: self.is_masked("protected", "P", step)),
            Policy("indexed", self.write_index, self.read_index, self.is_indexed),
            Policy("all-transformed", self.write_account_transformer, self.read_account_transformer,
                   lambda step: self.is_parsed("all-transformed", "a", step)),
            Policy("plain", self.write_account_protection, self.read_account_protection,
                   lambda step: self.is_masked("plain", "A", step)),
        ]
        rng = random.Random(4177)
        with Server("--log-level", "warning") as server:
            self.own = Account(server.endpoint)
            for group in [policy.group for policy in self.policies] + ["lines"]:
                self.own.logs.create_log_group(logGroupName=group)
                self.own.logs.create_log_stream(logGroupName=group, logStreamName="s")
            for number in range(ROUNDS):
                self.load(server, number, rng.uniform(0.3, 1.2))
                server.start()
                self.own = Account(server.endpoint)
                self.check(number)
            self.assertGreater(len(self.lines), ROUNDS)
            self.assertEqual(server.stop(), 0)

    def load(self, server, number, seconds):
        """Every policy has a writer, two more callers put log events, until the server is gone under them."""
        stop = threading.Event()
        work = [policy.write_next for policy in self.policies] + [self.put_line, self.put_everywhere]
        threads = [threading.Thread(target=self.until_killed, args=(body, server, stop)) for body in work]
        for thread in threads:
            thread.start()
        # In the first round each has been acknowledged at least once.
        while not all(policy.acknowledged for policy in self.policies):
            time.sleep(0.01)
        time.sleep(seconds)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()

    def until_killed(self, body, server, stop):
        logs = Account(server.endpoint).logs
        while not stop.is_set():
            try:
                body(logs)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                    raise
                raise AssertionError("refused: %s" % error)
            except BotoCoreError:
                return  # what came of it shows after the restart

    def put(self, logs, group, *messages):
        now = int(time.time() * 1_000)
        logs.put_log_events(
            logGroupName=group, logStreamName="s", logEvents=[{"timestamp": now, "message": text} for text in messages])

    def put_line(self, logs):
        text = "line %s" % time.monotonic_ns()
        self.put(logs, "lines", text)
        self.lines.add(text)

    def put_everywhere(self, logs):
        for policy in self.policies:
            self.put(logs, policy.group, "1,2 %s@example.com" % policy.begun, json.dumps({"f%d" % policy.begun: 1}))

    # What is written

    def write_transformer(self, logs, step):
        logs.put_transformer(logGroupIdentifier="transformed", transformerConfig=columns("t", step))

    def read_transformer(self):
        config = self.own.logs.get_transformer(logGroupIdentifier="transformed")["transformerConfig"]
        return int(config[0]["csv"]["columns"][0][1:])

    def write_protection(self, logs, step):
        logs.put_data_protection_policy(logGroupIdentifier="protected", policyDocument=protection("P", step))

    def read_protection(self):
        text = self.own.logs.get_data_protection_policy(logGroupIdentifier="protected")["policyDocument"]
        return int(json.loads(text)["Description"])

    def write_index(self, logs, step):
        logs.put_index_policy(logGroupIdentifier="indexed", policyDocument=json.dumps({"Fields": ["f%d" % step]}))

    def read_index(self):
        [policy] = self.own.logs.describe_index_policies(logGroupIdentifiers=["indexed"])["indexPolicies"]
        return int(json.loads(policy["policyDocument"])["Fields"][0][1:])

    def write_account_transformer(self, logs, step):
        logs.put_account_policy(
            policyName="all", policyType="TRANSFORMER_POLICY", policyDocument=json.dumps(columns("a", step)),
            selectionCriteria='LogGroupNamePrefix IN ["all-"]')

    def read_account_transformer(self):
        return int(self.account_policy("TRANSFORMER_POLICY")[0]["csv"]["columns"][0][1:])

    def write_account_protection(self, logs, step):
        logs.put_account_policy(
            policyName="all", policyType="DATA_PROTECTION_POLICY", policyDocument=protection("A", step), scope="ALL")

    def read_account_protection(self):
        return int(self.account_policy("DATA_PROTECTION_POLICY")["Description"])

    def account_policy(self, kind):
        [policy] = self.own.logs.describe_account_policies(policyType=kind)["accountPolicies"]
        return json.loads(policy["policyDocument"])

    # What comes of it

    def check(self, number):
        there = set(self.texts("lines"))
        self.assertLessEqual(self.lines, there, "in round %d" % number)
        for policy in self.policies:
            step = policy.read()
            # One more may have been stored whose answer never came.
            self.assertIn(step, {policy.acknowledged, policy.begun}, "%s in round %d" % (policy.group, number))
            policy.works(step)
            policy.begun = policy.acknowledged = step

    def texts(self, group):
        pages = self.own.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def is_masked(self, group, letter, step):
        mark = "mark %d " % time.monotonic_ns()
        self.put(self.own.logs, group, mark + "jane@example.com has %s%d-1234" % (letter, step))
        shown = [text for text in self.texts(group) if text.startswith(mark)]
        self.assertEqual(shown, [mark + "*" * 16 + " has " + "*" * len("%s%d-1234" % (letter, step))])

    def is_parsed(self, group, letter, step):
        mark = str(time.monotonic_ns())
        self.put(self.own.logs, group, mark + ",x")
        field = "%s%d" % (letter, step)
        self.assertEqual(self.rows(group, "filter %s = %s | display %s" % (field, mark, field)), [mark])

    def is_indexed(self, step):
        self.put(self.own.logs, "indexed", json.dumps({"f%d" % step: time.monotonic_ns()}))
        found = self.own.logs.describe_field_indexes(logGroupIdentifiers=["indexed"])["fieldIndexes"]
        self.assertIn("f%d" % step, [index["fieldIndexName"] for index in found])

    def rows(self, group, text):
        now = int(time.time())
        query = self.own.logs.start_query(logGroupName=group, startTime=now - 60, endTime=now + 60, queryString=text)["queryId"]
        while True:
            answer = self.own.logs.get_query_results(queryId=query)
            if answer["status"] not in ("Scheduled", "Running"):
                return [row[0]["value"] for row in answer["results"]]
            time.sleep(0.02)
