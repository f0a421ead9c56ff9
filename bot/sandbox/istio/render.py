"""From what is asked for (`--set`, `-f`, `--revision`) to the objects of each component, as `istioctl` renders them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.sandbox.istio.catalog import Release
from bot.sandbox.istio.components.ambient import cni, ztunnel
from bot.sandbox.istio.components.base import base
from bot.sandbox.istio.components.common import Manifest, Settings, at
from bot.sandbox.istio.components.gateways import egress, ingress
from bot.sandbox.istio.components.pilot import pilot
from bot.sandbox.istio.errors import SettingsError
from bot.sandbox.istio.profiles import chart_values, profile_spec
from bot.sandbox.istio.render_schema import COMPONENT_FIELDS, SPEC_FIELDS, unknown_value
from bot.sandbox.istio.render_values import merged, put

_RENDERERS = {
    "Base": base,
    "Pilot": pilot,
    "Cni": cni,
    "Ztunnel": ztunnel,
    "IngressGateways": ingress,
    "EgressGateways": egress,
}
COMPONENTS = tuple(_RENDERERS)
"""The components' names, as their objects are labelled."""

_SWITCHES = {"Base": "base", "Pilot": "pilot", "Cni": "cni", "Ztunnel": "ztunnel"}


def settings(release: Release, *, files: Iterable[str] = (), sets: Iterable[str] = (), manifests: str = "") -> Settings:
    """The merged settings; later inputs win: profile, files in order, then `--set` in order. Raises SettingsError."""
    asked = _asked(list(files), list(sets))
    spec: dict[str, Any] = asked.get("spec") or {}
    profile = str(spec.get("profile") or "default")
    found = _profile(release, profile, manifests or str(spec.get("installPackagePath", "")))
    _check_spec(release, spec)
    whole = merged(found, spec)
    values = merged(whole.get("values", {}), _translated(whole, spec))
    asked_values = spec.get("values") or {}
    values = merged(values, asked_values)
    bad = unknown_value(values)
    if bad:
        raise SettingsError(release.words.unknown_field.format(field=bad[0], message=bad[1]))
    full = merged(
        chart_values(release, str(values.get("profile", "")), str(at(values, "global.platform") or "")), values
    )
    full["revision"] = at(whole, "revision") or full.get("revision", "")
    return Settings(release, {**whole, "profile": profile, "values": full, "original": values})


def _asked(files: list[str], sets: list[str]) -> dict[str, Any]:
    asked: dict[str, Any] = {"spec": {}}
    for position, name in enumerate(files):
        if name == "-" and position != len(files) - 1:
            raise SettingsError("merge inputs: stdin is only allowed as the last filename")
        asked = merged(asked, _read(name))
    spec = asked.get("spec") or {}
    for setting in sets:
        put(spec, setting)
    return {**asked, "spec": spec}


def _read(name: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name.strip()).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"merge inputs: open {name}: {(error.strerror or str(error)).lower()}") from error
    try:
        found = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        problem = getattr(error, "problem", None) or "did not find expected node content"
        reason = f"error converting YAML to JSON: yaml: line {line}: {problem}"
        raise SettingsError(f"merge inputs: unable to parse file: {reason}") from error
    if len(found) > 1:
        raise SettingsError("merge inputs: contains multiple IstioOperator CRs, only one per file is supported")
    if found and not isinstance(found[0], dict):
        raise SettingsError("merge inputs: unable to parse file: json: cannot unmarshal string into a map")
    return {key: value for key, value in (found[0] if found else {}).items() if value is not None}


def _profile(release: Release, name: str, manifests: str) -> dict[str, Any]:
    found = profile_spec(release, name)
    if manifests:
        path = Path(manifests) / "profiles" / f"{name}.yaml"
        found = found if path.is_file() else None
    if found is None:
        raise SettingsError(release.words.bad_profile.format(profile=name))
    return found


def _check_spec(release: Release, spec: Mapping[str, Any]) -> None:
    names = [*(set(spec) - SPEC_FIELDS), *(set(spec.get("components") or {}) - COMPONENT_FIELDS)]
    if not names:
        return
    if release.chart_labels:
        raise SettingsError(f'could not unmarshal: json: unknown field "{sorted(names)[0]}"')
    raise SettingsError(release.words.unknown_field.format(field=sorted(names)[0], message="IstioOperatorSpec"))


def _translated(whole: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Top-level settings that the charts know under another name."""
    made: dict[str, Any] = {"global": {"hub": whole["hub"], "tag": str(whole["tag"])}}
    if spec.get("meshConfig"):
        made["meshConfig"] = spec["meshConfig"]
    if spec.get("namespace"):
        made["global"]["istioNamespace"] = spec["namespace"]
    made["pilot"] = {
        "enabled": bool(at(whole, "components.pilot.enabled")),
        "cni": {"enabled": bool(at(whole, "components.cni.enabled"))},
    }
    return made


def render(chosen: Settings) -> dict[str, list[Manifest]]:
    """The objects of each enabled component, in the order they are applied; disabled ones are left out."""
    made = {name: build(chosen) for name, build in _RENDERERS.items() if _enabled(chosen, name)}
    return {name: objects for name, objects in made.items() if objects}


def _enabled(chosen: Settings, component: str) -> bool:
    switch = _SWITCHES.get(component)
    return switch is None or bool(at(chosen.spec, f"components.{switch}.enabled", False))
