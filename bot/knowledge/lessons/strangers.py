"""Hosts that the mesh does not know, inside the cluster: Services that are kept out of its
registry, and what lets them in again.

A Service with `networking.istio.io/exportTo: "~"` is told to no proxy, but Kubernetes still finds
it by name (Istio 1.23 and 1.30). So it stands for a host out of the cluster, and nothing here needs
the Internet.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import SERVICE, SERVICE_ENTRY, SIDECAR, Object
from bot.knowledge.objects.conflicts import (
    ObjectConflict,
    judge_differences,
    require_confirmed,
)
from bot.knowledge.objects.diff import Difference
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing.manifests import PORT, build_object
from bot.steps import Context
from bot.text import Listed, Text

STRANGERS = ("details", "ratings")
"""Applications of Bookinfo that productpage asks and that no route of the workshop concerns."""
EXPORT_TO, NOBODY_KNOWS = "networking.istio.io/exportTo", "~"
POLICY_NAME = "default"
"""What Istio's documentation calls the Sidecar of a whole namespace."""
PASSES, REFUSES = "ALLOW_ANY", "REGISTRY_ONLY"


def build_outbound_policy(namespace: str, mode: str) -> Object:
    """Return the Sidecar that says what becomes of hosts that the registry does not hold.

    It lists no hosts, so that proxies know what they knew before.
    """
    return build_object(SIDECAR, POLICY_NAME, namespace, {"outboundTrafficPolicy": {"mode": mode}})


def build_entry(namespace: str, host: str) -> Object:
    """Return the ServiceEntry that puts one host into the registry, for this namespace alone.

    Requests go where the application wanted them to go (resolution NONE), in plain text.
    """
    spec = {
        "hosts": [f"{host}.{namespace}.svc.cluster.local"],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "exportTo": ["."],
        "ports": [{"number": PORT, "name": "http", "protocol": "HTTP"}],
    }
    return build_object(SERVICE_ENTRY, host, namespace, spec)


async def find_strangers(context: Context) -> list[Object]:
    """Return the Services that can be kept out of the registry, in the order of STRANGERS."""
    found = await context.cluster.find(SERVICE, context.workshop.app_namespace)
    return sorted((s for s in found if get_name(s) in STRANGERS), key=get_name)


def get_export(service: Object) -> str:
    """Return to whom a Service is exported, "" where it does not say."""
    return str((service["metadata"].get("annotations") or {}).get(EXPORT_TO) or "")


def judge_export(service: Object, *, hidden: bool) -> ObjectConflict | None:
    """Return what hiding a Service, or showing it again, takes from others; None when nothing."""
    before, after = get_export(service) or None, NOBODY_KNOWS if hidden else None
    if before == after:
        return None
    return judge_differences(
        service, [Difference(("metadata", "annotations", EXPORT_TO), before, after)]
    )


async def hide_services(
    context: Context, services: Sequence[Object], *, hidden: bool
) -> list[Text]:
    """Keep Services out of the registry, or put them back; return what was changed, in words.

    Raises UserError for one of others that nobody was asked about.
    """
    patch = {"metadata": {"annotations": {EXPORT_TO: NOBODY_KNOWS if hidden else None}}}
    changed = [s for s in services if (get_export(s) == NOBODY_KNOWS) is not hidden]
    for service in changed:
        require_confirmed(context, judge_export(service, hidden=hidden))
    names = [get_name(service) for service in changed]
    for name in names:
        await context.cluster.merge(SERVICE, name, context.workshop.app_namespace, patch)
    if not names:
        return []
    listed = Listed(names, "and")
    return [
        Text("taken out of the mesh's registry: {names} (`exportTo: ~`)", names=listed)
        if hidden
        else Text("back in the mesh's registry: {names}", names=listed)
    ]
