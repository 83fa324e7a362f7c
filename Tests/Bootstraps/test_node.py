# SPDX-License-Identifier: Apache-2.0
"""The Node.js bootstrap, as a function and as the Runtime API see it."""

import base64
import json
import os
import shutil
import subprocess
import unittest

from contract import BootstrapContract
from fake_runtime_api import BOOTSTRAPS, Function

BOOTSTRAP = os.path.join(BOOTSTRAPS, "node.cjs")
INTERPRETERS = [p for p in os.environ.get("MARTLET_TEST_NODES", "").split(":") if p] or [
    p for p in [shutil.which("node", path="/usr/local/bin:/usr/bin:/bin")] if p
]
if not INTERPRETERS:
    print("skipped: no node on this machine")
CLASSIC, MODERN = "AWS_Lambda_nodejs20.x", "AWS_Lambda_nodejs24.x"


class NodeTests(BootstrapContract):
    """Runs once for each interpreter; see the end of this file."""

    interpreter, options = None, []
    ECHO = "exports.handler = async (e) => e"
    CLAIMED = "exports.handler = async () => { console.log('hi'); return [process.env.WHO, process.cwd(), new Date(0).getHours(), Object.keys(process.env).filter((k) => k.startsWith('MARTLET'))] }"
    CLAIM_ENVIRONMENT = {"WHO": "me", "TZ": "UTC-5", "AWS_LAMBDA_LOG_FORMAT": "JSON"}

    def check_claimed(self, f, answer):
        self.assertEqual(answer, ["me", f.task, 5, []])
        self.assertEqual(json.loads(f.log())["message"], "hi")

    def function(self, source, handler="app.handler", name="app.js", extra=None, runtime=CLASSIC, **options):
        function = Function([self.interpreter, *self.options, BOOTSTRAP], {name: source, **(extra or {})}, handler, **options)
        function.environment["AWS_EXECUTION_ENV"] = runtime
        return function

    def answer(self, source, event=None, **options):
        with self.function(source, **options) as function:
            return function.invoke(event)

    def init_error(self, source, handler="app.handler", code=129, **options):
        with self.function(source, handler, **options) as function:
            post = function.posted()
            self.assertEqual(post.path, "/2018-06-01/runtime/init/error")
            self.assertEqual(function.exit_code(), code)
            self.assertEqual(list(post.json), ["errorType", "errorMessage", "trace"])
            self.assertEqual(post.headers["lambda-runtime-function-error-type"], post.json["errorType"])
            return post.json, function.log()

    def each_runtime(self):
        for runtime in (CLASSIC, MODERN):
            with self.subTest(runtime):
                yield runtime

    SEEN = """
        exports.handler = async () => ({
          environment: Object.entries(process.env).filter(([name]) => name.startsWith('MARTLET') || name.startsWith('NODE')
            || name.startsWith('LAMBDA_TASK')),
          globals: Object.getOwnPropertyNames(globalThis).sort(), symbols: Object.getOwnPropertySymbols(globalThis).map(String),
          loaded: Object.keys(require.cache), paths: require('module').globalPaths, options: process.execArgv,
          listeners: process.eventNames().map((name) => [name, process.listenerCount(name)]), folder: process.cwd(),
          children: module.parent?.children.length, resources: process.getActiveResourcesInfo().sort(),
        })"""

    def test_what_was_used_before_the_claim_leaves_no_trace(self):
        seen = []
        for claim in (False, True):
            with self.function(self.SEEN, claim=claim, environment={"NODE_PATH": "/opt/nodejs/node_modules"}) as f:
                if claim:
                    f.send_claim()
                seen.append(json.loads(f.invoke({}).body.decode().replace(f.task, "TASK")))
        self.assertEqual(seen[0], seen[1])
        self.assertIn("/opt/nodejs/node_modules", seen[1]["paths"])

    # Loading

    def test_every_kind_of_module_is_loaded(self):
        cjs, esm = "exports.handler = async () => __filename.split('/').pop();", "export const handler = async () => import.meta.url.split('/').pop();"
        module = {"package.json": '{"type": "module"}'}
        for runtime in self.each_runtime():
            self.assertEqual(self.answer(cjs, runtime=runtime).json, "app.js")
            self.assertEqual(self.answer(cjs, name="app.cjs", runtime=runtime).json, "app.cjs")
            self.assertEqual(self.answer(esm, name="app.mjs", runtime=runtime).json, "app.mjs")
            self.assertEqual(self.answer(esm, extra=module, runtime=runtime).json, "app.js")

    def test_handlers_are_found_in_folders_and_nested_objects(self):
        for runtime in self.each_runtime():
            source = "module.exports = {api: {run: async () => 'deep'}}"
            self.assertEqual(self.answer(source, "", name="src/lib/app.js", handler="src/lib/app.api.run", runtime=runtime).json, "deep")

    def test_packages_are_found_along_node_path_and_in_node_modules(self):
        extra = {"node_modules/near/index.js": "module.exports = 'near'", "layer/far/index.js": "module.exports = 'far'"}
        source = "exports.handler = async () => [require('near'), require('far'), require.main === undefined]"
        for claim in (False, True):
            f = self.function(source, extra=extra, claim=claim)
            f.environment["NODE_PATH"] = f.task + "/layer"
            with f:
                if claim:
                    f.send_claim()
                self.assertEqual(f.invoke().json, ["near", "far", True])

    #: Folders of NODE_PATH below the task: a layer's for one version of Node.js, one for all, and the SDK's.
    PATHS = ["opt/nodejs/node20/node_modules", "opt/nodejs/node_modules", "sdk/node_modules"]
    PACKAGES = {
        "opt/nodejs/node_modules/far/package.json": '{"name": "far", "exports": {".": {"import": "./i.mjs", "require": "./r.cjs"}, "./sub": "./sub.mjs"}}',
        "opt/nodejs/node_modules/far/i.mjs": "import sdk from '@aws-sdk/x'; export default 'far by import, ' + sdk",
        "opt/nodejs/node_modules/far/r.cjs": "module.exports = 'far by require'",
        "opt/nodejs/node_modules/far/sub.mjs": "export default 'sub'",
        "opt/nodejs/node_modules/far/hidden.mjs": "export default 'hidden'",
        "opt/nodejs/node20/node_modules/both/index.js": "module.exports = 'of node20'",
        "opt/nodejs/node_modules/both/index.js": "module.exports = 'of all'",
        "opt/nodejs/node_modules/old/package.json": '{"main": "lib/main"}',
        "opt/nodejs/node_modules/old/lib/main.js": "exports.word = require('@aws-sdk/x').default ?? require('@aws-sdk/x')",
        "opt/nodejs/node_modules/near/index.js": "module.exports = 'near of the layer'",
        "node_modules/near/index.js": "module.exports = 'near'",
        "sdk/node_modules/@aws-sdk/x/index.js": "module.exports = 'sdk'",
        "package.json": '{"type": "module"}',
    }

    def importing(self, source, name="app.mjs", extra=None, paths=PATHS, **options):
        f = self.function(source, name=name, extra={**self.PACKAGES, **(extra or {})}, **options)
        f.environment["NODE_PATH"] = ":".join([f.task + "/" + path for path in paths] + ["/var/runtime", f.task])
        return f

    def test_imports_find_packages_along_node_path_after_those_that_are_near(self):
        source = """
            import near from 'near'; import far from 'far'; import sub from 'far/sub'; import both from 'both'; import { word } from 'old';
            import { createRequire } from 'module';
            export const handler = async () => {
              const { default: late } = await import('@aws-sdk/x');
              return [near, far, sub, both, word, late, createRequire(import.meta.url)('far'), process.execArgv, new URL(import.meta.url).search];
            };"""
        expected = ["near", "far by import, sdk", "sub", "of node20", "sdk", "sdk", "far by require", [], ""]
        for runtime in self.each_runtime():
            for claim, name in ((False, "app.mjs"), (True, "app.mjs"), (False, "app.js")):
                with self.importing(source, name=name, claim=claim, runtime=runtime) as f:
                    if claim:
                        f.send_claim()
                    self.assertEqual(f.invoke().json, expected)

    def test_common_modules_import_along_node_path_too(self):
        # Without a package.json that says so, a `.js` file is no module.
        extra = {"package.json": "{}", "deep.js": "exports.load = (name) => import(name)", "own.mjs": "export { default } from 'far/sub'"}
        sources = [
            "exports.handler = async () => [require('far'), require('both'), (await import('far')).default]",
            "const deep = require('./deep'); exports.handler = async () => [require('far'), require('both'), (await deep.load('far')).default]",
        ]
        for runtime in self.each_runtime():
            for source in sources:
                with self.importing(source, name="app.js", extra=extra, runtime=runtime) as f:
                    self.assertEqual(f.invoke().json, ["far by require", "of node20", "far by import, sdk"])
        with self.importing("exports.handler = async () => (await import('./own.mjs')).default", name="app.cjs", extra=extra) as f:
            self.assertEqual(f.invoke().json, "sub")

    def test_newer_runtimes_take_texts_for_modules_and_those_import_too(self):
        if not self.answer("exports.handler = async () => process.features.require_module ?? false").json:
            self.skipTest("this Node.js does not")
        source = "import far from 'far/sub'; export const handler = async () => far;"
        with self.importing(source, name="app.js", extra={"package.json": "{}"}, runtime=MODERN) as f:
            self.assertEqual(f.invoke().json, "sub")

    def test_imports_of_what_is_nowhere_or_not_exported_fail_as_ever(self):
        cases = [("gone", "ERR_MODULE_NOT_FOUND"), ("far/hidden.mjs", "ERR_PACKAGE_PATH_NOT_EXPORTED"), ("./gone.mjs", "ERR_MODULE_NOT_FOUND"),
                 ("far/none", "ERR_PACKAGE_PATH_NOT_EXPORTED"), ("old/gone.js", "ERR_MODULE_NOT_FOUND"), ("#none", "ERR_PACKAGE_IMPORT_NOT_DEFINED"),
                 ("node:none", "ERR_UNKNOWN_BUILTIN_MODULE")]
        source = "export const handler = async (name) => import(name).catch((error) => [error.code, error.message])"
        with self.importing(source) as f:
            for name, code in cases:
                got = f.invoke(name).json
                self.assertEqual(got[0], code, (name, got))
            self.assertEqual(f.invoke("gone").json[1], "Cannot find package 'gone' imported from %s/app.mjs" % f.task)

    def test_imports_look_in_folders_of_other_names_as_require_does(self):
        source = "import word from 'word'; export const handler = async () => word"
        with self.importing(source, paths=["mine", "none"], extra={"mine/word.js": "module.exports = 'mine'", "mine/package.json": "{}"}) as f:
            self.assertEqual(f.invoke().json, "mine")

    def test_modules_that_cannot_be_loaded_are_init_errors(self):
        cases = [
            ("", "nope.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'nope'\nRequire stack:\n- /var/runtime/index.mjs"),
            ("require('gone')", "app.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'gone'\nRequire stack:\n- "),
            ("exports.handler = (", "app.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected "),
            ("exports.x = 1", "app.handler", "Runtime.HandlerNotFound", "app.handler is undefined or not exported"),
            ("exports.handler = 1", "app.handler", "Runtime.HandlerNotFound", "app.handler is not a function"),
            ("", "app", "Runtime.MalformedHandlerName", "Bad handler"),
            ("", "../app.handler", "Runtime.MalformedHandlerName", "'../app.handler' is not a valid handler name."),
            ("throw new RangeError('boom')", "app.handler", "RangeError", "boom"),
        ]
        for source, handler, kind, message in cases:
            with self.subTest(handler + kind):
                error, log = self.init_error(source, handler)
                self.assertEqual(error["errorType"], kind)
                self.assertTrue(error["errorMessage"].startswith(message), error)
                time, request, level, text = log.rstrip("\n").split("\t", 3)
                self.assertRegex(time, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
                self.assertEqual((request, level), ("undefined", "ERROR"))
                self.assertTrue(text.startswith("Uncaught Exception \t{"), text)
                logged = json.loads(text.split("\t", 1)[1])
                self.assertEqual((logged["errorType"], logged["errorMessage"]), (kind, error["errorMessage"]))
                self.assertEqual(logged["stack"], error["trace"])

    def test_a_rejection_while_loading_is_an_init_error(self):
        source = "Promise.reject(new TypeError('no')); setTimeout(() => {}, 60000); await new Promise(() => {}); export const handler = 1"
        error, log = self.init_error(source, name="app.mjs", code=128)
        self.assertEqual((error["errorType"], error["errorMessage"]), ("Runtime.UnhandledPromiseRejection", "TypeError: no"))
        self.assertIn("\tERROR\tUnhandled Promise Rejection \t{", log)

    def test_loading_that_never_settles_ends_with_status_13(self):
        with self.function("await new Promise(() => {}); export const handler = 1", name="app.mjs") as f:
            self.assertEqual(f.exit_code(), 13)

    def test_newer_runtimes_refuse_callback_handlers(self):
        error, _ = self.init_error("exports.handler = (event, context, callback) => callback()", runtime=MODERN)
        self.assertEqual(error["errorType"], "Runtime.CallbackHandlerDeprecated")

    # Invocations

    def test_the_result_of_the_handler_is_posted_for_its_request(self):
        source = "exports.handler = async (event, context) => ({event, id: context.awsRequestId})"
        for runtime in self.each_runtime():
            with self.function(source, runtime=runtime) as f:
                for number in (1, 2, 3):
                    post = f.invoke({"n": number, "é": "ü"})
                    self.assertEqual(post.path, "/2018-06-01/runtime/invocation/request-%d/response" % number)
                    self.assertEqual(post.json, {"event": {"n": number, "é": "ü"}, "id": "request-%d" % number})
                self.assertEqual(f.api.connections, 1)

    def test_nothing_and_plain_values_are_answers(self):
        source = "exports.handler = (event) => [async () => {}, async () => 7, () => ({then: (done) => done('thenable')})][event]()"
        with self.function(source) as f:
            self.assertEqual([f.invoke(n).body for n in (0, 1, 2)], [b"null", b"7", b'"thenable"'])
        with self.function("exports.handler = (event) => event", runtime=MODERN) as f:
            self.assertEqual(f.invoke("sync").json, "sync")

    def test_the_context_has_every_attribute_of_the_official_one(self):
        source = (
            "exports.handler = async (e, c) => [c.functionName, c.functionVersion, c.memoryLimitInMB, c.logGroupName, c.logStreamName,"
            " c.invokedFunctionArn, c.tenantId, c.clientContext, c.identity, c.getRemainingTimeInMillis() > 20000, process.env._X_AMZN_TRACE_ID]"
        )
        headers = {
            "Lambda_Runtime_Client_Context": '{"custom":{"a":"é"}}',
            "Lambda_Runtime_Cognito_Identity": '{"cognitoIdentityId":"i"}',
            "Lambda_Runtime_Aws_Tenant_Id": "blue",
        }
        arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
        fixed = ["f", "$LATEST", "128", "/aws/lambda/f", "2026/01/01/[$LATEST]0", arn]
        for runtime in self.each_runtime():
            with self.function(source, runtime=runtime) as f:
                trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
                self.assertEqual(f.invoke({}, **headers).json, fixed + ["blue", {"custom": {"a": "é"}}, {"cognitoIdentityId": "i"}, True, trace])
                self.assertEqual(f.invoke({}, Lambda_Runtime_Trace_Id=None).json, fixed + [None, None, None, True, None])

    # Callbacks

    def test_a_callback_waits_for_the_event_loop_unless_told_not_to(self):
        source = (
            "exports.handler = (event, context, callback) => {\n"
            "  const result = {late: false};\n"
            "  context.callbackWaitsForEmptyEventLoop = event;\n"
            "  setTimeout(() => { result.late = true; }, 50);\n"
            "  callback(null, result);\n}"
        )
        with self.function(source) as f:
            self.assertEqual([f.invoke(waits).json for waits in (True, False, True)], [{"late": True}, {"late": False}, {"late": True}])

    def test_only_the_first_answer_counts(self):
        source = "exports.handler = (event, context) => { context[event]('a', 'b'); context.succeed(2); context.fail('c'); }"
        with self.function(source) as f:
            self.assertEqual(f.invoke("succeed").json, "a")
            self.assertEqual(f.invoke("fail").json, {"errorType": "string", "errorMessage": "a", "trace": []})
            self.assertEqual(f.invoke("done").json["errorMessage"], "a")
            self.assertEqual(f.invoke("succeed").json, "a")

    def test_a_callback_with_an_error_fails_the_invocation(self):
        with self.function("exports.handler = (e, c, callback) => callback(e === 1 ? new TypeError('t') : e)") as f:
            error = f.invoke(1)
            self.assertEqual((error.kind, error.json["errorType"], error.json["trace"][0]), ("error", "TypeError", "TypeError: t"))
            self.assertEqual(f.invoke("text").json, {"errorType": "string", "errorMessage": "text", "trace": []})
            self.assertEqual(f.invoke(None).body, b"null")

    def test_a_sync_handler_that_never_answers_answers_null(self):
        with self.function("exports.handler = () => { setTimeout(() => {}, 20) }") as f:
            self.assertEqual([f.invoke().body, f.invoke().body], [b"null", b"null"])

    def test_a_promise_that_never_settles_is_an_exit(self):
        source = "exports.handler = async (e) => { if (e) await new Promise(() => {}); return 1 }"
        with self.function(source) as f:
            self.assertEqual(f.invoke(True).json["errorType"], "Runtime.NodeJsExit")
            self.assertEqual(f.invoke(False).json, 1)
        with self.function(source, runtime=MODERN) as f:
            f.offer(True)
            self.assertEqual(f.exit_code(), 13)

    # Errors

    def test_a_thrown_error_is_posted_and_logged(self):
        source = "exports.handler = async () => { const e = new TypeError('a\\nb'); e.code = 'E1'; e.extra = {x: 1}; throw e }"
        for runtime in self.each_runtime():
            with self.function(source, runtime=runtime) as f:
                post = f.invoke()
                self.assertEqual(post.path, "/2018-06-01/runtime/invocation/request-1/error")
                self.assertEqual(list(post.json), ["errorType", "errorMessage", "trace"])
                self.assertEqual((post.json["errorType"], post.json["errorMessage"]), ("TypeError", "a\nb"))
                self.assertEqual(post.headers["lambda-runtime-function-error-type"], "TypeError")
                time, request, level, title, text = f.log().rstrip("\n").split("\t")
                self.assertEqual((request, level, title), ("request-1", "ERROR", "Invoke Error "))
                logged = json.loads(text)
                self.assertEqual(list(logged), ["errorType", "errorMessage", "code", "extra", "stack"])
                self.assertEqual(logged["stack"], post.json["trace"])

    def test_things_that_are_not_errors_can_be_thrown(self):
        source = "exports.handler = async (e) => { throw [undefined, 'text', {a: 1}, Object.create(null)][e] }"
        with self.function(source, runtime=MODERN) as f:
            self.assertEqual(f.invoke(0).json, {"errorType": "undefined", "errorMessage": "undefined", "trace": []})
            self.assertEqual(f.invoke(1).json, {"errorType": "string", "errorMessage": "text", "trace": []})
            self.assertEqual(f.invoke(2).json, {"errorType": "object", "errorMessage": "[object Object]", "trace": []})
            self.assertEqual(f.invoke(3).json["errorType"], "handled")

    def test_a_result_that_json_cannot_hold_is_an_error(self):
        source = "exports.handler = async () => { const a = {}; a.a = a; return a }"
        for runtime, kind in ((CLASSIC, "Error"), (MODERN, "Runtime.JSONStringifyError")):
            error = self.answer(source, runtime=runtime).json
            self.assertEqual((error["errorType"], error["errorMessage"]), (kind, "Unable to stringify response body"))

    def test_an_uncaught_exception_fails_the_invocation_and_ends_the_process(self):
        source = "exports.handler = async () => { setTimeout(() => { throw new Error('late') }, 1); await new Promise((r) => setTimeout(r, 60000)) }"
        with self.function(source) as f:
            post = f.invoke()
            self.assertEqual((post.path.split("/", 4)[4], post.json["errorMessage"]), ("request-1/error", "late"))
            self.assertEqual(f.exit_code(), 129)
            self.assertIn("\trequest-1\tERROR\tUncaught Exception \t{", f.log())

    def test_an_unhandled_rejection_fails_the_invocation_and_ends_the_process(self):
        source = "exports.handler = async () => { Promise.reject(new RangeError('lost')); await new Promise((r) => setTimeout(r, 60000)) }"
        for runtime in self.each_runtime():
            with self.function(source, runtime=runtime) as f:
                post = f.invoke()
                self.assertEqual(post.json["errorType"], "Runtime.UnhandledPromiseRejection")
                self.assertEqual(post.json["errorMessage"], "RangeError: lost")
                self.assertEqual(f.exit_code(), 128)
                text = f.log().split("Unhandled Promise Rejection \t", 1)[1]
                logged = json.loads(text)
                self.assertEqual((logged["reason"]["errorType"], logged["promise"]), ("RangeError", {}))

    # Log

    CONSOLE = (
        "console.log('early');\nexports.handler = async (e) => {\n"
        "  console.trace('t'); console.debug('d'); console.info('i %d', 1, {a: 1}); console.warn('w\\nx'); console.error(new Error('e')); console.fatal('f');\n}"
    )

    def test_console_writes_one_line_for_each_record(self):
        with self.function(self.CONSOLE) as f:
            f.invoke()
            records = [line.split("\t") for line in f.log().rstrip("\n").split("\n")]
        self.assertEqual([r[1:3] for r in records], [["undefined", "INFO"]] + [["request-1", n] for n in "TRACE DEBUG INFO WARN ERROR FATAL".split()])
        self.assertEqual([r[3] for r in records][:5], ["early", "t", "d", "i 1 { a: 1 }", "w\rx"])
        self.assertTrue(records[5][3].startswith("Error: e\r    at "))

    def test_the_log_level_comes_from_the_environment(self):
        with self.function(self.CONSOLE, environment={"AWS_LAMBDA_LOG_LEVEL": "warn"}) as f:
            f.invoke()
            self.assertEqual([line.split("\t")[2] for line in f.log().rstrip("\n").split("\n")], ["WARN", "ERROR", "FATAL"])

    def test_json_logs_are_objects(self):
        source = (
            "exports.handler = async () => { console.log({a: 1}); console.log('x', 1, new TypeError('t')); console.log(new Error('e'));"
            " const c = {}; c.c = c; console.log(c); console.log(10n); throw new RangeError('end') }"
        )
        with self.function(source, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"}) as f:
            f.invoke({}, Lambda_Runtime_Aws_Tenant_Id="blue")
            plain, mixed, error, circular, big, end = [json.loads(line) for line in f.log().splitlines()]
        self.assertEqual(list(plain), ["timestamp", "level", "requestId", "tenantId", "message"])
        self.assertEqual((plain["level"], plain["requestId"], plain["tenantId"], plain["message"]), ("INFO", "request-1", "blue", {"a": 1}))
        self.assertTrue(mixed["message"].startswith("x 1 TypeError: t"))
        self.assertEqual((mixed["errorType"], mixed["errorMessage"]), ("TypeError", "t"))
        self.assertEqual((error["message"]["errorType"], error["message"]["errorMessage"]), ("Error", "e"))
        self.assertIn("[Circular *1]", circular["message"])
        self.assertEqual(big["message"], "10n")
        self.assertEqual((end["level"], end["message"]["errorType"]), ("ERROR", "RangeError"))

    def test_framed_records_carry_their_level(self):
        for environment, base in (({}, 0xA55A0003), ({"AWS_LAMBDA_LOG_FORMAT": "JSON"}, 0xA55A0002)):
            with self.function(self.CONSOLE, framed=True, environment=environment) as f:
                f.invoke()
                frames = f.frames()
                self.assertEqual([kind - base for kind, _, _ in frames], [12, 4, 8, 12, 16, 20, 24])
                self.assertTrue(abs(frames[0][1] / 1e6 - os.stat(f.task).st_ctime) < 60)
                if not environment:
                    self.assertTrue(frames[4][2].endswith("\tWARN\tw\nx\n"))
                self.assertEqual(f.log(), "")

    # Streaming

    def stream(self, body, **options):
        return self.function("exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {%s})" % body, **options)

    def test_a_stream_is_posted_in_chunks(self):
        for runtime in self.each_runtime():
            with self.stream("stream.setContentType('text/plain'); stream.write('a'.repeat(20000)); stream.write({n: event}); stream.end('z')", runtime=runtime) as f:
                for number in (1, 2):
                    post = f.invoke(number)
                    self.assertEqual(post.path, "/2018-06-01/runtime/invocation/request-%d/response" % number)
                    self.assertEqual(post.headers["lambda-runtime-function-response-mode"], "streaming")
                    self.assertEqual((post.headers["transfer-encoding"], post.headers["content-type"]), ("chunked", "text/plain"))
                    self.assertEqual(post.headers["trailer"], "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
                    self.assertEqual((post.body, post.trailers), (b"a" * 20000 + b'{"n":%d}z' % number, {}))
                self.assertEqual(f.api.connections, 1)

    def test_an_http_answer_begins_with_its_prelude(self):
        head = "stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201});"
        for tail, body in (("stream.write('x'); stream.end()", b"x"), ("stream.end('y')", b"y"), ("stream.end()", b"")):
            with self.stream(head + tail) as f:
                post = f.invoke()
                self.assertEqual(post.headers["content-type"], "application/vnd.awslambda.http-integration-response")
                self.assertEqual(post.body, b'{"statusCode":201}' + bytes(8) + body)

    def test_readable_streams_can_be_piped(self):
        source = "const {pipeline} = require('stream/promises'), {Readable} = require('stream'); await pipeline(Readable.from(['a', 'b', 'c'.repeat(100000)]), stream)"
        with self.stream(source) as f:
            self.assertEqual([f.invoke().body for _ in (1, 2)], [b"ab" + b"c" * 100000] * 2)

    def test_an_error_travels_in_the_trailers(self):
        failing = "const {pipeline} = require('stream/promises'), {Readable} = require('stream'); await pipeline(Readable.from((async function* () { yield 'part'; await new Promise((r) => setTimeout(r, 20)); throw new TypeError('mid') })()), stream)"
        bodies = {"stream.write('part'); throw new TypeError('mid')": b"part", "throw new TypeError('mid')": b"", failing: b"part"}
        for runtime in self.each_runtime():
            for source, body in bodies.items():
                with self.stream(source, runtime=runtime) as f:
                    for _ in (1, 2):
                        post = f.invoke()
                        self.assertEqual((post.kind, post.body), ("response", body))
                        self.assertEqual(post.trailers["lambda-runtime-function-error-type"], "TypeError")
                        error = json.loads(base64.b64decode(post.trailers["lambda-runtime-function-error-body"]))
                        self.assertEqual((error["errorMessage"], list(error)), ("mid", ["errorType", "errorMessage", "trace"]))
                    self.assertIn("\tERROR\tInvoke Error \t{", f.log())

    def test_a_handler_that_is_not_async_cannot_stream(self):
        with self.function("exports.handler = awslambda.streamifyResponse((e, stream) => { stream.end('x') })") as f:
            self.assertEqual(f.invoke().body, b"x")
            self.assertIn("Streaming does not support non-async handlers.", f.log())

    def test_a_stream_that_is_never_begun_is_given_up(self):
        with self.stream("if (event) stream.end('b')") as f:
            f.wait_for_poll()
            f.offer(False)
            f.wait_for_poll()
            self.assertEqual(f.invoke(True).path, "/2018-06-01/runtime/invocation/request-2/response")
        with self.stream("", runtime=MODERN) as f:
            f.offer(False)
            self.assertEqual(f.exit_code(), 13)

    def test_a_stream_that_is_begun_and_never_ended_stays_open(self):
        with self.stream("stream.write('a'); setTimeout(() => process.exit(7), 300)") as f:
            post = f.invoke()
            self.assertEqual((post.body, post.trailers, f.exit_code()), (b"a", None, 7))

    def test_the_global_can_be_turned_off(self):
        source = "exports.handler = async () => typeof awslambda"
        self.assertEqual(self.answer(source).json, "object")
        self.assertEqual(self.answer(source, environment={"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "1"}).json, "undefined")


def options(path):
    """What Martlet starts it with."""
    major, minor, _ = subprocess.check_output([path, "--version"], text=True).lstrip("v").split(".")
    version = (int(major), int(minor))
    return ["--expose-internals"] if version < (22, 15) or (23, 0) <= version < (23, 5) else []


for number, path in enumerate(INTERPRETERS):
    name = "NodeTests_%d" % number
    globals()[name] = type(name, (NodeTests, unittest.TestCase), {"interpreter": path, "options": options(path), "__doc__": path})
