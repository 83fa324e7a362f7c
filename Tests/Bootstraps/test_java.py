# SPDX-License-Identifier: Apache-2.0
"""The Java bootstrap, as a function and as the Runtime API see it. Wants a JDK, which compiles the functions."""

import io
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import zipfile

from contract import BootstrapContract
from fake_runtime_api import BOOTSTRAPS, Function

BOOTSTRAP = os.path.realpath(os.path.join(BOOTSTRAPS, "java.jar"))
COMPILER = shutil.which("javac")
INTERPRETERS = [p for p in os.environ.get("MARTLET_TEST_JAVAS", "").split(":") if p] or [
    os.path.realpath(p) for p in [shutil.which("java")] if p
]
if not INTERPRETERS or not COMPILER:
    print("not tested: Java is not installed, or only its runtime")
    INTERPRETERS = []

FLAGS = ["-Xmx100m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dfile.encoding=UTF-8"]

SOURCE = r"""
package app;

import com.amazonaws.services.lambda.runtime.*;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.*;
import java.math.*;
import java.time.*;
import java.util.*;

class Values {
    public static class Order {
        public enum Kind { SMALL, LARGE }
        private String id;
        private int count;
        private Kind kind;
        private List<Line> lines;
        private Map<String, Double> prices;
        private boolean open;
        private String hidden = "not shown";
        public BigDecimal total;
        private String URL;
        public String getId() { return id; }
        public void setId(String id) { this.id = id; }
        public int getCount() { return count; }
        public void setCount(int count) { this.count = count; }
        public Kind getKind() { return kind; }
        public void setKind(Kind kind) { this.kind = kind; }
        public List<Line> getLines() { return lines; }
        public void setLines(List<Line> lines) { this.lines = lines; }
        public Map<String, Double> getPrices() { return prices; }
        public void setPrices(Map<String, Double> prices) { this.prices = prices; }
        public boolean isOpen() { return open; }
        public void setOpen(boolean open) { this.open = open; }
        public String getURL() { return URL; }
        public void setURL(String url) { this.URL = url; }
    }
    public static class Line {
        private long size;
        private String[] names;
        public long getSize() { return size; }
        public void setSize(long size) { this.size = size; }
        public String[] getNames() { return names; }
        public void setNames(String[] names) { this.names = names; }
    }
    public record Point(int x, Integer y, Optional<String> label) {}
    public static class Loop { public Loop getSelf() { return this; } }
}
""", r"""
package app;

import com.amazonaws.services.lambda.runtime.*;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.*;
import java.math.*;
import java.time.*;
import java.util.*;

public class Methods {
    public String upper(String text) { return text.toUpperCase(); }
    public static int twice(int number) { return number * 2; }
    public Object same(Object value) { return value; }
    public Values.Order order(Values.Order order) { return order; }
    public List<Values.Order> orders(List<Values.Order> orders) { return orders; }
    public Values.Point point(Values.Point point) { return point; }
    public Map<String, Object> kinds(Map<String, Object> values) {
        Map<String, Object> kinds = new TreeMap<>();
        for (var entry : values.entrySet()) kinds.put(entry.getKey(), entry.getValue() == null ? "null" : entry.getValue().getClass().getSimpleName());
        return kinds;
    }
    public void nothing(Map<String, String> event) {}
    public String none() { return "no event"; }
    public String contextOnly(Context context) { return context.getAwsRequestId(); }
    public String overloaded(String text) { return "short"; }
    public String overloaded(String text, Context context) { return "long"; }
    public void copy(InputStream in, OutputStream out) throws IOException { in.transferTo(out); }
    public void read(InputStream in) {}
    public BigDecimal exact(BigDecimal number) { return number; }
    public long[] array(long[] numbers) { return numbers; }
    public byte[] bytes(byte[] bytes) { return bytes; }
    public Object answers(int number) {
        switch (number) {
            case 0: return new Date(1500);
            case 1: return Instant.ofEpochSecond(1, 5);
            case 2: return LocalDate.of(2026, 1, 31);
            case 3: return Double.NaN;
            case 4: return Optional.of("x");
            case 5: return "q\"\\\n\u0001é\u2028";
            case 6: { Map<Object, Object> m = new LinkedHashMap<>(); m.put(1, null); m.put("b", 'c'); return m; }
            case 7: return new Values.Loop();
            case 8: return new Object() { public String getBad() { throw new IllegalStateException("bad getter"); } };
            default: return UUID.fromString("00000000-0000-0000-0000-000000000001");
        }
    }
    public LocalDate day(LocalDate day) { return day.plusDays(1); }
    public String environment(String name) { return System.getenv(name) + " " + System.getenv().keySet().stream().anyMatch(k -> k.startsWith("MARTLET")); }
    public List<Object> place(String name) {
        return Arrays.asList(System.getenv(name), new GregorianCalendar().getTimeZone().getID(), Runtime.getRuntime().maxMemory() >> 20);
    }
    public Map<String, Object> seen() {
        Map<String, Object> seen = new TreeMap<>();
        seen.put("environment", new TreeSet<>(System.getenv().keySet()));
        seen.put("properties", new TreeMap<Object, Object>(System.getProperties()));
        seen.put("threads", new TreeSet<>(Thread.getAllStackTraces().keySet().stream().map(Thread::getName).toList()));
        seen.put("places", Arrays.toString(((java.net.URLClassLoader) Methods.class.getClassLoader()).getURLs()));
        seen.put("isContext", Thread.currentThread().getContextClassLoader() == Methods.class.getClassLoader());
        return seen;
    }
    public String trace() { return System.getProperty("com.amazonaws.xray.traceHeader"); }
    public String word() throws Exception { return (String) Class.forName("lib.Word", true, Thread.currentThread().getContextClassLoader()).getField("WORD").get(null); }

    static void inner() { throw new IllegalStateException("x\ny", new RuntimeException("why")); }
    public String fail(String text) throws Exception {
        switch (text) {
            case "inner": inner();
            case "checked": throw new IOException();
            case "memory": { List<byte[]> all = new ArrayList<>(); while (true) all.add(new byte[10_000_000]); }
            case "stack": return fail2(text);
            case "exit": System.exit(3);
            default: return text;
        }
    }
    String fail2(String t) { return fail2(t + "x") + t; }
    public void log(String text, Context context) {
        System.out.println("out é");
        System.err.print("err\n");
        context.getLogger().log("plain " + text + "\nsecond line\n");
        context.getLogger().log("debug\n", LogLevel.DEBUG);
        context.getLogger().log("error\n", LogLevel.ERROR);
        LambdaRuntime.getLogger().log("bytes\n".getBytes());
    }
}
""", r"""
package app;
import com.amazonaws.services.lambda.runtime.*;
import java.util.*;
public class Typed extends TypedBase<Values.Order> implements java.io.Serializable {
    public static class Stream implements RequestStreamHandler {
        public void handleRequest(java.io.InputStream in, java.io.OutputStream out, Context context) throws java.io.IOException {
            out.write(("[" + new String(in.readAllBytes(), "UTF-8") + ",\"" + context.getFunctionName() + "\"]").getBytes("UTF-8"));
        }
    }
    public static class Contextual implements RequestHandler<Object, Map<String, Object>> {
        public Map<String, Object> handleRequest(Object event, Context c) {
            Map<String, Object> m = new TreeMap<>();
            m.put("id", c.getAwsRequestId()); m.put("group", c.getLogGroupName()); m.put("stream", c.getLogStreamName());
            m.put("name", c.getFunctionName()); m.put("version", c.getFunctionVersion()); m.put("arn", c.getInvokedFunctionArn());
            m.put("memory", c.getMemoryLimitInMB()); m.put("left", c.getRemainingTimeInMillis());
            m.put("identity", c.getIdentity().getIdentityId()); m.put("tenant", c.getTenantId());
            if (c.getClientContext() != null) {
                m.put("custom", c.getClientContext().getCustom()); m.put("title", c.getClientContext().getClient().getAppTitle());
            }
            return m;
        }
    }
    public static class Raw implements RequestHandler { public Object handleRequest(Object a, Context c) { return a; } }
    public static class Nothing {}
    public static class Broken { public Broken() { throw new IllegalArgumentException("no way"); } public String go() { return ""; } }
    public static class Static { static { if (true) throw new RuntimeException("static"); } public String go() { return ""; } }
    public static class Argument { public Argument(int x) {} public String go() { return ""; } }
    public class Inner { public String go() { return ""; } }
}
abstract class TypedBase<T> implements RequestHandler<List<T>, Integer> {
    public Integer handleRequest(List<T> orders, Context context) {
        return orders.stream().mapToInt(o -> ((Values.Order) (Object) o).getCount()).sum();
    }
}
""", r"""
package app;

import com.amazonaws.services.lambda.crac.*;
import java.util.*;

public class Hooks {
    static final List<String> seen = new ArrayList<>();
    static class Part implements Resource {
        private final String name;
        Part(String name) { this.name = name; }
        public void beforeCheckpoint(Context<? extends Resource> context) throws Exception { happen("before " + name); }
        public void afterRestore(Context<? extends Resource> context) throws Exception { happen("after " + name); }
        private void happen(String what) throws Exception {
            if (what.equals(System.getenv("FAILS"))) throw new IllegalStateException(what);
            seen.add(what);
        }
    }
    static {
        Core.getGlobalContext().register(new Part("a"));
        Core.getGlobalContext().register(new Part("b"));
    }
    public List<String> seen(Object event) { return seen; }
    public String compat(Object event) { return System.getProperty("org.crac.Core.Compat"); }
}
"""
LIBRARY = 'package lib; public class Word { public static final String WORD = "%s"; }'


def compiled(*sources):
    """Path → bytes of what the sources compile to."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, source in enumerate(sources):
            public = [w for line in source.splitlines() for w in [line.split()] if line.startswith(("public class", "class"))]
            name = next((w[w.index("class") + 1] for w in public if w[0] == "public"), None)
            name = name or (source.split("public class ")[1].split()[0] if "public class " in source and not public else public[0][1])
            path = os.path.join(folder, "src%d" % number, name + ".java")
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="utf-8") as file:
                file.write(source)
            paths.append(path)
        command = [COMPILER, "-nowarn", "-encoding", "UTF-8", "-cp", BOOTSTRAP, "-d", folder + "/out", *paths]
        subprocess.run(command, check=True, capture_output=True)
        result = {}
        for root, _, names in os.walk(folder + "/out"):
            for name in names:
                with open(os.path.join(root, name), "rb") as file:
                    result[os.path.relpath(os.path.join(root, name), folder + "/out")] = file.read()
        return result


def jar(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class JavaTests(BootstrapContract):
    """Runs once for each interpreter; see the end of this file."""

    interpreter = None
    ECHO, CLAIMED = "app.Methods::same", "app.Methods::place"
    CLAIM_ENVIRONMENT, CLAIM_EVENT = {"WHO": "me", "TZ": ":Europe/Berlin"}, "WHO"

    def check_claimed(self, f, answer):
        self.assertEqual((answer[:2], f.log()), (["me", "Europe/Berlin"], ""))

    @classmethod
    def setUpClass(cls):
        cls.classes = compiled(*SOURCE)

    def function(self, handler, extra=None, flags=(), **options):
        files = {**self.classes, **(extra or {})}
        return Function([self.interpreter, *FLAGS, *flags, "-jar", BOOTSTRAP], files, handler, **options)

    def answers(self, handler, *events, **options):
        with self.function(handler, **options) as f:
            return [f.invoke(event) for event in events]

    def test_what_was_used_before_the_claim_leaves_no_trace(self):
        seen = []
        for claim in (False, True):
            with self.function("app.Methods::seen", claim=claim) as f:
                if claim:
                    f.send_claim()
                seen.append(json.loads(f.invoke(None).body.decode().replace(f.task, "TASK")))
                hidden = ("MARTLET_CLAIM_FD", "MARTLET_LOG_FD")
                seen[-1]["environment"] = [name for name in seen[-1]["environment"] if name not in hidden]
        self.assertEqual(seen[0], seen[1])
        self.assertIn("file:TASK/", seen[1]["places"])
        self.assertIs(seen[1]["isContext"], True)

    # Invocations

    def test_methods_take_and_give_what_their_types_say(self):
        cases = {
            "upper": ("abc", "ABC"), "twice": (21, 42), "none": ({}, "no event"), "contextOnly": (None, "request-1"),
            "overloaded": ("x", "long"), "array": ([1, 2], [1, 2]), "bytes": ("AAH/", "AAH/"), "nothing": ({"a": "b"}, None),
            "read": ([1], None), "copy": ({"a": [1.5]}, {"a": [1.5]}), "day": ([2026, 1, 31], [2026, 2, 1]),
        }
        for method, (event, expected) in cases.items():
            [post] = self.answers("app.Methods::" + method, event)
            self.assertEqual((post.kind, post.path.split("/")[-2]), ("response", "request-1"), post.body)
            self.assertEqual(post.json, expected, method)

    def test_one_connection_serves_many_invocations(self):
        with self.function("app.Methods::same") as f:
            for event in (1, "é\n\"", [None, True], {"a": {"b": 1.25}}, 2 ** 40, 10 ** 30, -0.5):
                self.assertEqual(f.invoke(event).json, event)
            self.assertEqual(f.api.connections, 1)

    def test_numbers_become_the_kinds_that_code_expects(self):
        [post] = self.answers("app.Methods::kinds", {"i": 1, "l": 2 ** 40, "b": 10 ** 30, "d": 1.5, "s": "x", "t": True, "n": None, "a": [], "o": {}})
        self.assertEqual(post.json, {"i": "Integer", "l": "Long", "b": "BigInteger", "d": "Double", "s": "String", "t": "Boolean", "n": "null", "a": "ArrayList", "o": "LinkedHashMap"})
        with self.function("app.Methods::exact") as f:
            self.assertEqual(f.invoke(b"1.0000000000000000000000000001").body, b"1.0000000000000000000000000001")

    ORDER = {"id": "o1", "count": "3", "kind": "LARGE", "lines": [{"size": 5, "names": ["a", "b"]}], "prices": {"x": 1},
             "open": True, "total": 10.50, "URL": "http://x", "unknown": {"deep": []}}
    BOUND = {"id": "o1", "count": 3, "kind": "LARGE", "lines": [{"size": 5, "names": ["a", "b"]}], "prices": {"x": 1.0},
             "open": True, "total": 10.5, "URL": "http://x"}

    def test_beans_are_filled_by_setters_and_shown_by_getters(self):
        [full, sparse] = self.answers("app.Methods::order", self.ORDER, {"kind": "HUGE"})
        self.assertEqual(full.json, self.BOUND)
        self.assertEqual(list(full.json)[:4], ["id", "count", "kind", "lines"])
        self.assertEqual(sparse.json, {"count": 0, "open": False})
        [many] = self.answers("app.Methods::orders", [self.ORDER, {"id": 7}])
        self.assertEqual(many.json, [self.BOUND, {"id": "7", "count": 0, "open": False}])
        [point] = self.answers("app.Methods::point", {"x": 1, "label": "here"})
        self.assertEqual(point.json, {"x": 1, "label": "here"})

    def test_handlers_implement_the_interfaces(self):
        self.assertEqual(self.answers("app.Typed", [{"count": 2}, {"count": 40}])[0].json, 42)
        self.assertEqual(self.answers("app.Typed$Stream", {"a": "é"})[0].json, [{"a": "é"}, "f"])
        with self.function("app.Typed$Contextual") as f:
            got = f.invoke({}, Lambda_Runtime_Aws_Tenant_Id="blue", Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId":"i"}',
                           Lambda_Runtime_Client_Context='{"client":{"app_title":"T"},"custom":{"a":"ü"}}').json
            self.assertTrue(25000 < got.pop("left") <= 30000)
            self.assertEqual(got, {
                "id": "request-1", "group": "/aws/lambda/f", "stream": "2026/01/01/[$LATEST]0", "name": "f", "version": "$LATEST", "memory": 128,
                "arn": "arn:aws:lambda:us-east-1:123456789012:function:f", "identity": "i", "tenant": "blue", "custom": {"a": "ü"}, "title": "T"})
            self.assertNotIn("custom", f.invoke({}).json)

    def test_answers_are_written_as_awss_runtime_does(self):
        expected = ["1500", "1.000000005", "[2026,1,31]", '"NaN"', '"x"', '"q\\"\\\\\\n\\u0001é\u2028"', '{"b":"c"}']
        with self.function("app.Methods::answers") as f:
            for number, text in enumerate(expected):
                self.assertEqual(f.invoke(number).body.decode(), text)
            for number in (7, 8):
                post = f.invoke(number)
                self.assertEqual((post.kind, post.json["errorMessage"]), ("error", "An error occurred during JSON serialization of response"))
            self.assertEqual(f.invoke(9).json, "00000000-0000-0000-0000-000000000001")

    def test_events_that_do_not_fit_are_errors_of_their_invocation(self):
        with self.function("app.Methods::order") as f:
            for body in (b"", b"{", b"[1] 2", b"\xff", b'{"a":}', b'{"count":"x"}', b'{"count":3000000000}', b'{"lines":[[{}, 1]]}',
                         b'{"id":{}}', b'"text"', b"[" * 100000, b"1" * 5000, b'"\\u12"', b"-", b"1e", b"+1", b"nul", b'{"a":1,}'):
                post = f.invoke(body)
                self.assertEqual((post.kind, post.json["errorType"], post.json["errorMessage"]),
                                 ("error", "java.lang.RuntimeException", "An error occurred during JSON parsing"), body[:20])
            self.assertEqual(f.invoke({"id": "still"}).json["id"], "still")

    # Errors

    def test_an_exception_is_posted_and_logged_with_its_own_frames(self):
        with self.function("app.Methods::fail") as f:
            post = f.invoke("inner")
            self.assertEqual(post.path, "/2018-06-01/runtime/invocation/request-1/error")
            self.assertEqual(post.headers["lambda-runtime-function-error-type"], "Runtime.UserException")
            self.assertEqual(list(post.json), ["errorMessage", "errorType", "stackTrace"])
            self.assertEqual((post.json["errorMessage"], post.json["errorType"]), ("x\ny", "java.lang.IllegalStateException"))
            self.assertRegex(post.json["stackTrace"][0], r"^app\.Methods\.inner\(Methods\.java:\d+\)$")
            self.assertFalse([line for line in post.json["stackTrace"] if line.startswith("martlet.")])
            self.assertTrue(f.log().startswith("x\ny: java.lang.IllegalStateException\njava.lang.IllegalStateException: x\ny\n\tat app.Methods.inner("), f.log())
            self.assertIn("Caused by: java.lang.RuntimeException: why", f.log())
            self.assertNotIn("martlet.", f.log())
            self.assertEqual(f.invoke("checked").json["errorMessage"], "java.io.IOException")
            self.assertEqual(f.invoke("fine").json, "fine")

    def test_errors_of_the_machine_are_told_and_end_the_process(self):
        for case, kind in (("memory", "java.lang.OutOfMemoryError"), ("stack", "java.lang.StackOverflowError")):
            with self.function("app.Methods::fail") as f:
                self.assertEqual(f.invoke(case).json["errorType"], kind)
                self.assertEqual(f.exit_code(), 0)
        with self.function("app.Methods::fail") as f:
            f.offer("exit")
            self.assertEqual(f.exit_code(), 3)

    def test_code_that_cannot_be_used_says_so_with_each_invocation(self):
        cases = {
            "app.Nope::go": ("Class not found: app.Nope", "java.lang.ClassNotFoundException"),
            "app.Nope": ("Class not found: app.Nope", "java.lang.ClassNotFoundException"),
            "": ("Invalid handler: `'", None), "app.Methods::": ("Invalid handler: `app.Methods::'", None),
            "app.Methods::nope": ("No public method named nope with appropriate method signature found on class app.Methods", None),
            "app.Typed$Nothing": ("Class does not implement an appropriate handler interface: app.Typed$Nothing", None),
            "app.Typed$Raw": ("Class app.Typed$Raw does not implement RequestHandler with concrete type parameters", None),
            "app.Typed$Argument::go": ("Class app.Typed$Argument has no public zero-argument constructor", "java.lang.Exception"),
            "app.Typed$Inner::go": ("Class app.Typed$Inner cannot be instantiated because it is a non-static inner class", "java.lang.Exception"),
        }
        for handler, (message, kind) in cases.items():
            [first, second] = self.answers(handler, {}, {})
            self.assertEqual((first.kind, first.json["errorMessage"], first.json.get("errorType")), ("error", message, kind), handler)
            self.assertEqual(first.headers["lambda-runtime-function-error-type"], "Runtime.BadFunctionCode")
            self.assertNotIn("stackTrace", first.json)
            self.assertEqual(second.json, first.json)

    def test_a_constructor_that_throws_is_an_init_error(self):
        cases = {"app.Typed$Broken::go": ("no way", "java.lang.IllegalArgumentException"),
                 "app.Typed$Static::go": ("Error loading class app.Typed$Static", "java.lang.ExceptionInInitializerError")}
        for handler, expected in cases.items():
            with self.function(handler) as f:
                post = f.posted()
                self.assertEqual(post.path, "/2018-06-01/runtime/init/error")
                self.assertEqual((post.json["errorMessage"], post.json["errorType"]), expected)
                self.assertEqual(f.exit_code(), 1)
                self.assertTrue(f.log().startswith("%s: %s\n" % expected), f.log())

    # Snapshots

    SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}

    def test_resources_hear_of_the_snapshot_and_of_the_restore_in_crac_order(self):
        with self.function("app.Hooks::seen", environment=self.SNAP_START) as f:
            f.api.broken_rests = 1
            self.assertEqual(f.invoke().json, ["before b", "before a", "after a", "after b"])
            self.assertEqual(f.api.rests.qsize(), 2)

    def test_without_snap_start_resources_hear_nothing(self):
        self.assertEqual(self.answers("app.Hooks::seen", None)[0].json, [])
        self.assertEqual(self.answers("app.Hooks::compat", None)[0].json, "com.amazonaws.services.lambda.crac")

    def test_a_resource_that_fails_ends_the_process_with_awss_error_type(self):
        cases = {"before a": ("init/error", "Runtime.BeforeCheckpointError", 0), "after a": ("restore/error", "Runtime.AfterRestoreError", 1)}
        for when, (path, kind, rests) in cases.items():
            with self.function("app.Hooks::seen", environment={**self.SNAP_START, "FAILS": when}) as f:
                post = f.posted()
                self.assertEqual((post.path, post.headers["lambda-runtime-function-error-type"]), ("/2018-06-01/runtime/" + path, kind))
                self.assertEqual((f.exit_code(), f.api.rests.qsize()), (64, rests))
                self.assertIn("IllegalStateException: " + when, f.log())

    # Log

    def test_output_and_logger_go_to_the_log_in_order(self):
        with self.function("app.Methods::log") as f:
            f.invoke("x")
            self.assertEqual(f.log(), "out é\nerr\nplain x\nsecond line\n[DEBUG] debug\n[ERROR] error\nbytes\n")

    def test_json_logs_have_their_fields_and_the_level_of_the_environment(self):
        with self.function("app.Methods::log", environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}) as f:
            f.invoke("x", Lambda_Runtime_Aws_Tenant_Id="blue")
            out, err, plain, error, raw = f.log().splitlines()
        self.assertEqual((out, err, raw), ("out é", "err", "bytes"))
        plain, error = json.loads(plain), json.loads(error)
        self.assertRegex(plain.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(plain, {"message": "plain x\nsecond line\n", "level": "UNDEFINED", "AWSRequestId": "request-1", "tenantId": "blue"})
        self.assertEqual((error["message"], error["level"]), ("error\n", "ERROR"))

    def test_framed_records_carry_their_level(self):
        with self.function("app.Methods::log", framed=True) as f:
            f.invoke("x")
            frames = f.frames()
            self.assertEqual([(hex(kind), text) for kind, _, text in frames], [
                ("0xa55a0003", "plain x\nsecond line\n"), ("0xa55a000b", "[DEBUG] debug\n"), ("0xa55a0017", "[ERROR] error\n"), ("0xa55a0003", "bytes\n")])
            self.assertTrue(abs(frames[0][1] / 1e6 - os.stat(f.task).st_ctime) < 60)
            self.assertEqual(f.log(), "out é\nerr\n")

    # Surroundings

    def test_classes_lie_in_the_package_and_in_its_jars_in_order(self):
        one, two = jar(compiled(LIBRARY % "one")), jar(compiled(LIBRARY % "two"))
        self.assertEqual(self.answers("app.Methods::word", {}, extra={"lib/b.jar": two, "lib/a.jar": one, "lib/c.txt": "x"})[0].json, "one")

    def test_the_trace_id_follows_the_invocation_and_martlets_variables_are_hidden(self):
        with self.function("app.Methods::trace") as f:
            self.assertEqual(f.invoke({}).json, "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
            self.assertIsNone(f.invoke({}, Lambda_Runtime_Trace_Id=None).json)
        with self.function("app.Methods::environment", framed=True) as f:
            self.assertEqual(f.invoke("AWS_LAMBDA_FUNCTION_NAME").json, "f false")


for number, path in enumerate(INTERPRETERS):
    name = "JavaTests_%d" % number
    globals()[name] = type(name, (JavaTests, unittest.TestCase), {"interpreter": path, "__doc__": path})
