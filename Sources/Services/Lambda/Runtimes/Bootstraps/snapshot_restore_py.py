# SPDX-License-Identifier: Apache-2.0
"""Hooks around the snapshot of a function with SnapStart, by the names that AWS's package of this name has.

Those for before the snapshot run in the reverse order of their registration, those for after a restore in its order.
"""

_before, _after = [], []


def register_before_snapshot(func, *args, **kwargs):
    """Also a decorator."""
    _before.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    """Also a decorator."""
    _after.append((func, args, kwargs))
    return func


def get_before_snapshot():
    return _before


def get_after_restore():
    return _after
