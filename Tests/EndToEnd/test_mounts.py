# SPDX-License-Identifier: Apache-2.0
"""Directories of the host below /mnt: FileSystemConfigs, and what becomes of them."""

import os
import shutil
import tempfile
import unittest

from harness import ACCOUNT, NODE, REGION, Account, EndToEndTest
from server import Server

OWNER = 54321
POINT = "fsap-0123456789abcdef0"
ARN = "arn:aws:elasticfilesystem:%s:%s:access-point/%s" % (REGION, ACCOUNT, POINT)
NOTES = """
import os
def handler(event, context):
    if event: open("/mnt/notes/log", "a").write(event + "\\n")
    return {"log": open("/mnt/notes/log").read().split(), "owner": os.stat("/mnt/notes/log").st_uid == os.getuid()}
"""
NODE_NOTES = "exports.handler = async () => require('fs').readFileSync('/mnt/notes/log', 'utf8').split('\\n').filter(Boolean);"


@unittest.skipUnless(os.geteuid() == 0, "it takes root to give directories away")
class Mounts(EndToEndTest):
    @property
    def account(self):
        return self.own

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        os.chown(self.folder, OWNER, OWNER)

    def serve(self, *options):
        server = Server(*(options or ("--mount", "%s=%s" % (POINT, self.folder))))
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.own = Account(server.endpoint)
        return server

    def configs(self, arn=ARN, path="/mnt/notes"):
        return [{"Arn": arn, "LocalMountPath": path}]

    def test_functions_share_a_directory_of_the_host(self):
        server = self.serve()
        self.assertIn("mount: %s is %s" % (self.folder, ARN), server.output().decode())
        function = self.create(NOTES, FileSystemConfigs=self.configs())
        self.assertEqual(function.created["FileSystemConfigs"], self.configs())
        self.assertEqual(self.result(function, "one"), {"log": ["one"], "owner": True})
        # In another environment, of a stem cell by now; then in another function.
        function.update(Timeout=9)
        self.assertEqual(self.result(function, "two"), {"log": ["one", "two"], "owner": True})
        self.assertEqual(os.stat(self.folder + "/log").st_uid, OWNER)
        other = self.create(NODE_NOTES, runtime=NODE, FileSystemConfigs=self.configs())
        self.assertEqual(self.result(other), ["one", "two"])
        # The setting outlives the server, is in a version, and goes with an empty list.
        version = self.lambda_.publish_version(FunctionName=function.name)
        self.assertEqual(version["FileSystemConfigs"], self.configs())
        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(self.result(function, None)["log"], ["one", "two"])
        self.assertNotIn("FileSystemConfigs", function.update(FileSystemConfigs=[]))
        answer = function.invoke(None)
        self.assertEqual(answer.json["errorType"], "FileNotFoundError")
        self.assertEqual(server.stop(), 0)

    def test_a_directory_that_has_gone_is_the_mounts_failure(self):
        server = self.serve()
        function = self.create(NOTES, FileSystemConfigs=self.configs())
        os.rename(self.folder, self.folder + ".away")
        self.addCleanup(shutil.rmtree, self.folder + ".away", ignore_errors=True)
        error = self.assertFails("EFSMountFailureException", 403, function.invoke, "x")
        self.assertIn("couldn't mount", error["Error"]["Message"])
        os.rename(self.folder + ".away", self.folder)
        self.assertEqual(self.result(function, "back")["log"], ["back"])
        os.chown(self.folder, 0, 0)
        function.update(Timeout=9)
        self.assertIn("root", self.assertFails("EFSMountFailureException", 403, function.invoke, "x")["Error"]["Message"])
        self.assertEqual(server.stop(), 0)

    def test_what_no_mount_names_is_refused(self):
        server = self.serve("--mount", "%s=%s:ro" % (POINT, self.folder))
        unknown = ARN[:-1] + "1"
        for config, code, status in (
                (self.configs(unknown), "InvalidParameterValueException", 400),
                (self.configs(ARN.replace(ACCOUNT, "111111111111")), "InvalidParameterValueException", 400),
                (self.configs(path="/srv/notes"), "ValidationException", 400),
                (self.configs(path="/mnt/a/b"), "ValidationException", 400),
                (self.configs(path="/mnt/.."), "InvalidParameterValueException", 400),
                (self.configs() + self.configs(path="/mnt/b"), "ValidationException", 400)):
            self.assertFails(code, status, self.create, NOTES, FileSystemConfigs=config)
        # A read-only one is read-only.
        with open(self.folder + "/log", "w") as log:
            log.write("given\n")
        os.chmod(self.folder + "/log", 0o666)
        function = self.create(NOTES, FileSystemConfigs=self.configs())
        self.assertEqual(self.result(function)["log"], ["given"])
        answer = function.invoke("more")
        self.assertIn("Read-only file system", answer.json["errorMessage"])
        self.assertEqual(server.stop(), 0)

    def test_mounts_that_cannot_be_are_refused_at_the_start(self):
        os.mkdir(self.folder + "/roots")
        for option, word in ((POINT, "NAME=/PATH"), ("a=/no/such/directory", "not a directory"), ("a=%s/roots" % self.folder, "root")):
            with self.assertRaises(Exception) as caught:
                self.serve("--mount", option)
            self.assertIn(word, str(caught.exception))
