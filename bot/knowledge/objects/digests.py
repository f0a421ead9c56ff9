"""Digests of values, by which a plan is found to have changed before it is confirmed."""

from __future__ import annotations

import hashlib


def compute_digest(value: object) -> str:
    """Return a short hash of a value's `repr`: 16 hexadecimal digits.

    Pass what prints the same in every process: tuples, dataclasses and Texts, but no sets, whose
    order differs from one process to the next.
    """
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
