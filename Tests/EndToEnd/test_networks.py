# SPDX-License-Identifier: Apache-2.0
"""Networks of functions: what `--network` and `--function-network` give, towards a host at the end of a cable."""

import os
import secrets
import shutil
import subprocess
import tempfile
import unittest

from harness import NODE, Account, EndToEndTest, SYSTEM_PYTHON, eventually
from server import Server

PROBE = """
import errno, os, socket
def handler(event, context):
    try:
        with socket.create_connection((event["host"], event["port"]), 5) as s:
            s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            return s.recv(1000).decode().splitlines()[0]
    except OSError as e:
        return errno.errorcode.get(e.errno, type(e).__name__)
"""
FETCH = """
exports.handler = async (event) => (await (await fetch(`http://${event.host}:${event.port}/`)).text());
"""
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"hello from " + self.client_address[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer((sys.argv[1], 80), Handler)
open(sys.argv[2], "w").close()
server.serve_forever()
"""


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("ip"), "it takes root and iproute2 to lay a cable to another host")
class Networks(EndToEndTest):
    @property
    def account(self):
        return self.own

    def setUp(self):
        super().setUp()
        number = os.getpid() % 250
        self.name, self.near, self.far = "mte%d" % os.getpid(), "10.251.%d.1" % number, "10.251.%d.2" % number
        # A cable goes some time after the other end's namespace.
        cable = "mce%s" % secrets.token_hex(4)
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", self.name])
        for command in (
                "netns add %s" % self.name, "link add %s type veth peer name far netns %s" % (cable, self.name),
                "addr add %s/24 dev %s" % (self.near, cable), "link set %s up" % cable,
                "-n %s addr add %s/24 dev far" % (self.name, self.far), "-n %s link set far up" % self.name):
            subprocess.run(["ip"] + command.split(), check=True)
        other = subprocess.Popen(["ip", "netns", "exec", self.name, SYSTEM_PYTHON, "-c", SERVER, self.far, folder + "/up"])
        self.addCleanup(lambda: (other.kill(), other.wait()))
        eventually(lambda: os.path.exists(folder + "/up"))

    def serve(self, *options):
        server = Server(*options)
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.own = Account(server.endpoint)
        return server

    def probe(self, function, host, port):
        return self.result(function, {"host": host, "port": port})

    def test_egress_reaches_other_hosts_and_not_this_one(self):
        server = self.serve("--network", "egress")
        port = int(server.endpoint.rsplit(":", 1)[1])
        function = self.create(PROBE)
        # Twice in new environments: started plainly, and of a stem cell.
        for _ in range(2):
            self.assertEqual(self.probe(function, self.far, 80), "HTTP/1.0 200 OK")
            self.assertEqual(self.probe(function, "169.254.169.254", 80), "EHOSTUNREACH")
            self.assertEqual(self.probe(function, "127.0.0.1", port), "ECONNREFUSED")
            self.assertEqual(self.probe(function, self.near, port), "ECONNRESET")
            # The AWS endpoint is there as ever.
            self.assertEqual(self.probe(function, "127.0.0.1", 4566).split()[0], "HTTP/1.1")
            function.update(Timeout=9)
        self.assertEqual(self.result(self.create(FETCH, runtime=NODE), {"host": self.far, "port": 80}), "hello from " + self.near)
        self.assertEqual(server.stop(), 0)

    def test_functions_have_networks_by_name(self):
        server = self.serve("--function-network", "out-*=egress", "--function-network", "arn:aws:lambda:*:function:alone-*=none",
                            "--function-network", "shared-*=host")
        self.assertIn("share the host's network", server.log())
        port = int(server.endpoint.rsplit(":", 1)[1])
        names = {name: self.create(PROBE, name="%s-%d" % (name, os.getpid())) for name in ("out", "alone", "shared", "other")}
        found = {name: [self.probe(f, host, at).split()[0] for host, at in ((self.far, 80), ("127.0.0.1", 4566), ("127.0.0.1", port))]
                 for name, f in names.items()}
        # On the host's network, the AWS endpoint of the environment has a port of the kernel's choice.
        del found["shared"][1]
        self.assertEqual(found, {
            "out": ["HTTP/1.0", "HTTP/1.1", "ECONNREFUSED"],
            "alone": ["ENETUNREACH", "ECONNREFUSED", "ECONNREFUSED"],
            "shared": ["HTTP/1.0", "HTTP/1.1"],
            "other": ["ENETUNREACH", "HTTP/1.1", "ECONNREFUSED"],
        })
        self.assertEqual(server.stop(), 0)

    def test_what_is_no_network_is_refused_at_the_start(self):
        for options, word in ((("--network", "internet"), "egress"), (("--function-network", "f"), "FUNCTION=NETWORK"),
                              (("--network-allow", "10.0.0.1/8"), "ADDRESS"), (("--sandbox", "process", "--network", "egress"), "host")):
            with self.assertRaises(Exception) as caught:
                self.serve(*options)
            self.assertIn(word, str(caught.exception))
