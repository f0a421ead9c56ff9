"""YAML from outside, read by libyaml: as by PyYAML's own parser, and some ten times as fast. The
mesh's settings are read again at every look.
"""

from __future__ import annotations

from typing import Any

import yaml


def read_yaml(text: str | bytes) -> Any:
    """Return the value of a document; raises yaml.YAMLError."""
    return yaml.load(text, yaml.CSafeLoader)


def read_yaml_documents(text: str | bytes) -> list[Any]:
    """Return the values of all documents of a text; raises yaml.YAMLError."""
    return list(yaml.load_all(text, yaml.CSafeLoader))
