# SPDX-License-Identifier: Apache-2.0
"""The AWS SDK that functions find without bringing it: `martlet runtimes sdk` and `martlet serve --runtime-sdk`."""

import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import zipfile

from harness import ACCOUNT, NODE, PYTHON, Account, EndToEndTest, zip_of
from server import BINARY, Server, clean_environment
from vendored import boto3_files

IDENTITY = """
import boto3, botocore, os, sys
def handler(event, context):
    arn = boto3.client("sts").get_caller_identity()["Arn"]
    return {"arn": arn, "from": boto3.__file__, "cached": botocore.session.__cached__, "martlet": [n for n in os.environ if n.startswith("MARTLET")],
            "exists": os.path.exists(botocore.session.__cached__), "cell": b"AWS_LAMBDA_FUNCTION_NAME" not in open("/proc/self/environ", "rb").read()}
"""
WORD = "import word\ndef handler(e, c): return [word.WORD, word.__file__]"
NODE_WORD = "const word = require('word');\nexports.handler = async () => [word, require.resolve('word')];"
IMPORTS = """
import word from 'word';
import { word as deep } from 'word/deep';
export const handler = async () => [word, deep, (await import('word')).default, Object.keys(process.env).filter((k) => k.startsWith('MARTLET'))];
"""
SITE = "/var/lang/lib/%s/site-packages" % PYTHON


def martlet(*words, **environment):
    command = [BINARY, *words]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment(**environment))


def write(folder, files):
    for path, content in files.items():
        place = os.path.join(folder, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
    return folder


def wheel(folder, version):
    """The smallest wheel there is."""
    path = os.path.join(folder, "word-%s-py3-none-any.whl" % version)
    info = "word-%s.dist-info/" % version
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word.py", "WORD = 'wheel %s'\n" % version)
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: word\nVersion: %s\n" % version)
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "word.py,,\n%sMETADATA,,\n%sWHEEL,,\n%sRECORD,,\n" % (info, info, info))
    return path


def node_package(folder, version):
    """The smallest package of npm's that there is, with other files for `import` than for `require`."""
    path = os.path.join(folder, "word-%s.tgz" % version)
    files = {
        "package.json": '{"name": "word", "version": "%s", "exports": {".": {"import": "./i.mjs", "require": "./r.cjs"}, "./deep": "./deep.mjs"}}' % version,
        "i.mjs": "export default 'import %s';" % version,
        "r.cjs": "module.exports = 'require %s';" % version,
        "deep.mjs": "import word from 'word'; export { word };",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo("package/" + name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


class SDK(EndToEndTest):
    def setUp(self):
        self.scratch = tempfile.mkdtemp(prefix="martlet-sdk-")
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    @property
    def account(self):
        return self.own

    def serve(self, *options, **more):
        server = Server(*options, **more)
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.own = Account(server.endpoint)
        return server

    def folder(self, name, files):
        return write(os.path.join(self.scratch, name), files)

    def layer(self, files):
        made = self.lambda_.publish_layer_version(LayerName="layer", Content={"ZipFile": zip_of(files)})
        return made["LayerVersionArn"]

    def assertIsRole(self, got, function):
        self.assertEqual(got["arn"], "arn:aws:sts::%s:assumed-role/end-to-end/%s" % (ACCOUNT, function.name))

    def test_boto3_is_there_and_nobody_brought_it(self):
        self.serve("--runtime-sdk", "python=" + self.folder("sdk", boto3_files()))
        function = self.create(IDENTITY, Timeout=60, MemorySize=1_769)
        got = self.result(function)
        self.assertIsRole(got, function)
        self.assertEqual((got["from"], got["martlet"]), (SITE + "/boto3/__init__.py", []))
        # Functions cannot write there.
        hostile = self.create("def handler(e, c):\n    open('%s/boto3/__init__.py', 'a')" % SITE).invoke()
        self.assertIn(hostile.json["errorType"], ("OSError", "PermissionError"), hostile.body)

    def test_runtimes_that_were_booted_ahead_have_it_too(self):
        self.serve("--runtime-sdk", "python=" + self.folder("sdk", boto3_files()))
        for _ in range(20):
            function = self.create(IDENTITY, Timeout=60, MemorySize=1_769)
            got = self.result(function)
            self.assertIsRole(got, function)
            if got["cell"]:
                return self.assertEqual(got["from"], SITE + "/boto3/__init__.py")
            time.sleep(0.3)  # refilling goes on beside the requests, and nothing tells when it is done
        self.fail("no function got a stem cell")

    def test_copies_of_the_function_and_of_layers_go_first(self):
        python = self.folder("python", {"word.py": "WORD = 'sdk'"})
        node = self.folder("node", {"node_modules/word/index.js": "module.exports = 'sdk';"})
        self.serve("--runtime-sdk", "python=" + python, "--runtime-sdk", "nodejs=" + node)
        self.assertEqual(self.result(self.create(WORD)), ["sdk", SITE + "/word.py"])
        own = self.create({"app.py": WORD, "word.py": "WORD = 'function'"})
        self.assertEqual(self.result(own), ["function", "/var/task/word.py"])
        layer = self.layer({"python/word.py": "WORD = 'layer'", "nodejs/node_modules/word/index.js": "module.exports = 'layer';"})
        self.assertEqual(self.result(self.create(WORD, Layers=[layer])), ["layer", "/opt/python/word.py"])
        chosen = self.create(WORD, Layers=[layer], Environment={"Variables": {"PYTHONPATH": "/var/task/mine"}})
        self.assertEqual(self.result(chosen)[0], "layer")
        mine = self.create({"app.py": WORD, "mine/word.py": "WORD = 'path'"}, Environment={"Variables": {"PYTHONPATH": "/var/task/mine"}})
        self.assertEqual(self.result(mine)[0], "path")
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE)), ["sdk", "/var/runtime/node_modules/word/index.js"])
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE, Layers=[layer]))[0], "layer")
        brought = self.create({"index.js": NODE_WORD, "node_modules/word/index.js": "module.exports = 'function';"}, runtime=NODE, handler="index.handler")
        self.assertEqual(self.result(brought)[0], "function")

    def test_the_process_sandbox_has_it_where_it_lies(self):
        sdk = self.folder("sdk", boto3_files())
        node = self.folder("node", {"word/index.js": "module.exports = 'sdk';"})
        self.serve("--sandbox", "process", "--runtime-sdk", "python=" + sdk, "--runtime-sdk", "nodejs=" + node)
        function = self.create(IDENTITY, Timeout=60, MemorySize=1_769)
        got = self.result(function)
        self.assertIsRole(got, function)
        self.assertEqual((got["from"], got["martlet"]), (sdk + "/boto3/__init__.py", []))
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE))[0], "sdk")

    def test_an_install_is_found_from_the_next_cold_start_on(self):
        server = self.serve()
        missing = self.create(WORD).invoke()
        self.assertEqual(missing.json["errorMessage"], "Unable to import module 'app': No module named 'word'")
        first = self.folder("first", {"word.py": "WORD = 'first'"})
        os.chmod(os.path.join(first, "word.py"), 0o600)  # its owner alone
        done = martlet("runtimes", "sdk", "python", "--from", first, "--data-dir", server.data)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        function = self.create(WORD)
        self.assertEqual(self.result(function), ["first", SITE + "/word.py"])
        second = self.folder("second", {"word.py": "WORD = 'second'"})
        again = martlet("runtimes", "sdk", "python", "--from", second, "--data-dir", server.data, "--if-missing")
        self.assertEqual((again.returncode, again.stdout), (0, ""))
        self.assertEqual(self.result(self.create(WORD))[0], "first")
        martlet("runtimes", "sdk", "python", "--from", second, "--data-dir", server.data)
        self.assertEqual(self.result(self.create(WORD))[0], "second")
        self.assertEqual(self.result(function)[0], "first")  # warm, and its files are still there
        self.assertIn("✓ boto3 for Python: " + server.data, martlet("doctor", "--data-dir", server.data).stdout)

    def test_an_install_is_compiled_ahead(self):
        server = self.serve()
        folder = self.folder("sdk", boto3_files())
        self.assertEqual(martlet("runtimes", "sdk", "python", "--from", folder, "--data-dir", server.data).returncode, 0)
        got = self.result(self.create(IDENTITY, Timeout=60, MemorySize=1_769))
        self.assertTrue(got["exists"], got)
        self.assertTrue(got["cached"].startswith(SITE + "/botocore/__pycache__/session.cpython-"), got)

    def test_pip_installs_what_is_named(self):
        server, path = self.serve(), wheel(self.scratch, "1.0")
        done = martlet("runtimes", "sdk", "python", path, "--data-dir", server.data, PATH=os.environ["PATH"], PIP_NO_INDEX="1")
        if "has pip" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.result(self.create(WORD))[0], "wheel 1.0")
        failed = martlet("runtimes", "sdk", "python", "no-such-package", "--data-dir", server.data, PATH=os.environ["PATH"], PIP_NO_INDEX="1")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("failed (1)", failed.stderr)
        self.assertEqual(self.result(self.create(WORD))[0], "wheel 1.0")

    def test_npm_installs_what_is_named(self):
        if shutil.which("npm") is None:
            self.skipTest("no npm on this machine")
        server = self.serve()
        settings = {"PATH": os.environ["PATH"], "HOME": self.scratch, "npm_config_offline": "true"}
        done = martlet("runtimes", "sdk", "nodejs", node_package(self.scratch, "1.0.0"), "--data-dir", server.data, **settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE))[0], "require 1.0.0")
        module = self.create({"app.mjs": IMPORTS}, runtime=NODE)
        self.assertEqual(self.result(module), ["import 1.0.0"] * 3 + [[]])
        failed = martlet("runtimes", "sdk", "nodejs", "no-such-package", "--data-dir", server.data, **settings)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("failed (1)", failed.stderr)
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE))[0], "require 1.0.0")

    def test_imports_of_node_find_the_sdk_and_layers_as_require_does(self):
        folder = self.folder("node", {"node_modules/word/package.json": '{"exports": {".": {"import": "./i.mjs", "require": "./r.cjs"}, "./deep": "./deep.mjs"}}',
                                      "node_modules/word/i.mjs": "export default 'sdk';", "node_modules/word/r.cjs": "module.exports = 'sdk by require';",
                                      "node_modules/word/deep.mjs": "import word from 'word'; export { word };"})
        for sandbox in ("namespace", "process"):
            with self.subTest(sandbox):
                self.serve("--sandbox", sandbox, "--runtime-sdk", "nodejs=" + folder)
                # In a cell, and as far as there is none without one.
                for variables in ({}, {"MARTLET_STEM_CELLS": "never"}):
                    function = self.create({"app.mjs": IMPORTS}, runtime=NODE, Environment={"Variables": variables})
                    self.assertEqual(self.result(function)[:3], ["sdk"] * 3)
                late = self.create("exports.handler = async () => [require('word'), (await import('word')).default]", runtime=NODE)
                self.assertEqual(self.result(late), ["sdk by require", "sdk"])
                layer = self.layer({"nodejs/node_modules/word/index.mjs": "export default 'layer';",
                                    "nodejs/node_modules/word/deep.mjs": "export const word = 'deep in the layer';",
                                    "nodejs/node_modules/word/package.json": '{"exports": {".": "./index.mjs", "./deep": "./deep.mjs"}}'})
                function = self.create({"app.mjs": IMPORTS}, runtime=NODE, Layers=[layer])
                self.assertEqual(self.result(function)[:3], ["layer", "deep in the layer", "layer"])
                own = self.create({"app.mjs": IMPORTS, "node_modules/word/index.mjs": "export default 'own'; export const word = 'own too';",
                                   "node_modules/word/package.json": '{"exports": {"./deep": "./index.mjs", ".": "./index.mjs"}}'}, runtime=NODE, Layers=[layer])
                self.assertEqual(self.result(own)[:3], ["own", "own too", "own"])

    def test_an_install_that_is_killed_leaves_what_was_there_and_its_place_to_the_next(self):
        server = self.serve()
        home = os.path.join(server.data, "lambda/sdk/nodejs")
        before = self.folder("before", {"node_modules/word/index.js": "module.exports = 'before';"})
        self.assertEqual(martlet("runtimes", "sdk", "nodejs", "--from", before, "--data-dir", server.data).returncode, 0)
        current = os.readlink(home + "/current")
        # An npm that installs half of it, says so, and goes on when it is told to.
        tools, said, wait = self.folder("tools", {}), os.path.join(self.scratch, "said"), os.path.join(self.scratch, "wait")
        os.makedirs(tools, exist_ok=True)
        os.mkfifo(said)
        os.mkfifo(wait)
        with open(tools + "/npm", "w") as script:
            script.write("#!/bin/sh\nmkdir -p $3/node_modules/half && echo $3 > %s && read word < %s && echo done > $3/late && echo ended > %s\n" % (said, wait, said))
        os.chmod(tools + "/npm", 0o755)
        command = [BINARY, "runtimes", "sdk", "nodejs", "--data-dir", server.data]
        install = subprocess.Popen(command, env=clean_environment(PATH=tools + ":" + os.environ["PATH"]), stdout=subprocess.DEVNULL)
        with open(said) as pipe:
            draft = pipe.read().strip()
        self.assertTrue(os.path.isdir(draft + "/node_modules/half"), draft)
        install.send_signal(signal.SIGKILL)
        self.assertEqual(install.wait(), -signal.SIGKILL)
        self.assertEqual(os.readlink(home + "/current"), current)
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE))[0], "before")
        # What it has started still writes there, so nobody takes that away.
        after = self.folder("after", {"node_modules/word/index.js": "module.exports = 'after';"})
        refused = martlet("runtimes", "sdk", "nodejs", "--from", after, "--data-dir", server.data)
        self.assertEqual((refused.returncode, "another martlet runtimes sdk" in refused.stderr), (1, True), refused.stderr)
        self.assertTrue(os.path.isdir(draft))
        with open(wait, "w") as pipe:
            pipe.write("on\n")
        with open(said) as pipe:
            self.assertEqual(pipe.read(), "ended\n")
        for _ in range(600):  # the last of it, its shell, ends by itself
            done = martlet("runtimes", "sdk", "nodejs", "--from", after, "--data-dir", server.data)
            if done.returncode == 0:
                break
            time.sleep(0.05)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.exists(draft))
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE))[0], "after")
        self.assertEqual(sorted(name for name in os.listdir(home) if name.startswith(".")), [".lock"])

    def test_a_server_can_install_what_is_missing_before_it_serves(self):
        tools = self.folder("tools", {"npm": "#!/bin/sh\nmkdir -p $3/node_modules/word && echo \"module.exports = 'installed'\" > $3/node_modules/word/index.js && echo $* >> $0.log\n"})
        os.chmod(tools + "/npm", 0o755)
        server = self.serve("--install-sdk", "nodejs", environment={"PATH": tools + ":" + os.environ["PATH"]})
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE))[0], "installed")
        with open(tools + "/npm.log") as log:
            self.assertIn("@aws-sdk/client-lambda", log.read())
        self.assertTrue(os.readlink(server.data + "/lambda/sdk/nodejs/current"))
        os.remove(tools + "/npm.log")
        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(self.result(self.create(NODE_WORD, runtime=NODE))[0], "installed")
        self.assertFalse(os.path.exists(tools + "/npm.log"))
        # Without the program it serves all the same.
        broken = self.folder("broken", {"npm": "#!/bin/sh\nexit 3\n"})
        os.chmod(broken + "/npm", 0o755)
        other = self.serve("--install-sdk", "nodejs", environment={"PATH": broken + ":" + os.environ["PATH"]})
        self.assertIn("functions of nodejs find no SDK", other.log())
        self.assertEqual(self.result(self.create("exports.handler = async () => 'served'", runtime=NODE)), "served")
        refused = martlet("serve", "--install-sdk", "perl", "--port", "0", "--ephemeral")
        self.assertEqual((refused.returncode, "write python or nodejs" in refused.stderr), (64, True), refused.stderr)

    def test_what_is_no_directory_is_refused_and_doctor_says_what_to_type(self):
        empty = os.path.join(self.scratch, "data")
        self.assertIn("martlet runtimes sdk python", martlet("doctor", "--data-dir", empty).stdout)
        self.assertIn("martlet runtimes sdk nodejs", martlet("doctor", "--data-dir", empty).stdout)
        for text, reason in (("python=/no/such", "not a directory"), ("python=relative", "names no SDK"), ("perl=/tmp", "names no SDK")):
            refused = martlet("serve", "--runtime-sdk", text, "--port", "0", "--ephemeral")
            self.assertEqual(refused.returncode, 64)
            self.assertIn(reason, refused.stderr)
        refused = martlet("runtimes", "sdk", "python", "--from", "/no/such", "--data-dir", empty)
        self.assertEqual((refused.returncode, "is not a directory" in refused.stderr), (1, True), refused.stderr)
        self.assertEqual(martlet("runtimes", "sdk", "cobol", "--data-dir", empty).returncode, 64)
