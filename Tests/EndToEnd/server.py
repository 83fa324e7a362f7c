# SPDX-License-Identifier: Apache-2.0
"""One Martlet server in a scratch directory, for tests that start, stop and kill it."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("MARTLET_BINARY") or os.path.join(ROOT, ".build/debug/martlet")
READY = re.compile(rb"http://[0-9.]+:[0-9]+")
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def clean_environment(**more):
    """What a server needs of this process's environment, so that a developer's settings cannot change a test."""
    kept = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
    kept.update(more)
    return kept


def die_with_parent():
    """A test that is killed leaves no server behind."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def processes_with(mark):
    """The processes of this machine whose environment holds `mark`: a function's, when its variables do."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open("/proc/%s/environ" % entry, "rb") as file:
                    if mark.encode() in file.read():
                        found.append(int(entry))
            except OSError:
                pass  # it has ended, or is somebody else's
    return found


class Server:
    """Use it as a context manager: it ends, and its directory goes away, whatever happens inside."""

    def __init__(self, *options, data=None, environment=None):
        self.scratch = tempfile.mkdtemp(prefix="martlet-e2e-")
        self.data = data or os.path.join(self.scratch, "data")
        self.options = options
        self.environment = clean_environment(HOME=self.scratch, **(environment or {}))
        self.log_path = os.path.join(self.scratch, "server.log")
        self.output_path = os.path.join(self.scratch, "server.out")
        self.process = None
        self.endpoint = None
        self.port = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            sys.stderr.write("the server's log ends with:\n%s\n" % self.log()[-4_000:])
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self):
        """Starts it; again on the same port, so that clients and addresses stay good."""
        command = [BINARY, "serve", "--port", str(self.port), "--data-dir", self.data, *self.options]
        with open(self.log_path, "ab") as log, open(self.output_path, "wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=self.environment,
                preexec_fn=die_with_parent)
        self._wait_until_it_answers()
        return self

    def _wait_until_it_answers(self, seconds=60):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise AssertionError("the server ended with %d:\n%s" % (self.process.returncode, self.log()))
            found = READY.search(self.output())
            if found and self._is_healthy(found.group().decode()):
                self.endpoint = found.group().decode()
                self.port = int(self.endpoint.rsplit(":", 1)[1])
                return
            time.sleep(0.01)
        raise AssertionError("the server does not answer:\n%s%s" % (self.output().decode(), self.log()))

    @staticmethod
    def _is_healthy(endpoint):
        try:
            return urllib.request.urlopen(endpoint + "/_martlet/health", timeout=5).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def output(self):
        with open(self.output_path, "rb") as file:
            return file.read()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def terminate(self):
        """Asks it to end, as a service manager does."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=60):
        return self.process.wait(seconds)

    def stop(self):
        """Ends it in good order; the exit status."""
        self.terminate()
        return self.wait()

    def kill(self):
        """Ends it at once, as a power cut or the kernel would."""
        self.process.kill()
        self.process.wait()
