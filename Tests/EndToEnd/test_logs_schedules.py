# SPDX-License-Identifier: Apache-2.0
"""Lookup tables and scheduled queries of CloudWatch Logs, as boto3 and the AWS CLI use them, and over `kill -9`."""

import json
import secrets
import time

from botocore.exceptions import ClientError
from harness import Account, EndToEndTest, eventually
from server import Server
from test_logs import aws_output

ROLE = "arn:aws:iam::000000000000:role/queries"


class Schedules(EndToEndTest):
    def group(self, messages=(), logs=None):
        logs, name = logs or self.account.logs, "schedules-" + secrets.token_hex(4)
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        now = int(time.time() * 1_000) - len(messages)
        if messages:
            logs.put_log_events(
                logGroupName=name, logStreamName="s",
                logEvents=[{"timestamp": now + n, "message": json.dumps(message)} for n, message in enumerate(messages)])
        return name

    def rows(self, text, group, logs=None):
        logs, now = logs or self.account.logs, int(time.time())
        started = logs.start_query(logGroupName=group, startTime=now - 3_600, endTime=now + 60, queryString=text)

        def ended():
            answer = logs.get_query_results(queryId=started["queryId"])
            return answer if answer["status"] not in ("Scheduled", "Running") else None

        answer = eventually(ended)
        self.assertEqual(answer["status"], "Complete")
        return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]

    def schedule(self, group, query, logs=None, **more):
        """Runs in two seconds, and each minute after."""
        logs, name = logs or self.account.logs, "q-" + secrets.token_hex(4)
        settings = dict(
            queryLanguage="CWLI", queryString=query, logGroupIdentifiers=[group], scheduleExpression="rate(1 minute)",
            scheduleStartTime=int(time.time() * 1_000) + 2_000, startTimeOffset=600, executionRoleArn=ROLE)
        settings.update(more)
        return name, logs.create_scheduled_query(name=name, **settings)["scheduledQueryArn"]

    def run_of(self, name, logs=None):
        logs = logs or self.account.logs

        def ended():
            history = logs.get_scheduled_query_history(identifier=name, startTime=0, endTime=int(time.time()) + 60)
            runs = history["triggerHistory"]
            return runs if runs and runs[-1]["executionStatus"] != "Running" else None

        return eventually(ended)

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def test_a_lookup_table_says_more_about_events(self):
        logs, name = self.account.logs, "users_" + secrets.token_hex(4)
        group = self.group([{"user": 1}, {"user": 2}, {"user": 3}])
        body = 'id,name,team\n1,Ann,"Sales, EU"\n2,Bob,\n'
        created = logs.create_lookup_table(lookupTableName=name, tableBody=body, tags={"a": "b"})
        self.addCleanup(logs.delete_lookup_table, lookupTableArn=created["lookupTableArn"])
        self.assertEqual(logs.get_lookup_table(lookupTableArn=created["lookupTableArn"])["tableBody"], body)
        [shown] = logs.describe_lookup_tables(lookupTableNamePrefix=name)["lookupTables"]
        self.assertEqual((shown["tableFields"], shown["recordsCount"]), (["id", "name", "team"], 2))
        self.assertEqual(logs.list_tags_for_resource(resourceArn=created["lookupTableArn"])["tags"], {"a": "b"})
        rows = self.rows("fields user, name | lookup %s id as user OUTPUT name, team | sort user | display user, name, team" % name, group)
        self.assertEqual(
            [{key: row[key] for key in row if key != "@ptr"} for row in rows],
            [{"user": "1", "name": "Ann", "team": "Sales, EU"}, {"user": "2", "name": "Bob", "team": ""}, {"user": "3"}])
        rows = self.rows("lookup %s id as user OUTPUT name | stats count(*) as n by ispresent(name) as known | sort known" % name, group)
        self.assertEqual(rows, [{"known": "0", "n": "1"}, {"known": "1", "n": "2"}])
        self.refused("ResourceAlreadyExistsException", logs.create_lookup_table, lookupTableName=name, tableBody="a")
        self.refused("InvalidParameterException", logs.update_lookup_table, lookupTableArn=created["lookupTableArn"], tableBody="a,b\n1")
        shown = json.loads(aws_output("logs", "get-lookup-table", "--lookup-table-arn", created["lookupTableArn"]))
        self.assertEqual(shown["sizeBytes"], len(body))

    def test_a_query_runs_by_itself_and_refreshes_a_table(self):
        logs, table = self.account.logs, "seen_" + secrets.token_hex(4)
        group = self.group([{"user": "ann"}, {"user": "bob"}, {"user": "ann"}])
        name, arn = self.schedule(
            group, "stats count(*) as n by user | sort user",
            destinationConfiguration={"lookupTableConfiguration": {"tableName": table, "roleArn": ROLE}})
        self.addCleanup(logs.delete_scheduled_query, identifier=arn)
        run = self.run_of(name)[-1]
        self.assertEqual(run["executionStatus"], "Complete")
        [target] = run["destinations"]
        self.assertEqual((target["destinationType"], target["status"]), ("LOOKUP_TABLE", "COMPLETE"))
        self.addCleanup(logs.delete_lookup_table, lookupTableArn=target["processedIdentifier"])
        self.assertEqual(logs.get_lookup_table(lookupTableArn=target["processedIdentifier"])["tableBody"], "user,n\nann,2\nbob,1\n")
        results = logs.get_query_results(queryId=run["queryId"])["results"]
        self.assertEqual([[cell["value"] for cell in row] for row in results], [["ann", "2"], ["bob", "1"]])
        shown = logs.get_scheduled_query(identifier=arn)
        self.assertEqual((shown["name"], shown["lastExecutionStatus"]), (name, "Complete"))
        self.assertIn(name, [query["name"] for page in logs.get_paginator("list_scheduled_queries").paginate() for query in page["scheduledQueries"]])
        changed = logs.update_scheduled_query(
            identifier=name, queryLanguage="CWLI", queryString="fields user", logGroupIdentifiers=[group],
            scheduleExpression="cron(0 9 ? * MON-FRI *)", timezone="America/New_York", executionRoleArn=ROLE, state="DISABLED")
        self.assertEqual((changed["state"], changed["timezone"]), ("DISABLED", "America/New_York"))

    def test_what_cannot_run_is_refused(self):
        logs, group = self.account.logs, self.group()
        good = dict(
            name="never", queryLanguage="CWLI", queryString="fields a", logGroupIdentifiers=[group],
            scheduleExpression="rate(1 hour)", executionRoleArn=ROLE)
        for wrong in ({"scheduleExpression": "cron(* * * * *)"}, {"timezone": "Nowhere"}, {"queryString": "nonsense"}):
            self.refused("ValidationException", logs.create_scheduled_query, **dict(good, **wrong))
        s3 = {"s3Configuration": {"destinationIdentifier": "s3://some-bucket/x", "roleArn": ROLE}}
        self.assertIn("S3", self.refused("ValidationException", logs.create_scheduled_query, **dict(good, destinationConfiguration=s3)))
        self.refused("ResourceNotFoundException", logs.get_scheduled_query, identifier="never")


class ScheduleKill(EndToEndTest):
    def test_a_schedule_outlives_its_server(self):
        with Server() as server:
            logs = Account(server.endpoint).logs
            schedules = Schedules()
            group = schedules.group([{"user": "ann"}], logs)
            logs.create_lookup_table(lookupTableName="users", tableBody="id,name\nann,Ann\n")
            name, _ = schedules.schedule(group, "fields user | lookup users id as user OUTPUT name", logs)
            server.kill()
            # Its time passes while nobody is there.
            time.sleep(2.5)
            server.start()
            logs = Account(server.endpoint).logs
            run = schedules.run_of(name, logs)[-1]
            self.assertEqual(run["executionStatus"], "Complete")
            [row] = logs.get_query_results(queryId=run["queryId"])["results"]
            self.assertEqual([cell["value"] for cell in row if cell["field"] != "@ptr"], ["ann", "Ann"])
            self.assertEqual(server.stop(), 0)
