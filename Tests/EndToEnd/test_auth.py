# SPDX-License-Identifier: Apache-2.0
"""The modes that look at signatures and permissions, each on a server of its own."""

import datetime
import json
import re
import secrets
import unittest
import unittest.mock
import urllib.error
import urllib.request

from botocore.exceptions import ClientError

from harness import CUSTOM, Account, EndToEndTest, client, zip_of
from server import Server
from test_clients_inside import CALLS, publish_boto3
from test_iam import TRUST
from test_runtimes import BASH


def root_of(server):
    """The root key, which the server shows once, at its first start."""
    shown = server.output().decode()
    return {
        "key": re.search(r"AWS_ACCESS_KEY_ID=(AKIA[A-Z0-9]{16})\n", shown).group(1),
        "secret": re.search(r"AWS_SECRET_ACCESS_KEY=([A-Za-z0-9/+]{40})\n", shown).group(1)}


def code_of(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "allowed", 200


class OwnServer(EndToEndTest):
    mode = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server("--auth", cls.mode)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.server.start()
        cls.root = root_of(cls.server)
        cls.own = Account(cls.server.endpoint, **cls.root)

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        assert status == 0, status

    @property
    def account(self):
        return self.own

    def make_user(self, *statements):
        name = "user-" + secrets.token_hex(4)
        iam = self.own.iam
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(
                UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return name, Account(self.server.endpoint, key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    def make_role(self, *statements):
        name = "role-" + secrets.token_hex(4)
        role = self.own.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        if statements:
            self.own.iam.put_role_policy(
                RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
        return role["Arn"]

    def fetched(self, address):
        """The status of an answer to somebody who signs nothing."""
        try:
            return urllib.request.urlopen(address, timeout=120).status
        except urllib.error.HTTPError as error:
            return error.code

    @staticmethod
    def signing_at(seconds):
        """As if this machine's clock were wrong by `seconds`."""
        then = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(seconds=seconds)
        return unittest.mock.patch("botocore.auth.get_current_datetime", return_value=then)

    def sent(self, **credentials):
        return code_of(client("lambda", self.server.endpoint, **credentials).list_functions)


class SignatureCases:
    """What holds in both modes."""

    def test_the_root_key_that_was_shown_works(self):
        self.assertRegex(self.own.sts.get_caller_identity()["Arn"], r"^arn:aws:iam::\d{12}:root$")

    def test_who_does_not_sign_is_refused(self):
        self.assertEqual(self.fetched(self.server.endpoint + "/2015-03-31/functions/"), 403)
        self.assertEqual(self.fetched(self.server.endpoint + "/_martlet/health"), 200)

    def test_an_unknown_key_is_refused(self):
        self.assertEqual(self.sent(key="AKIAAAAAAAAAAAAAAAAA"), ("UnrecognizedClientException", 403))
        sts = client("sts", self.server.endpoint, key="AKIAAAAAAAAAAAAAAAAA")
        self.assertEqual(code_of(sts.get_caller_identity), ("InvalidClientTokenId", 403))

    def test_a_wrong_secret_is_refused(self):
        self.assertEqual(self.sent(key=self.root["key"], secret="wrong"), ("InvalidSignatureException", 403))
        sts = client("sts", self.server.endpoint, key=self.root["key"], secret="wrong")
        self.assertEqual(code_of(sts.get_caller_identity), ("SignatureDoesNotMatch", 403))

    def test_a_body_that_was_altered_on_its_way_is_refused(self):
        lambda_ = client("lambda", self.server.endpoint, **self.root)

        def alter(request, **_):
            request.body = request.body.replace(b"innocent", b"altered!")

        lambda_.meta.events.register("before-send.lambda.*", alter)
        code = code_of(
            lambda_.create_function, FunctionName="innocent", Runtime=CUSTOM, Handler="h", Role="arn:aws:iam::000000000000:role/r",
            Code={"ZipFile": zip_of({"bootstrap": BASH})})
        self.assertEqual(code, ("InvalidSignatureException", 403))

    def test_a_presigned_address_is_as_good_as_a_signature_until_it_expires(self):
        address = client("sts", self.server.endpoint, **self.root).generate_presigned_url(
            "get_caller_identity", ExpiresIn=60, HttpMethod="GET")
        self.assertEqual(self.fetched(address), 200)
        self.assertEqual(self.fetched(address.replace("X-Amz-Expires=60", "X-Amz-Expires=61")), 403)
        with self.signing_at(-3_600):
            old = client("sts", self.server.endpoint, **self.root).generate_presigned_url(
                "get_caller_identity", ExpiresIn=60, HttpMethod="GET")
        # RequestExpired
        self.assertEqual(self.fetched(old), 400)

    def test_a_signature_from_another_hour_is_refused(self):
        for seconds in (-3_600, 3_600):
            with self.subTest(seconds=seconds), self.signing_at(seconds):
                code, status = self.sent(**self.root)
                self.assertEqual((code, status), ("InvalidSignatureException", 403))

    def test_a_session_needs_its_token_and_ends_with_it(self):
        _, user = self.make_user({"Effect": "Allow", "Action": "*", "Resource": "*"})
        session = user.sts.get_session_token(DurationSeconds=900)["Credentials"]
        whole = {"key": session["AccessKeyId"], "secret": session["SecretAccessKey"], "token": session["SessionToken"]}
        self.assertEqual(self.sent(**whole), ("allowed", 200))
        self.assertEqual(self.sent(**{**whole, "token": None})[1], 403)
        self.assertEqual(self.sent(**{**whole, "token": whole["token"][:-8] + "AAAAAAA="})[1], 403)

    def test_a_deactivated_key_is_refused(self):
        name, user = self.make_user({"Effect": "Allow", "Action": "*", "Resource": "*"})
        self.assertEqual(code_of(user.lambda_.list_functions)[0], "allowed")
        self.own.iam.update_access_key(UserName=name, AccessKeyId=user.credentials["key"], Status="Inactive")
        self.assertEqual(code_of(user.lambda_.list_functions)[1], 403)

    def test_the_state_cannot_be_reset(self):
        request = urllib.request.Request(self.server.endpoint + "/_martlet/state/reset", method="POST")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertIn(caught.exception.code, (403, 404))

    def test_a_function_runs_and_is_its_role(self):
        role = self.make_role()
        function = self.create("def handler(e, c): return e", Role=role)
        self.assertEqual(self.result(function, {"n": 1}), {"n": 1})

    def test_a_role_that_nobody_made_is_refused_for_a_function(self):
        self.assertFails(
            "InvalidParameterValueException", 400, self.own.create, "def handler(e, c): pass",
            Role="arn:aws:iam::000000000000:role/nobody")


class Signed(SignatureCases, OwnServer):
    mode = "signed"

    def test_permissions_are_not_looked_at(self):
        _, user = self.make_user()
        self.assertEqual(code_of(user.lambda_.list_functions), ("allowed", 200))


class Enforced(SignatureCases, OwnServer):
    mode = "enforced"

    def test_who_has_no_policy_may_nothing(self):
        name, user = self.make_user()
        with self.assertRaises(ClientError) as caught:
            user.lambda_.list_functions()
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], "AccessDeniedException")
        self.assertRegex(
            error["Message"],
            r"^User: arn:aws:iam::\d{12}:user/%s is not authorized to perform: lambda:ListFunctions on resource: .* because no "
            r"identity-based policy allows the lambda:ListFunctions action$" % name)

    def test_a_policy_allows_what_it_names(self):
        function = self.create("def handler(e, c): return 'ran'", Role=self.make_role())
        other = self.create("def handler(e, c): return 'ran'", Role=self.make_role())
        _, user = self.make_user({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function.arn})
        self.assertEqual(code_of(user.lambda_.invoke, FunctionName=function.name), ("allowed", 200))
        self.assertEqual(code_of(user.lambda_.invoke, FunctionName=other.name), ("AccessDeniedException", 403))
        self.assertEqual(code_of(user.lambda_.delete_function, FunctionName=function.name), ("AccessDeniedException", 403))

    def test_a_denial_wins(self):
        _, user = self.make_user(
            {"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "lambda:List*", "Resource": "*"})
        with self.assertRaises(ClientError) as caught:
            user.lambda_.list_functions()
        self.assertIn("with an explicit deny in an identity-based policy", caught.exception.response["Error"]["Message"])
        self.assertEqual(code_of(user.logs.describe_log_groups), ("allowed", 200))

    def test_a_resource_policy_lets_another_user_in(self):
        function = self.create("def handler(e, c): return 'ran'", Role=self.make_role())
        name, user = self.make_user()
        arn = self.own.iam.get_user(UserName=name)["User"]["Arn"]
        self.assertEqual(code_of(user.lambda_.invoke, FunctionName=function.name), ("AccessDeniedException", 403))
        self.own.lambda_.add_permission(FunctionName=function.name, StatementId="in", Action="lambda:InvokeFunction", Principal=arn)
        self.assertEqual(code_of(user.lambda_.invoke, FunctionName=function.name), ("allowed", 200))

    def test_a_session_s_policy_narrows_what_its_role_may(self):
        _, user = self.make_user({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
        arn = user.sts.get_caller_identity()["Arn"]
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}]}
        role = self.own.iam.create_role(RoleName="wide-" + secrets.token_hex(4), AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        self.own.iam.put_role_policy(RoleName=role["RoleName"], PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["lambda:*", "logs:*"], "Resource": "*"}]}))
        narrow = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["lambda:*", "iam:*"], "Resource": "*"}]})
        session = user.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session", Policy=narrow)["Credentials"]
        account = Account(
            self.server.endpoint, key=session["AccessKeyId"], secret=session["SecretAccessKey"], token=session["SessionToken"])
        self.assertEqual(code_of(account.lambda_.list_functions)[0], "allowed")
        self.assertEqual(code_of(account.logs.describe_log_groups)[0], "AccessDeniedException")
        self.assertEqual(code_of(account.iam.list_roles)[0], "AccessDenied")

    def test_a_role_lets_in_whom_it_trusts_only(self):
        _, user = self.make_user({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
        self.assertEqual(code_of(user.sts.assume_role, RoleArn=self.make_role(), RoleSessionName="session"), ("AccessDenied", 403))

    def test_passing_a_role_wants_a_permission(self):
        role = self.make_role()
        _, user = self.make_user({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"})
        code = code_of(user.create, "def handler(e, c): pass", Role=role)
        self.assertEqual(code, ("AccessDeniedException", 403))


class EnforcedInside(OwnServer):
    """Functions that call AWS: their role's policies decide."""

    mode = "enforced"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.layer = publish_boto3(cls.own)

    def make_caller(self, *statements):
        role = self.make_role(*statements)
        return role, self.create(CALLS, Layers=[self.layer], Role=role, MemorySize=1_769, Timeout=60)

    def test_a_function_may_do_what_its_role_may_and_nothing_else(self):
        echo = self.create("def handler(e, c): return ['called', e]", Role=self.make_role())
        other = self.create("def handler(e, c): return 'must not be called'", Role=self.make_role())
        _, function = self.make_caller({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": echo.arn})
        call = {"service": "lambda", "call": "invoke", "input": {"FunctionName": echo.name, "Payload": '{"n": 1}'}}
        self.assertEqual(json.loads(self.result(function, call)["payload"]), ["called", {"n": 1}])
        call["input"]["FunctionName"] = other.name
        refused = self.result(function, call)
        self.assertEqual(refused.get("error"), "AccessDeniedException", refused)
        self.assertIn("is not authorized to perform: lambda:InvokeFunction on resource: " + other.arn, refused["message"])
        self.assertIn("assumed-role/", refused["message"])

    def test_a_new_policy_is_in_force_without_a_restart(self):
        role, function = self.make_caller()
        call = {"service": "lambda", "call": "list_functions"}
        self.assertEqual(self.result(function, call).get("error"), "AccessDeniedException")
        self.own.iam.attach_role_policy(
            RoleName=role.rsplit("/", 1)[1], PolicyArn="arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess")
        names = [f["FunctionName"] for f in self.result(function, call)["Functions"]]
        self.assertIn(function.name, names)

    def test_a_key_of_nobody_is_refused_inside_too(self):
        source = CALLS.replace(
            "boto3.client(event[\"service\"])",
            "boto3.client(event['service'], aws_access_key_id='111122223333', aws_secret_access_key='x', aws_session_token='')")
        function = self.create(source, Layers=[self.layer], Role=self.make_role(), MemorySize=1_769, Timeout=60)
        refused = self.result(function, {"service": "sts", "call": "get_caller_identity"})
        self.assertEqual(refused.get("error"), "InvalidClientTokenId", refused)


class Addresses(unittest.TestCase):
    def test_the_open_mode_refuses_to_listen_anywhere_but_on_loopback(self):
        with self.assertRaises(AssertionError) as caught:
            with Server("--host", "0.0.0.0", "--auth", "open"):
                pass
        self.assertIn("loopback", str(caught.exception))

    def test_another_address_is_enforced_by_default(self):
        with Server("--host", "0.0.0.0") as server:
            lambda_ = client("lambda", server.endpoint.replace("0.0.0.0", "127.0.0.1"))
            self.assertEqual(code_of(lambda_.list_functions), ("UnrecognizedClientException", 403))
            self.assertEqual(server.stop(), 0)
