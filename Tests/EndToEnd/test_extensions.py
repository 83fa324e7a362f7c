# SPDX-License-Identifier: Apache-2.0
"""Extensions in layers and inside functions: life cycle, telemetry, and what becomes of those that misbehave."""

import json
import os
import secrets
import select
import time

from harness import SYSTEM_PYTHON, Account, EndToEndTest, eventually, zip_of
from server import Server, processes_with

#: In the environment of an extension's process.
WATCHED = "AWS_LAMBDA_FUNCTION_NAME="

HANDLER = """
import json
def handler(event, context):
    print("the function says", json.dumps(event))
    return {"echo": event}
"""

#: What the extensions of these tests begin with.
PRELUDE = "#!" + SYSTEM_PYTHON + """ -u
import http.server, json, os, sys, threading, time, urllib.error, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
NAME = os.path.basename(sys.argv[0])
def call(path, body=None, method=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, {k.replace("_", "-"): v for k, v in headers.items()}, method=method)
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read()
def register(*events, name=NAME, **headers):
    status, headers, body = call("/2020-01-01/extension/register", {"events": list(events)}, Lambda_Extension_Name=name, **headers)
    return headers["Lambda-Extension-Identifier"], status, json.loads(body)
def next_event(id):
    return json.loads(call("/2020-01-01/extension/event/next", Lambda_Extension_Identifier=id)[2])
def say(*words):
    print("EXT", *words, flush=True)
"""

WATCHER = PRELUDE + """
received = []
class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *a): pass
sink = http.server.ThreadingHTTPServer(("sandbox.localdomain" if SANDBOXED else "127.0.0.1", PORT), Sink)
threading.Thread(target=sink.serve_forever, daemon=True).start()
id, status, facts = register("INVOKE", "SHUTDOWN", Lambda_Extension_Accept_Feature="accountId")
say("registered", status, json.dumps(facts))
say("hidden", [n for n in ("_HANDLER", "LAMBDA_TASK_ROOT", "AWS_EXECUTION_ENV") if n in os.environ], os.environ["AWS_LAMBDA_FUNCTION_NAME"])
say("subscribed", *call(SUBSCRIBE, {"schemaVersion": SCHEMA, "types": ["platform", "function", "extension"],
    "buffering": {"timeoutMs": 25, "maxItems": 1000, "maxBytes": 262144},
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d/x" % PORT}}, "PUT", Lambda_Extension_Identifier=id)[::2])
while True:
    event = next_event(id)
    say("event", json.dumps(event))
    if event["eventType"] == "SHUTDOWN":
        say("late", call("/2020-01-01/extension/register", {"events": []}, Lambda_Extension_Name="late")[0],
            call(SUBSCRIBE, {}, "PUT", Lambda_Extension_Identifier=id)[0])
        # In one write: there are two seconds for all of it, on however busy a machine.
        print("\\n".join("EXT telemetry " + json.dumps(record) for record in received), flush=True)
        say("bye")
        sys.exit(0)
"""


class ExtensionTest(EndToEndTest):
    @property
    def logs(self):
        return self.account.logs

    def layer(self, **extensions):
        files = {"extensions/" + name: text for name, text in extensions.items()}
        made = self.lambda_.publish_layer_version(
            LayerName="ext-" + secrets.token_hex(4), Content={"ZipFile": zip_of(files, executable=set(files))})
        return [made["LayerVersionArn"]]

    def lines(self, function):
        """All lines of the function's log, in order."""
        try:
            streams = self.logs.describe_log_streams(logGroupName="/aws/lambda/" + function.name)["logStreams"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        events = []
        for stream in streams:
            events += self.logs.get_log_events(
                logGroupName="/aws/lambda/" + function.name, logStreamName=stream["logStreamName"], startFromHead=True)["events"]
        return [event["message"].rstrip("\n") for event in events]

    def said(self, function, word):
        found = [line[len("EXT " + word):].strip() for line in self.lines(function) if line.startswith("EXT " + word)]
        return found

    def watched(self, subscribe="/2022-07-01/telemetry", schema="2022-12-13", sandboxed=True, port=4243):
        text = WATCHER.replace("SUBSCRIBE", repr(subscribe)).replace("SCHEMA", repr(schema))
        return text.replace("SANDBOXED", repr(sandboxed)).replace("PORT", repr(port))

    def life(self, function):
        """Two invocations and the end."""
        answers = [function.invoke({"n": 0})]
        # An environment whose extension is still at work is not free, and the next request would get another one.
        eventually(lambda: [line for line in self.lines(function) if "REPORT" in line or "platform.report" in line], every=0.1)
        answers.append(function.invoke({"n": 1}))
        for n, answer in enumerate(answers):
            self.assertEqual((answer.error, answer.json), (None, {"echo": {"n": n}}))
        # The first environment goes, since its function changes.
        running = processes_with(WATCHED + function.name)
        self.assertNotEqual(running, [])
        function.update(Description="changed")
        self.ended(running)
        # Its last lines are on their way.
        eventually(lambda: self.said(function, "bye"), every=0.2)
        self.assertEqual(self.said(function, "bye"), [""])
        return answers

    def ended(self, processes):
        """Waits for the end of each, which the kernel tells."""
        for process in processes:
            try:
                descriptor = os.pidfd_open(process)
            except ProcessLookupError:
                continue
            try:
                self.assertNotEqual(select.select([descriptor], [], [], 120)[0], [], "%d goes on" % process)
            finally:
                os.close(descriptor)



SLOW = PRELUDE + """
say("boots", sorted(p for p in os.listdir("/proc") if p.isdigit() and b"bootstrap" in open("/proc/%s/cmdline" % p, "rb").read()))
time.sleep(1)
say("registers", time.time())
id, *_ = register("INVOKE")
while True: next_event(id)
"""
LATE_HANDLER = """
import time
print("EXT imported", time.time(), flush=True)
def handler(event, context): return "ran"
"""


class Extensions(ExtensionTest):
    def test_the_runtime_starts_when_every_extension_has_registered(self):
        function = self.create(LATE_HANDLER, Layers=self.layer(quick=PRELUDE + "id, *_ = register()\nwhile True: next_event(id)\n", slow=SLOW))
        self.assertEqual(self.result(function), "ran")
        eventually(lambda: self.said(function, "imported"), every=0.2)
        self.assertEqual(self.said(function, "boots"), ["[]"])
        self.assertLess(float(self.said(function, "registers")[0]), float(self.said(function, "imported")[0]))

    def test_an_external_extension_registers_hears_of_everything_and_shuts_down(self):
        function = self.create(HANDLER, Layers=self.layer(watcher=self.watched()))
        answers = self.life(function)
        facts = json.loads(self.said(function, "registered 200")[0])
        self.assertEqual(facts, {
            "functionName": function.name, "functionVersion": "$LATEST", "handler": "app.handler", "accountId": "000000000000"})
        self.assertEqual(set(self.said(function, "hidden")), {"[] " + function.name})
        self.assertEqual(self.said(function, "subscribed"), ["200 b'\"OK\"'"])
        events = [json.loads(text) for text in self.said(function, "event")]
        self.assertEqual([e["eventType"] for e in events], ["INVOKE", "INVOKE", "SHUTDOWN"])
        self.assertEqual([e["requestId"] for e in events[:2]], [a.request_id for a in answers])
        self.assertEqual(events[0]["invokedFunctionArn"], function.arn)
        self.assertGreater(events[0]["deadlineMs"], time.time() * 1000 - 60_000)
        self.assertEqual(events[2]["shutdownReason"], "spindown")
        self.assertEqual(self.said(function, "late"), ["403 400"])
        self.assertIn("EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]", self.lines(function))
        self.assertIn("TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [Platform, Function, Extension]", self.lines(function))
        records = [json.loads(text) for text in self.said(function, "telemetry")]
        types = [r["type"] for r in records if r["type"].startswith("platform.")]
        once = ["platform.start", "platform.runtimeDone", "platform.report"]
        self.assertEqual(types[0], "platform.initStart")
        self.assertEqual([t for t in types if t in once], once * 2)
        for kind in ("platform.telemetrySubscription", "platform.initRuntimeDone", "platform.extension", "platform.initReport"):
            self.assertIn(kind, types[:types.index("platform.start")])
        said = [r["record"] for r in records if r["type"] == "function"]
        self.assertEqual(said, ['the function says {"n": 0}', 'the function says {"n": 1}'])
        self.assertIn("EXT event", "".join(r["record"] for r in records if r["type"] == "extension"))
        report = [r["record"] for r in records if r["type"] == "platform.report"][0]
        self.assertEqual((report["requestId"], report["status"]), (answers[0].request_id, "success"))
        self.assertLessEqual(
            {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"}, set(report["metrics"]))

    def test_the_logs_api_tells_its_own_events(self):
        function = self.create(HANDLER, Layers=self.layer(watcher=self.watched("/2020-08-15/logs", "2021-03-18")))
        self.life(function)
        records = [json.loads(text) for text in self.said(function, "telemetry")]
        types = [r["type"] for r in records if r["type"].startswith("platform.")]
        self.assertEqual([t for t in types if t in ("platform.start", "platform.runtimeDone", "platform.end", "platform.report")],
                         ["platform.start", "platform.runtimeDone", "platform.end", "platform.report"] * 2)
        self.assertIn("platform.logsSubscription", types)
        self.assertIn("LOGS\tName: watcher\tState: Subscribed\tTypes: [Platform, Function, Extension]", self.lines(function))
        self.assertNotIn("platform.initStart", types)

    def test_the_caller_does_not_wait_for_an_extension_that_works_on_and_its_environment_does(self):
        slow = PRELUDE + """
id, *_ = register("INVOKE")
while True:
    event = next_event(id)
    time.sleep(4)
    say("done", event["requestId"], time.time())
"""
        source = "import os, time\nME = os.urandom(4).hex()\ndef handler(event, context): return [ME, time.time()]"
        function = self.create(source, Layers=self.layer(slow=slow), Timeout=60)
        answers, here = [], []
        for _ in range(3):
            answers.append(function.invoke({}))
            here.append(time.time())
        for answer in answers:
            self.assertIsNone(answer.error, answer.body)
        done = eventually(lambda: self.said(function, "done") if len(self.said(function, "done")) == 3 else None, every=0.2)
        done = {request: float(when) for request, when in (line.split() for line in done)}
        # The answers were here while the extension was still at work.
        self.assertLess(here[0], done[answers[0].request_id])
        # An environment takes the next event when its extension is done with the last.
        lives = {}
        for answer in answers:
            lives.setdefault(answer.json[0], []).append((answer.json[1], done[answer.request_id]))
        for life in lives.values():
            for earlier, later in zip(sorted(life), sorted(life)[1:]):
                self.assertGreater(later[0], earlier[1])
        report = eventually(lambda: [l for l in self.lines(function) if l.startswith("REPORT RequestId: " + answers[0].request_id)], every=0.2)
        self.assertGreater(float(report[0].split("\tDuration: ")[1].split(" ")[0]), 3_900)

    def phases(self, source, timeout):
        """What the watcher has heard of a failed init phase and of its second try, each by its events."""
        function = self.create("import os, time\ntime.sleep(1)\n" + source, Layers=self.layer(watcher=self.watched()), Timeout=timeout)
        answer = function.invoke({})
        self.assertEqual(answer.error, "Unhandled")
        eventually(lambda: len(self.said(function, "bye")) == 2, every=0.2)
        records = [json.loads(text) for text in self.said(function, "telemetry")]
        tries = {"init": [], "invoke": []}
        for record in records:
            if record["type"].startswith("platform.init"):
                tries[record["record"]["phase"]].append((record["type"], record["record"]))
        for heard in tries.values():
            self.assertEqual([kind for kind, _ in heard], ["platform.initStart", "platform.initRuntimeDone", "platform.initReport"])
        extensions = [r["record"]["state"] for r in records if r["type"] == "platform.extension"]
        self.assertEqual(len(extensions), 2)
        return answer, tries, self.lines(function)

    def test_an_init_phase_that_ends_with_the_runtime_is_told_of_with_its_reason(self):
        answer, tries, lines = self.phases("os._exit(3)", timeout=20)
        self.assertEqual(answer.json["errorType"], "Runtime.ExitError")
        for heard in tries.values():
            for _, record in heard[1:]:
                self.assertEqual((record["status"], record["errorType"]), ("error", "Runtime.ExitError"))
            self.assertGreater(heard[2][1]["metrics"]["durationMs"], 1_000)
        phases = [line.split("\t", 1)[1] for line in lines if line.startswith("INIT_REPORT")]
        self.assertEqual(sorted(phases), [
            "Phase: init\tStatus: error\tError Type: Runtime.ExitError", "Phase: invoke\tStatus: error\tError Type: Runtime.ExitError"])

    def test_an_init_phase_that_takes_too_long_is_told_of(self):
        answer, tries, _ = self.phases("time.sleep(60)", timeout=3)
        self.assertEqual(answer.json["errorType"], "Sandbox.Timedout")
        for heard in tries.values():
            for _, record in heard[1:]:
                self.assertEqual((record["status"], record.get("errorType")), ("timeout", None))

    def failure(self, text, timeout=20):
        function = self.create(HANDLER, Layers=self.layer(bad=text), Timeout=timeout)
        answer = function.invoke({})
        self.assertEqual((answer.status, answer.error), (200, "Unhandled"), answer.body)
        return function, answer

    def test_an_extension_that_ends_before_it_registers_fails_the_init_phase(self):
        function, answer = self.failure(PRELUDE + "say('leaving'); sys.exit(3)")
        self.assertEqual(answer.json, {
            "errorType": "Extension.Crash", "errorMessage": "RequestId: %s Error: exit code 3" % answer.request_id})
        # As with any failed init, the next try is a new environment.
        self.assertEqual(function.invoke({}).json["errorType"], "Extension.Crash")

    def test_an_extension_that_cannot_be_executed_fails_the_init_phase(self):
        _, answer = self.failure("#!/no/such/interpreter\n")
        self.assertEqual(answer.json["errorType"], "Extension.LaunchError")

    def test_an_extension_that_reports_an_init_error_fails_the_init_phase(self):
        _, answer = self.failure(PRELUDE + """
id, *_ = register("INVOKE")
say(*call("/2020-01-01/extension/init/error", {}, Lambda_Extension_Identifier=id)[::2])
say(*call("/2020-01-01/extension/init/error", {}, Lambda_Extension_Identifier=id, Lambda_Extension_Function_Error_Type="Ext.Broken")[::2])
time.sleep(60)
""")
        self.assertEqual(answer.json["errorType"], "Extension.InitError")

    def test_an_extension_that_never_registers_or_never_asks_times_the_invocation_out(self):
        for text in ("time.sleep(600)", "register('INVOKE'); time.sleep(600)"):
            _, answer = self.failure(PRELUDE + text, timeout=2)
            self.assertEqual(answer.json["errorType"], "Sandbox.Timedout")

    def test_an_extension_that_dies_ends_its_environment_and_the_next_is_new(self):
        function = self.create(HANDLER, Layers=self.layer(bad=PRELUDE + """
id, *_ = register("INVOKE")
next_event(id)
os._exit(7)
"""))
        for _ in range(2):
            answer = function.invoke({})
            # The runtime may have answered before the extension was gone.
            if answer.error:
                self.assertEqual(answer.json, {
                    "errorType": "Extension.Crash", "errorMessage": "RequestId: %s Error: exit code 7" % answer.request_id})
        eventually(lambda: [l for l in self.lines(function) if "State: ExitError" in l and "Extension.Crash" in l], every=0.2)

    def test_floods_and_rubbish_leave_function_and_server_well(self):
        flood = PRELUDE + """
id, *_ = register("INVOKE")
for body in ("", "[]", "{", '{"types":["platform"],"destination":{"protocol":"HTTP","URI":"http://169.254.169.254:80/"}}'):
    request = urllib.request.Request(API + "/2022-07-01/telemetry", body.encode(), {"Lambda-Extension-Identifier": id}, method="PUT")
    try: urllib.request.urlopen(request); say("taken", body)
    except urllib.error.HTTPError as error: assert error.status == 400, error
for path in ("/2020-01-01/extension/x", "/2020-01-01/extension/event/next"):
    assert call(path)[0] in (403, 404)
# Nobody listens there, and nobody reads what is sent.
say(call("/2022-07-01/telemetry", {"schemaVersion": "2022-07-01", "types": ["platform", "function", "extension"],
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:9"}}, "PUT", Lambda_Extension_Identifier=id)[0])
def shout():
    while True: os.write(1, b"x" * 1000 + b"\\n"); time.sleep(0.001)
threading.Thread(target=shout, daemon=True).start()
while True: next_event(id)
"""
        function = self.create(HANDLER, Layers=self.layer(flood=flood))
        for n in range(5):
            self.assertEqual(self.result(function, n), {"echo": n})
        # What stands behind the rubbish in the log: so all before it is there, too.
        eventually(lambda: self.said(function, "200"), every=0.2)
        self.assertEqual(self.said(function, "taken"), [])
        self.lambda_.delete_function(FunctionName=function.name)

    def test_an_internal_extension_hears_of_invocations_and_the_runtime_is_asked_to_end(self):
        source = PRELUDE.split("\n", 1)[1] + """
import signal
id, status, facts = register("INVOKE", name="inside")
signal.signal(signal.SIGTERM, lambda *a: (say("asked"), os._exit(0)))
def listen():
    while True: say("inside", next_event(id)["eventType"])
threading.Thread(target=listen, daemon=True).start()
refused = register("SHUTDOWN", name="other")[1:]
def handler(event, context): return refused
"""
        function = self.create(source)
        status, body = self.result(function)
        self.assertEqual((status, body["errorType"]), (403, "Extension.InvalidEventType"))
        function.update(Description="changed")
        eventually(lambda: self.said(function, "asked"), every=0.2)
        self.assertEqual(self.said(function, "inside"), ["INVOKE"])

    def test_an_internal_extension_has_telemetry_in_a_runtime_that_was_booted_ahead_and_in_a_new_one(self):
        source = PRELUDE.split("\n", 1)[1] + """
received = []
class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *a): pass
sink = http.server.ThreadingHTTPServer(("sandbox.localdomain", 4243), Sink)
threading.Thread(target=sink.serve_forever, daemon=True).start()
id, *_ = register("INVOKE", name="inside")
status = call("/2022-07-01/telemetry", {"schemaVersion": "2022-12-13", "types": ["platform", "function"],
    "buffering": {"timeoutMs": 25}, "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243/"}},
    "PUT", Lambda_Extension_Identifier=id)[0]
def listen():
    while True: next_event(id)
threading.Thread(target=listen, daemon=True).start()
boot = open("/proc/self/environ").read()
def handler(event, context):
    print("event", event)
    time.sleep(0.1)
    return status, "AWS_LAMBDA_FUNCTION_NAME" not in boot, [(r["type"], r["record"]) for r in received]
"""
        def booted_ahead(is_wanted):
            never = {} if is_wanted else {"Environment": {"Variables": {"MARTLET_STEM_CELLS": "never"}}}
            function = self.create(source, **never)
            _, is_cell, _ = self.result(function, 0)
            return function if is_cell == is_wanted else None
        for is_wanted in (True, False):
            function = eventually(lambda: booted_ahead(is_wanted), every=0.3)
            status, _, records = self.result(function, 1)
            self.assertEqual(status, 200)
            types = [kind for kind, _ in records]
            self.assertEqual([t for t in types if t in ("platform.initStart", "platform.start", "platform.runtimeDone")][:3],
                             ["platform.initStart", "platform.start", "platform.runtimeDone"])
            self.assertIn("event 0", [record for kind, record in records if kind == "function"])

    def test_eleven_extensions_are_one_too_many(self):
        loop = PRELUDE + "id, *_ = register()\nwhile True: next_event(id)\n"
        few = self.create(HANDLER, Layers=self.layer(**{"e%d" % n: loop for n in range(10)}), Timeout=60)
        self.assertEqual(self.result(few), {"echo": None})
        many = self.create(HANDLER, Layers=self.layer(**{"e%d" % n: loop for n in range(11)}))
        self.assertEqual(many.invoke({}).json["errorType"], "Extension.TooManyExtensions")

    def test_shutdown_says_timeout_when_the_function_takes_too_long(self):
        function = self.create(
            "import time\ndef handler(e, c): time.sleep(60)", Layers=self.layer(watcher=self.watched()), Timeout=2)
        answer = function.invoke({})
        self.assertEqual(answer.json["errorType"], "Sandbox.Timedout")
        eventually(lambda: self.said(function, "bye"), every=0.2)
        self.assertEqual(json.loads(self.said(function, "event")[-1])["shutdownReason"], "timeout")

    def test_shutdown_says_failure_when_the_runtime_dies(self):
        function = self.create("import os\ndef handler(e, c): os._exit(5)", Layers=self.layer(watcher=self.watched()))
        answer = function.invoke({})
        self.assertEqual(answer.json["errorType"], "Runtime.ExitError")
        eventually(lambda: self.said(function, "bye"), every=0.2)
        self.assertEqual(json.loads(self.said(function, "event")[-1])["shutdownReason"], "failure")


class ExtensionsInTheProcessSandbox(ExtensionTest):
    """The same life, where nothing is mounted and the network is the host's."""

    @property
    def account(self):
        return self.own

    def test_an_external_extension_lives_in_the_process_sandbox_too(self):
        with Server("--sandbox", "process") as server:
            self.own = Account(server.endpoint)
            function = self.create(HANDLER, Layers=self.layer(watcher=self.watched(sandboxed=False, port=24_243)))
            self.life(function)
            types = [json.loads(text)["type"] for text in self.said(function, "telemetry")]
            self.assertIn("platform.runtimeDone", types)
