"""Which settings the live installation was made with. istioctl remembers nothing: an upgrade that does not repeat them
loses them, the workshop's tracing among them (Istio 1.23 and 1.30). They are read from what the settings became."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from bot.errors import IstioError
from bot.kinds import CONFIG_MAP, DEPLOYMENT, Object
from bot.knowledge.installation import SETTING
from bot.knowledge.room import quantity
from bot.knowledge.workloads import name
from bot.ports import Mesh
from bot.steps import Context

WHOLE = "original-values"
"""Key of ConfigMap `values` under which the installer keeps the values it was given (from Istio 1.24)."""
NOT_REPEATED = ("global.hub", "global.tag", "global.istioNamespace", "profile")
"""Values that belong to the release or the profile."""

RESOURCES = "pilot.resources"
UNKNOWN = re.compile(r'unknown field "(\w+)" in [\w.]*?(\w+)$', re.MULTILINE)
"""How istioctl refuses a setting: the field, and the schema's message that has none of that name."""


@dataclass(frozen=True)
class Settings:
    """`sets` as `--set` takes them; `lost` are names of settings that cannot be typed so (lists, texts with blanks)."""

    sets: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


async def live(context: Context, rendered: Sequence[Object]) -> Settings:
    """What the live installation has beyond `rendered`, which is its profile with the workshop's settings."""
    namespace = context.workshop.mesh_namespace
    there = await context.cluster.find(CONFIG_MAP, namespace)
    istiod = await context.cluster.get(DEPLOYMENT, "istiod", namespace)
    found = values([*there, *([istiod] if istiod else [])])
    return beyond(found, values(rendered))


Arguments = Callable[[Sequence[str]], tuple[str, ...]]
"""Makes istioctl's arguments of settings."""


async def takeable(mesh: Mesh, sets: Sequence[str], arguments: Arguments) -> tuple[Settings, list[Object]]:
    """The settings without those that istioctl does not know as settings, and what it renders with the others.

    The installer keeps values of charts that its own schema refuses (the demo profile's `pilot.cni.resources` in
    1.32-alpha). Raises IstioError for other refusals.
    """
    kept, lost = list(sets), list[str]()
    while True:
        try:
            rendered = await mesh.render(arguments(kept))
        except IstioError as refusal:
            named = UNKNOWN.search(str(refusal))
            dropped = worst(kept, *named.groups()) if named else []
            if not dropped:
                raise
            kept = [setting for setting in kept if setting not in dropped]
            lost += [setting.partition("=")[0].removeprefix("values.") for setting in dropped]
        else:
            return Settings(tuple(kept), tuple(lost)), rendered


def worst(sets: Sequence[str], field: str, message: str) -> list[str]:
    """The settings with that field in their path, below whatever the schema's message is most likely called after."""
    paths = {setting: setting.partition("=")[0].split(".") for setting in sets}
    having = [setting for setting, path in paths.items() if field in path[1:]]
    near = [s for s in having if paths[s][paths[s].index(field) - 1].lower() in message.lower()]
    return near or having


def values(objects: Iterable[Object]) -> dict[str, Any]:
    """The chart values that can be read from an installation's objects, by their path."""
    known = {(obj["kind"], name(obj)): obj for obj in objects}
    kept = (known.get(("ConfigMap", "values"), {}).get("data") or {}).get(WHOLE)
    injector = (known.get(("ConfigMap", "istio-sidecar-injector"), {}).get("data") or {}).get("values")
    mesh = (known.get(("ConfigMap", "istio"), {}).get("data") or {}).get("mesh")
    found = flat(json.loads(injector) if injector else {}, "")
    found |= flat(yaml.safe_load(mesh) if mesh else {}, "meshConfig")
    found |= pilot(known.get(("Deployment", "istiod")))
    return found | flat(json.loads(kept) if kept else {}, "")


def pilot(istiod: Object | None) -> dict[str, Any]:
    """istiod's own resources and environment."""
    container = istiod["spec"]["template"]["spec"]["containers"][0] if istiod else {}
    resources = flat(container.get("resources") or {}, RESOURCES)
    return resources | {f"pilot.env.{e['name']}": e["value"] for e in container.get("env") or [] if e.get("value")}


def flat(tree: Any, path: str) -> dict[str, Any]:
    """The leaves of a tree by their path; dots inside a key are escaped, as `--set` wants it."""
    if not isinstance(tree, dict):
        return {path: tree}
    found: dict[str, Any] = {}
    for key, value in tree.items():
        step = str(key).replace(".", "\\.")
        found |= flat(value, f"{path}.{step}" if path else step)
    return found


def beyond(found: dict[str, Any], rendered: dict[str, Any]) -> Settings:
    """The leaves of one installation that another one has not, or has with another value."""
    sets, lost = list[str](), list[str]()
    for path, value in found.items():
        if value is None or same(path, value, rendered.get(path)) or path.startswith(NOT_REPEATED):
            continue
        setting = f"values.{path}={spelled(value)}"
        if isinstance(value, list | dict) or not SETTING.fullmatch(setting):
            lost.append(path)
        else:
            sets.append(setting)
    return Settings(tuple(sets), tuple(lost))


def same(path: str, value: Any, other: Any) -> bool:
    """Whether two values mean the same: the API server writes 2048Mi as 2Gi."""
    if path.startswith(RESOURCES) and other is not None:
        return quantity(str(value)) == quantity(str(other))
    return bool(value == other)


def spelled(value: Any) -> str:
    """A value as `--set` takes it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
