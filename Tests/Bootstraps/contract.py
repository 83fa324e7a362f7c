# SPDX-License-Identifier: Apache-2.0
"""What every bootstrap does alike, whatever its language. Each language's tests inherit it and name two functions."""

import json
import os

from fake_runtime_api import FakeRuntimeAPI


class BootstrapContract:
    #: What `self.function` takes for a function that answers with its event.
    ECHO = None
    #: The same for one that is claimed late, its environment, and what it must answer to the event CLAIM_EVENT.
    CLAIMED, CLAIM_ENVIRONMENT, CLAIM_EVENT = None, {}, {}

    def check_claimed(self, f, answer):
        raise NotImplementedError

    def test_a_payload_of_six_megabytes_passes_both_ways(self):
        text = "é" * (3 * 1024 * 1024 - 8)
        with self.function(self.ECHO) as f:
            self.assertEqual(f.invoke(json.dumps(text, ensure_ascii=False).encode()).json, text)

    def test_chunked_events_are_read(self):
        api = FakeRuntimeAPI()
        api.chunked_events = True
        with self.function(self.ECHO, api=api) as f:
            self.assertEqual(f.invoke({"a": "b" * 100000}).json, {"a": "b" * 100000})
            self.assertEqual(f.invoke([1]).json, [1])

    def test_a_closed_connection_is_opened_again(self):
        api = FakeRuntimeAPI()
        api.close_after_post = True
        with self.function(self.ECHO, api=api) as f:
            self.assertEqual([f.invoke(n).json for n in (1, 2, 3)], [1, 2, 3])

    def test_an_answer_refused_as_too_large_does_not_end_the_process(self):
        with self.function(self.ECHO) as f:
            f.api.post_status = b"413 Payload Too Large"
            f.invoke(1)
            f.api.post_status = b"202 Accepted"
            self.assertEqual(f.invoke(2).json, 2)

    def test_a_claimed_process_becomes_the_function(self):
        for early in (False, True):
            with self.function(self.CLAIMED, claim=True, early=early, environment=self.CLAIM_ENVIRONMENT) as f:
                f.send_claim()
                self.check_claimed(f, f.invoke(self.CLAIM_EVENT).json)
                self.assertEqual(f.api.connections, 1)

    def test_a_process_that_is_never_claimed_ends_quietly(self):
        with self.function(self.CLAIMED, claim=True) as f:
            os.close(f.claim_writer)
            self.assertEqual((f.exit_code(), f.log()), (0, ""))
