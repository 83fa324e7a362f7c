# SPDX-License-Identifier: Apache-2.0
"""Packages of this environment, unchanged, as the files of a zip: what `pip install --target` would have put there."""

import importlib.util
import os

#: The service models that functions of the tests use; all of them would be larger than a function may be.
MODELS = ("sts", "lambda", "logs", "sqs")


def files_of(*modules, under=""):
    """The files of importable `modules`, by their path in the zip."""
    found = {}
    for module in modules:
        spec = importlib.util.find_spec(module)
        if spec.submodule_search_locations:
            folder = spec.submodule_search_locations[0]
            found.update(_files_below(folder, os.path.dirname(folder), under))
        else:
            found[os.path.join(under, os.path.basename(spec.origin))] = _content(spec.origin)
    return found


def boto3_files(under=""):
    return files_of("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", under=under)


def runtime_client_files():
    return files_of("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


def powertools_files(under=""):
    return files_of("aws_lambda_powertools", "typing_extensions", "jmespath", "aws_xray_sdk", "wrapt", "botocore", "dateutil", "urllib3", "six", under=under)


def requests_files(under=""):
    return files_of("requests", "urllib3", "idna", "certifi", "charset_normalizer", under=under)


def numpy_files(under=""):
    """Without its own tests; the libraries that its wheel brings lie beside it."""
    found = files_of("numpy", under=under)
    site = os.path.dirname(os.path.dirname(importlib.util.find_spec("numpy").origin))
    found.update(_files_below(os.path.join(site, "numpy.libs"), site, under))
    return {path: content for path, content in found.items() if "/tests/" not in path}


def _files_below(folder, base, under):
    found = {}
    for directory, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and _is_wanted(os.path.join(directory, name))]
        for name in names:
            path = os.path.join(directory, name)
            found[os.path.join(under, os.path.relpath(path, base))] = _content(path)
    return found


def _is_wanted(folder):
    parent, name = os.path.split(folder)
    return not parent.endswith("botocore/data") or name in MODELS


def _content(path):
    with open(path, "rb") as file:
        return file.read()
