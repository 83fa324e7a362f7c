# SPDX-License-Identifier: Apache-2.0
"""The platform is killed while new environments begin: between the claim of a stem cell and its first answer."""

import json
import os
import random
import threading

from botocore.exceptions import BotoCoreError, ClientError

from harness import CUSTOM, Account, EndToEndTest, eventually
from server import Server
from test_runtimes import BASH

ROUNDS = 12
SOURCE = "import os\nseen = []\ndef handler(event, context):\n    seen.append(event)\n    return [os.environ['OWN'], len(seen), event]\n"


def environments():
    """The processes of this machine that live in a sandbox of a function."""
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cgroup" % entry) as file:
                if "/lambda-" in file.read():
                    found.add(int(entry))
        except OSError:
            pass  # it has ended
    return found


class ClaimKill(EndToEndTest):
    def test_a_killed_start_leaves_nothing_behind_and_loses_no_accepted_event(self):
        rng = random.Random(97)
        strangers = environments()
        accepted, arrived = set(), set()
        with Server("--log-level", "warning") as server:
            own = Account(server.endpoint)
            queue = own.sqs.create_queue(QueueName="done")["QueueUrl"]
            target = own.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            # What runs shows which runtimes are in use, so that cells of theirs wait after each start.
            self.assertEqual(own.create(SOURCE, name="first", **self.owned("first")).invoke(0).json[0], "first")
            self.assertTrue(environments() - strangers)
            for number in range(ROUNDS):
                fresh = ["f%d-%d" % (number, index) for index in range(3)]
                for name in fresh:
                    own.create(SOURCE, name=name, **self.owned(name))
                    own.lambda_.put_function_event_invoke_config(
                        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": target}})
                own.create(BASH, name="c%d" % number, runtime=CUSTOM)
                threads = [threading.Thread(target=self.call, args=(server, fresh[0], "RequestResponse"))]
                threads.append(threading.Thread(target=self.call, args=(server, "c%d" % number, "RequestResponse")))
                threads += [threading.Thread(target=self.call, args=(server, name, "Event", accepted)) for name in fresh[1:]]
                for thread in threads:
                    thread.start()
                threading.Event().wait(rng.uniform(0.005, 0.12))
                server.kill()
                for thread in threads:
                    thread.join()
                eventually(lambda: not environments() - strangers)
                server.start()
                own = Account(server.endpoint)
                for name in fresh:
                    [mine, seen, event] = self.invoke(own, name)
                    self.assertEqual((mine, event), (name, "again"))
                    self.assertLessEqual(seen, 2)  # the accepted event may have run in the same environment before
                self.collect(own, queue, arrived)
            eventually(lambda: self.collect(own, queue, arrived) >= accepted)
            # How many are accepted before the kill is the host's to say; none would show nothing.
            self.assertGreater(len(accepted), 1)
            self.assertEqual(server.stop(), 0)

    @staticmethod
    def owned(name):
        return {"Environment": {"Variables": {"OWN": name}}}

    @staticmethod
    def invoke(account, name):
        answer = account.lambda_.invoke(FunctionName=name, Payload='"again"')
        return json.loads(answer["Payload"].read())

    @staticmethod
    def call(server, name, kind, accepted=None):
        """Until the server is gone; `accepted` gets the function's name if its event was."""
        try:
            Account(server.endpoint).lambda_.invoke(FunctionName=name, InvocationType=kind, Payload='"once"')
        except (BotoCoreError, ClientError):
            return
        if accepted is not None:
            accepted.add(name)

    @staticmethod
    def collect(account, queue, arrived):
        """The functions whose events have come through."""
        while True:
            messages = account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return arrived
            for message in messages:
                record = json.loads(message["Body"])
                arrived.add(record["responsePayload"][0])
                account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
