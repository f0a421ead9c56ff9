"""`istioctl validate`: what istiod would say of objects in files, without a cluster.

Istio's own kinds are checked, by their fields and by istiod's rules; all others are valid. Names of
Services' ports and labels of Deployments are not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from sandbox.istio.ctl.analysis_files import EXTENSIONS
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object
from sandbox.istio.fields import load_schemas
from sandbox.istio.istioctl_errors import CtlError
from sandbox.istio.validation.webhook import validate_object

_NO_FILES = (
    "error: you must specify resources by --filename.\nExample resource specifications include:\n"
    "   '-f rsrc.yaml'\n   '--filename=rsrc.json'"
)
_OPEN = "x-kubernetes-preserve-unknown-fields"
_UNPLAYED = "the sandbox "
"""How warnings begin that the sandbox alone gives."""


@dataclass
class _Result:
    """What is wrong in one file, and what is only worth a warning."""

    name: str
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def validate_files(run: IstioctlInvocation) -> int:
    """Print which files are valid; raise CtlError with everything that is wrong in the others."""
    if not run["filename"]:
        raise CtlError(_NO_FILES)
    results = [_validate_file(run, name) for given in run["filename"] for name in _expand(given)]
    errors = [each for result in results for each in result.errors]
    for result in results:
        if result.warnings or not errors:
            _print_result(run, result)
    if not errors:
        return 0
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    listed = "".join(f"\t* {each}\n" for each in errors)
    raise CtlError(f"{count} occurred:\n{listed}\n")


def _print_result(run: IstioctlInvocation, result: _Result) -> None:
    listed = "".join(f"\n\t* {each}" for each in result.warnings)
    if result.name == "-":
        run.write_err(listed if listed else "validation succeed")
    elif listed:
        run.write_err(f"{json.dumps(result.name)} has warnings: {listed}\n")
    else:
        run.write_err(f"{json.dumps(result.name)} is valid")


def _expand(name: str) -> Iterator[str]:
    path = Path(name)
    if name == "-" or not path.is_dir():
        yield name
        return
    for each in sorted(path.rglob("*")):
        if each.suffix in EXTENSIONS and each.is_file():
            yield str(each)


def _validate_file(run: IstioctlInvocation, name: str) -> _Result:
    result = _Result(name)
    try:
        text = run.streams.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        documents = list(yaml.safe_load_all(text))
    except FileNotFoundError:
        quoted = json.dumps(name)
        result.errors = [f"cannot stat file {quoted}: stat {name}: no such file or directory"]
        return result
    except (OSError, ValueError, yaml.YAMLError) as error:
        result.errors = [f"failed to decode file {name}: {' '.join(str(error).split())}"]
        return result
    for found in documents:
        items = found.get("items", [found]) if isinstance(found, dict) else []
        for item in items:
            if isinstance(item, dict):
                _validate_item(run, item, result)
    return result


def _validate_item(run: IstioctlInvocation, obj: Object, result: _Result) -> None:
    meta, kind = obj.get("metadata") or {}, str(obj.get("kind", ""))
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    if not group.endswith(".istio.io"):
        return
    place = f"{kind}/{meta.get('namespace', '')}/{meta.get('name', '')}"
    schema = load_schemas(run.release.charts.fields).get(f"{kind}.{group}")
    unknown = next(
        _find_unknown_fields(obj.get("spec") or {}, schema, "") if schema else iter(()), ""
    )
    if unknown:
        result.errors.append(f"{place}: cannot parse proto message: {unknown}")
        return
    checked = validate_object(obj, run.release.version)
    if checked.error:
        result.errors.append(f"{place}: {checked.error}")
    told = (each for each in checked.warnings if not each.startswith(_UNPLAYED))
    result.warnings += [f"{place}: {each}" for each in told]


def _find_unknown_fields(value: object, schema: Object, path: str) -> Iterator[str]:
    """Yield complaints about fields that the schema lacks; the real ones name the message instead
    of the place.
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find_unknown_fields(item, schema.get("items") or {}, f"{path}[{index}]")
    elif isinstance(value, dict):
        known, extra = schema.get("properties"), schema.get("additionalProperties")
        for name, below in value.items():
            place = f"{path}.{name}" if path else str(name)
            if known and name in known:
                yield from _find_unknown_fields(below, known[name], place)
            elif isinstance(extra, dict):
                yield from _find_unknown_fields(below, extra, place)
            elif known and not schema.get(_OPEN):
                yield f'unknown field "{name}"' + (f" in {path}" if path else "")
