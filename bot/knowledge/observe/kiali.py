"""Asking Kiali, version 1.87 (with Istio 1.23) and 2.26 (with Istio 1.30): what it thinks of itself and of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.kinds import DEPLOYMENT, Kind
from bot.knowledge.kiali import Console
from bot.knowledge.observe.asking import get_json
from bot.knowledge.workloads import image_tag
from bot.steps import Context

SERVICE, PORT = "kiali", 20001
LAG = 70.0
"""Seconds after which Kiali 2's list of validations has surely been computed anew (measured: more than 30)."""


@dataclass(frozen=True)
class Component:
    """A part of the mesh or an add-on; `status` is `Healthy`, `Unhealthy`, `Unreachable`, `NotReady` or `NotFound`."""

    name: str
    status: str
    core: bool


@dataclass(frozen=True)
class Check:
    """What Kiali finds wrong with an object: `severity` is `error`, `warning` or `unknown`."""

    code: str
    message: str
    severity: str
    path: str


async def version(context: Context) -> str:
    """Kiali's version by its image, such as `v2.26`; "" when there is no Kiali."""
    deployment = await context.cluster.get(DEPLOYMENT, "kiali", context.workshop.mesh_namespace)
    return image_tag(deployment) if deployment else ""


async def api(context: Context, path: str, **query: str) -> Any:
    """What `/kiali/api` answers at a path. Raises ClusterError with Kiali's own words."""
    return await get_json(context, SERVICE, PORT, f"/kiali/api{path}", query)


async def own_version(context: Context) -> str:
    """The version that the running Kiali states."""
    return str((await api(context, "/status"))["status"].get("Kiali version", ""))


async def components(context: Context) -> list[Component]:
    """istiod and the add-ons as Kiali reaches them; an add-on that is switched off is not among them."""
    said = await api(context, "/istio/status")
    return [Component(c["name"], c["status"], bool(c.get("isCore", c.get("is_core")))) for c in said]


async def object_checks(context: Context, kind: Kind, namespace: str, name: str) -> list[Check]:
    """What is wrong with one Istio or Gateway API object; computed on the spot in both versions. NotFound."""
    modern = Console("", await version(context)).modern
    if modern:
        place = f"{kind.group}/{kind.version}/{kind.kind}"
    else:
        place = f"k8s{kind.plural}" if kind.group == "gateway.networking.k8s.io" else kind.plural
    said = await api(context, f"/namespaces/{quote(namespace)}/istio/{place}/{quote(name)}", validate="true")
    return checks(said.get("validation"))


async def namespace_checks(context: Context, namespace: str) -> dict[tuple[str, str], list[Check]]:
    """What is wrong with a namespace's objects, under (kind in lower case, name); Kiali 2 may lag by `LAG`.

    Kinds of the Gateway API have `k8s` before them, e.g. `k8sgateway`, as Kiali 1.87 writes them.
    """
    said = await api(context, f"/namespaces/{quote(namespace)}/istio", validate="true")
    found = {}
    for type_, objects in (said.get("validations") or {}).items():
        prefix = "k8s" if type_.startswith("gateway.networking.k8s.io/") else ""
        kind = prefix + type_.rpartition("Kind=")[2].lower()
        for key, validation in objects.items():
            if listed := checks(validation):
                found[kind, key.removesuffix(f".{namespace}")] = listed
    return found


def checks(validation: Any) -> list[Check]:
    """The checks of one validation; none when Kiali says nothing of the object."""
    listed = (validation or {}).get("checks") or []
    return [Check(c.get("code", ""), c.get("message", ""), c.get("severity", ""), c.get("path", "")) for c in listed]
