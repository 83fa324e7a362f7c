# SPDX-License-Identifier: Apache-2.0
"""Runs one Lambda handler in CPython 3.6 or newer, over the Runtime API.

Every import costs the function's cold start, so this file leans on what the
interpreter has already loaded: `_socket` and `_json` instead of `socket` and
`json`, and `logging` is set up at the moment something imports it.
Best started as `python3 -S -s -B <this file>`; works without the flags too.
"""

import os
import sys
from time import time

import _socket

API = "/2018-06-01/runtime/"
NO_BREAK_SPACE = "\u00a0"
HIDDEN_VARIABLES = ("MARTLET_LOG_FD", "_LAMBDA_TELEMETRY_LOG_FD", "MARTLET_CLAIM_FD", "MARTLET_LAYERS", "MARTLET_SDK", "MARTLET_COMPILED")
LAYERS = os.environ.get("MARTLET_LAYERS", "/opt")  # elsewhere where the sandbox cannot mount
SDK = os.environ.get("MARTLET_SDK")  # the directory with boto3, where the server has one
RESTORES = 8  # how often a process asks again to be restored; a copy has one broken connection behind it


class Current:
    """The invocation in progress; log records read it."""

    request_id = None
    tenant_id = None


class Fault(Exception):
    """An error that the runtime, not the function, reports."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace


# JSON ---------------------------------------------------------------------------------------


class ScannerOptions:
    """What `_json.make_scanner` asks its decoder for, in every Python version."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float, parse_int = float, int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__
    memo = {}


try:
    from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

    scan = make_scanner(ScannerOptions)
    make_encoder({}, None, encode_basestring, None, ": ", ", ", False, False, True)([1.5], 0)
except Exception:  # the accelerator is missing or has changed: the public module does the same, slower
    scan = make_encoder = None

RAW = "raw:" + os.urandom(12).hex()


def from_json(body):
    if scan:
        try:
            text = str(body, "utf-8").strip(" \t\r\n")
            value, end = scan(text, 0)
            if end == len(text):
                return value
        except (StopIteration, ValueError):
            pass  # parsed again below, for the message
    import json

    return json.loads(bytes(body))


def to_json(value, ascii_only=False):
    """The JSON text of a value, with AWS's additions: decimals, named tuples, nested bytes."""
    if holds_named_tuple(value):
        value = plain(value)
    try:
        text = encode(value, ascii_only)
    except TypeError as error:
        if "bytes" not in str(error):
            raise
        text = encode(plain(value), ascii_only)
    if RAW in text:
        text = text.replace('"' + RAW, "").replace(RAW + '"', "")
    return text


def encode(value, ascii_only):
    if not make_encoder:
        import json

        return json.dumps(value, ensure_ascii=ascii_only, default=substitute)
    strings = encode_basestring_ascii if ascii_only else encode_basestring
    return "".join(make_encoder({}, substitute, strings, None, ": ", ", ", False, False, True)(value, 0))


def substitute(value):
    """Stands in for a value that JSON has no form for."""
    decimal = sys.modules.get("decimal")
    if decimal and isinstance(value, decimal.Decimal):
        return float("nan") if value.is_nan() else RAW + str(value) + RAW
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if callable(getattr(value, "_asdict", None)):
        return value._asdict()
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def holds_named_tuple(value):
    """Named tuples become objects on AWS, but the fast encoder sees them as arrays."""
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, tuple) and hasattr(value, "_asdict"):
        return True
    elif not isinstance(value, (list, tuple)):
        return False
    try:
        return any(holds_named_tuple(item) for item in value if isinstance(item, (dict, list, tuple)))
    except RecursionError:
        return False  # circular or too deep: the encoder says so


def plain(value):
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {k.decode("utf-8") if isinstance(k, bytes) else k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


# Runtime API --------------------------------------------------------------------------------


class RuntimeAPI:
    """A client for one kept-alive HTTP/1.1 connection and one request at a time."""

    def __init__(self, address):
        self.address = address
        host, _, port = address.rpartition(":")
        self.peer = (host.strip("[]") or "127.0.0.1", int(port))
        self.host = "\r\nHost: " + address + "\r\n"
        self.next_request = ("GET " + API + "invocation/next HTTP/1.1" + self.host + "\r\n").encode()
        self.restore_request = self.next_request.replace(b"invocation/next", b"restore/next")
        self.socket = None

    def next(self):
        status, headers, body = self.exchange(self.next_request)
        if status != 200:
            raise RuntimeError("Failed to get next invocation. Response code: %d" % status)
        return headers, body

    def rest(self):
        """Waits to be restored. The connection breaks when this process is a copy of the one that asked: it asks again."""
        for _ in range(RESTORES):
            try:
                status, _, _ = self.exchange_once(self.restore_request, b"")
            except OSError:
                self.close()
                continue
            if status != 200:
                raise RuntimeError("Failed to be restored. Response code: %d" % status)
            return
        raise RuntimeError("Failed to be restored. The Runtime API closed every connection")

    def post(self, path, body, headers=""):
        """Sends one answer. 413 is left to the server, which has already told the caller."""
        head = "POST %s%s HTTP/1.1%s%sContent-Length: %d\r\n\r\n" % (API, path, self.host, headers, len(body))
        status, _, _ = self.exchange(head.encode("latin-1", "replace"), body)
        if not 200 <= status < 300 and status != 413:
            raise RuntimeError("Failed to post %s. Response code: %d" % (path, status))

    def exchange(self, head, body=b""):
        """Tries once more on a fresh connection when a kept one turns out to be closed."""
        fresh = self.socket is None
        try:
            return self.exchange_once(head, body)
        except (ConnectionResetError, BrokenPipeError):
            self.close()
            if fresh:
                raise
            return self.exchange_once(head, body)

    def exchange_once(self, head, body):
        if self.socket is None:
            self.connect()
        if len(body) < 65536:
            self.socket.sendall(head + body)
        else:
            self.socket.sendall(head)
            self.socket.sendall(body)
        return self.receive()

    def connect(self):
        family = _socket.AF_INET6 if ":" in self.peer[0] else _socket.AF_INET
        connection = _socket.socket(family, _socket.SOCK_STREAM)
        connection.connect(self.peer)
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.socket = connection

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def receive(self):
        data = self.read()
        end = data.find(b"\r\n\r\n")
        while end < 0:
            data += self.read()
            end = data.find(b"\r\n\r\n")
        lines = str(data[:end], "utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        rest = data[end + 4 :]
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self.receive_chunks(rest)
        else:
            body = self.receive_exactly(rest, int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(lines[0].split(" ", 2)[1]), headers, body

    def read(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("the Runtime API closed the connection")
        return data

    def receive_exactly(self, start, size):
        if len(start) >= size:
            return start[:size]
        body = bytearray(size)
        body[: len(start)] = start
        view, filled = memoryview(body), len(start)
        while filled < size:
            count = self.socket.recv_into(view[filled:])
            if not count:
                raise ConnectionResetError("the Runtime API closed the connection")
            filled += count
        return body

    def receive_chunks(self, data):
        body = bytearray()
        while True:
            while b"\r\n" not in data:
                data += self.read()
            line, _, data = data.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            while len(data) < size + 2:
                data += self.read()
            if size == 0:
                while not data.startswith(b"\r\n") and b"\r\n\r\n" not in data:
                    data += self.read()
                return body
            body += data[:size]
            data = data[size + 2 :]


# Log ----------------------------------------------------------------------------------------


class StandardLogSink:
    """Records on standard output. Line breaks inside an error record are carriage returns."""

    def log(self, message, frame_type=None):
        try:
            sys.stdout.write(message)
        except UnicodeEncodeError:  # a lone surrogate must not hide the record
            sys.stdout.write(message.encode("ascii", "backslashreplace").decode("ascii"))
        sys.stdout.flush()

    def log_error(self, lines):
        self.log("\r".join(lines) + "\n")


class FramedLogSink:
    """Records on a descriptor of their own: type (4), length (4), time in µs (8), message; big-endian."""

    TEXT, JSON = 0xA55A0003, 0xA55A0002

    def __init__(self, fd):
        self.fd = fd

    def log(self, message, frame_type=None):
        data = message.encode("utf-8", "backslashreplace")
        head = (frame_type or self.TEXT).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        data = head + int(time() * 1000000).to_bytes(8, "big") + data
        while data:
            data = data[os.write(self.fd, data) :]

    def log_error(self, lines):
        self.log("\n".join(lines), frame_type(40))


def wants_json_logs():
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def frame_type(level):
    """Levels 10 to 50 sit in bits 2 to 4, counted from 2; an unset level leaves them zero."""
    step = min(50, max(0, level)) // 10
    base = FramedLogSink.JSON if wants_json_logs() else FramedLogSink.TEXT
    return base | ((step + 1) << 2 if step else 0)


def log_error(sink, error):
    if wants_json_logs():
        from time import gmtime, strftime

        record = {"timestamp": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime()), "level": "ERROR"}
        record.update(error)
        return sink.log_error([to_json(record)])
    title = ": ".join(part for part in (error["errorType"], error["errorMessage"]) if part)
    lines = ["[ERROR] " + title if title else "[ERROR]", "Traceback (most recent call last):"]
    for entry in error["stackTrace"]:
        for line in entry.splitlines() or [""]:
            text = line.lstrip(" ")
            lines.append(NO_BREAK_SPACE * (len(line) - len(text)) + text)
    sink.log_error(lines)


class ConfigureLoggingOnImport:
    """Puts AWS's handler on the root logger as soon as `logging` has been loaded by anyone."""

    def __init__(self, sink):
        self.sink = sink

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        from _frozen_importlib_external import PathFinder

        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            loader = spec.loader

            def exec_module(module):
                del loader.exec_module
                loader.exec_module(module)
                configure_logging(module, self.sink)

            loader.exec_module = exec_module
        return spec


def configure_logging(logging, sink):
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    as_json = wants_json_logs()

    handler = LOGGING.pop() if LOGGING else logging_handler(logging, sink)
    handler.is_framed = bool(as_json or level)
    if as_json:
        handler.setFormatter(json_formatter(logging))
    root = logging.getLogger()
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)
    root.addHandler(handler)


def logging_handler(logging, sink):
    """The root's handler, which writes text until it is told of JSON."""

    class LambdaLoggerHandler(logging.Handler):
        is_framed = False

        def __init__(self):
            logging.Handler.__init__(self)
            self.log_sink = sink

        def emit(self, record):
            sink.log(self.format(record), frame_type(record.levelno) if self.is_framed else None)

    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = Current.request_id or ""
            record.tenant_id = Current.tenant_id
            return True

    from time import gmtime

    logging.Formatter.converter = gmtime
    handler = LambdaLoggerHandler()
    text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    handler.setFormatter(logging.Formatter(text, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter())
    return handler


def json_formatter(logging):
    import json
    import traceback

    standard = set(vars(logging.makeLogRecord({}))) | {"aws_request_id", "tenant_id", "message", "asctime"}
    to_text = json.JSONEncoder(ensure_ascii=False, default=str).encode

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            record.levelno = min(50, max(0, record.levelno)) // 10 * 10
            record.levelname = logging.getLevelName(record.levelno)
            structured = isinstance(record.msg, dict) and not record.args
            raised = record.exc_info or None
            result = {
                "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
                "level": record.levelname,
                "message": record.msg if structured else record.getMessage(),
                "logger": record.name,
                "stackTrace": raised and traceback.format_tb(raised[2]),
                "errorType": raised and raised[0] and raised[0].__name__,
                "errorMessage": raised and str(raised[1]),
                "requestId": getattr(record, "aws_request_id", None),
                "location": raised and "%s:%s:%d" % (record.pathname, record.funcName, record.lineno),
                "tenantId": getattr(record, "tenant_id", None),
            }
            for name, value in vars(record).items():
                if name not in standard:
                    result.setdefault(name, value)
            return to_text({k: v for k, v in result.items() if v is not None}) + "\n"

    return JsonFormatter()


# Context ------------------------------------------------------------------------------------


class Record:
    """Named fields taken from a JSON object; absent ones are None."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        fields = ",".join("%s=%s" % (name, getattr(self, name, None)) for name in self.__slots__)
        return "%s([%s])" % (type(self).__name__, fields)


class CognitoIdentity(Record):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(Record):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(Record):
    __slots__ = ("custom", "env", "client")


class LambdaContext:
    SHOWN = (
        "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb "
        "function_version invoked_function_arn client_context identity tenant_id"
    ).split()

    def __init__(self, headers, sink):
        variable = os.environ.get
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.log_group_name = variable("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = variable("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = variable("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = variable("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        client = json_header(headers.get("lambda-runtime-client-context"), "Client Context")
        self._w3c = trace_fields(client)
        self.client_context = None if client is None else ClientContext(client)
        if client is not None and self.client_context.client is not None:
            self.client_context.client = Client(self.client_context.client)
        identity = json_header(headers.get("lambda-runtime-cognito-identity"), "Cognito Identity") or {}
        self.identity = CognitoIdentity({})
        self.identity.cognito_identity_id = identity.get("cognitoIdentityId")
        self.identity.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms") or 0)
        self._sink = sink

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time() * 1000))

    def w3c(self):
        return dict(self._w3c)

    def log(self, message):
        self._sink.log(str(message))

    def __repr__(self):
        fields = ",".join("%s=%s" % (name, getattr(self, name)) for name in self.SHOWN)
        return "LambdaContext([%s])" % fields


def json_header(text, name):
    if not text:
        return None
    try:
        return from_json(text.encode("utf-8"))
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))


def trace_fields(client_context):
    """W3C trace fields travel inside the client context and are not shown as part of it."""
    found = client_context.pop("w3c", None) if isinstance(client_context, dict) else None
    if not isinstance(found, dict):
        return {}
    return {k: found[k] for k in ("traceparent", "tracestate", "baggage") if isinstance(found.get(k), str)}


# Errors -------------------------------------------------------------------------------------


def error_record(message, kind, trace, request_id=None):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id or "", "stackTrace": trace or []}


def error_from(error, request_id=None):
    if isinstance(error, Fault):
        return error_record(error.message, error.kind, error.trace, request_id)
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    own = next((i for i, frame in enumerate(frames) if frame[0] != main.__code__.co_filename), 0)
    trace = traceback.format_list([(f[0], f[1], f[2], f[3]) for f in frames[own:]])
    return error_record(str(error), type(error).__name__, trace, request_id)


def error_headers(error):
    kind = "".join(c if " " < c < "\x7f" else "?" for c in error["errorType"])
    return "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: %s\r\n" % kind


def as_bytes(text):
    """A message may hold lone surrogates; the error must reach the caller all the same."""
    return text.encode("utf-8", "backslashreplace")


# Phases -------------------------------------------------------------------------------------


def prepare():
    """What can be done before it is known which function this environment will run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    import builtins

    if not hasattr(builtins, "exit"):
        builtins.exit = builtins.quit = sys.exit
    fd = os.environ.get("MARTLET_LOG_FD") or os.environ.get("_LAMBDA_TELEMETRY_LOG_FD")
    claim_fd = os.environ.get("MARTLET_CLAIM_FD")
    compiled = os.environ.get("MARTLET_COMPILED")
    for name in HIDDEN_VARIABLES:
        os.environ.pop(name, None)
    sink = FramedLogSink(int(fd)) if fd else StandardLogSink()
    if claim_fd:
        warm_up(sink)
    return sink, claim_fd, compiled


LOGGING = []  # the handler that was made before the claim


def warm_up(sink):
    """Time is free until the claim: loads what most functions use, and goes through once what each invocation does.

    Nothing of the function's places may be looked for yet: what is not there now would stay unseen.
    """
    import importlib, json, logging  # noqa
    from time import tzset

    LOGGING.append(logging_handler(logging, sink))
    site_paths()
    tzset()
    os.environ["_HANDLER"] = from_json(b'{"environment": {"A": "B"}, "handler": "app.handler"}')["handler"]
    del os.environ["_HANDLER"]
    code = {}
    exec(compile("import os\nclass A:\n    b = 1\ndef handler(event, context):\n    return {'a': [1]}\n", "warm", "exec"), code)
    invoke(code["handler"], {"lambda-runtime-deadline-ms": "1"}, b"{}", sink, True)


def connect_early():
    """A connection made before the claim, where the server has told the address already."""
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address:
        return None
    api = RuntimeAPI(address)
    try:
        api.connect()
    except OSError:
        pass  # tried again, and reported, at the first request
    return api


def wait_for_claim(fd):
    """Blocks until the server says what to become; returns the handler it named, if any."""
    data = b""
    while not data.endswith(b"\n"):
        part = os.read(fd, 65536)
        if not part:
            break
        data += part
    os.close(fd)
    if not data.strip():
        os._exit(0)  # the server went away or no longer wants this environment
    claim = from_json(data)
    os.environ.update(claim.get("environment") or {})
    if "TZ" in os.environ:
        from time import tzset

        tzset()
    if "random" in sys.modules:
        sys.modules["random"].seed()
    return claim.get("handler")


def search_path(claimed):
    """Function first, then layers, then the interpreter's own, then the SDK, then the interpreter's site packages."""
    version = "python%d.%d" % sys.version_info[:2]
    task = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    paths = [task, LAYERS + "/python/lib/" + version + "/site-packages", LAYERS + "/python"]
    if claimed:  # the interpreter started before this variable was known
        paths += [path for path in os.environ.get("PYTHONPATH", "").split(":") if path]
    here = os.path.dirname(os.path.abspath(__file__))
    paths += [path for path in sys.path if path not in ("", here)]
    sys.path[:] = dict.fromkeys(paths + ([SDK] if SDK else []) + site_paths())
    return task


SITE_PATHS = []


def site_paths():
    """The interpreter's own, which no claim changes."""
    library = getattr(sys, "platlibdir", "lib")
    version = "python%d.%d" % sys.version_info[:2]
    for site in () if SITE_PATHS else (
        "%s/%s/%s/site-packages" % (sys.prefix, library, version),
        "%s/lib/%s/site-packages" % (sys.prefix, version),
        "/usr/local/lib/%s/dist-packages" % version,
        "/usr/lib/python3/dist-packages",
    ):
        if site.startswith((sys.prefix + "/", "/usr/local")) and os.path.isdir(site):
            SITE_PATHS.append(site)
    return SITE_PATHS


class ModulesOfTheRuntime:
    """Finds what AWS's runtime brings along, after everything else: a function may have a version of its own."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "snapshot_restore_py":
            return None
        from _frozen_importlib_external import spec_from_file_location

        return spec_from_file_location(name, os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py"))


def use_compiled(task, places):
    """Code objects that the server had made ahead from the very files that are imported, instead of compiling those.

    Imports look for modules as ever; only where the code comes from differs, and only below the function's directories.
    Whatever is not there, or not for this interpreter, comes from the source.
    """
    import _imp
    from _frozen_importlib_external import (
        MAGIC_NUMBER,
        ExtensionFileLoader,
        FileFinder,
        SourceFileLoader,
        SourcelessFileLoader,
    )
    from _io import FileIO
    from marshal import loads

    sources = (task, LAYERS, os.path.dirname(os.__file__))
    roots = [(source + "/", place + "/") for source, place in zip(sources, places) if place]

    class CompiledFileLoader(SourceFileLoader):
        def get_code(self, fullname):
            path = self.path
            for root, place in roots:
                if path.startswith(root):
                    try:
                        with FileIO(place + path[len(root) :] + "c") as file:
                            data = file.readall()
                        if data[:4] == MAGIC_NUMBER:
                            code = loads(memoryview(data)[16:])
                            _imp._fix_co_filename(code, path)
                            return code
                    except (OSError, EOFError, ValueError, TypeError):
                        pass  # the source serves
                    break
            return SourceFileLoader.get_code(self, fullname)

    find = FileFinder.path_hook(
        (ExtensionFileLoader, _imp.extension_suffixes()), (CompiledFileLoader, [".py"]), (SourcelessFileLoader, [".pyc"])
    )

    def is_compiled(path):
        return any((path + "/").startswith(root) for root, _ in roots)

    def hook(path):
        if is_compiled(path):
            return find(path)
        raise ImportError("not compiled ahead: " + path)

    sys.path_hooks.insert(0, hook)
    for path in list(sys.path_importer_cache):
        if is_compiled(path):
            del sys.path_importer_cache[path]


def load(handler):
    module, dot, function = handler.rpartition(".")
    if not dot:
        reason = "not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (handler, reason))
    if module.split(".")[0] in sys.builtin_module_names:
        reason = "Cannot use built-in module %s as a handler module" % module
        raise Fault("Runtime.BuiltInModuleConflict", reason)
    from importlib import import_module

    try:
        loaded = import_module(module.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module, error), trace)
    try:
        return getattr(loaded, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module))


def initialise(api, handler, sink):
    """Loads the function, or reports why it cannot be loaded and ends the process."""
    if "logging" in sys.modules:
        configure_logging(sys.modules["logging"], sink)
    else:
        sys.meta_path.insert(0, ConfigureLoggingOnImport(sink))
    try:
        return load(handler)
    except Exception as raised:
        error = error_from(raised)
    flush()
    log_error(sink, error)
    api.post("init/error", as_bytes(to_json(error)), error_headers(error))
    sys.exit(1)


def snapshot(api, sink):
    """The function is loaded. Rests while the server takes a snapshot of this process; returns as a copy of it."""
    hooks = sys.modules.get("snapshot_restore_py")  # nobody else can have registered any
    try:
        before = hooks.get_before_snapshot() if hooks else []
        while before:  # the last one first, those that a hook has registered included
            function, positional, named = before.pop()
            function(*positional, **named)
    except Exception as raised:
        give_up(api, sink, raised, "init/error", "Runtime.BeforeSnapshotError", 64)
    settle()
    api.rest()
    renew()
    try:
        for function, positional, named in hooks.get_after_restore() if hooks else ():
            function(*positional, **named)
    except Exception as raised:
        give_up(api, sink, raised, "restore/error", "Runtime.AfterRestoreError", 65)


def give_up(api, sink, raised, path, kind, status):
    error = error_from(raised)
    flush()
    log_error(sink, error)
    api.post(path, as_bytes(to_json(error)), error_headers({"errorType": kind}))
    flush()
    os._exit(status)  # at once: what runs at a normal exit was not made for a process that rests


def settle():
    """Leaves garbage out of the snapshot, and what stays in pages that later collections do not write to."""
    import gc

    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    flush()


def renew():
    """What copies of one process must not share and the interpreter would not renew by itself."""
    for name, call in (
        ("random", lambda module: module.seed()),
        ("_ssl", lambda module: module.RAND_add(os.urandom(64), 64.0)),
        ("tempfile", lambda module: setattr(module, "_name_sequence", None)),
        ("uuid", lambda module: setattr(module, "_last_timestamp", None)),
    ):
        try:
            if name in sys.modules:
                call(sys.modules[name])
        except Exception:
            pass  # a module of the function's own by that name


def invoke(function, headers, body, sink, ascii_only):
    """Returns the answer's bytes and content type. Raises what the function raised, or a `Fault`."""
    context = LambdaContext(headers, sink)
    event = body
    if headers.get("content-type", "application/json").startswith("application/json"):
        try:
            event = from_json(body)
        except Exception as error:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
    result = function(event, context)
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return to_json(result, ascii_only).encode("utf-8"), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # the function has replaced or closed it; that is its own affair


def escapes_non_ascii():
    """Runtimes before 3.12 escape every non-ASCII character in their answers."""
    name = os.environ.get("AWS_EXECUTION_ENV", "")
    version = name.rpartition("python3.")[2] if "python3." in name else str(sys.version_info[1])
    return version.isdigit() and int(version) < 12


def serve(api, function, sink):
    ascii_only = escapes_non_ascii()
    while True:
        headers, body = api.next()
        request_id = Current.request_id = headers.get("lambda-runtime-aws-request-id")
        Current.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        trace_id = headers.get("lambda-runtime-trace-id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        path = "invocation/%s/" % request_id
        try:
            answer, kind = invoke(function, headers, body, sink, ascii_only)
            path, extra = path + "response", "Content-Type: %s\r\n" % kind
        except Exception as raised:
            error = error_from(raised, request_id)
            flush()
            log_error(sink, error)
            answer = as_bytes(to_json(error))
            path, extra = path + "error", error_headers(error)
        flush()
        api.post(path, answer, extra)
        headers = body = answer = None  # a large event must not outlive its invocation


def main():
    sink, claim_fd, compiled = prepare()
    api = connect_early() if claim_fd else None
    handler = wait_for_claim(int(claim_fd)) if claim_fd else None
    task = search_path(claimed=bool(claim_fd))
    sys.meta_path.append(ModulesOfTheRuntime)
    compiled = os.environ.pop("MARTLET_COMPILED", None) or compiled  # a claim names its own
    if compiled and not sys.flags.optimize:
        use_compiled(task, compiled.split(":"))
    if os.path.isdir(task):
        os.chdir(task)
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    if api is None or api.address != address:
        api = RuntimeAPI(address)
    function = initialise(api, handler or os.environ.get("_HANDLER", ""), sink)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        snapshot(api, sink)
    serve(api, function, sink)


if __name__ == "__main__":
    main()
