# SPDX-License-Identifier: Apache-2.0
"""Versions, aliases and their weights, guards, paging."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness import EndToEndTest, wait_until_settled, zip_of

SAYS = "def handler(e, c): return '%s ' + c.function_version"


class Versions(EndToEndTest):
    def two_versions(self):
        function = self.create(SAYS % "first")
        self.assertEqual(self.publish(function), "1")
        function.update({"app.py": SAYS % "second"})
        self.assertEqual(self.publish(function), "2")
        return function

    def publish(self, function):
        version = self.lambda_.publish_version(FunctionName=function.name)["Version"]
        wait_until_settled(self.lambda_, function.name, version)
        return version

    def test_a_version_keeps_its_code_and_settings(self):
        function = self.two_versions()
        function.update(MemorySize=640, Description="later")
        self.assertEqual(self.result(function, Qualifier="1"), "first 1")
        self.assertEqual(self.result(function, Qualifier="2"), "second 2")
        self.assertEqual(self.result(function), "second $LATEST")
        old = self.lambda_.get_function_configuration(FunctionName=function.name, Qualifier="1")
        self.assertEqual((old["MemorySize"], old["Description"], old["Version"]), (512, "", "1"))
        self.assertEqual(old["FunctionArn"], function.arn + ":1")
        answer = function.invoke({}, Qualifier="1")
        self.assertEqual((answer.version, answer.lines[0]), ("1", "START RequestId: %s Version: 1" % answer.request_id))

    def test_publishing_what_has_not_changed_gives_the_same_version(self):
        function = self.create(SAYS % "only")
        self.assertEqual([self.publish(function), self.publish(function)], ["1", "1"])

    def test_a_function_can_be_created_and_updated_published(self):
        function = self.create(SAYS % "first", Publish=True)
        self.assertEqual(function.created["Version"], "1")
        answer = self.lambda_.update_function_code(
            FunctionName=function.name, ZipFile=zip_of({"app.py": SAYS % "second"}), Publish=True)
        function.wait()
        self.assertEqual(answer["Version"], "2")
        self.assertEqual(self.result(function, Qualifier="2"), "second 2")

    def test_an_alias_points_and_moves(self):
        function = self.two_versions()
        created = self.lambda_.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1", Description="ours")
        self.assertEqual(
            {k: created[k] for k in ("AliasArn", "Name", "FunctionVersion", "Description")},
            {"AliasArn": function.arn + ":live", "Name": "live", "FunctionVersion": "1", "Description": "ours"})
        self.assertEqual(self.result(function, Qualifier="live"), "first 1")
        self.lambda_.update_alias(FunctionName=function.name, Name="live", FunctionVersion="2")
        answer = function.invoke({}, Qualifier="live")
        self.assertEqual((answer.json, answer.version), ("second 2", "2"))
        self.lambda_.delete_alias(FunctionName=function.name, Name="live")
        self.assertFails("ResourceNotFoundException", 404, function.invoke, {}, Qualifier="live")

    def test_the_weights_of_an_alias_split_the_traffic(self):
        function = self.two_versions()
        self.lambda_.create_alias(
            FunctionName=function.name, Name="live", FunctionVersion="1",
            RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: function.invoke({}, Qualifier="live", LogType="None"), range(60)))
        for answer in answers:
            self.assertEqual(answer.json, {"1": "first 1", "2": "second 2"}[answer.version])
        # Fewer than 10 of 60 at even odds: once in 10 million runs.
        counts = Counter(answer.version for answer in answers)
        self.assertTrue(counts["1"] >= 10 and counts["2"] >= 10, counts)

    def test_bad_weights_and_versions_of_an_alias_are_refused(self):
        function = self.two_versions()
        create = self.lambda_.create_alias
        self.assertFails("ResourceNotFoundException", 404, create, FunctionName=function.name, Name="a", FunctionVersion="9")
        self.assertFails(
            "InvalidParameterValueException", 400, create, FunctionName=function.name, Name="a", FunctionVersion="1",
            RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
        self.assertFails("ValidationException", 400, create, FunctionName=function.name, Name="7", FunctionVersion="1")
        create(FunctionName=function.name, Name="a", FunctionVersion="1")
        self.assertFails("ResourceConflictException", 409, create, FunctionName=function.name, Name="a", FunctionVersion="1")

    def test_a_version_that_an_alias_needs_stays(self):
        function = self.two_versions()
        self.lambda_.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
        self.assertFails(
            "ResourceConflictException", 409, self.lambda_.delete_function, FunctionName=function.name, Qualifier="1")
        self.lambda_.delete_function(FunctionName=function.name, Qualifier="2")
        self.assertFails("ResourceNotFoundException", 404, function.invoke, {}, Qualifier="2")
        self.assertEqual(self.result(function, Qualifier="live"), "first 1")

    def test_guards_refuse_what_has_changed_meanwhile(self):
        function = self.create(SAYS % "first")
        revision = self.lambda_.get_function_configuration(FunctionName=function.name)["RevisionId"]
        function.update(Description="changed")
        self.assertFails(
            "PreconditionFailedException", 412, self.lambda_.update_function_configuration, FunctionName=function.name,
            Description="lost", RevisionId=revision)
        self.assertFails(
            "PreconditionFailedException", 412, self.lambda_.publish_version, FunctionName=function.name, RevisionId=revision)
        self.assertFails(
            "InvalidParameterValueException", 400, self.lambda_.publish_version, FunctionName=function.name, CodeSha256="AAAA")

    def test_lists_come_in_pages(self):
        function = self.create(SAYS % "0")
        for number in range(1, 6):
            function.update({"app.py": SAYS % number})
            self.publish(function)
            self.lambda_.create_alias(FunctionName=function.name, Name="alias%d" % number, FunctionVersion=str(number))

        def all_of(operation, key, **options):
            pages = self.lambda_.get_paginator(operation).paginate(FunctionName=function.name, PaginationConfig={"PageSize": 2}, **options)
            pages = list(pages)
            self.assertTrue(all(len(page[key]) <= 2 for page in pages))
            self.assertGreater(len(pages), 1)
            return [item for page in pages for item in page[key]]

        self.assertEqual([v["Version"] for v in all_of("list_versions_by_function", "Versions")], ["$LATEST", "1", "2", "3", "4", "5"])
        self.assertEqual([a["Name"] for a in all_of("list_aliases", "Aliases")], ["alias%d" % n for n in range(1, 6)])
        self.assertEqual([a["Name"] for a in self.lambda_.list_aliases(FunctionName=function.name, FunctionVersion="3")["Aliases"]], ["alias3"])

    def test_the_list_of_functions_pages_through_all_of_them(self):
        made = {self.create(SAYS % n, wait=False).name for n in range(5)}
        pages = self.lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3})
        names = [f["FunctionName"] for page in pages for f in page["Functions"]]
        self.assertEqual(len(names), len(set(names)), "none twice")
        self.assertTrue(made <= set(names))
