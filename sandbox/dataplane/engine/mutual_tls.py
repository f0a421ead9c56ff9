"""Which TLS a connection speaks: what PeerAuthentications ask of a pod's port, what a
DestinationRule tells the client's Envoy, and what comes of the two.

Mutual TLS is automatic where no DestinationRule says otherwise: a client uses it towards whatever
can speak it (Istio 1.23 and 1.30).
"""

from __future__ import annotations

from typing import Literal

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import has_labels
from sandbox.dataplane.engine.http_messages import Failure
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.world import ROOT_NAMESPACE, Objects, Place, World
from sandbox.dataplane.routes.clusters import ClusterName, find_cluster_policy

Mode = Literal["STRICT", "PERMISSIVE", "DISABLE"]
_UNSET = ("UNSET", "", None)
_ORIGINATED = ("SIMPLE", "MUTUAL")
"""TLS towards servers that have certificates of their own, which no application here has."""


def find_server_mode(server: Workload, port: int, peers: Objects) -> Mode:
    """Return the mode that a pod of the mesh takes at a port: the workload's rule, else the
    namespace's, else the mesh's; of several the oldest.
    """
    ranked: dict[int, str] = {}
    for place, rule in sorted(peers.items(), key=_build_age_key):
        spec = rule.get("spec") or {}
        selector = (spec.get("selector") or {}).get("matchLabels") or {}
        rank = _rank_rule(server, place[0], selector)
        ports = spec.get("portLevelMtls") or {} if selector else {}
        own = (ports.get(str(port)) or ports.get(port) or {}).get("mode")
        mode = (spec.get("mtls") or {}).get("mode") if own in _UNSET else own
        if rank and mode not in _UNSET:
            ranked.setdefault(rank, str(mode))
    match ranked[max(ranked)] if ranked else "":
        case "STRICT":
            return "STRICT"
        case "DISABLE":
            return "DISABLE"
    return "PERMISSIVE"


def _build_age_key(item: tuple[Place, Object]) -> tuple[str, Place]:
    place, rule = item
    return (rule.get("metadata") or {}).get("creationTimestamp") or "", place


def _rank_rule(server: Workload, namespace: str, selector: dict[str, str]) -> int:
    """Return how closely a rule concerns a pod: 3 by its labels, 2 in its namespace, 1
    mesh-wide, 0 not at all.
    """
    if namespace == server.namespace and selector:
        return 3 if has_labels(dict(server.labels), selector) else 0
    if namespace == server.namespace:
        return 2
    return 1 if namespace == ROOT_NAMESPACE and not selector else 0


def find_client_mode(world: World, client: Workload, service: Object, cluster: ClusterName) -> str:
    """Return the `tls.mode` that a DestinationRule gives a client's Envoy for a cluster; "" for
    automatic mutual TLS.
    """
    if client.proxy is None or client.kind == "waypoint":
        # What a waypoint sends on goes through the mesh's own tunnel, whatever a rule says.
        return ""
    policy = find_cluster_policy(world, client.proxy, service, cluster)
    return str((policy.get("tls") or {}).get("mode") or "")


def settle_connection(
    client: Workload | None, target: Workload, told: str, mode: Mode
) -> tuple[str, Failure]:
    """Return the security policy of a connection as metrics have it, and why it fails; `told`
    is the client's mode, `mode` the server's.
    """
    tunnelled = target.captured and client is not None and (client.captured or client.hbone)
    if not tunnelled and told in _ORIGINATED:
        return "none", "tls"
    if not tunnelled and told == "ISTIO_MUTUAL":
        served = target.kind == "sidecar" and mode != "DISABLE"
        return ("mutual_tls", "") if served else ("none", "tls")
    plain = not tunnelled and (told == "DISABLE" or (mode == "DISABLE" and not target.captured))
    if plain or not can_encrypt(client, target):
        # The proxy cuts a plain connection before it has read a request.
        return "none", "reset" if mode == "STRICT" and target.is_meshed else ""
    return "mutual_tls", ""


def can_encrypt(client: Workload | None, target: Workload) -> bool:
    """Tell whether both ends can speak the same kind of mutual TLS."""
    if client is None or not client.is_meshed or not target.is_meshed:
        return False
    if target.captured:
        return client.captured or client.hbone
    # A ztunnel speaks HBONE alone, which a sidecar takes only when it was started for that.
    return client.proxy is not None or target.labels.get("networking.istio.io/tunnel") == "http"
