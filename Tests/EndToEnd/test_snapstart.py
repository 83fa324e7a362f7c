# SPDX-License-Identifier: Apache-2.0
"""Published versions that start from a snapshot of their initialised process."""

import os
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import JAVA, PYTHON, REGION, Account, EndToEndTest, client, endpoint, eventually, java_classes, wait_until_settled
from server import Server
from vendored import boto3_files

SOURCE = """
import os, random, ssl, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot
born, hooks, count = uuid.uuid4().hex, [], 0
print("initialised")
with open("/tmp/made-at-init", "w") as file: file.write(born)
@register_before_snapshot
def rest(): hooks.append("before")
@register_after_restore
def wake(word="after"): hooks.append(word)
register_after_restore(wake, word="again")
def handler(event, context):
    global count
    count += 1
    time.sleep((event or {}).get("seconds", 0))
    return {
        "born": born, "hooks": hooks, "count": count, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "random": random.random(), "uuid": uuid.uuid4().hex, "ssl": ssl.RAND_bytes(16).hex(),
        "tmp": open("/tmp/made-at-init").read(), "stream": context.log_stream_name,
        "secrets": [n for n in os.environ if n in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")],
        "task": os.getcwd(), "pid": os.getpid(),
    }
"""
CALLER = """
import boto3, time
client = boto3.client("sts")
first = client.get_caller_identity()["Arn"]
key = client._request_signer._credentials.get_frozen_credentials().access_key
def handler(event, context):
    time.sleep((event or {}).get("seconds", 0))
    credentials = client._request_signer._credentials.get_frozen_credentials()
    return {"first": first, "now": client.get_caller_identity()["Arn"], "key": credentials.access_key, "secret": credentials.secret_key,
            "token": credentials.token, "at_init": key, "until": client._request_signer._credentials._expiry_time.timestamp()}
"""
ENABLED = {"ApplyOn": "PublishedVersions"}
#: AWS has no snapshots of older ones; the nearest interpreter of this machine serves.
RUNTIME = max(PYTHON, "python3.12", key=lambda name: int(name.split(".")[1]))
JAVA_SOURCE = """
package example;
import com.amazonaws.services.lambda.crac.*;
import java.util.*;
public class Counter implements Resource {
    private static final List<String> hooks = new ArrayList<>();
    private static final Counter self = new Counter();
    private static final Map<Integer, String> loaded = new HashMap<>();
    private static int count;
    static {
        Core.getGlobalContext().register(self);
        for (int i = 0; i < 20000; i++) loaded.put(i, "value " + i);
    }
    public void beforeCheckpoint(Context<? extends Resource> context) { hooks.add("before"); }
    public void afterRestore(Context<? extends Resource> context) { hooks.add("after"); }
    public Object handle(Map<String, Object> event) {
        return List.of(hooks, ++count, loaded.size(), System.getenv("AWS_LAMBDA_INITIALIZATION_TYPE"), new java.security.SecureRandom().nextLong());
    }
}
"""


class SnapStart(EndToEndTest):
    def published(self, source=SOURCE, **settings):
        function = self.create(source, SnapStart=ENABLED, **{"runtime": RUNTIME, **settings})
        return function, self.publish(function)

    def publish(self, function):
        version = function.lambda_.publish_version(FunctionName=function.name)
        self.assertEqual((version["State"], version["StateReasonCode"]), ("Pending", "Creating"))
        self.assertEqual(version["SnapStart"], {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"})
        wait_until_settled(function.lambda_, function.name, version["Version"])
        return version["Version"]

    def call(self, function, version, event=None):
        answer = function.invoke(event, Qualifier=version)
        self.assertIsNone(answer.error, answer.body)
        return answer

    def test_a_version_is_initialised_once_and_its_environments_go_on_from_there(self):
        function, version = self.published()
        answer = self.call(function, version)
        got = answer.json
        self.assertEqual((got["hooks"], got["count"], got["type"]), (["before", "after", "again"], 1, "snap-start"))
        self.assertEqual((got["tmp"], got["task"], got["secrets"], got["stream"]), (got["born"], "/var/task", [], None))
        report = answer.report()
        self.assertNotIn("Init Duration", report)
        restore, billed = (float(report[name].split()[0]) for name in ("Restore Duration", "Billed Restore Duration"))
        self.assertGreaterEqual(float(report["Billed Duration"].split()[0]), billed)
        again = self.call(function, version)
        self.assertEqual((again.json["born"], again.json["count"]), (got["born"], 2))
        self.assertNotIn("Restore Duration", again.report())

    def test_environments_from_one_snapshot_share_its_past_and_nothing_random(self):
        function, version = self.published()
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: self.call(function, version, {"seconds": 1}).json, range(4)))
        self.assertEqual([got["count"] for got in results], [1] * 4)
        self.assertEqual(len({got["born"] for got in results}), 1)
        for what in ("random", "uuid", "ssl"):
            self.assertEqual(len({got[what] for got in results}), 4, what)

    def test_the_unpublished_function_starts_as_ever(self):
        function, _ = self.published()
        answer = function.invoke()
        self.assertIn("Init Duration", answer.report())
        self.assertEqual((answer.json["type"], answer.json["hooks"]), ("on-demand", []))

    def test_the_log_tells_of_the_snapshot_and_of_each_restore(self):
        function, version = self.published()
        self.call(function, version)
        lines = self.log_of(function)
        init = [line for line in lines if line.startswith(("INIT_START ", "INIT_REPORT ", "initialised"))]
        self.assertEqual([line.split(" ")[0].strip() for line in init], ["INIT_START", "initialised", "INIT_REPORT"])
        self.assertRegex(init[2], r"^INIT_REPORT Init Duration: [\d.]+ ms\n$")
        restore = [line for line in lines if line.startswith("RESTORE_")]
        self.assertRegex(restore[0], r"^RESTORE_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn:aws:lambda:")
        self.assertRegex(restore[1], r"^RESTORE_REPORT Restore Duration: [\d.]+ ms\n$")

    def test_clients_made_at_the_init_phase_have_the_credentials_of_their_environment(self):
        function, version = self.published({"app.py": CALLER, **boto3_files()}, Timeout=60)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda _: self.call(function, version, {"seconds": 2}).json, range(2)))
        [at_init] = {got["at_init"] for got in results}  # both are copies of one process
        keys = {got["key"] for got in results}
        self.assertEqual(len(keys), 2, results)
        self.assertNotIn(at_init, keys)
        for got in results:
            self.assertIn("assumed-role/end-to-end", got["first"])
            self.assertEqual(got["first"], got["now"])
            # The template's last 15 minutes; an environment's far longer.
            self.assertGreater(got["until"], time.time() + 3_600)
            outside = client("sts", key=got["key"], secret=got["secret"], token=got["token"])
            self.assertEqual(outside.get_caller_identity()["Arn"], got["now"])

    def test_a_function_that_fails_to_initialise_has_no_version(self):
        function = self.create("raise ValueError('no')\ndef handler(e, c): pass", runtime=RUNTIME, SnapStart=ENABLED)
        version = self.lambda_.publish_version(FunctionName=function.name)["Version"]

        def failed():
            now = self.lambda_.get_function_configuration(FunctionName=function.name, Qualifier=version)
            return now if now["State"] == "Failed" else None

        now = eventually(failed)
        self.assertEqual((now["StateReasonCode"], now["LastUpdateStatus"]), ("FunctionError", "Failed"))
        self.assertEqual(now["StateReason"], "An error occurred during function initialization.")
        self.assertFails("ResourceConflictException", 409, function.invoke, Qualifier=version)

    def test_an_error_in_a_hook_after_the_restore_is_the_callers(self):
        source = "import snapshot_restore_py as s\ndef fail(): raise ValueError('hook')\ns.register_after_restore(fail)\ndef handler(e, c): pass"
        function, version = self.published(source)
        self.assertFails("SnapStartException", 400, function.invoke, Qualifier=version)

    @unittest.skipUnless(JAVA, "there is no JDK")
    def test_a_java_virtual_machine_goes_on_from_its_snapshot(self):
        files = java_classes(JAVA_SOURCE, "Counter")
        function, version = self.published(files, runtime=JAVA, handler="example.Counter::handle", MemorySize=512)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda _: self.call(function, version).json, range(2)))
        for hooks, count, loaded, kind, _ in results:
            self.assertEqual((hooks, loaded, kind), (["before", "after"], 20000, "snap-start"))
        self.assertEqual(len({got[4] for got in results}), 2)

    def test_the_command_line_waits_for_the_version(self):
        function, _ = self.published()
        environment = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION=REGION)
        command = [os.path.join(os.path.dirname(sys.executable), "aws"), "--endpoint-url", endpoint(), "lambda"]
        self.lambda_.update_function_configuration(FunctionName=function.name, Description="another")
        function.wait()
        subprocess.run(command + ["publish-version", "--function-name", function.name], env=environment, check=True, capture_output=True)
        subprocess.run(command + ["wait", "published-version-active", "--function-name", function.name, "--qualifier", "2"],
                       env=environment, check=True, capture_output=True)
        self.assertEqual(self.call(function, "2").json["hooks"], ["before", "after", "again"])

    def test_snapshots_outlive_the_server_and_a_version_that_was_being_made_is_made(self):
        with Server() as server:
            account = Account(server.endpoint)
            function = account.create(SOURCE, runtime=RUNTIME, SnapStart=ENABLED)
            version = self.publish(function)
            born = self.call(function, version).json["born"]
            function.update(Description="slow", Environment={"Variables": {"SLOW": "1"}})
            slow = account.lambda_.publish_version(FunctionName=function.name)["Version"]
            server.kill()
            server.start()
            account = Account(server.endpoint)
            function.lambda_ = account.lambda_
            self.assertEqual(self.call(function, version).json["born"], born)
            wait_until_settled(account.lambda_, function.name, slow)
            self.assertNotEqual(self.call(function, slow).json["born"], born)
            snapshots = os.path.join(server.data, "lambda", "snapshots")
            self.assertEqual(len(os.listdir(snapshots)), 2)
            account.lambda_.delete_function(FunctionName=function.name)
            eventually(lambda: not os.listdir(snapshots))

    def test_a_server_can_do_without_snapshots(self):
        with Server() as server:
            account = Account(server.endpoint)
            function = account.create(SOURCE, runtime=RUNTIME, SnapStart=ENABLED)
            version = self.publish(function)
            snapshots = os.path.join(server.data, "lambda", "snapshots")
            self.assertEqual(len(os.listdir(snapshots)), 1)
            server.stop()
            server.options = ("--snapshots", "0")
            server.start()
            function.lambda_ = Account(server.endpoint).lambda_
            self.assertFalse(os.path.exists(snapshots))
            answer = self.call(function, version)  # a version of earlier starts plainly
            self.assertEqual((answer.json["type"], answer.json["hooks"]), ("on-demand", []))
            self.assertIn("Init Duration", answer.report())
            with self.assertRaises(Exception) as caught:
                Account(server.endpoint).create(SOURCE, runtime=RUNTIME, SnapStart=ENABLED)
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 501)
            self.assertIn("which takes no snapshots", str(caught.exception))
            server.stop()
            server.options = ()
            server.start()
            function.lambda_ = Account(server.endpoint).lambda_
            eventually(lambda: os.path.exists(snapshots) and self.call(function, version).json["type"] == "snap-start")
