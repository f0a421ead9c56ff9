"""What a sidecar is told of: the hosts that a Sidecar resource lists for its namespace or pods.

Without one a sidecar knows all hosts that are exported to it. Which Sidecar counts: one whose
workloadSelector fits, else the namespace's own, else the root namespace's (Istio 1.23 and 1.30).
"""

from __future__ import annotations

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import ROOT_NAMESPACE, World, get_hostname
from sandbox.dataplane.routes.clusters import covers_host, is_exported, sort_by_age

EXPORT_TO = "networking.istio.io/exportTo"
"""Annotation of a Service: the namespaces whose proxies know it, `~` for none."""


def find_sidecar(world: World, proxy: Proxy) -> Object | None:
    """Return the Sidecar resource that holds for a proxy, or None."""
    if proxy.kind != "sidecar":
        return None
    key = ("sidecar", proxy)
    if key not in world.memory:
        world.memory[key] = _choose_sidecar(world, proxy)
    found: Object | None = world.memory[key]
    return found


def _choose_sidecar(world: World, proxy: Proxy) -> Object | None:
    every = sort_by_age(world.sidecars)
    own = [s for s in every if s["metadata"]["namespace"] == proxy.namespace]
    for sidecar in own:
        labels = _get_selector(sidecar)
        if labels and proxy.has_labels(labels):
            return sidecar
    root = [s for s in every if s["metadata"]["namespace"] == ROOT_NAMESPACE]
    return next((s for s in (*own, *root) if not _get_selector(s)), None)


def _get_selector(sidecar: Object) -> dict[str, str]:
    selector = (sidecar.get("spec") or {}).get("workloadSelector") or {}
    labels: dict[str, str] = selector.get("labels") or {}
    return labels


def is_visible(world: World, proxy: Proxy, service: Object, port: int) -> bool:
    """Tell whether a proxy is told of a Service's port."""
    meta = service["metadata"]
    if proxy.kind == "sidecar" and not is_exported_to(service, proxy.namespace):
        return False
    return knows_host(world, proxy, meta["namespace"], get_hostname(service), port)


def is_exported_to(service: Object, namespace: str) -> bool:
    """Tell whether a Service, or a ServiceEntry's host, is exported to proxies of a namespace."""
    meta = service["metadata"]
    told = str((meta.get("annotations") or {}).get(EXPORT_TO) or "")
    places = [place.strip() for place in told.split(",") if place.strip()]
    # What says `~` is for nobody, whatever else it says, unless it says `*`.
    if "~" in places and "*" not in places:
        return False
    return is_exported({"exportTo": places}, meta["namespace"], namespace)


def knows_host(world: World, proxy: Proxy, namespace: str, host: str, port: int) -> bool:
    """Tell whether a proxy is told of a host, or of a rule for it, of that namespace."""
    sidecar = find_sidecar(world, proxy)
    listeners = ((sidecar or {}).get("spec") or {}).get("egress")
    # A Sidecar that lists nothing leaves outbound traffic as it is.
    if not listeners:
        return True
    return any(
        _lets_in(pattern, proxy.namespace, namespace, host)
        for listener in listeners
        if (listener.get("port") or {}).get("number", port) == port
        for pattern in listener.get("hosts") or ()
    )


def _lets_in(pattern: str, home: str, namespace: str, host: str) -> bool:
    place, _, wanted = pattern.partition("/")
    if place == "~" or place not in ("*", namespace, *(["."] if namespace == home else [])):
        return False
    # A rule's host with a wildcard is let in where it overlaps.
    return covers_host(wanted, host) or (host.startswith("*") and covers_host(host, wanted))


def get_outbound_mode(world: World, proxy: Proxy) -> str:
    """Return what becomes of hosts that a proxy does not know: ALLOW_ANY or REGISTRY_ONLY."""
    spec = (find_sidecar(world, proxy) or {}).get("spec") or {}
    told = (spec.get("outboundTrafficPolicy") or {}).get("mode")
    mesh = (world.mesh.get("outboundTrafficPolicy") or {}).get("mode")
    return str(told or mesh or "ALLOW_ANY")
