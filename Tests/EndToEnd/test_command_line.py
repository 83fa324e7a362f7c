# SPDX-License-Identifier: Apache-2.0
"""The unmodified AWS CLI from creating to deleting, and Martlet's own verbs."""

import json
import os
import re
import secrets
import subprocess
import tempfile

from harness import NODE, PYTHON, EndToEndTest, endpoint, zip_of
from server import BINARY, clean_environment
from test_logs import aws_output


def martlet(*arguments, stdin=None, **environment):
    """Exit status, standard output, standard error."""
    environment.setdefault("AWS_ENDPOINT_URL", endpoint())
    done = subprocess.run(
        [BINARY, *arguments], input=stdin, capture_output=True, text=True, timeout=120, env=clean_environment(**environment))
    return done.returncode, done.stdout, done.stderr


class AWSCommandLine(EndToEndTest):
    def test_a_function_from_its_zip_to_its_end(self):
        name = "cli-" + secrets.token_hex(4)
        with tempfile.TemporaryDirectory() as folder:
            archive, answer = os.path.join(folder, "app.zip"), os.path.join(folder, "answer")
            with open(archive, "wb") as file:
                file.write(zip_of({"app.py": "def handler(e, c): return {'hello': e['name']}"}))
            made = json.loads(aws_output(
                "lambda", "create-function", "--function-name", name, "--runtime", PYTHON, "--handler", "app.handler",
                "--role", "arn:aws:iam::000000000000:role/any", "--zip-file", "fileb://" + archive))
            self.assertEqual(made["State"], "Pending")
            aws_output("lambda", "wait", "function-active-v2", "--function-name", name)
            invoked = json.loads(aws_output(
                "lambda", "invoke", "--function-name", name, "--payload", '{"name": "Ada"}', answer))
            self.assertEqual(invoked, {"StatusCode": 200, "ExecutedVersion": "$LATEST"})
            with open(answer) as file:
                self.assertEqual(json.load(file), {"hello": "Ada"})
            version = aws_output("lambda", "publish-version", "--function-name", name, "--query", "Version", "--output", "text")
            self.assertEqual(version.strip(), "1")
            listed = aws_output("lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "text")
            self.assertIn(name, listed.split())
            aws_output("lambda", "delete-function", "--function-name", name)
            with self.assertRaises(AssertionError) as caught:
                aws_output("lambda", "get-function", "--function-name", name)
            self.assertIn("(ResourceNotFoundException) when calling the GetFunction operation: Function not found", str(caught.exception))

    def test_roles_and_identity(self):
        self.assertEqual(json.loads(aws_output("sts", "get-caller-identity"))["Account"], "000000000000")
        self.assertIn("Roles", json.loads(aws_output("iam", "list-roles")))


class OwnVerbs(EndToEndTest):
    def test_invoke_prints_the_answer(self):
        function = self.create("def handler(e, c):\n    print('logged')\n    return {'got': e}")
        self.assertEqual(martlet("invoke", function.name), (0, '{"got": {}}\n', ""))
        self.assertEqual(martlet("invoke", function.name, "--event", '{"a": 1}')[:2], (0, '{"got": {"a": 1}}\n'))
        self.assertEqual(martlet("invoke", function.name, "--event", "-", stdin="[1]")[:2], (0, '{"got": [1]}\n'))
        with tempfile.NamedTemporaryFile("w") as file:
            file.write('"from a file"')
            file.flush()
            self.assertEqual(martlet("invoke", function.name, "--event", file.name)[:2], (0, '{"got": "from a file"}\n'))
        status, output, errors = martlet("invoke", function.arn, "--log")
        self.assertEqual((status, output), (0, '{"got": {}}\n'))
        self.assertIn("logged\n", errors)
        self.assertIn("REPORT RequestId: ", errors)
        self.lambda_.publish_version(FunctionName=function.name)
        self.assertEqual(martlet("invoke", function.name + ":1")[0], 0)

    def test_invoke_fails_when_the_function_does(self):
        function = self.create("def handler(e, c): raise ValueError('no')")
        status, output, _ = martlet("invoke", function.name)
        self.assertEqual(status, 1)
        self.assertEqual(json.loads(output)["errorType"], "ValueError")

    def test_errors_say_what_to_type_next(self):
        status, output, errors = martlet("invoke", "nobody")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("Function not found", errors)
        self.assertIn("Try: aws lambda list-functions", errors)
        status, _, errors = martlet("invoke", "any", AWS_ENDPOINT_URL="http://127.0.0.1:1")
        self.assertEqual(status, 1)
        self.assertIn("martlet serve", errors)
        status, _, errors = martlet("invoke", "any", "--event", "/no/such/file")
        self.assertEqual(status, 1)
        self.assertIn("/no/such/file", errors)
        status, _, errors = martlet("logs", "nobody")
        self.assertEqual(status, 1)
        self.assertIn("martlet invoke nobody", errors)
        self.assertEqual(martlet("no-such-verb")[0], 64)
        self.assertEqual(martlet("serve", "--port", "seventy")[0], 64)
        self.assertEqual(martlet("serve", "--auth", "sometimes")[0], 64)

    def test_logs_prints_the_lines(self):
        function = self.create("def handler(e, c): print('line of', e)")
        function.invoke("one")
        self.log_of(function)
        status, output, errors = martlet("logs", function.name)
        self.assertEqual((status, errors), (0, ""))
        self.assertRegex(output, r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z line of one$")
        self.assertIn("REPORT RequestId", output)
        filtered = martlet("logs", function.name, "--filter", "line")[1]
        self.assertEqual(len(filtered.splitlines()), 1, filtered)

    def test_logs_follows(self):
        function = self.create("def handler(e, c): print('line of', e)")
        function.invoke("one")
        self.log_of(function)
        process = subprocess.Popen(
            [BINARY, "logs", function.name, "--follow"], stdout=subprocess.PIPE, text=True,
            env=clean_environment(AWS_ENDPOINT_URL=endpoint()))
        try:
            seen = []
            for line in process.stdout:
                seen.append(line)
                if "line of one" in line:
                    function.invoke("two")
                if "line of two" in line:
                    break
            self.assertEqual(len([line for line in seen if "line of one" in line]), 1)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def test_doctor_looks_at_the_host(self):
        status, output, _ = martlet("doctor")
        self.assertEqual(status, 0, output)
        self.assertIn("namespace\n", output)
        self.assertRegex(output, r"✓ %s: /" % re.escape(PYTHON))
        self.assertRegex(output, r"✓ %s: /" % re.escape(NODE))
        self.assertIn("provided.al2023", output)

    def test_version_and_help(self):
        status, output, _ = martlet("version")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"^martlet \d+\.\d+\.\d+")
        status, output, _ = martlet("serve", "--help")
        self.assertEqual(status, 0)
        for option in ("--host", "--port", "--data-dir", "--ephemeral", "--auth", "--durability", "--sandbox", "--log-level", "--config"):
            self.assertIn(option, output)
