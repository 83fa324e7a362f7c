# SPDX-License-Identifier: Apache-2.0
"""The measured server: started in an empty environment, looked at through /proc."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class MeasuredServer:
    def __init__(self, binary, options=()):
        self.binary, self.options = binary, list(options)
        self.scratch = tempfile.mkdtemp(prefix="martlet-bench-")
        self.port = free_port()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self):
        """Milliseconds from exec to the first answered request."""
        command = [self.binary, "serve", "--port", str(self.port), "--data-dir", self.scratch + "/data", "--log-level", "error", *self.options]
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.scratch, "LANG": "C.UTF-8"}
        with open(self.scratch + "/log", "ab") as log:
            began = time.perf_counter()
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not self._answers():
            if self.process.poll() is not None:
                raise SystemExit("the server ended:\n" + open(self.scratch + "/log").read())
            time.sleep(0.0003)
        return (time.perf_counter() - began) * 1e3

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"GET /_martlet/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu_seconds(self):
        """Of the server itself, without the functions and the jailer."""
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def memory(self):
        return memory_of(self.process.pid)

    def children(self):
        return {pid for pid, parent in self._parents().items() if parent == self.process.pid}

    def sandboxes(self):
        """The first process of each: the jailer is the server's child, and they are the jailer's."""
        jailers = self.children()
        return {pid for pid, parent in self._parents().items() if parent in jailers}

    def descendants(self):
        parents = self._parents()
        found, frontier = set(), {self.process.pid}
        while frontier:
            frontier = {pid for pid, parent in parents.items() if parent in frontier}
            found |= frontier
        return found

    @staticmethod
    def _parents():
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open("/proc/%s/stat" % entry) as file:
                        parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
                except OSError:
                    pass  # it has ended meanwhile
        return parents


def memory_of(pid):
    """MiB: resident, proportional, private. Private is what was written: pages of the program file can be dropped."""
    sizes = {}
    with open("/proc/%d/smaps_rollup" % pid) as file:
        for line in file.readlines()[1:]:
            name, value = line.split(":")
            sizes[name] = int(value.split()[0]) / 1_024
    return {"rss": sizes["Rss"], "pss": sizes["Pss"], "private": sizes["Private_Dirty"]}
