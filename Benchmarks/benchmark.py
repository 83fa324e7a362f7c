# SPDX-License-Identifier: Apache-2.0
"""Every figure of docs/benchmarks.md, measured on the release binary. See there for the method."""

import argparse
import base64
import gc
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)

from bars import bar_of
from client import Connection, at_once, create_body, first_byte, invoke_bytes, load, request_bytes
from process import MeasuredServer, memory_of

CLIENTS = (1, 10, 50, 100)
MARK = "<!-- figures -->"
VENV_PYTHON = os.path.join(ROOT, ".venv/bin/python")
MINOR_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def source(name):
    with open(os.path.join(HERE, "functions", name), "rb") as file:
        return file.read()


def archive_of(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Kind:
    """One kind of function: its runtime, its files, its layers."""

    def __init__(self, title, runtime, handler, files, memory=512, pause=0.15):
        self.title, self.runtime, self.handler, self.files, self.memory = title, runtime, handler, files, memory
        #: Seconds that preparing the next sandbox takes, with a margin.
        self.pause = pause
        self.layers = []

    def body(self, name, **more):
        # Code of its own for each function, so that nothing is shared but what the platform shares.
        files = {**self.files, "serial.txt": name}
        return create_body(name, archive_of(files), self.runtime, self.handler, self.memory, self.layers, **more)


class Benchmark:
    def __init__(self, options):
        self.options = options
        self.tools = tempfile.mkdtemp(prefix="martlet-bench-tools-")
        self.rows = {}
        self.serial = 0

    # What is measured

    def run(self):
        try:
            self.build_tools()
            self.note_size()
            for number in range(self.options.runs):
                sys.stderr.write("run %d of %d\n" % (number + 1, self.options.runs))
                self.measure_start()
                with MeasuredServer(self.options.binary) as server:
                    self.server, self.connection = server, Connection(server.port)
                    self.measure_idle()
                    self.kinds = self.make_kinds()
                    for kind in self.kinds:
                        self.measure_kind(kind)
                    self.measure_snap_start()
                    self.measure_first_byte()
                    # Before the pool has learned from larger bursts.
                    self.measure_burst(self.kinds[1], "50 cold starts at once, last answered, Python")
                    self.measure_burst(self.kinds[1], "50 cold starts at once, the second time, Python")
                    self.measure_throughput(self.kinds[0])
                    self.measure_throughput(self.kinds[1])
                    self.measure_throughput_of_many(self.kinds[0])
                    self.measure_control_plane(self.kinds[0])
                    self.measure_jailer()
                # A pool that has learned nothing from bursts, either.
                with MeasuredServer(self.options.binary) as server:
                    self.server, self.connection = server, Connection(server.port)
                    self.measure_burst(self.kinds[1], "50 cold starts at once, two seconds after the deploy, Python", pause=2)
            self.finish()
        finally:
            shutil.rmtree(self.tools, ignore_errors=True)

    def build_tools(self):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if not compiler:
            sys.exit("Benchmarks/run needs a C compiler for its load client: apt-get install gcc libc6-dev")
        self.load_program = os.path.join(self.tools, "load")
        subprocess.run([compiler, "-O2", "-o", self.load_program, os.path.join(HERE, "load.c")], check=True)
        bootstrap = os.path.join(self.tools, "bootstrap")
        static = subprocess.run(
            [compiler, "-O2", "-static", "-o", bootstrap, os.path.join(HERE, "functions/bootstrap.c")], check=False)
        self.custom = ("static C bootstrap", bootstrap) if static.returncode == 0 else (
            "shell bootstrap (no static libc here)", os.path.join(HERE, "functions/bootstrap.sh"))

    def note_size(self):
        stripped = os.path.join(self.tools, "stripped")
        subprocess.run(["strip", "-o", stripped, self.options.binary], check=True)
        self.note("binary, stripped", "MB", os.path.getsize(stripped) / 1e6)

    def make_kinds(self):
        python = "python" + output_of(sys.executable, "-c", MINOR_VERSION)
        kinds = [
            Kind(self.custom[0], "provided.al2023", "bootstrap", {"bootstrap": open(self.custom[1], "rb").read()}),
            Kind("Python", python, "app.handler", {"app.py": source("app.py")}),
        ]
        node = shutil.which("node")
        if node:
            major = output_of(node, "--version").lstrip("v").split(".")[0]
            kinds.append(Kind("Node.js", "nodejs%s.x" % major, "index.handler", {"index.js": source("index.js")}))
        return kinds + self.java_kinds() + self.kinds_with_packages(python)

    def java_kinds(self):
        compiler = shutil.which("javac")
        if not compiler:
            sys.stderr.write("no javac: the row with Java is left out\n")
            return []
        subprocess.run([compiler, "--release", "17", "-d", self.tools, os.path.join(HERE, "functions/Handler.java")], check=True)
        with open(os.path.join(self.tools, "Handler.class"), "rb") as file:
            return [Kind("Java", "java17", "Handler::handle", {"Handler.class": file.read()}, pause=1.5)]

    def kinds_with_packages(self, python):
        """Those that need packages of .venv; none without it."""
        if not os.path.exists(VENV_PYTHON):
            sys.stderr.write("no .venv: rows with boto3 and the official runtime client are left out (make bench sets it up)\n")
            return []
        boto = Kind("Python with a boto3 client", python, "boto.handler", {"boto.py": source("boto.py")}, memory=1_769)
        boto.layers = [self.publish_layer("boto3", self.vendored("boto3_files(under='python')"))]
        kinds = [boto]
        # Its extension module fits one minor version.
        if output_of(VENV_PYTHON, "-c", MINOR_VERSION) == python[len("python"):]:
            bootstrap = "#!/bin/sh\nexec %s -m awslambdaric app.handler\n" % sys.executable
            files = {**self.vendored("runtime_client_files()"), "app.py": source("app.py"), "bootstrap": bootstrap}
            kinds.append(Kind("official Python runtime client", "provided.al2023", "app.handler", files))
        return kinds

    def vendored(self, call):
        """Packages of .venv, by their path in a zip."""
        path = os.path.join(self.tools, "vendored.zip")
        script = (
            "import sys, zipfile; sys.path.insert(0, %r); import vendored\n"
            "with zipfile.ZipFile(%r, 'w') as z:\n"
            "    for name, content in vendored.%s.items(): z.writestr(name, content)" % (os.path.join(ROOT, "Tests/EndToEnd"), path, call))
        subprocess.run([VENV_PYTHON, "-B", "-c", script], check=True)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def publish_layer(self, name, files):
        content = {"ZipFile": base64.b64encode(archive_of(files)).decode()}
        return self.connection.json("POST", "/2018-10-31/layers/%s/versions" % name, {"Content": content})["LayerVersionArn"]

    # Starting

    def measure_start(self):
        first, later = [], []
        for _ in range(5):
            server = MeasuredServer(self.options.binary)
            try:
                first.append(server.start())
                server.stop()
                later.append(server.start())
            finally:
                server.__exit__()
        self.note("exec to first answered request, new data directory", "ms", statistics.median(first))
        self.note("exec to first answered request, later", "ms", statistics.median(later))

    def measure_idle(self):
        time.sleep(2)
        memory = self.server.memory()
        self.note("idle server, resident", "MB", memory["rss"] * 1.048576)
        self.note("idle server, private", "MB", memory["private"] * 1.048576)
        self.note("idle server, proportional", "MB", memory["pss"] * 1.048576)

    def measure_jailer(self):
        """The process that starts the sandboxes, when it has started many."""
        children = [memory_of(pid)["pss"] for pid in self.server.children()]
        self.note("jailer, proportional", "MB", sum(children) * 1.048576)

    # Functions

    def name(self, what):
        self.serial += 1
        return "bench-%s-%d" % (what, self.serial)

    def create(self, kind, name=None, **more):
        name = name or self.name("f")
        self.connection.exchange(request_bytes("POST", "/2015-03-31/functions", kind.body(name, **more)))
        self.wait_until_active(name)
        return name

    def delete(self, names):
        """Their environments would share memory with those that are measured next."""
        for name in names:
            self.connection.exchange(request_bytes("DELETE", "/2015-03-31/functions/" + name))
        # They end soon after, and what has waited for them as stem cells does not fill the memory.
        time.sleep(0.5)

    def wait_until_active(self, name, version="$LATEST"):
        path = "/2015-03-31/functions/%s/configuration?Qualifier=%s" % (name, version)
        while (state := self.connection.json("GET", path)["State"]) != "Active":
            if state == "Failed":
                sys.exit("version %s of %s has failed" % (version, name))
            time.sleep(0.002)

    def measure_kind(self, kind):
        self.measure_cold(kind)
        self.measure_warm(kind)
        self.measure_environments(kind)

    def measure_cold(self, kind):
        names = [self.create(kind) for _ in range(self.options.cold)]
        samples = []
        prepared = self.prepared()
        gc.disable()
        for name in names:
            # Between two starts there is time to prepare the next one, as in life; the burst further down leaves none.
            time.sleep(kind.pause)
            samples.append(self.connection.timed(invoke_bytes(name)))
        prepared = self.prepared() - prepared
        gc.enable()
        self.delete(names)
        self.note("cold start p50, %s" % kind.title, "ms", statistics.median(samples))
        self.note("cold start p99, %s" % kind.title, "ms", percentile(samples, 0.99))
        self.note("cold starts that found a prepared sandbox, %s" % kind.title, "%", prepared / len(samples) * 100)

    def prepared(self):
        """How many cold starts have found a stem cell so far."""
        text = self.connection.exchange(request_bytes("GET", "/_martlet/metrics")).decode()
        for line in text.splitlines():
            if line.startswith('martlet_lambda_stem_cells_total{found="yes"}'):
                return int(line.split()[-1])
        return 0

    def measure_warm(self, kind):
        name = self.create(kind)
        self.connection.exchange(invoke_bytes(name))
        load(self.load_program, self.server.port, 1, 0.5, invoke_bytes(name))
        before = self.server.cpu_seconds()
        result = load(self.load_program, self.server.port, 1, self.options.seconds, invoke_bytes(name))
        used = self.server.cpu_seconds() - before
        self.note("warm invoke p50, %s" % kind.title, "µs", result.median_us)
        self.note("warm invoke p99, %s" % kind.title, "µs", result.p99_us)
        self.note("server CPU per warm invoke, %s" % kind.title, "µs", used / result.answers * 1e6)
        self.delete([name])

    def measure_snap_start(self):
        """Environments of published versions, each restored for its first invocation."""
        boto = [kind for kind in self.kinds if kind.handler == "boto.handler"]
        if not boto:
            return
        kind = boto[0]
        runtime, kind.runtime = kind.runtime, max(kind.runtime, "python3.12", key=lambda name: int(name[len("python3."):]))
        names = []
        for _ in range(self.options.cold):
            name = self.create(kind, SnapStart={"ApplyOn": "PublishedVersions"})
            version = self.connection.json("POST", "/2015-03-31/functions/%s/versions" % name, {})["Version"]
            self.wait_until_active(name, version)
            names.append((name, version))
        kind.runtime = runtime
        samples = []
        gc.disable()
        for name, version in names:
            time.sleep(0.03)
            samples.append(self.connection.timed(invoke_bytes(name, version=version)))
        gc.enable()
        self.delete([name for name, _ in names])
        self.note("cold start p50, %s, SnapStart" % kind.title, "ms", statistics.median(samples))
        self.note("cold start p99, %s, SnapStart" % kind.title, "ms", percentile(samples, 0.99))

    def measure_first_byte(self, count=10):
        """Of a streamed answer, long before the function ends."""
        node = shutil.which("node")
        if not node:
            return
        major = output_of(node, "--version").lstrip("v").split(".")[0]
        name = self.create(Kind("streaming", "nodejs%s.x" % major, "stream.handler", {"stream.js": source("stream.js")}))
        path = "/2021-11-15/functions/%s/response-streaming-invocations" % name
        samples = [first_byte(self.server.port, request_bytes("POST", path, b"{}")) for _ in range(count + 1)]
        self.delete([name])
        self.note("first byte of a stream p50, Node.js", "ms", statistics.median(samples[1:]))

    def measure_environments(self, kind, count=10):
        """What one more idle environment costs, with ten of them."""
        name = self.create(kind)
        known = self.server.descendants()
        at_once(self.server.port, [invoke_bytes(name)] * count)
        load(self.load_program, self.server.port, count, 0.3, invoke_bytes(name))
        time.sleep(0.3)
        # Those that wait as stem cells by now are of the same kind, and as large.
        new = self.server.descendants() - known
        roots = max(1, len(new & self.server.sandboxes()))
        total = sum(memory_of(pid)["pss"] for pid in new)
        self.note("idle environment (PSS), %s" % kind.title, "MiB", total / roots)
        self.delete([name])

    def measure_throughput(self, kind):
        name = self.create(kind)
        for clients in CLIENTS:
            at_once(self.server.port, [invoke_bytes(name)] * clients)
            load(self.load_program, self.server.port, clients, 0.5, invoke_bytes(name))
            result = load(self.load_program, self.server.port, clients, self.options.seconds, invoke_bytes(name))
            self.note("invocations per second, %s, %d clients" % (kind.title, clients), "1/s", result.per_second)
        self.delete([name])

    def measure_throughput_of_many(self, kind, count=100):
        """As many functions, in turn: what they have in common shows."""
        prefix = self.name("many")
        names = [self.create(kind, name="%s-%08d" % (prefix, number)) for number in range(count)]
        at_once(self.server.port, [invoke_bytes(name) for name in names])
        for clients in CLIENTS:
            data = invoke_bytes(prefix + "-@@@@@@@@")
            load(self.load_program, self.server.port, clients, 0.5, data, numbers=count)
            result = load(self.load_program, self.server.port, clients, self.options.seconds, data, numbers=count)
            self.note("invocations per second, %d functions, %s, %d clients" % (count, kind.title, clients), "1/s", result.per_second)
        self.delete(names)

    def measure_burst(self, kind, title, count=50, pause=0.5):
        names = [self.create(kind) for _ in range(count)]
        time.sleep(pause)
        last = at_once(self.server.port, [invoke_bytes(name) for name in names])
        self.note(title, "ms", last)
        self.delete(names)

    def measure_control_plane(self, kind):
        for clients in (1, 10):
            prefix = self.name("c")
            body = create_body(prefix + "-@@@@@@@@", archive_of({"bootstrap": b"#!/bin/sh\n"}), kind.runtime, kind.handler)
            data = request_bytes("POST", "/2015-03-31/functions", body)
            result = load(self.load_program, self.server.port, clients, self.options.seconds, data)
            self.note("CreateFunction per second, %d clients" % clients, "1/s", result.per_second)
        name = self.create(kind)
        for clients in (1, 10):
            data = request_bytes("GET", "/2015-03-31/functions/" + name)
            result = load(self.load_program, self.server.port, clients, self.options.seconds, data)
            self.note("GetFunction per second, %d clients" % clients, "1/s", result.per_second)

    # The table

    def note(self, title, unit, value):
        sys.stderr.write("  %-70s %10.2f %s\n" % (title, value, unit))
        self.rows.setdefault((title, unit), []).append(value)

    def finish(self):
        lines = ["| what | unit | Martlet | its runs | floor | best other tool | goal | beyond |", "|---|---|---|---|---|---|---|---|"]
        for (title, unit), values in self.rows.items():
            cells = [title, unit, shown(statistics.median(values)), " ".join(map(shown, values)), *bar_of(title)]
            lines.append("| %s |" % " | ".join(cells))
        table = "\n".join(lines)
        print(table)
        if self.options.write:
            write_table(table)


def write_table(table):
    """Into docs/benchmarks.md, between its two marks."""
    path = os.path.join(ROOT, "docs/benchmarks.md")
    with open(path) as file:
        before, mark, rest = file.read().partition(MARK)
    after = rest.partition(MARK)[2]
    with open(path, "w") as file:
        file.write(before + mark + "\n" + table + "\n" + MARK + after)


def shown(value):
    return "{:,.0f}".format(value) if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


def main():
    parser = argparse.ArgumentParser(description="Measures the release binary. docs/benchmarks.md explains each figure.")
    parser.add_argument("--binary", default=os.path.join(ROOT, ".build/release/martlet"))
    parser.add_argument("--runs", type=int, default=3, help="the table shows the medians of this many runs (default: 3)")
    parser.add_argument("--cold", type=int, default=30, help="cold starts of each kind and run (default: 30)")
    parser.add_argument("--seconds", type=float, default=3, help="of each load (default: 3)")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        sys.exit("There is no %s. Run: make bench" % options.binary)
    Benchmark(options).run()


if __name__ == "__main__":
    main()
