"""The settings with which the live installation was made, read from the installed objects.

istioctl remembers nothing: an upgrade that does not repeat them loses them, the workshop's tracing
among them (Istio 1.23 and 1.30).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import IstioError
from bot.kinds import CONFIG_MAP, DEPLOYMENT, Object
from bot.knowledge.istio.installation import SETTING
from bot.knowledge.objects.capacity import parse_quantity
from bot.knowledge.objects.workloads import get_name
from bot.ports import Mesh
from bot.steps import Context
from bot.yaml_text import read_yaml

ORIGINAL_VALUES = "original-values"
"""Key of ConfigMap `values` under which the installer keeps the values it was given (from Istio
1.24)."""
NOT_REPEATED = ("global.hub", "global.tag", "global.istioNamespace", "profile")
"""Values that belong to the release or the profile."""

RESOURCES = "pilot.resources"
UNKNOWN_FIELD = re.compile(r'unknown field "(\w+)" in [\w.]*?(\w+)$', re.MULTILINE)
"""How istioctl refuses a setting: the field, and the schema's message that has none of that name.
"""


@dataclass(frozen=True)
class InstalledSettings:
    """`sets` as `--set` takes them; `lost` are names of settings that cannot be typed so (lists,
    texts with blanks)."""

    sets: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


async def read_live_settings(context: Context, rendered: Sequence[Object]) -> InstalledSettings:
    """Return what the live installation has beyond `rendered`, its profile with the workshop's
    settings.
    """
    namespace = context.workshop.mesh_namespace
    there = await context.cluster.find(CONFIG_MAP, namespace)
    istiod = await context.cluster.get(DEPLOYMENT, "istiod", namespace)
    found = extract_values([*there, *([istiod] if istiod else [])])
    return find_extra_settings(found, extract_values(rendered))


Arguments = Callable[[Sequence[str]], tuple[str, ...]]
"""Makes istioctl's arguments of settings."""


async def drop_unknown_settings(
    mesh: Mesh, sets: Sequence[str], arguments: Arguments
) -> tuple[InstalledSettings, list[Object]]:
    """Return the settings without those that istioctl refuses as unknown, and what it renders
    with the others.

    The installer keeps values of charts that its own schema refuses (the demo profile's
    `pilot.cni.resources` in 1.32-alpha). Raises IstioError for other refusals.
    """
    kept, lost = list(sets), list[str]()
    while True:
        try:
            rendered = await mesh.render(arguments(kept))
        except IstioError as refusal:
            named = UNKNOWN_FIELD.search(str(refusal))
            dropped = select_refused_settings(kept, *named.groups()) if named else []
            if not dropped:
                raise
            kept = [setting for setting in kept if setting not in dropped]
            lost += [setting.partition("=")[0].removeprefix("values.") for setting in dropped]
        else:
            return InstalledSettings(tuple(kept), tuple(lost)), rendered


def select_refused_settings(sets: Sequence[str], field: str, message: str) -> list[str]:
    """Return the settings that most likely caused a refusal: those with that field below the
    schema's message.
    """
    paths = {setting: setting.partition("=")[0].split(".") for setting in sets}
    having = [setting for setting, path in paths.items() if field in path[1:]]
    near = [s for s in having if paths[s][paths[s].index(field) - 1].lower() in message.lower()]
    return near or having


def extract_values(objects: Iterable[Object]) -> dict[str, Any]:
    """Return the chart values that can be read from an installation's objects, by their path."""
    known = {(obj["kind"], get_name(obj)): obj for obj in objects}
    kept = (known.get(("ConfigMap", "values"), {}).get("data") or {}).get(ORIGINAL_VALUES)
    injector = (known.get(("ConfigMap", "istio-sidecar-injector"), {}).get("data") or {}).get(
        "values"
    )
    mesh = (known.get(("ConfigMap", "istio"), {}).get("data") or {}).get("mesh")
    found = flatten(json.loads(injector) if injector else {}, "")
    found |= flatten(read_yaml(mesh) if mesh else {}, "meshConfig")
    found |= extract_istiod_values(known.get(("Deployment", "istiod")))
    return found | flatten(json.loads(kept) if kept else {}, "")


def extract_istiod_values(istiod: Object | None) -> dict[str, Any]:
    """Return istiod's own resources and environment, by their path."""
    container = istiod["spec"]["template"]["spec"]["containers"][0] if istiod else {}
    resources = flatten(container.get("resources") or {}, RESOURCES)
    return resources | {
        f"pilot.env.{e['name']}": e["value"] for e in container.get("env") or [] if e.get("value")
    }


def flatten(tree: Any, path: str) -> dict[str, Any]:
    """Return the leaves of a tree by their path; dots inside a key are escaped, as `--set`
    requires.
    """
    if not isinstance(tree, dict):
        return {path: tree}
    found: dict[str, Any] = {}
    for key, value in tree.items():
        step = str(key).replace(".", "\\.")
        found |= flatten(value, f"{path}.{step}" if path else step)
    return found


def find_extra_settings(found: dict[str, Any], rendered: dict[str, Any]) -> InstalledSettings:
    """Return the leaves of one installation that the other has not, or has with another value."""
    sets, lost = list[str](), list[str]()
    for path, value in found.items():
        if (
            value is None
            or is_same_value(path, value, rendered.get(path))
            or path.startswith(NOT_REPEATED)
        ):
            continue
        setting = f"values.{path}={format_value(value)}"
        if isinstance(value, list | dict) or not SETTING.fullmatch(setting):
            lost.append(path)
        else:
            sets.append(setting)
    return InstalledSettings(tuple(sets), tuple(lost))


def is_same_value(path: str, value: Any, other: Any) -> bool:
    """Tell whether two values mean the same: the API server writes 2048Mi as 2Gi."""
    if path.startswith(RESOURCES) and other is not None:
        return parse_quantity(str(value)) == parse_quantity(str(other))
    return bool(value == other)


def format_value(value: Any) -> str:
    """Return a value as `--set` takes it."""
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
