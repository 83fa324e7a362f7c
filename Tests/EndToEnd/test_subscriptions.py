# SPDX-License-Identifier: Apache-2.0
"""What is written to a log group reaches the function that subscribed to it."""

import secrets
import time

from harness import EndToEndTest, eventually

READER = """
import base64, gzip, json
def handler(event, context):
    told = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    if told["messageType"] == "DATA_MESSAGE":
        for entry in told["logEvents"]: print("got", told["logGroup"], told["logStream"], entry["message"])
"""


class Subscriptions(EndToEndTest):
    def test_matching_events_reach_the_function(self):
        group, logs, function = "e2e-" + secrets.token_hex(4), self.account.logs, self.create(READER)
        logs.create_log_group(logGroupName=group)
        self.addCleanup(logs.delete_log_group, logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        logs.put_subscription_filter(
            logGroupName=group, filterName="errors", filterPattern="ERROR", destinationArn=function.arn)
        now = int(time.time() * 1000)
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[
            {"timestamp": now, "message": "ERROR one"}, {"timestamp": now, "message": "fine"},
            {"timestamp": now, "message": "ERROR two"}])

        def got():
            said = [m.strip() for m in self.log_of(function) if m.startswith("got ")]
            return said if len(said) >= 2 else None
        self.assertEqual(eventually(got), ["got %s s ERROR one" % group, "got %s s ERROR two" % group])
