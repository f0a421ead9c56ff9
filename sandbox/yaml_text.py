"""YAML, read and written by libyaml: the same as by PyYAML's own parser and emitter, and some ten
times as fast. A release's charts and samples are hundreds of kilobytes, written at each start.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

UNBROKEN = 2**31 - 1
"""A width at which no line is broken, as Go's YAML breaks none; libyaml takes a C int."""


class _PlainDumper(yaml.CSafeDumper):
    """A dumper without anchors and aliases, so that the files are easy to read."""

    def ignore_aliases(self, data: object) -> bool:
        """Write a value that occurs twice in full each time."""
        return True


def read_yaml(text: str | bytes) -> Any:
    """Return the value of a document; raises yaml.YAMLError."""
    return yaml.load(text, yaml.CSafeLoader)


def write_yaml_documents(values: Iterable[Any]) -> str:
    """Return each value as a document that begins with `---`, its keys in their order."""
    written: str = yaml.dump_all(values, Dumper=_PlainDumper, sort_keys=False, explicit_start=True)
    return written
