# SPDX-License-Identifier: Apache-2.0
"""What is there after the server has stopped, in good order or by SIGKILL."""

import json
import os
import secrets

from harness import NODE, Account, EndToEndTest
from server import Server
from test_auth import root_of
from test_iam import TRUST
from test_terraform import Stack


class Restart(EndToEndTest):
    @property
    def account(self):
        """The one on the server of the moment."""
        return self.own

    def restarted_by(self, end):
        with Server() as server:
            before = self.own = Account(server.endpoint)
            everything = Stack(before, "tf-" + secrets.token_hex(5))
            everything.apply()
            node = before.create("exports.handler = async (e) => ['node', e]", runtime=NODE)
            warm = before.create("count = 0\ndef handler(e, c):\n    global count\n    count += 1\n    return count")
            self.assertEqual([self.result(warm), self.result(warm)], [1, 2])
            was = everything.read()
            logged = self.log_of(warm, invocations=2)
            end(server)
            server.start()
            after = everything.account = self.own = Account(server.endpoint)
            self.assertEqual(everything.read(), was)
            node.lambda_ = warm.lambda_ = after.lambda_
            self.assertEqual(self.result(node, 1), ["node", 1])
            self.assertEqual(self.result(warm), 1, "the old environment has ended with its server")
            self.assertEqual(after.lambda_.invoke(FunctionName=everything.name, Qualifier="live")["Payload"].read(), b"1")
            self.assertEqual(self.log_of(warm, invocations=3)[:len(logged)], logged)
            everything.destroy()
            self.assertEqual(server.stop(), 0)

    def test_everything_is_there_after_sigterm_and_functions_run(self):
        self.restarted_by(lambda server: self.assertEqual(server.stop(), 0))

    def test_everything_is_there_after_sigkill_and_functions_run(self):
        self.restarted_by(lambda server: server.kill())

    def test_an_event_whose_run_was_cut_runs_again(self):
        with Server() as server:
            self.own = Account(server.endpoint)
            function = self.own.create("import time\ndef handler(e, c):\n    print('began', e)\n    time.sleep(2)\n    print('finished', e)")
            accepted = function.invoke("once", InvocationType="Event")
            self.assertEqual(accepted.status, 202)
            server.kill()
            server.start()
            self.assertEqual(self.log_of(function).count("finished once\n"), 1)

    def test_keys_issued_before_a_restart_still_sign(self):
        with Server("--auth", "enforced") as server:
            root = root_of(server)
            Account(server.endpoint, **root).iam.create_user(UserName="kept")
            self.assertEqual(server.stop(), 0)
            server.start()
            self.assertNotIn(root["secret"], server.output().decode(), "the root key is shown once only")
            self.assertEqual(Account(server.endpoint, **root).iam.get_user(UserName="kept")["User"]["UserName"], "kept")

    def test_secrets_are_not_readable_in_the_data_directory(self):
        secret = "swordfish-" + secrets.token_hex(8)
        with Server("--auth", "enforced") as server:
            root = root_of(server)
            account = Account(server.endpoint, **root)
            role = account.iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
            account.create("def handler(e, c): pass", Role=role, Environment={"Variables": {"PASSWORD": secret}})
            server.kill()
            for folder, _, names in os.walk(server.data):
                for name in names:
                    path = os.path.join(folder, name)
                    if not os.path.isfile(path):
                        continue
                    with open(path, "rb") as file:
                        content = file.read()
                    self.assertNotIn(secret.encode(), content, path)
                    self.assertNotIn(root["secret"].encode(), content, path)
            self.assertNotIn(secret, server.log())

    def test_an_ephemeral_server_forgets(self):
        with Server("--ephemeral") as server:
            Account(server.endpoint).create("def handler(e, c): pass", name="gone")
            self.assertEqual(server.stop(), 0)
            server.start()
            self.assertEqual(Account(server.endpoint).lambda_.list_functions()["Functions"], [])
