# SPDX-License-Identifier: Apache-2.0
"""Compiles the Python files below a directory, without running any, and writes the code objects to standard output.

Runs in a sandbox of its own with the interpreter that will run the function: the files are foreign, and a compiler is
a large target. A frame a file: length of the path (2), length of the .pyc (4), path below the directory, .pyc; numbers
are big-endian. An empty path ends the stream. What cannot be compiled is left out: importing it says why.
"""

import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER

LARGEST_SOURCE = 4 << 20
# A hash-based .pyc that is never checked: the files below the directory do not change.
HEADER = MAGIC_NUMBER + b"\1\0\0\0" + bytes(8)


def compiled(path):
    if os.path.islink(path) or os.path.getsize(path) > LARGEST_SOURCE:
        return None
    with open(path, "rb") as file:
        source = file.read()
    return HEADER + marshal.dumps(compile(source, path, "exec", dont_inherit=True))


def files(root, skipped):
    for directory, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in skipped)
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.join(directory, name)


def main(root, *skipped):
    output = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)  # a warning must not get between the frames
    with open(output, "wb", 1 << 16) as stream:
        for path in files(root, ("__pycache__",) + skipped):
            try:
                data = compiled(path)
                name = os.fsencode(os.path.relpath(path, root))
            except Exception:
                continue
            if data:
                stream.write(len(name).to_bytes(2, "big") + len(data).to_bytes(4, "big") + name + data)
        stream.write(bytes(6))


if __name__ == "__main__":
    main(*sys.argv[1:])
