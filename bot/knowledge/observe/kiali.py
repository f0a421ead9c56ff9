"""Asking Kiali, version 1.87 (with Istio 1.23) and 2.26 (with Istio 1.30), for its own state and
its checks of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.kinds import DEPLOYMENT, Kind
from bot.knowledge.objects.workloads import get_image_tag
from bot.knowledge.observe.http_json import get_json
from bot.knowledge.observe.kiali_links import Console
from bot.steps import Context

SERVICE, PORT = "kiali", 20001
VALIDATION_DELAY = 70.0
"""Seconds after which Kiali 2's list of validations has surely been computed anew (measured: more
than 30)."""


@dataclass(frozen=True)
class Component:
    """A part of the mesh or an add-on; `status` is `Healthy`, `Unhealthy`, `Unreachable`,
    `NotReady` or `NotFound`."""

    name: str
    status: str
    core: bool


@dataclass(frozen=True)
class Check:
    """One problem that Kiali finds with an object.

    `severity` is `error`, `warning` or `unknown`.
    """

    code: str
    message: str
    severity: str
    path: str


async def read_image_version(context: Context) -> str:
    """Return Kiali's version by its image, such as `v2.26`; "" when there is no Kiali."""
    deployment = await context.cluster.get(DEPLOYMENT, "kiali", context.workshop.mesh_namespace)
    return get_image_tag(deployment) if deployment else ""


async def call_api(context: Context, path: str, **query: str) -> Any:
    """Return what `/kiali/api` answers at a path. Raises ClusterError with Kiali's own words."""
    return await get_json(context, SERVICE, PORT, f"/kiali/api{path}", query)


async def read_stated_version(context: Context) -> str:
    """Return the version that the running Kiali states."""
    return str((await call_api(context, "/status"))["status"].get("Kiali version", ""))


async def list_external_services(context: Context) -> frozenset[str]:
    """Return the programs that Kiali reaches, such as `Prometheus`: those whose version it read."""
    answer = await call_api(context, "/status")
    return frozenset(str(each.get("name")) for each in answer.get("externalServices") or ())


async def list_components(context: Context) -> list[Component]:
    """Return istiod and the add-ons as Kiali reaches them, without those switched off in it."""
    answer = await call_api(context, "/istio/status")
    return [
        Component(c["name"], c["status"], bool(c.get("isCore", c.get("is_core")))) for c in answer
    ]


async def check_object(context: Context, kind: Kind, namespace: str, name: str) -> list[Check]:
    """Return Kiali's checks of one Istio or Gateway API object, computed on the spot.

    Raises NotFound when there is no such object.
    """
    console = Console("", await read_image_version(context))
    path = console.build_object_path(namespace, kind, name)
    answer = await call_api(context, path, validate="true")
    return parse_checks(answer.get("validation"))


async def check_namespace(context: Context, namespace: str) -> dict[tuple[str, str], list[Check]]:
    """Return Kiali's checks of a namespace's objects, by (kind in lower case, name); Kiali 2
    may lag by VALIDATION_DELAY seconds.

    Kinds of the Gateway API have `k8s` before them, e.g. `k8sgateway`, as Kiali 1.87 writes
    them.
    """
    answer = await call_api(context, f"/namespaces/{quote(namespace)}/istio", validate="true")
    found = {}
    for type_, objects in (answer.get("validations") or {}).items():
        prefix = "k8s" if type_.startswith("gateway.networking.k8s.io/") else ""
        kind = prefix + type_.rpartition("Kind=")[2].lower()
        for key, validation in objects.items():
            if listed := parse_checks(validation):
                found[kind, key.removesuffix(f".{namespace}")] = listed
    return found


def parse_checks(validation: Any) -> list[Check]:
    """Parse the checks of one validation; none when Kiali says nothing of the object."""
    listed = (validation or {}).get("checks") or []
    return [
        Check(c.get("code", ""), c.get("message", ""), c.get("severity", ""), c.get("path", ""))
        for c in listed
    ]
