"""The fields of custom resources, a file for each release of Istio and of the Gateway API.

`scripts/fields.py` writes them from a release's CRDs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox.istio.fields.notation import build_schema
from sandbox.yaml_text import read_yaml


@lru_cache
def load_schemas(name: str) -> Mapping[str, dict[str, Any]]:
    """Return the schemas of `spec` that a file `NAME.yaml` holds, by `Kind.group`; none for ""."""
    if not name:
        return {}
    text = (Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8")
    fields = read_yaml(text)
    return {kind: build_schema(spec) for kind, spec in fields.items()}
