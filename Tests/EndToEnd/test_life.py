# SPDX-License-Identifier: Apache-2.0
"""The server itself: starting, refusing to start, ending in good order, resetting, its own paths."""

import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from harness import CUSTOM, Account, EndToEndTest, eventually
from server import BINARY, Server, clean_environment, processes_with
from test_runtimes import BASH


def fetch(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Life(EndToEndTest):
    @property
    def account(self):
        return self.own

    def test_sigterm_lets_an_invocation_finish(self):
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=signal_number), Server() as server, ThreadPoolExecutor(1) as pool:
                self.own = Account(server.endpoint)
                function = self.own.create("import time\ndef handler(e, c):\n    print('began', flush=True)\n    time.sleep(e)\n    return 'finished'")
                function.invoke(0)
                self.log_of(function)
                running = pool.submit(function.invoke, 3)
                eventually(lambda: self.is_logged(function))
                server.process.send_signal(signal_number)
                self.assertEqual(running.result().json, "finished")
                self.assertEqual(server.wait(), 0)

    def is_logged(self, function):
        """Whether the second invocation has begun."""
        events = self.own.logs.filter_log_events(logGroupName="/aws/lambda/" + function.name, filterPattern="began")["events"]
        return len(events) == 2

    def test_ending_leaves_no_process_behind(self):
        for end in ("stop", "kill"):
            with self.subTest(end=end), Server() as server:
                self.own = Account(server.endpoint)
                mark = "mark-%s-%d" % (end, os.getpid())
                function = self.own.create(BASH, runtime=CUSTOM, Environment={"Variables": {"MARK": mark}})
                self.result(function, {})
                self.assertTrue(processes_with(mark))
                getattr(server, end)()
                eventually(lambda: not processes_with(mark))

    def test_callers_that_hang_up_leave_nothing_open_and_nothing_in_the_log(self):
        with Server() as server:
            self.own = Account(server.endpoint)
            self.own.lambda_.list_functions()
            open_files = lambda: len(os.listdir("/proc/%d/fd" % server.process.pid))
            log, files = server.log(), open_files()
            for reset in (False, True):
                for head, sent in (
                        (b"Content-Length: 1000", b'{"FunctionName":'), (b"Content-Length: 60000000", b"x" * 3_000_000),
                        (b"Transfer-Encoding: chunked", b'5\r\n{"a":'), (b"Content-Length: 1", b"")):
                    for path in (b"/2015-03-31/functions", b"/2015-03-31/functions/none/invocations"):
                        caller = socket.create_connection(("127.0.0.1", server.port))
                        if reset:
                            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        try:
                            caller.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n%s" % (path, head, sent))
                        except ConnectionError:
                            pass  # refused for its length before it had sent all
                        caller.close()
            eventually(lambda: open_files() <= files)
            self.assertEqual(self.own.lambda_.list_functions()["Functions"], [])
            self.assertEqual(server.log(), log)
            self.assertEqual(server.stop(), 0)

    def test_ending_with_environments_running_is_no_matter_for_a_warning(self):
        with Server() as server:
            self.own = Account(server.endpoint)
            self.result(self.own.create("def handler(e, c): return e"), 1)
            log = server.log()
            self.assertEqual(server.stop(), 0)
            added = server.log()[len(log):]
            self.assertFalse([line for line in added.splitlines() if " warning " in line or " error " in line or "jailer" in line], added)

    def test_two_servers_do_not_share_a_data_directory(self):
        with Server() as server:
            with self.assertRaises(AssertionError) as caught:
                with Server(data=server.data):
                    pass
            self.assertIn(server.data, str(caught.exception))
            self.assertEqual(fetch(server.endpoint + "/_martlet/health")[0], 200)
            self.assertEqual(server.stop(), 0)

    def test_a_port_that_is_taken_is_named(self):
        with Server() as server:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [BINARY, "serve", "--port", str(server.port), "--data-dir", folder], capture_output=True, text=True, timeout=120,
                    env=clean_environment(HOME=folder))
            self.assertEqual(done.returncode, 1)
            self.assertIn("--port", done.stderr)
            self.assertIn(str(server.port), done.stderr)

    def test_options_come_from_the_environment_and_from_a_file_too(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "martlet.conf")
            with open(path, "w") as file:
                file.write("MARTLET_AUTH=signed\nMARTLET_LOG_LEVEL=debug\n")
            with Server("--config", path, environment={"MARTLET_LOG_LEVEL": "error"}) as server:
                self.assertIn(b"signed mode", server.output())
                self.assertNotIn("debug", server.log())
                self.assertEqual(server.stop(), 0)

    def test_the_lesser_durability_survives_the_end_of_the_server(self):
        with Server("--durability", "process") as server:
            self.own = Account(server.endpoint)
            function = self.own.create("def handler(e, c): return e", name="kept")
            server.kill()
            server.start()
            self.assertEqual(self.result(function, 5), 5)
            self.assertEqual(server.stop(), 0)

    def test_the_state_is_reset_whole_or_of_one_account(self):
        with Server() as server:
            mine = self.own = Account(server.endpoint)
            other = Account(server.endpoint, key="111122223333")
            for account in (mine, other):
                number = account.sts.get_caller_identity()["Account"]
                function = account.create("def handler(e, c): pass", Role="arn:aws:iam::%s:role/r" % number)
                function.invoke({})
                account.iam.create_user(UserName="somebody")
                account.logs.create_log_group(logGroupName="own")

            def holds(account):
                return (
                    len(account.lambda_.list_functions()["Functions"]), len(account.iam.list_users()["Users"]),
                    len(account.logs.describe_log_groups()["logGroups"]) > 0)

            self.assertEqual((holds(mine), holds(other)), ((1, 1, True), (1, 1, True)))
            self.assertEqual(fetch(server.endpoint + "/_martlet/state/reset?account=111122223333", "POST")[0], 200)
            self.assertEqual((holds(mine), holds(other)), ((1, 1, True), (0, 0, False)))
            self.assertEqual(fetch(server.endpoint + "/_localstack/state/reset", "POST")[0], 200)
            self.assertEqual((holds(mine), holds(other)), ((0, 0, False), (0, 0, False)))
            self.assertEqual(self.result(self.create("def handler(e, c): return 'anew'")), "anew")
            self.assertEqual(server.stop(), 0)

    def test_its_own_paths(self):
        with Server() as server:
            for path in ("/_martlet/health", "/_localstack/health"):
                status, body = fetch(server.endpoint + path)
                health = json.loads(body)
                self.assertEqual((status, health["services"]["lambda"]), (200, "running"))
            self.assertEqual(fetch(server.endpoint + "/_martlet/nothing")[0], 404)
            self.assertEqual(fetch(server.endpoint + "/_martlet/state/reset")[0], 405)
            self.assertEqual(fetch(server.endpoint + "/_martlet/state/reset", "POST", Origin="https://attacker.example")[0], 403)
            self.assertEqual(server.stop(), 0)

    def test_browsers_get_their_preflight_answered(self):
        with Server() as server:
            request = urllib.request.Request(
                server.endpoint + "/2015-03-31/functions/", method="OPTIONS",
                headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,x-amz-date"})
            with urllib.request.urlopen(request, timeout=120) as answer:
                self.assertIn(answer.headers["Access-Control-Allow-Origin"], ("*", "http://localhost:3000"))
                self.assertIn("authorization", answer.headers["Access-Control-Allow-Headers"].lower() + "*authorization")
            self.assertEqual(server.stop(), 0)

    def test_the_process_sandbox_says_loudly_that_it_isolates_nothing(self):
        with Server("--sandbox", "process") as server:
            self.own = Account(server.endpoint)
            self.assertEqual(self.result(self.own.create("def handler(e, c): return e"), 3), 3)
            self.assertIn("NOT isolated", server.log())
            self.assertEqual(server.stop(), 0)

    @unittest.skipIf(os.geteuid() != 0, "wants root, to become somebody else")
    def test_it_serves_rootless_where_the_host_allows_it(self):
        nobody = 65_534
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            binary = os.path.join(folder, "martlet")
            subprocess.run(["cp", BINARY, binary], check=True)
            data = os.path.join(folder, "data")
            os.mkdir(data)
            os.chown(data, nobody, nobody)
            with open(os.path.join(folder, "out"), "wb") as output, open(os.path.join(folder, "log"), "wb") as log:
                process = subprocess.Popen(
                    [binary, "serve", "--port", "0", "--data-dir", data, "--allow-missing-cgroups"], user=nobody, group=nobody,
                    extra_groups=[], cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=clean_environment(HOME=data))
            try:
                def address():
                    if process.poll() is not None:
                        raise AssertionError(open(os.path.join(folder, "log")).read())
                    text = open(os.path.join(folder, "out")).read()
                    return text.split("listens on ")[1].split()[0] if "listens on " in text else None

                self.own = Account(eventually(address))
                function = self.own.create("import os\ndef handler(e, c): return [e, os.path.exists('/root/.profile')]")
                self.assertEqual(self.result(function, 3), [3, False])
                process.terminate()
                self.assertEqual(process.wait(60), 0)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
