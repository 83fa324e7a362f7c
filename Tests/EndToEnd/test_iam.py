# SPDX-License-Identifier: Apache-2.0
"""IAM and STS, as far as functions and their deployers need them."""

import json
import secrets

from harness import ACCOUNT, EndToEndTest, client

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
TRUST_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%s:root" % ACCOUNT}, "Action": "sts:AssumeRole"}]}
ALLOW_LOGS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}


class IAM(EndToEndTest):
    def make_role(self, trust=TRUST, **settings):
        name = "role-" + secrets.token_hex(4)
        role = self.account.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **settings)["Role"]
        self.addCleanup(self.account.iam.delete_role, RoleName=name)
        return name, role

    def test_a_role_is_made_read_and_listed(self):
        name, role = self.make_role(Path="/service/", Description="words", MaxSessionDuration=7_200, Tags=[{"Key": "a", "Value": "b"}])
        self.assertEqual(role["Arn"], "arn:aws:iam::%s:role/service/%s" % (ACCOUNT, name))
        self.assertRegex(role["RoleId"], r"^AROA[A-Z0-9]{17}$")
        got = self.account.iam.get_role(RoleName=name)["Role"]
        self.assertEqual(got["AssumeRolePolicyDocument"], TRUST)
        self.assertEqual((got["Description"], got["MaxSessionDuration"], got["Tags"]), ("words", 7_200, [{"Key": "a", "Value": "b"}]))
        listed = [r["RoleName"] for page in self.account.iam.get_paginator("list_roles").paginate(PathPrefix="/service/") for r in page["Roles"]]
        self.assertIn(name, listed)

    def test_policies_are_attached_inlined_and_taken_away(self):
        iam = self.account.iam
        name, _ = self.make_role()
        basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        iam.attach_role_policy(RoleName=name, PolicyArn=basic)
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(ALLOW_LOGS))
        made = iam.create_policy(PolicyName="own-" + secrets.token_hex(4), PolicyDocument=json.dumps(ALLOW_LOGS))["Policy"]
        iam.attach_role_policy(RoleName=name, PolicyArn=made["Arn"])
        attached = {p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]}
        self.assertEqual(attached, {basic, made["Arn"]})
        self.assertEqual(iam.get_role_policy(RoleName=name, PolicyName="inline")["PolicyDocument"], ALLOW_LOGS)
        self.assertFails("DeleteConflict", 409, iam.delete_role, RoleName=name)
        iam.detach_role_policy(RoleName=name, PolicyArn=basic)
        iam.detach_role_policy(RoleName=name, PolicyArn=made["Arn"])
        iam.delete_role_policy(RoleName=name, PolicyName="inline")
        iam.delete_policy(PolicyArn=made["Arn"])
        self.assertEqual(iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"], [])

    def test_a_role_that_does_not_trust_lambda_is_refused_for_a_function(self):
        _, role = self.make_role(TRUST_ACCOUNT)
        response = self.assertFails(
            "InvalidParameterValueException", 400, self.account.create, "def handler(e, c): pass", Role=role["Arn"])
        self.assertEqual(response["Error"]["Message"], "The role defined for the function cannot be assumed by Lambda.")

    def test_an_assumed_role_is_somebody_else(self):
        name, role = self.make_role(TRUST_ACCOUNT)
        credentials = self.account.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me")["Credentials"]
        self.assertTrue(credentials["AccessKeyId"].startswith("ASIA"))
        sts = client(
            "sts", key=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"], token=credentials["SessionToken"])
        self.assertEqual(sts.get_caller_identity()["Arn"], "arn:aws:sts::%s:assumed-role/%s/me" % (ACCOUNT, name))

    def test_the_caller_of_open_mode_is_its_account_s_root(self):
        self.assertEqual(self.account.sts.get_caller_identity()["Arn"], "arn:aws:iam::%s:root" % ACCOUNT)
        self.assertEqual(client("sts", key="111122223333").get_caller_identity()["Account"], "111122223333")

    def test_users_have_keys(self):
        iam = self.account.iam
        name = "user-" + secrets.token_hex(4)
        user = iam.create_user(UserName=name)["User"]
        self.assertEqual(user["Arn"], "arn:aws:iam::%s:user/%s" % (ACCOUNT, name))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.assertRegex(key["AccessKeyId"], r"^AKIA[A-Z0-9]{16}$")
        self.assertEqual([k["AccessKeyId"] for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]], [key["AccessKeyId"]])
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName=name)
        self.assertFails("NoSuchEntity", 404, iam.get_user, UserName=name)

    def test_a_policy_can_be_simulated(self):
        results = self.account.iam.simulate_custom_policy(
            PolicyInputList=[json.dumps(ALLOW_LOGS)], ActionNames=["logs:PutLogEvents", "lambda:InvokeFunction"])["EvaluationResults"]
        self.assertEqual([r["EvalDecision"] for r in results], ["allowed", "implicitDeny"])

    def test_a_broken_policy_is_refused(self):
        iam = self.account.iam
        name, _ = self.make_role()
        for document in ("{", '{"Version": "2012-10-17"}', '{"Statement": [{"Effect": "Perhaps"}]}'):
            with self.subTest(document=document):
                self.assertFails("MalformedPolicyDocument", 400, iam.put_role_policy, RoleName=name, PolicyName="p", PolicyDocument=document)
