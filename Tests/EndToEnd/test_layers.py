# SPDX-License-Identifier: Apache-2.0
"""Layers: published, merged under /opt in order, shared, deleted."""

import secrets
import urllib.request

from harness import ACCOUNT, CUSTOM, NODE, PYTHON, EndToEndTest, zip_of
from test_runtimes import BASH


class Layers(EndToEndTest):
    def publish(self, files, name=None, **settings):
        name = name or "layer-" + secrets.token_hex(4)
        version = self.lambda_.publish_layer_version(LayerName=name, Content={"ZipFile": zip_of(files)}, **settings)
        self.addCleanup(self.lambda_.delete_layer_version, LayerName=name, VersionNumber=version["Version"])
        return version

    def test_later_layers_lie_over_earlier_ones_and_python_finds_them(self):
        one = self.publish({"python/word.py": "WORD = 'one'", "python/only_one.py": "X = 1", "bin/tool": "a"})
        two = self.publish({"python/word.py": "WORD = 'two'", "lib/x.txt": "x"})
        source = """
import os, sys, word, only_one
def handler(e, c):
    return [word.WORD, only_one.X, sorted(os.listdir("/opt")), word.__file__, "/opt/python" in sys.path]
"""
        function = self.create(source, Layers=[one["LayerVersionArn"], two["LayerVersionArn"]])
        self.assertEqual(self.result(function), ["two", 1, ["bin", "lib", "python"], "/opt/python/word.py", True])
        function.update(Layers=[two["LayerVersionArn"], one["LayerVersionArn"]])
        self.assertEqual(self.result(function)[0], "one")
        function.update(Layers=[])
        self.assertEqual(function.invoke({}).json["errorType"], "Runtime.ImportModuleError")

    def test_the_package_wins_over_its_layers_in_python(self):
        layer = self.publish({"python/word.py": "WORD = 'layer'"})
        function = self.create(
            {"app.py": "import word\ndef handler(e, c): return word.WORD", "word.py": "WORD = 'package'"},
            Layers=[layer["LayerVersionArn"]])
        self.assertEqual(self.result(function), "package")

    def test_node_finds_the_modules_of_a_layer(self):
        layer = self.publish({"nodejs/node_modules/greeting/index.js": "module.exports = 'hello from a layer'"})
        function = self.create("exports.handler = async () => require('greeting')", runtime=NODE, Layers=[layer["LayerVersionArn"]])
        self.assertEqual(self.result(function), "hello from a layer")

    def test_a_layer_can_bring_the_bootstrap(self):
        layer = self.publish({"bootstrap": BASH})
        function = self.create({"data.txt": "no code"}, runtime=CUSTOM, Layers=[layer["LayerVersionArn"]])
        self.assertEqual(self.result(function, 5)["echo"], 5)

    def test_a_version_of_a_layer_is_described_whole(self):
        made = self.publish(
            {"a": "b"}, Description="mine", CompatibleRuntimes=[PYTHON], CompatibleArchitectures=["x86_64"], LicenseInfo="MIT")
        name = made["LayerArn"].rsplit(":", 1)[1]
        self.assertEqual(made["LayerVersionArn"], "arn:aws:lambda:us-east-1:%s:layer:%s:1" % (ACCOUNT, name))
        got = self.lambda_.get_layer_version(LayerName=name, VersionNumber=1)
        by_arn = self.lambda_.get_layer_version_by_arn(Arn=made["LayerVersionArn"])
        for answer in (got, by_arn):
            for key in ("LayerArn", "LayerVersionArn", "Description", "Version", "CompatibleRuntimes", "LicenseInfo", "CreatedDate"):
                self.assertEqual(answer[key], made[key])
            self.assertEqual(answer["Content"]["CodeSha256"], made["Content"]["CodeSha256"])
            with urllib.request.urlopen(answer["Content"]["Location"]) as archive:
                self.assertEqual(archive.read(), zip_of({"a": "b"}))
        again = self.publish({"a": "c"}, name=name)
        self.assertEqual(again["Version"], 2)
        self.assertEqual([v["Version"] for v in self.lambda_.list_layer_versions(LayerName=name)["LayerVersions"]], [2, 1])
        layers = {l["LayerName"]: l for page in self.lambda_.get_paginator("list_layers").paginate() for l in page["Layers"]}
        self.assertEqual(layers[name]["LatestMatchingVersion"]["Version"], 2)

    def test_a_deleted_version_goes_on_working_where_it_is_used(self):
        layer = self.publish({"python/word.py": "WORD = 'still here'"})
        function = self.create("import word\ndef handler(e, c): return word.WORD", Layers=[layer["LayerVersionArn"]])
        self.lambda_.delete_layer_version(LayerName=layer["LayerArn"].rsplit(":", 1)[1], VersionNumber=1)
        self.assertEqual(self.result(function), "still here")
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_layer_version_by_arn, Arn=layer["LayerVersionArn"])
        self.assertFails(
            "InvalidParameterValueException", 400, self.account.create, "def handler(e, c): pass", Layers=[layer["LayerVersionArn"]])

    def test_permissions_of_a_layer_are_kept_as_a_policy(self):
        layer = self.publish({"a": "b"})
        name = layer["LayerArn"].rsplit(":", 1)[1]
        self.lambda_.add_layer_version_permission(
            LayerName=name, VersionNumber=1, StatementId="all", Action="lambda:GetLayerVersion", Principal="*")
        policy = self.lambda_.get_layer_version_policy(LayerName=name, VersionNumber=1)["Policy"]
        self.assertIn('"Sid":"all"', policy.replace(" ", ""))
        self.lambda_.remove_layer_version_permission(LayerName=name, VersionNumber=1, StatementId="all")
        self.assertFails("ResourceNotFoundException", 404, self.lambda_.get_layer_version_policy, LayerName=name, VersionNumber=1)

    def test_six_layers_and_unknown_ones_are_refused(self):
        arns = [self.publish({"f%d" % n: "x"})["LayerVersionArn"] for n in range(6)]
        self.assertFails("InvalidParameterValueException", 400, self.account.create, "def handler(e, c): pass", Layers=arns)
        self.assertFails(
            "InvalidParameterValueException", 400, self.account.create, "def handler(e, c): pass",
            Layers=["arn:aws:lambda:us-east-1:%s:layer:nobody:1" % ACCOUNT])
