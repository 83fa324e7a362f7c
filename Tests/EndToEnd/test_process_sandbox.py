# SPDX-License-Identifier: Apache-2.0
"""`--sandbox process`: nothing is mounted, and functions find their package, layers, temporary files and APIs all the same."""

import glob
import os
import signal
import subprocess
import time

from harness import CUSTOM, NODE, Account, EndToEndTest, eventually, zip_of
from server import Server, processes_with
from test_runtimes import BASH

SCRATCH = "/tmp/martlet-jailer-*/*"

TEMPORARY = """
import os, tempfile
def handler(event, context):
    with tempfile.NamedTemporaryFile("w+", delete=False) as file:
        file.write(event)
    os.makedirs(os.path.join(tempfile.gettempdir(), "closed/inner"), exist_ok=True)
    os.chmod(os.path.join(tempfile.gettempdir(), "closed"), 0)
    with open(file.name) as again:
        return {"read": again.read(), "folder": tempfile.gettempdir(), "names": [os.environ[n] for n in ("TMPDIR", "TEMP", "TMP")]}
"""


def jailers_of(server):
    children = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in children]


class ProcessSandbox(EndToEndTest):
    @property
    def account(self):
        return self.own

    def serve(self):
        server = Server("--sandbox", "process")
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.own = Account(server.endpoint)
        return server

    def layer(self, files):
        made = self.lambda_.publish_layer_version(LayerName="layer", Content={"ZipFile": zip_of(files)})
        return made["LayerVersionArn"]

    def folders(self):
        return set(glob.glob(SCRATCH))

    def test_runtimes_find_their_layers_wherever_those_lie(self):
        server = self.serve()
        python = self.create(
            "import os, word\ndef handler(e, c): return [word.WORD, os.environ['LAMBDA_TASK_ROOT'] == os.getcwd(), os.environ.get('MARTLET_LAYERS')]",
            Layers=[self.layer({"python/word.py": "WORD = 'of a layer'"})])
        self.assertEqual(self.result(python), ["of a layer", True, None])
        node = self.create(
            "exports.handler = async () => require('greeting')", runtime=NODE,
            Layers=[self.layer({"nodejs/node_modules/greeting/index.js": "module.exports = 'hello from a layer'"})])
        self.assertEqual(self.result(node), "hello from a layer")
        tool = zip_of({"bin/tool": "#!/bin/sh\necho from the path"}, executable=("bin/tool",))
        arn = self.lambda_.publish_layer_version(LayerName="tool", Content={"ZipFile": tool})["LayerVersionArn"]
        path = self.create("import subprocess\ndef handler(e, c): return subprocess.check_output(['tool'], text=True)", Layers=[arn])
        self.assertEqual(self.result(path), "from the path\n")
        own = self.create({"data.txt": "no code"}, runtime=CUSTOM, Layers=[self.layer({"bootstrap": BASH})])
        self.assertEqual(self.result(own, 5)["echo"], 5)
        bare = self.create("import os, sys\ndef handler(e, c): return [p for p in sys.path if p.startswith('/opt/') and os.access(p, os.R_OK) and os.listdir(p)]")
        self.assertEqual(self.result(bare), [])
        self.assertEqual(server.stop(), 0)

    def test_each_environment_writes_temporary_files_into_a_directory_of_its_own(self):
        server, before = self.serve(), self.folders()
        answers = [self.result(self.create(TEMPORARY), word) for word in ("one", "two")]
        self.assertEqual([answer["read"] for answer in answers], ["one", "two"])
        folders = {answer["folder"] for answer in answers}
        self.assertEqual(self.folders() - before, folders)
        for answer in answers:
            self.assertEqual(answer["names"], [answer["folder"]] * 3)
            self.assertEqual(os.stat(answer["folder"]).st_mode & 0o777, 0o700)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.folders() & folders, set())

    def test_a_directory_goes_with_its_environment(self):
        server = self.serve()
        function = self.create(TEMPORARY)
        folder = self.result(function, "x")["folder"]
        self.lambda_.delete_function(FunctionName=function.name)
        eventually(lambda: not os.path.exists(folder))
        self.assertEqual(server.stop(), 0)

    def test_nothing_is_left_when_the_server_is_killed(self):
        server = self.serve()
        folder = self.result(self.create(TEMPORARY), "x")["folder"]
        server.kill()
        eventually(lambda: not os.path.exists(os.path.dirname(folder)))

    def test_what_a_killed_jailer_leaves_is_swept_by_the_next(self):
        server = self.serve()
        mark = "mark-jailer-%d" % os.getpid()
        function = self.create(TEMPORARY, Environment={"Variables": {"MARK": mark}})
        folder = self.result(function, "x")["folder"]
        jailers = jailers_of(server)
        self.assertEqual(len(jailers), 1, jailers)
        # An idle environment is frozen after a while, and hears of no death then.
        time.sleep(0.5)
        server.process.send_signal(signal.SIGSTOP)
        for process in jailers:
            os.kill(process, signal.SIGKILL)
        server.kill()
        eventually(lambda: not processes_with(mark))
        self.assertTrue(os.path.exists(folder))
        server.start()
        self.assertEqual(self.result(function, "again")["read"], "again")
        self.assertFalse(os.path.exists(os.path.dirname(folder)))
        self.assertEqual(server.stop(), 0)

    def test_errors_and_logs_are_those_of_any_sandbox(self):
        server = self.serve()
        function = self.create("def handler(e, c):\n    print('said', flush=True)\n    raise ValueError('why')")
        answer = function.invoke({})
        self.assertEqual((answer.error, answer.json["errorType"]), ("Unhandled", "ValueError"))
        self.assertIn("said", answer.lines)
        self.assertEqual(server.stop(), 0)
        self.assertNotIn("jailer ended", server.log())
