"""Recorded runs as they were written down, one text file for each command, in the terms of the
tables: the command, exit code, both streams, and the objects that came, changed and went."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.contract.recordings.recorded import Recording, Row, build_recording, fold_ship

_HEAD = re.compile(r"exit (\d+)   \(")
_PART = re.compile(r"--- (stdout|stderr|objects)\b")
_CHANGE = re.compile(r"([+~-] .*?)\s*(\{.*\})?$")
_MISNAMED = {"EndpointSlice istio-system/jaeger-…": "EndpointSlice istio-system/jaeger-collector-…"}
"""Whoever wrote it down took the end of `jaeger-collector-abcde` for generated; the tables have it
right."""
_ELSEWHERE = ("$ISTIO_HOME/gateway-api/standard", "$GATEWAY_API_CRDS")
"""Where the Gateway API's CRDs lay for one of the runs, and what the tables call it."""
_GENERATED = ("controller-revision-hash", "kubectl.kubernetes.io/restartedAt", "pod-template-hash")


def read_texts(directory: Path) -> list[Row]:
    """Return the rows of a table, from all files of a release's directory in their order."""
    return [_read_text(path) for path in sorted(directory.glob("[0-9][0-9]-*.txt"))]


def recording_of_texts(directory: Path) -> Recording:
    """The recorded run of the release that the directory is named after."""
    return build_recording(directory.name, read_texts(directory), {})


def _read_text(path: Path) -> Row:
    lines = path.read_text(encoding="utf-8").split("\n")
    end = next(number for number, text in enumerate(lines) if _HEAD.match(text))
    found = _HEAD.match(lines[end])
    parts: dict[str, list[str]] = {}
    here: list[str] = []
    for text in lines[end + 1 :]:
        part = _PART.match(text)
        if part:
            here = parts.setdefault(part[1], [])
        else:
            here.append(text)
    return {
        "step": path.name[:2],
        "name": lines[0].removeprefix("# "),
        "run": "\n".join(lines[1:end]).removeprefix("$ ").replace(*_ELSEWHERE),
        "exit": int(found[1]) if found else 0,
        **{name: fold_ship(parts[name]) for name in ("stdout", "stderr") if name in parts},
        "objects": [_read_change(text) for text in parts.get("objects", ()) if text.strip()],
    }


def _read_change(text: str) -> Any:
    found = _CHANGE.match(text)
    if found is None:
        raise ValueError(f"not a change: {text}")
    name = re.sub(r"  ×", " ×", found[1].strip())
    for wrong, right in _MISNAMED.items():
        name = name.replace(wrong, right)
    return [name, _tidy(json.loads(found[2]))] if found[2] else name


def _tidy(value: Any) -> Any:
    """Facets without what the set-up added to pods, and with what is generated as the tables have it."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if not k.startswith("realcluster.test/")}
        return {k: "…" if k in _GENERATED else _tidy(v) for k, v in kept.items()}
    return [_tidy(item) for item in value] if isinstance(value, list) else value
