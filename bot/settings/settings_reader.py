"""Reading of the settings from a YAML file and the environment.

All mistakes are reported at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from bot.errors import SettingsError
from bot.settings.groups import DELIMITER, PREFIX, Settings
from bot.settings.showing import CONVENTIONAL, format_variable_name, list_settings

CONFIG = "MESHBOT_CONFIG"
"""The environment variable that names the settings file."""

FOREIGN = re.compile(r"MESHBOT_(CONFIG$|TEST_|SERVICE_(HOST|PORT)|PORT($|_))")
"""Names with the prefix that are no settings. Kubernetes gives every pod variables for each Service
of its namespace, and one called `meshbot` makes MESHBOT_SERVICE_HOST, MESHBOT_PORT_3000_TCP and the
like."""


def load_settings(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings from a file and the environment.

    Raises SettingsError that names every wrong setting at once. The file is `config`, else
    the one that MESHBOT_CONFIG names, else meshbot.yaml in the working directory if it is
    there.
    """
    named = config or (Path(environ[CONFIG]) if environ.get(CONFIG) else None)
    default = Path("meshbot.yaml")
    path = named or (default if default.is_file() else None)
    faults = [
        _describe_unknown(name.lower().removeprefix(PREFIX.lower()), name)
        for name in _list_unknown_variables(environ)
    ]
    values = _apply_in_cluster_default(
        _merge_groups(_read_file(path) if path else {}, _read_environment(environ)), environ
    )
    try:
        settings = Settings.model_validate(values)
    except ValidationError as problem:
        faults += [
            _describe_fault(error, environ)
            for error in problem.errors(
                include_url=False, include_context=False, include_input=False
            )
        ]
    if faults:
        raise SettingsError(
            "\n".join(["The settings cannot be used:", *(f"  {fault}" for fault in faults)])
        )
    return settings


def _list_unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return variables that look like ours and are none."""
    return [
        name
        for name, value in sorted(environ.items())
        if name.startswith(PREFIX) and value and not FOREIGN.match(name)
        if name.removeprefix(PREFIX).split(DELIMITER)[0].lower() not in Settings.model_fields
    ]


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    source = EnvSettingsSource(Settings)
    source.env_vars = {
        name.lower(): value for name, value in environ.items() if name.startswith(PREFIX) and value
    }
    conventional = {
        setting.rpartition(".")[2]: environ[name]
        for setting, name in CONVENTIONAL.items()
        if environ.get(name)
    }
    return _merge_groups({"slack": conventional}, source())


def _read_file(path: Path) -> dict[str, Any]:
    """Return the file's groups; an empty group is an empty mapping."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise SettingsError(
            f"The settings file {path} cannot be read: {problem.strerror}"
        ) from problem
    except UnicodeDecodeError:
        raise SettingsError(f"The settings file {path} is not UTF-8 text.") from None
    except yaml.YAMLError as problem:
        # The parser quotes the line, which may hold a token.
        mark = getattr(problem, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "an unknown place"
        raise SettingsError(
            f"The settings file {path} is not YAML: the fault is at {where}."
        ) from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise SettingsError(
            f"The settings file {path} should be a mapping of groups such as slack and cluster."
        )
    return {name: {} if value is None else value for name, value in content.items()}


def _merge_groups(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return both, and `above` where they disagree; groups are merged by their members.

    A value that is no group where `above` has one stays, so that it is refused and not
    hidden.
    """
    both = {**below, **above}
    for name, members in above.items():
        if isinstance(members, dict) and name in below:
            lower = below[name]
            both[name] = {**lower, **members} if isinstance(lower, dict) else lower
    return both


def _apply_in_cluster_default(values: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Choose the service account inside a pod, unless a kubeconfig is named."""
    inside = bool(environ.get("KUBERNETES_SERVICE_HOST")) and not environ.get("KUBECONFIG")
    group = values.get("cluster", {})
    if not inside or not isinstance(group, dict) or group.get("kubeconfig"):
        return values
    return _merge_groups({"cluster": {"in_cluster": True}}, values)


def _describe_fault(error: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Describe one of pydantic's errors, without the value: it may be a misplaced secret."""
    names = tuple(part for part in error["loc"] if isinstance(part, str))
    own = PREFIX + DELIMITER.join(names).upper()
    variable = own if environ.get(own) else format_variable_name(names)
    entry = next((f" entry {part + 1}" for part in error["loc"] if isinstance(part, int)), "")
    if error["type"] == "extra_forbidden":
        return _describe_unknown(".".join(names), format_variable_name(names))
    if error["type"] in {"model_type", "model_attributes_type"}:
        members = f"{format_variable_name(names)}{DELIMITER}…"
        return f"{names[0]}: is a group of settings, not one; its members are set as {members}"
    if error["type"] == "path_type":
        return f"{'.'.join(names)}: should be a path (set {variable})"
    if error["type"] == "missing":
        return f"{'.'.join(names)}: is not set (set {variable})"
    words = (
        error["msg"]
        .removeprefix("Value error, ")
        .replace("Input should", "should")
        .partition(", unable")[0]
    )
    return f"{'.'.join(names)}{entry}: {words} (set {variable})"


def _describe_unknown(name: str, given: str) -> str:
    known = [setting.name for setting in list_settings()]
    near = difflib.get_close_matches(name.replace(DELIMITER, "."), known, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]} ({format_variable_name(near[0].split('.'))})?" if near else ""
    return f"{name.replace(DELIMITER, '.')}: there is no such setting ({given}){hint}"
