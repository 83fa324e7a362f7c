# SPDX-License-Identifier: Apache-2.0
"""Packages that functions bring along, unchanged: Powertools, the X-Ray SDK, requests, NumPy."""

import json

from harness import EndToEndTest, zip_of
from vendored import numpy_files, powertools_files, requests_files

POWERTOOLS = """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.metrics import MetricUnit

logger, metrics, tracer = Logger(service="shop"), Metrics(namespace="Shop", service="shop"), Tracer(service="shop")
app = APIGatewayRestResolver()

@app.get("/hello/<name>")
@tracer.capture_method
def hello(name):
    logger.info("greeting", extra={"name_of_guest": name})
    metrics.add_metric(name="Greetings", unit=MetricUnit.Count, value=1)
    return {"hello": name}

@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    return app.resolve(event, context)
"""

XRAY = """
import os
from aws_xray_sdk.core import xray_recorder, patch
patch(["httplib"])

@xray_recorder.capture("inner")
def inner():
    xray_recorder.current_subsegment().put_annotation("answer", 42)
    return xray_recorder.current_subsegment().trace_id

def handler(event, context):
    return {"inner": inner(), "header": os.environ["_X_AMZN_TRACE_ID"]}
"""

REQUESTS = """
import os, requests
def handler(event, context):
    answer = requests.get(os.environ["AWS_ENDPOINT_URL"] + "/_martlet/health", timeout=10)
    return {"status": answer.status_code, "is": answer.json()["status"]}
"""

NUMPY = """
import numpy
def handler(event, context):
    matrix = numpy.array(event["matrix"], dtype=float)
    return {"inverse": numpy.linalg.inv(matrix).tolist(), "from": numpy.__file__}
"""


class ThirdParty(EndToEndTest):
    def layer(self, files):
        return self.lambda_.publish_layer_version(
            LayerName="third-party", Content={"ZipFile": zip_of(files)})["LayerVersionArn"]

    def function(self, source, files):
        return self.create(source, Layers=[self.layer(files)], MemorySize=1_769, Timeout=60)

    def test_powertools_logs_measures_and_routes(self):
        function = self.function(POWERTOOLS, powertools_files(under="python"))
        event = {
            "resource": "/{proxy+}", "path": "/hello/ada", "httpMethod": "GET", "headers": {}, "queryStringParameters": None,
            "multiValueHeaders": {}, "pathParameters": {"proxy": "hello/ada"}, "requestContext": {"requestId": "x", "stage": "p"},
            "body": None, "isBase64Encoded": False}
        answers = [function.invoke(event), function.invoke(event)]
        for answer in answers:
            self.assertIsNone(answer.error, answer.body)
            self.assertEqual((answer.json["statusCode"], json.loads(answer.json["body"])), (200, {"hello": "ada"}))
        records = [json.loads(line) for line in answers[1].lines if line.startswith("{")]
        [greeting] = [record for record in records if record.get("message") == "greeting"]
        self.assertEqual((greeting["function_request_id"], greeting["cold_start"]), (answers[1].request_id, False))
        self.assertEqual((greeting["function_name"], greeting["function_arn"]), (function.name, function.arn))
        [metric] = [record for record in records if "_aws" in record]
        self.assertEqual((metric["Greetings"], metric["_aws"]["CloudWatchMetrics"][0]["Namespace"]), ([1.0], "Shop"))
        [cold] = [json.loads(line) for line in answers[0].lines if line.startswith("{") and "ColdStart" in line]
        self.assertEqual((cold["ColdStart"], cold["function_name"]), ([1.0], function.name))
        self.assertEqual(cold["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Shop")
        self.assertNotIn("ColdStart", answers[1].log)

    def test_the_xray_sdk_finds_the_trace_of_its_caller(self):
        function = self.function(XRAY, powertools_files(under="python"))
        root = "1-5759e988-bd862e3fe1be46a994272793"

        def trace(params, **_):
            params["headers"]["X-Amzn-Trace-Id"] = "Root=%s;Parent=53995c3f42cd8ad8;Sampled=1" % root

        events = self.lambda_.meta.events
        events.register("before-call.lambda.Invoke", trace)
        self.addCleanup(events.unregister, "before-call.lambda.Invoke", trace)
        seen = self.result(function)
        self.assertEqual(seen["inner"], root)
        self.assertIn("Root=%s;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=" % root, seen["header"])

    def test_requests_reaches_the_endpoint_inside(self):
        function = self.function(REQUESTS, requests_files(under="python"))
        self.assertEqual(self.result(function), {"status": 200, "is": "running"})

    def test_numpy_computes_in_a_layer(self):
        function = self.function(NUMPY, numpy_files(under="python"))
        seen = self.result(function, {"matrix": [[2, 0], [0, 4]]})
        self.assertEqual(seen, {"inverse": [[0.5, 0.0], [0.0, 0.25]], "from": "/opt/python/numpy/__init__.py"})
