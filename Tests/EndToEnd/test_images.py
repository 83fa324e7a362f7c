# SPDX-License-Identifier: Apache-2.0
"""Functions that are container images: made with umoci, carried by skopeo, served by a layout and by real registries."""

import base64
import hashlib
import http.server
import importlib.util
import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

from harness import ACCOUNT, Account, EndToEndTest, Function, eventually
from server import BINARY, Server, clean_environment

BUSYBOX = "/bin/busybox" if os.path.exists("/bin/busybox") else shutil.which("busybox")
TOOLS = BUSYBOX and shutil.which("umoci") and shutil.which("skopeo")

#: A runtime client in nothing but busybox.
CLIENT = r"""#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
    event=$(wget -q -S -O - "$api/next" 2>/tmp/headers)
    id=$(sed -n 's/^ *[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *//p' /tmp/headers | tr -d '\r\n')
    wget -q -O - --post-data "{\"event\": $event, \"arguments\": \"$*\", \"pwd\": \"$(pwd)\", \"colour\": \"$COLOUR\",
        \"path\": \"$PATH\", \"name\": \"$AWS_LAMBDA_FUNCTION_NAME\", \"layers\": \"$(ls /layers | tr '\n' ' ')\",
        \"version\": \"$(cat /version 2>/dev/null)\", \"user\": $(id -u), \"write\": \"$(touch /x 2>&1)\"}" \
        "$api/$id/response" >/dev/null
done
"""


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


class Layout:
    """An image layout that umoci makes."""

    def __init__(self, path):
        self.path = path
        run("umoci", "init", "--layout", path)

    def image(self, tag, files, links=(), parent=None, whiteouts=(), **config):
        """Adds an image: `files` is path → text; `config` is what `umoci config` calls it."""
        name = "%s:%s" % (self.path, tag)
        if parent:
            run("umoci", "tag", "--image", "%s:%s" % (self.path, parent), tag)
        else:
            run("umoci", "new", "--image", name)
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "root/bin"))
            if not parent:
                shutil.copy(BUSYBOX, os.path.join(folder, "root/bin/busybox"))
                for tool in ("sh", "wget", "sed", "tr", "ls", "cat", "id", "touch", "pwd", "sleep", "mkdir", "readlink"):
                    os.symlink("busybox", os.path.join(folder, "root/bin", tool))
            for path, text in files.items():
                place = os.path.join(folder, "root", path)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, "w") as file:
                    file.write(text)
                os.chmod(place, 0o755)
            for path, target in links:
                os.symlink(target, os.path.join(folder, "root", path))
            # umoci makes a whiteout for what vanishes between unpacking and packing again.
            bundle = os.path.join(folder, "bundle")
            run("umoci", "unpack", "--rootless", "--image", name, bundle)
            run("cp", "-a", os.path.join(folder, "root") + "/.", os.path.join(bundle, "rootfs"))
            for path in whiteouts:
                run("rm", "-rf", os.path.join(bundle, "rootfs", path))
            run("umoci", "repack", "--image", name, bundle)
        options = []
        for key, value in config.items():
            for item in value if isinstance(value, list) else [value]:
                options += ["--config." + key, item]
        if options:
            run("umoci", "config", "--image", name, *options)
        return "oci:" + name


def python_image(layout, tag, files=(), packages=(), packages_from="", **config):
    """The system's Python with what it needs, and nothing else. Its reference, and its version."""
    python = os.path.realpath("/usr/bin/python3")
    name = "%s:%s" % (layout.path, tag)
    run("umoci", "new", "--image", name)
    with tempfile.TemporaryDirectory() as folder:
        bundle = os.path.join(folder, "bundle")
        run("umoci", "unpack", "--rootless", "--image", name, bundle)
        root = os.path.join(bundle, "rootfs")
        library = run(python, "-S", "-c", "import os; print(os.path.dirname(os.__file__))").strip()
        os.makedirs(root + library)
        run("sh", "-c", "tar -C %s --exclude=./test --exclude=__pycache__ --exclude=./config-* --exclude=./idlelib -cf - . | tar -C %s -xf -"
            % (library, root + library))
        os.makedirs(os.path.join(root, "site"))
        for package in packages:
            run("cp", "-r", os.path.join(packages_from, package), os.path.join(root, "site"))
        programs = [python] + [os.path.join(f, n) for f, _, names in os.walk(root) for n in names if n.endswith(".so")]
        needed = {word for p in programs for word in subprocess.run(["ldd", p], capture_output=True, text=True).stdout.split()
                  if word.startswith("/") and not word.endswith(":")}
        for path in sorted({python, *needed}):
            run("cp", "--parents", "-L", path, root)
        os.symlink(os.path.basename(python), os.path.join(root, "usr/bin/python3"))
        for path, text in dict(files).items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w") as file:
                file.write(text)
        run("umoci", "repack", "--image", name, bundle)
    options = [o for key, value in config.items() for item in (value if isinstance(value, list) else [value]) for o in ("--config." + key, item)]
    run("umoci", "config", "--image", name, *options)
    return "oci:" + name, run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()


def digest_of(reference):
    """Of the manifest, as skopeo sees it."""
    return run("skopeo", "inspect", "--format", "{{.Digest}}", reference, "--tls-verify=false").strip()


class ImageTest(EndToEndTest):
    """Two images in a layout, and a server that may read it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="martlet-images-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.layout = Layout(os.path.join(cls.folder, "layout"))
        cls.first = cls.layout.image(
            "one", {"client": CLIENT, "version": "1", "layers/low": "", "layers/gone": ""},
            entrypoint=["/client", "from entry point"], cmd=["and", "command"], workingdir="/layers",
            env=["COLOUR=red", "PATH=/bin"])
        cls.second = cls.layout.image(
            "two", {"version": "2", "layers/high": ""}, parent="one", whiteouts=["layers/gone"], env=["COLOUR=blue"])
        cls.server = Server("--image-directory", cls.folder)
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.own = Account(cls.server.endpoint)

    @property
    def account(self):
        return self.own

    def create_image(self, uri, wait=True, **settings):
        settings.setdefault("MemorySize", 256)
        settings.setdefault("Timeout", 20)
        created = self.lambda_.create_function(
            FunctionName="e2e-" + secrets.token_hex(6), Role="arn:aws:iam::%s:role/end-to-end" % ACCOUNT,
            PackageType="Image", Code={"ImageUri": uri}, **settings)
        function = Function(self.lambda_, created)
        self.addCleanup(self._delete, function)
        return function.wait() if wait else function


@unittest.skipUnless(TOOLS, "wants umoci, skopeo and a static busybox")
class Images(ImageTest):
    def test_an_image_runs_as_it_says_itself(self):
        function = self.create_image(self.first, Environment={"Variables": {"MORE": "x"}})
        created = function.created
        self.assertEqual((created["PackageType"], created["State"], created["CodeSize"]), ("Image", "Pending", 0))
        self.assertEqual(created["CodeSha256"], digest_of(self.first)[len("sha256:"):])
        for absent in ("Runtime", "Handler", "Layers", "ImageConfigResponse", "RuntimeVersionConfig"):
            self.assertNotIn(absent, created)
        answer = function.invoke({"a": [1]})
        self.assertIsNone(answer.error, answer.body)
        got = answer.json
        self.assertIn("Read-only", got.pop("write"))
        self.assertNotEqual(got.pop("user"), 0)
        self.assertEqual(got, {
            "event": {"a": [1]}, "arguments": "from entry point and command", "pwd": "/layers", "colour": "red", "path": "/bin",
            "name": function.name, "layers": "gone low ", "version": "1"})
        self.assertEqual(function.invoke(2).json["event"], 2)

    def test_get_function_tells_the_image_and_what_it_resolved_to(self):
        function = self.create_image(self.first)
        got = self.lambda_.get_function(FunctionName=function.name)
        self.assertEqual(got["Code"], {
            "RepositoryType": "ECR", "ImageUri": self.first,
            "ResolvedImageUri": "oci:%s@%s" % (self.layout.path, digest_of(self.first))})
        [listed] = [f for f in self.lambda_.list_functions()["Functions"] if f["FunctionName"] == function.name]
        self.assertEqual(listed["PackageType"], "Image")

    def test_a_higher_layer_replaces_and_removes_what_is_below(self):
        got = self.create_image(self.second).invoke({}).json
        self.assertEqual((got["layers"], got["version"], got["colour"]), ("high low ", "2", "blue"))

    def test_image_config_overrides_the_image(self):
        config = {"EntryPoint": ["sh", "/client", "own"], "Command": ["x y"], "WorkingDirectory": "/bin"}
        function = self.create_image(self.first, ImageConfig=config, Environment={"Variables": {"COLOUR": "green"}})
        self.assertEqual(function.created["ImageConfigResponse"], {"ImageConfig": config})
        got = function.invoke({}).json
        self.assertEqual((got["arguments"], got["pwd"], got["colour"]), ("own x y", "/bin", "green"))
        function.update(ImageConfig={"Command": ["other"]})
        got = function.invoke({}).json
        self.assertEqual((got["arguments"], got["pwd"]), ("from entry point other", "/layers"))
        function.update(ImageConfig={})
        self.assertNotIn("ImageConfigResponse", self.lambda_.get_function_configuration(FunctionName=function.name))

    def test_an_entry_point_of_its_own_drops_the_images_command(self):
        function = self.create_image(self.first, ImageConfig={"EntryPoint": ["/client", "only"]})
        self.assertEqual(function.invoke({}).json["arguments"], "only")

    def test_a_new_image_serves_after_an_update_and_versions_stay(self):
        function = self.create_image(self.first, Publish=True)
        eventually(lambda: self.lambda_.get_function_configuration(FunctionName=function.name, Qualifier="1")["State"] == "Active")
        updated = self.lambda_.update_function_code(FunctionName=function.name, ImageUri=self.second)
        self.assertEqual(updated["CodeSha256"], digest_of(self.second)[len("sha256:"):])
        function.wait()
        self.assertEqual(function.invoke({}).json["version"], "2")
        self.assertEqual(function.invoke({}, Qualifier="1").json["version"], "1")

    def test_a_moved_tag_changes_nothing_until_the_function_is_updated(self):
        uri = self.layout.image("moving", {"version": "old"}, parent="one")
        function = self.create_image(uri)
        self.layout.image("moving", {"version": "new"}, parent="one")
        self.assertEqual(function.invoke({}).json["version"], "old")
        self.lambda_.update_function_code(FunctionName=function.name, ImageUri=uri)
        function.wait()
        self.assertEqual(function.invoke({}).json["version"], "new")

    def test_what_does_not_go_together_is_refused(self):
        create = self.lambda_.create_function
        basics = {"FunctionName": "refused", "Role": "arn:aws:iam::%s:role/r" % ACCOUNT, "PackageType": "Image"}
        code = {"ImageUri": self.first}
        for settings in (
                {"Code": code, "Runtime": "provided.al2023"}, {"Code": code, "Handler": "a.b"}, {"Code": {"ZipFile": b"x"}},
                {"Code": {"ImageUri": "oci:/etc:x"}}, {"Code": {"ImageUri": "oci:%s/../../etc:x" % self.folder}},
                {"Code": {"ImageUri": "oci:%s:none" % self.layout.path}}, {"Code": {"ImageUri": "app:latest"}},
                {"Code": code, "Architectures": ["arm64"]}):
            with self.subTest(settings=settings):
                self.assertFails("InvalidParameterValueException", 400, create, **basics, **settings)
        zipped = self.create("def handler(e, c): return 1")
        self.assertFails(
            "InvalidParameterValueException", 400, self.lambda_.update_function_code, FunctionName=zipped.name, ImageUri=self.first)
        image = self.create_image(self.first)
        self.assertFails(
            "InvalidParameterValueException", 400, self.lambda_.update_function_code, FunctionName=image.name, ZipFile=b"x")
        self.assertFails(
            "InvalidParameterValueException", 400, self.lambda_.update_function_configuration, FunctionName=image.name,
            Handler="a.b")

    def test_a_program_or_directory_that_is_not_there_is_the_functions_error(self):
        missing = self.create_image(self.first, ImageConfig={"EntryPoint": ["/no/such"]}).invoke({})
        self.assertEqual((missing.error, missing.json["errorType"]), ("Unhandled", "Runtime.InvalidEntrypoint"), missing.body)
        self.assertIn("/no/such", missing.json["errorMessage"])
        climbing = self.create_image(self.first, ImageConfig={"EntryPoint": ["/bin/../client"]}).invoke({})
        self.assertEqual((climbing.error, climbing.json["errorType"]), ("Unhandled", "Runtime.InvalidEntrypoint"), climbing.body)
        many = self.create_image(self.first, ImageConfig={"Command": ["x"] * 1_400}).invoke({})
        self.assertEqual((many.error, many.json["errorType"]), ("Unhandled", "Runtime.InvalidEntrypoint"), many.body)
        nowhere = self.create_image(self.first, ImageConfig={"WorkingDirectory": "/no/such"}).invoke({})
        self.assertEqual((nowhere.error, nowhere.json["errorType"]), ("Unhandled", "Runtime.InvalidWorkingDir"), nowhere.body)

    def test_links_of_the_image_in_the_places_of_mounts_lead_nowhere(self):
        uri = self.layout.image("links", {"client2": CLIENT}, parent="one", entrypoint=["/client2"], links=[
            ("tmp", "/layers"), ("dev", "/tmp"), ("proc", "../../../../../../proc"), ("etc", "/bin"), ("var", "/etc")])
        got = self.create_image(uri).invoke({}).json
        self.assertEqual(got["layers"], "gone low ")
        self.assertIn("Read-only", got["write"])

    def test_a_layer_that_wants_out_fails_the_function_and_leaves_nothing(self):
        outside = os.path.join(self.folder, "outside")
        os.mkdir(outside)
        for name, entries in {
                "dots": [("../../outside/x", None)], "link": [("a", outside), ("a/x", None)],
                "deep": [("a/" * 200 + "x", None)]}.items():
            with self.subTest(name=name):
                uri = self.hand_made(name, entries)
                function = self.create_image(uri, wait=False)
                state = eventually(lambda: (lambda c: c["State"] != "Pending" and c)(
                    self.lambda_.get_function_configuration(FunctionName=function.name)))
                self.assertEqual((state["State"], state["StateReasonCode"]), ("Failed", "InvalidImage"), state)
                self.assertTrue(state["StateReason"])
                self.assertEqual(os.listdir(outside), [])
                self.assertEqual(os.listdir(os.path.join(self.server.data, "images/unfinished")), [])

    def hand_made(self, tag, entries):
        """An image of one layer, whose entries no tool would write: (name, None) is a file, (name, target) a link."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, target in entries:
                info = tarfile.TarInfo(name)
                if target:
                    info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info, io.BytesIO(b""))
        layer = buffer.getvalue()
        config = {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux",
                  "config": {"Entrypoint": ["/x"]},
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
        path = os.path.join(self.folder, "made-" + tag)
        os.makedirs(os.path.join(path, "blobs/sha256"))

        def put(data, kind):
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
            digest = hashlib.sha256(data).hexdigest()
            with open(os.path.join(path, "blobs/sha256", digest), "wb") as file:
                file.write(data)
            return {"mediaType": "application/vnd.oci.image.%s" % kind, "digest": "sha256:" + digest, "size": len(data)}

        manifest = put({"schemaVersion": 2, "config": put(config, "config.v1+json"),
                        "layers": [put(layer, "layer.v1.tar")]}, "manifest.v1+json")
        with open(os.path.join(path, "index.json"), "w") as file:
            json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
        return "oci:" + path


@unittest.skipUnless(TOOLS, "wants umoci, skopeo and a static busybox")
class PulledRuntimes(EndToEndTest):
    """Images that `martlet runtimes pull` makes the root of a managed runtime's functions."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="martlet-runtimes-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.layout = Layout(os.path.join(self.folder, "layout"))

    @property
    def account(self):
        return self.own

    def martlet(self, *arguments):
        return subprocess.run(
            [BINARY, "runtimes", *arguments, "--data-dir", self.server.data], capture_output=True, text=True, env=clean_environment())

    def pull(self, uri, runtime):
        answer = self.martlet("pull", uri, "--for", runtime)
        self.assertEqual(answer.returncode, 0, answer.stderr)

    def serve(self):
        self.server = Server()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.own = Account(self.server.endpoint)

    def test_an_images_own_runtime_client_runs_functions_that_the_host_cannot_run(self):
        self.serve()
        self.assertFails(
            "InvalidParameterValueException", 400, self.create, {"a.txt": "x"}, runtime="dotnet8", handler="A::B")
        uri = self.layout.image("dotnet", {
            "var/runtime/bootstrap": CLIENT.replace("$(ls /layers | tr '\\n' ' ')", "$_HANDLER $(cat /var/task/a.txt)")},
            env=["COLOUR=grey", "PATH=/bin"])
        self.pull(uri, "dotnet8")
        got = self.create({"a.txt": "from the package"}, runtime="dotnet8", handler="A::B").invoke(7).json
        self.assertEqual((got["event"], got["layers"], got["colour"]), (7, "A::B from the package", "grey"))
        listed = self.martlet("list").stdout
        [line] = [l for l in listed.splitlines() if "dotnet8 " in l]
        self.assertRegex(line, r"^✓ dotnet8 +in oci:.*@sha256:[0-9a-f]{64}: the image's own bootstrap")
        self.assertIn("✗ dotnet10", listed)

    @unittest.skipUnless(os.path.exists("/usr/bin/python3"), "wants the system's Python")
    def test_an_images_interpreter_runs_with_martlets_bootstrap(self):
        self.serve()
        uri, version = python_image(self.layout, "python", env=["PATH=/usr/bin", "IMAGE=yes"])
        self.pull(uri, "python" + version)
        function = self.create(
            "import os\ndef handler(e, c): return [e, os.environ['IMAGE'], os.path.exists('/bin/sh'), sorted(os.listdir('/var'))]",
            runtime="python" + version)
        answer = function.invoke({"x": 1})
        self.assertIsNone(answer.error, answer.body)
        self.assertEqual(answer.json, [{"x": 1}, "yes", False, ["runtime", "task"]])

    @unittest.skipUnless(os.path.exists("/usr/bin/python3"), "wants the system's Python")
    def test_the_official_runtime_client_is_the_entry_point_of_an_image(self):
        self.server = Server("--image-directory", self.folder)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.own = Account(self.server.endpoint)
        client = os.path.dirname(os.path.dirname(importlib.util.find_spec("awslambdaric").origin))
        if sys.version_info[:2] != tuple(map(int, run("/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])").split())):
            self.skipTest("the client was built for another Python")
        app = "def handler(event, context):\n    print('in the image')\n    return {'got': event, 'id': context.aws_request_id}\n"
        uri, _ = python_image(
            self.layout, "ric", {"app/app.py": app}, [p for p in os.listdir(client) if "aws" not in p or "awslambdaric" == p],
            client, entrypoint=["python3", "-m", "awslambdaric"], cmd=["app.handler"], workingdir="/app", env=["PATH=/usr/bin", "PYTHONPATH=/site"])
        created = self.lambda_.create_function(
            FunctionName="ric", Role="arn:aws:iam::%s:role/r" % ACCOUNT, PackageType="Image", Code={"ImageUri": uri}, Timeout=20,
            MemorySize=512)
        function = Function(self.lambda_, created).wait()
        for event in ({"a": 1}, "two"):
            answer = function.invoke(event)
            self.assertIsNone(answer.error, answer.body)
            self.assertEqual(answer.json, {"got": event, "id": answer.request_id})
            self.assertIn("in the image", answer.lines)
        function.update(ImageConfig={"Command": ["app.missing"]})
        answer = function.invoke({})
        self.assertEqual((answer.error, answer.json["errorType"]), ("Unhandled", "Runtime.HandlerNotFound"), answer.body)

    def test_what_cannot_be_pulled_says_why(self):
        self.serve()
        for arguments, reason in (
                (("pull", "oci:/no/such", "--for", "python3.12"), "no layout|has no index"), (("pull", "python:3"), "names no registry"),
                (("pull", "localhost:1/a"), "cannot be reached"), (("pull", "oci:/x", "--for", "cobol"), "not a runtime")):
            with self.subTest(arguments=arguments):
                answer = self.martlet(*arguments)
                self.assertNotEqual(answer.returncode, 0)
                self.assertRegex(answer.stderr, reason)


class TokenRegistry(http.server.BaseHTTPRequestHandler):
    """A registry over a layout that gives its images to holders of a token only, and a token for one login only. Blobs are
    elsewhere, as they are with most: the address of a redirect takes no token."""

    layout = None
    seen = []
    layers_may_come = threading.Event()
    layers_may_come.set()

    def log_message(self, *_):
        pass

    def do_GET(self):
        login = "Basic " + base64.b64encode(b"user:secret").decode()
        port = self.server.server_address[1]
        self.seen.append((self.path, self.headers.get("Authorization")))
        if self.path.startswith("/token?"):
            if self.headers.get("Authorization") != login:
                return self.answer(401, b"{}")
            return self.answer(200, b'{"token": "let-me-in"}')
        if self.path.startswith("/elsewhere/"):
            return self.file(self.path.split("/")[-1])
        if self.headers.get("Authorization") != "Bearer let-me-in":
            return self.answer(401, b"{}", ("WWW-Authenticate", 'Bearer realm="http://127.0.0.1:%d/token",service="tests",scope="repository:app:pull,push"' % port))
        if "/manifests/" in self.path:
            name = self.path.split("/")[-1]
            with open(os.path.join(self.layout, "index.json")) as file:
                for entry in json.load(file)["manifests"]:
                    if entry["annotations"]["org.opencontainers.image.ref.name"] == name:
                        name = entry["digest"]
            return self.file(name.replace("sha256:", ""))
        if "/blobs/" in self.path:
            return self.answer(307, b"", ("Location", "/elsewhere/" + self.path.split(":")[-1]))
        self.answer(404, b"{}")

    def file(self, name):
        try:
            with open(os.path.join(self.layout, "blobs/sha256", name), "rb") as file:
                self.answer(200, file.read())
        except OSError:
            self.answer(404, b"{}")

    def answer(self, status, body, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        try:
            self.end_headers()
            # Small blobs, configurations, come at once; the second half of a layer when it may.
            half = len(body) // 2 if len(body) > 10_000 else len(body)
            self.wfile.write(body[:half])
            if half < len(body):
                TokenRegistry.layers_may_come.wait(60)
                self.wfile.write(body[half:])
        except ConnectionError:
            pass  # the server that asked has ended


class HostileRegistry(http.server.BaseHTTPRequestHandler):
    """What it does wrong is the tag's name."""

    asked = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append(self.path)
        port = self.server.server_address[1]
        kind = self.path.split("/")[-1]
        if "/manifests/loop" in self.path:
            return self.answer(302, b"", ("Location", self.path))
        if "/manifests/downgrade" in self.path:
            return self.answer(302, b"", ("Location", "http://169.254.169.254/latest"))
        if "/manifests/realm" in self.path:
            return self.answer(401, b"", ("WWW-Authenticate", 'Bearer realm="http://169.254.169.254/token"'))
        if "/manifests/file" in self.path:
            return self.answer(302, b"", ("Location", "file:///etc/passwd"))
        if "/manifests/endless" in self.path:
            return self.answer(200, b" " * (8 << 20))
        if "/manifests/rubbish" in self.path:
            return self.answer(200, os.urandom(5_000))
        if "/manifests/error" in self.path:
            return self.answer(500, b"{}")
        if "/manifests/sha256:" in self.path:
            return self.answer(200, b'{"schemaVersion": 2}')
        layer = b"\0" * 1_024
        config = json.dumps({"os": "linux", "rootfs": {"diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
        digest = "sha256:" + hashlib.sha256(layer).hexdigest()
        if "/manifests/" in self.path:
            size = len(layer) + {"longer": -1, "shorter": 1}.get(kind, 0)
            layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size}]
            return self.answer(200, json.dumps({
                "schemaVersion": 2, "layers": layers,
                "config": {"digest": "sha256:" + hashlib.sha256(config).hexdigest(), "size": len(config)}}).encode())
        self.answer(200, layer if kind == digest else config)

    def answer(self, status, body, *headers):
        TokenRegistry.answer(self, status, body, *headers)


@unittest.skipUnless(TOOLS, "wants umoci, skopeo and a static busybox")
class Registries(ImageTest):
    def test_a_registry_that_wants_a_token(self):
        TokenRegistry.layout, TokenRegistry.seen = self.layout.path, []
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenRegistry) as registry:
            threading.Thread(target=registry.serve_forever, daemon=True).start()
            self.addCleanup(registry.shutdown)
            host = "127.0.0.1:%d" % registry.server_address[1]
            uri = host + "/app:two"
            self.assertFails("AccessDeniedException", 403, self.create_image, uri)
            logins = os.path.join(self.folder, "logins.json")
            with open(logins, "w") as file:
                json.dump({"auths": {host: {"auth": base64.b64encode(b"user:secret").decode()}}}, file)
            with Server("--registry-logins", logins) as server:
                account = Account(server.endpoint)
                created = account.lambda_.create_function(
                    FunctionName="pulled", Role="arn:aws:iam::%s:role/r" % ACCOUNT, PackageType="Image", Code={"ImageUri": uri},
                    Timeout=20)
                function = Function(account.lambda_, created).wait()
                self.assertEqual(function.invoke({}).json["version"], "2")
                code = account.lambda_.get_function(FunctionName="pulled")["Code"]
                self.assertEqual(code["ResolvedImageUri"], "%s/app@%s" % (host, digest_of(self.second)))
                # The image is here now: the function outlives its registry, and the server a restart.
                registry.shutdown()
                server.kill()
                server.start()
                self.assertEqual(function.invoke({}).json["version"], "2")

    def test_a_hostile_registry_gets_nothing_and_gives_nothing(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), HostileRegistry) as registry:
            threading.Thread(target=registry.serve_forever, daemon=True).start()
            self.addCleanup(registry.shutdown)
            name = "127.0.0.1:%d/app" % registry.server_address[1]
            for tag in ("loop", "downgrade", "realm", "file", "endless", "rubbish", "error"):
                with self.subTest(tag=tag):
                    self.assertFails("InvalidParameterValueException", 400, self.create_image, name + ":" + tag)
            self.assertEqual(sum("loop" in path for path in HostileRegistry.asked), 6)
            self.assertFails("InvalidParameterValueException", 400, self.create_image, "%s@sha256:%s" % (name, "0" * 64))
            for tag in ("longer", "shorter"):
                with self.subTest(tag=tag):
                    function = self.create_image(name + ":" + tag, wait=False)
                    state = eventually(lambda: (lambda c: c["State"] != "Pending" and c)(
                        self.lambda_.get_function_configuration(FunctionName=function.name)))
                    self.assertEqual((state["State"], state["StateReasonCode"]), ("Failed", "InvalidImage"), state)
            self.assertEqual(os.listdir(os.path.join(self.server.data, "images/unfinished")), [])

    def test_only_the_registries_that_the_operator_names_are_asked(self):
        with Server("--image-registry", "registry.example.com") as server:
            account = Account(server.endpoint)
            error = self.assertFails(
                "InvalidParameterValueException", 400, account.lambda_.create_function, FunctionName="f", PackageType="Image",
                Role="arn:aws:iam::%s:role/r" % ACCOUNT, Code={"ImageUri": "127.0.0.1:1/app"})
            self.assertIn("--image-registry", error["Error"]["Message"])

    def test_a_slow_pull_holds_up_nobody_and_goes_on_after_a_stop_and_after_a_kill(self):
        TokenRegistry.layout = self.layout.path
        TokenRegistry.layers_may_come.clear()
        self.addCleanup(TokenRegistry.layers_may_come.set)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenRegistry) as registry:
            threading.Thread(target=registry.serve_forever, daemon=True).start()
            self.addCleanup(registry.shutdown)
            host = "127.0.0.1:%d" % registry.server_address[1]
            logins = os.path.join(self.folder, "slow-logins.json")
            with open(logins, "w") as file:
                json.dump({"auths": {host: {"auth": base64.b64encode(b"user:secret").decode()}}}, file)
            with Server("--registry-logins", logins) as server:
                account = Account(server.endpoint)
                created = account.lambda_.create_function(
                    FunctionName="slow", Role="arn:aws:iam::%s:role/r" % ACCOUNT, PackageType="Image", Timeout=20,
                    Code={"ImageUri": host + "/app:one"})
                quick = account.create("def handler(e, c): return 'quick'")
                self.assertEqual(quick.invoke().json, "quick")
                state = account.lambda_.get_function_configuration(FunctionName="slow")
                self.assertEqual((state["State"], state["StateReasonCode"]), ("Pending", "Creating"))
                self.assertFails("ResourceConflictException", 409, account.lambda_.invoke, FunctionName="slow")
                unfinished = os.path.join(server.data, "images/unfinished")

                def half_here():
                    return any(os.path.getsize(os.path.join(unfinished, name)) > 10_000 for name in os.listdir(unfinished))

                eventually(half_here)
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(server.wait(), 0)
                self.assertEqual(os.listdir(unfinished), [])
                server.start()
                eventually(half_here)
                server.kill()
                self.assertTrue(half_here())
                TokenRegistry.layers_may_come.set()
                server.start()
                self.assertEqual(Function(account.lambda_, created).wait().invoke({}).json["version"], "1")
                self.assertEqual(os.listdir(unfinished), [])

    @unittest.skipUnless(shutil.which("docker-registry"), "wants docker-registry")
    def test_an_image_that_skopeo_has_pushed_to_a_real_registry(self):
        folder = tempfile.mkdtemp(prefix="registry-", dir=self.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = os.path.join(folder, "config.yml")
        with open(config, "w") as file:
            file.write("version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: '127.0.0.1:%d'}\n" % (folder, port))
        registry = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(registry.wait)
        self.addCleanup(registry.kill)
        target = "127.0.0.1:%d/team/app:v2" % port
        push = ["skopeo", "copy", "--dest-tls-verify=false", "--format", "v2s2", self.second, "docker://" + target]
        eventually(lambda: subprocess.run(push, capture_output=True).returncode == 0, every=0.2)
        function = self.create_image(target)
        self.assertEqual(function.invoke({}).json["version"], "2")
        self.assertFails("InvalidParameterValueException", 400, self.create_image, target.replace(":v2", ":v3"))
