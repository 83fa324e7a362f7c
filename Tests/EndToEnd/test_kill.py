# SPDX-License-Identifier: Apache-2.0
"""The platform is killed under load, again and again; what it acknowledged is there each time."""

import base64
import hashlib
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from harness import CUSTOM, Account, EndToEndTest, eventually, wait_until_settled, zip_of
from server import Server
from test_runtimes import BASH

ROUNDS = 10

#: Answers with its event after it has written it to the log group `ran`: what stays of a run, whenever the server is killed.
RUNNER = r"""#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
    event=$(curl -sS -D /tmp/headers "$api/next")
    id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '\r' | cut -d' ' -f2)
    curl -sS -o /dev/null "$AWS_ENDPOINT_URL" -H 'X-Amz-Target: Logs_20140328.PutLogEvents' \
        -H 'Content-Type: application/x-amz-json-1.1' -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN" \
        --aws-sigv4 "aws:amz:$AWS_REGION:logs" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -d "{\"logGroupName\":\"ran\",\"logStreamName\":\"s\",\"logEvents\":[{\"timestamp\":$(date +%s%3N),\"message\":$event}]}"
    curl -sS -o /dev/null -d "$event" "$api/$id/response"
done
"""


def sha256_of(archive):
    return base64.b64encode(hashlib.sha256(archive).digest()).decode()


class Acknowledged:
    """What the server has said yes to, noted only after its answer."""

    def __init__(self):
        self.lock = threading.Lock()
        #: function name → every description that was acknowledged, in order
        self.descriptions = {}
        #: function name → version → the SHA-256 of its code
        self.versions = {}
        self.events = set()
        self.lines = set()

    def note(self, change):
        with self.lock:
            change(self)


class Kill(EndToEndTest):
    @property
    def account(self):
        return self.own

    def test_every_acknowledged_change_survives_each_kill_and_accepted_events_run(self):
        rng = random.Random(1789)
        with Server("--log-level", "warning") as server:
            self.own = Account(server.endpoint)
            self.acknowledged = Acknowledged()
            self.runner = self.own.create(RUNNER, name="runner", runtime=CUSTOM, MemorySize=1_769)
            for group in ("load", "ran"):
                self.own.logs.create_log_group(logGroupName=group)
                self.own.logs.create_log_stream(logGroupName=group, logStreamName="s")
            for number in range(ROUNDS):
                self.load(server, number, rng.uniform(0.05, 1.5))
                server.start()
                self.own = Account(server.endpoint)
                self.check(number)
            self.check_events()
            known = self.acknowledged
            self.assertGreater(len(known.descriptions), ROUNDS)
            self.assertGreater(len(known.events), ROUNDS)
            self.assertGreater(len(known.lines), ROUNDS)
            self.assertEqual(server.stop(), 0)

    def load(self, server, number, seconds):
        """Four callers at work until the server is gone under them."""
        stop = threading.Event()
        work = [self.create_and_update, self.publish, self.invoke_events, self.put_lines]
        threads = [threading.Thread(target=self.until_killed, args=(body, server, number, stop)) for body in work]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()

    def until_killed(self, body, server, number, stop):
        account = Account(server.endpoint)
        step = 0
        while not stop.is_set():
            try:
                body(account, "%d-%d" % (number, step))
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                    raise
            except BotoCoreError:
                if not stop.is_set():
                    time.sleep(0.01)
            step += 1

    def create_and_update(self, account, step):
        name = "made-" + step
        account.create(BASH, name=name, runtime=CUSTOM, Description="0", wait=False)
        self.acknowledged.note(lambda a: a.descriptions.update({name: ["0"]}))
        for text in ("1", "2"):
            wait_until_settled(account.lambda_, name)
            account.lambda_.update_function_configuration(FunctionName=name, Description=text)
            self.acknowledged.note(lambda a: a.descriptions[name].append(text))

    def publish(self, account, step):
        name = "published-" + step.split("-")[0]
        archive = zip_of({"bootstrap": BASH + "# " + step})
        if name not in self.acknowledged.versions:
            account.create({"ZipFile": archive}, name=name, runtime=CUSTOM)
            self.acknowledged.note(lambda a: a.versions.setdefault(name, {}))
        else:
            account.lambda_.update_function_code(FunctionName=name, ZipFile=archive)
            wait_until_settled(account.lambda_, name)
        version = account.lambda_.publish_version(FunctionName=name)
        self.acknowledged.note(lambda a: a.versions[name].update({version["Version"]: sha256_of(archive)}))

    def invoke_events(self, account, step):
        account.lambda_.invoke(FunctionName="runner", InvocationType="Event", Payload='"event %s."' % step)
        self.acknowledged.note(lambda a: a.events.add("event %s." % step))

    def put_lines(self, account, step):
        now = int(time.time() * 1_000)
        account.logs.put_log_events(
            logGroupName="load", logStreamName="s", logEvents=[{"timestamp": now, "message": "line " + step}])
        self.acknowledged.note(lambda a: a.lines.add("line " + step))

    # After each restart

    def check(self, number):
        known, lambda_ = self.acknowledged, self.own.lambda_
        pages = lambda_.get_paginator("list_functions").paginate()
        there = {f["FunctionName"]: f for page in pages for f in page["Functions"]}
        for name, descriptions in known.descriptions.items():
            self.assertIn(name, there, "round %d" % number)
            # One more update may have been stored whose answer never came.
            allowed = {descriptions[-1], str(len(descriptions))}
            self.assertIn(there[name]["Description"], allowed, "%s in round %d" % (name, number))
        for name, versions in known.versions.items():
            pages = lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=name)
            stored = {v["Version"]: v["CodeSha256"] for page in pages for v in page["Versions"]}
            self.assertEqual({v: stored.get(v) for v in versions}, versions, "%s in round %d" % (name, number))
        pages = self.own.logs.get_paginator("filter_log_events").paginate(logGroupName="load")
        lines = {event["message"] for page in pages for event in page["events"]}
        self.assertEqual(known.lines - lines, set(), "round %d" % number)
        self.check_that_functions_run(number)

    def check_that_functions_run(self, number):
        self.runner.lambda_ = self.own.lambda_
        self.runner.wait()
        self.assertEqual(self.result(self.runner, "round %d" % number), "round %d" % number)
        for name, versions in self.acknowledged.versions.items():
            if name == "published-%d" % number and versions:
                wait_until_settled(self.own.lambda_, name)
                answer = self.own.lambda_.invoke(FunctionName=name, Qualifier=max(versions, key=int), Payload="1")
                self.assertNotIn("FunctionError", answer)

    def check_events(self):
        """Each accepted event has run by now, or does so soon."""

        def missing():
            pages = self.own.logs.get_paginator("filter_log_events").paginate(logGroupName="ran")
            return self.acknowledged.events - {event["message"] for page in pages for event in page["events"]}

        try:
            eventually(lambda: not missing(), every=0.5)
        except AssertionError:
            self.fail("accepted and never run: %s" % sorted(missing()))
