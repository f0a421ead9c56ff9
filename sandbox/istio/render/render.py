"""Rendering as `istioctl` does it: from `--set`, `-f`, `--revision` to the objects."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.istio.components.ambient import render_cni, render_ztunnel
from sandbox.istio.components.base import render_base
from sandbox.istio.components.common import InstallSettings, Manifest, get_nested
from sandbox.istio.components.gateways import render_egress_gateways, render_ingress_gateways
from sandbox.istio.components.pilot import render_pilot
from sandbox.istio.istioctl_errors import SettingsError
from sandbox.istio.profiles import build_chart_values, build_profile_spec
from sandbox.istio.render.chart_values import merge_values, set_path
from sandbox.istio.render.schema import COMPONENT_FIELDS, SPEC_FIELDS, find_unknown_field
from sandbox.releases.release import IstioRelease

_RENDERERS = {
    "Base": render_base,
    "Pilot": render_pilot,
    "Cni": render_cni,
    "Ztunnel": render_ztunnel,
    "IngressGateways": render_ingress_gateways,
    "EgressGateways": render_egress_gateways,
}
COMPONENTS = tuple(_RENDERERS)
"""The components' names, as their objects are labelled."""

_SWITCHES = {"Base": "base", "Pilot": "pilot", "Cni": "cni", "Ztunnel": "ztunnel"}


def merge_settings(
    release: IstioRelease,
    *,
    files: Iterable[str] = (),
    sets: Iterable[str] = (),
    manifests: str = "",
) -> InstallSettings:
    """Merge the settings; later inputs win: profile, files in order, then `--set` in order.

    Raises SettingsError.
    """
    asked = _merge_inputs(list(files), list(sets))
    spec: dict[str, Any] = asked.get("spec") or {}
    profile = str(spec.get("profile") or "default")
    found = _load_profile(release, profile, manifests or str(spec.get("installPackagePath", "")))
    _check_spec_fields(release, spec)
    whole = merge_values(found, spec)
    values = merge_values(whole.get("values", {}), _translate_to_values(whole, spec))
    asked_values = spec.get("values") or {}
    values = merge_values(values, asked_values)
    bad = find_unknown_field(values)
    if bad:
        raise SettingsError(
            release.istioctl.words.unknown_field.format(field=bad[0], message=bad[1])
        )
    full = merge_values(
        build_chart_values(
            release,
            str(values.get("profile", "")),
            str(get_nested(values, "global.platform") or ""),
        ),
        values,
    )
    full["revision"] = get_nested(whole, "revision") or full.get("revision", "")
    return InstallSettings(
        release, {**whole, "profile": profile, "values": full, "original": values}
    )


def _merge_inputs(files: list[str], sets: list[str]) -> dict[str, Any]:
    asked: dict[str, Any] = {"spec": {}}
    for position, name in enumerate(files):
        if name == "-" and position != len(files) - 1:
            raise SettingsError("merge inputs: stdin is only allowed as the last filename")
        asked = merge_values(asked, _read_operator_file(name))
    spec = asked.get("spec") or {}
    for setting in sets:
        set_path(spec, setting)
    return {**asked, "spec": spec}


def _read_operator_file(name: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name.strip()).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"merge inputs: open {name}: {(error.strerror or str(error)).lower()}"
        ) from error
    try:
        found = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        problem = getattr(error, "problem", None) or "did not find expected node content"
        reason = f"error converting YAML to JSON: yaml: line {line}: {problem}"
        raise SettingsError(f"merge inputs: unable to parse file: {reason}") from error
    if len(found) > 1:
        raise SettingsError(
            "merge inputs: contains multiple IstioOperator CRs, only one per file is supported"
        )
    if found and not isinstance(found[0], dict):
        raise SettingsError(
            "merge inputs: unable to parse file: json: cannot unmarshal string into a map"
        )
    return {key: value for key, value in (found[0] if found else {}).items() if value is not None}


def _load_profile(release: IstioRelease, name: str, manifests: str) -> dict[str, Any]:
    found = build_profile_spec(release, name)
    if manifests:
        path = Path(manifests) / "profiles" / f"{name}.yaml"
        found = found if path.is_file() else None
    if found is None:
        raise SettingsError(release.istioctl.words.bad_profile.format(profile=name))
    return found


def _check_spec_fields(release: IstioRelease, spec: Mapping[str, Any]) -> None:
    names = [*(set(spec) - SPEC_FIELDS), *(set(spec.get("components") or {}) - COMPONENT_FIELDS)]
    if not names:
        return
    if release.charts.chart_labels:
        raise SettingsError(f'could not unmarshal: json: unknown field "{sorted(names)[0]}"')
    raise SettingsError(
        release.istioctl.words.unknown_field.format(
            field=sorted(names)[0], message="IstioOperatorSpec"
        )
    )


def _translate_to_values(whole: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Translate top-level settings to the names that the charts use."""
    made: dict[str, Any] = {"global": {"hub": whole["hub"], "tag": str(whole["tag"])}}
    if spec.get("meshConfig"):
        made["meshConfig"] = spec["meshConfig"]
    if spec.get("namespace"):
        made["global"]["istioNamespace"] = spec["namespace"]
    made["pilot"] = {
        "enabled": bool(get_nested(whole, "components.pilot.enabled")),
        "cni": {"enabled": bool(get_nested(whole, "components.cni.enabled"))},
    }
    return made


def render_components(chosen: InstallSettings) -> dict[str, list[Manifest]]:
    """Return the objects of each enabled component, in the order they are applied."""
    made = {name: build(chosen) for name, build in _RENDERERS.items() if _is_enabled(chosen, name)}
    return {name: objects for name, objects in made.items() if objects}


def _is_enabled(chosen: InstallSettings, component: str) -> bool:
    switch = _SWITCHES.get(component)
    return switch is None or bool(get_nested(chosen.spec, f"components.{switch}.enabled", False))
