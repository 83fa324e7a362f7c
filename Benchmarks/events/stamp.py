# SPDX-License-Identifier: Apache-2.0
# Prints how long each message was under way, in microseconds: its body is the nanosecond of its sending, same clock.
import time

ENTERED = time.time_ns


def handler(event, context):
    now = ENTERED()
    for record in event["Records"]:
        print("under way: %d" % ((now - int(record["body"])) // 1000))
