"""Connections that a NetworkPolicy refuses: between the applications, to istiod, for scraping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, show_field
from bot.diagnosis.mesh_state import CALLS, GATEWAY_NAME, NamespaceState, list_pods_of
from bot.diagnosis.object_facts import is_pod_ready, is_waypoint
from bot.diagnosis.peers import list_calls
from bot.diagnosis.waypoint_binding import find_waypoint_pod
from bot.kinds import NAMESPACE, NETWORK_POLICY, POD, Object
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.selectors import matches_selector
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text

HBONE, XDS, STATS, DNS = 15008, 15012, 15020, 53
"""Ports of ztunnel's tunnel, of istiod for proxies, and of a sidecar's metrics (Istio 1.23 and
1.30), and of the cluster's DNS."""
RESOLVER: Object = {
    "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
    "spec": {"containers": [{"ports": [{"name": "dns", "containerPort": DNS, "protocol": "UDP"}]}]},
}
"""A pod of the cluster's DNS, as far as a policy sees it (CoreDNS of kubeadm and its like)."""


@dataclass(frozen=True)
class Connection:
    """A connection that the mesh or the application needs."""

    source: Object
    target: Object
    port: int
    protocol: str = "TCP"


def list_connections(state: NamespaceState) -> Iterator[Connection]:
    """Yield the connections that the page and its proxies need, the application's first."""
    gateways = [p for p in state.list_own(POD) if GATEWAY_NAME in get_labels(p)]
    waypoints = {get_name(g) for g in state.gateways if is_waypoint(g)}
    edges = [p for p in gateways if get_labels(p)[GATEWAY_NAME] not in waypoints]
    calls = [
        *((edge, pod) for edge in edges for pod in list_pods_of(state, "productpage")),
        *list_calls(state),
    ]
    for source, target in calls:
        app = get_labels(target).get("app", "")
        waypoint = find_waypoint_pod(state, app) if is_captured(source) else None
        if waypoint is not None:
            yield Connection(source, waypoint, HBONE)
            source = waypoint
        tunnelled = is_captured(target) and (is_captured(source) or source in gateways)
        yield Connection(source, target, HBONE if tunnelled else 9080)
    yield from list_lookups(state)
    istiod = next(
        (p for p in state.shared.list_mesh(POD) if get_labels(p).get("app") == "istiod"), None
    )
    prometheus = next(
        (
            p
            for p in state.shared.list_mesh(POD)
            if get_labels(p).get("app.kubernetes.io/name") == "prometheus"
        ),
        None,
    )
    for pod in [*(p for p in state.pods if has_sidecar(p)), *gateways]:
        if istiod is not None:
            yield Connection(pod, istiod, XDS)
        if prometheus is not None and has_sidecar(pod):
            yield Connection(prometheus, pod, STATS)


def list_lookups(state: NamespaceState) -> Iterator[Connection]:
    """Yield the look-ups of names that callers make; for captured pods ztunnel knows the names
    (Istio 1.25 and newer; older ones count as if it did)."""
    for app in dict.fromkeys(caller for caller, _ in CALLS):
        for pod in list_pods_of(state, app)[:1]:
            if not is_captured(pod):
                yield Connection(pod, RESOLVER, DNS, "UDP")


def list_policies_for(state: NamespaceState, pod: Object, direction: str) -> list[Object]:
    """Return the policies of a pod's namespace that select it, in one direction."""
    place = pod["metadata"].get("namespace", "")
    return [
        policy
        for policy in state.cluster.by_namespace.get((NETWORK_POLICY, place), [])
        if direction in get_directions(policy)
        and matches_selector(policy["spec"].get("podSelector"), get_labels(pod))
    ]


def get_directions(policy: Object) -> list[str]:
    """Return the directions of a policy; Egress counts by default only where rules for it stand."""
    told = policy["spec"].get("policyTypes")
    default = ["Ingress", *(["Egress"] if policy["spec"].get("egress") else [])]
    return list(told or default)


def find_blocking_policy(state: NamespaceState, connection: Connection) -> Object | None:
    """Return a policy that keeps a connection away; None when it gets through."""
    for direction, pod, peer in (
        ("Ingress", connection.target, connection.source),
        ("Egress", connection.source, connection.target),
    ):
        policies = list_policies_for(state, pod, direction)
        key, side = direction.lower(), "from" if direction == "Ingress" else "to"
        if policies and not any(
            lets_peer_through(state, policy, rule.get(side) or [], peer)
            and lets_port_through(rule, pod if side == "from" else peer, connection)
            for policy in policies
            for rule in policy["spec"].get(key) or []
        ):
            return policies[0]
    return None


def lets_port_through(rule: Object, callee: Object, connection: Connection) -> bool:
    """Tell whether one rule of a policy lets a connection's port of the callee through."""
    ports = rule.get("ports") or []
    return not ports or any(
        each.get("protocol", "TCP") == connection.protocol
        and matches_port(each, callee, connection.port)
        for each in ports
    )


def lets_peer_through(
    state: NamespaceState, policy: Object, peers: Sequence[Object], peer: Object
) -> bool:
    """Tell whether one rule of a policy lets a peer through; no peers are everybody."""
    return not peers or any(matches_peer(state, policy, each, peer) for each in peers)


def matches_port(told: Object, callee: Object, port: int) -> bool:
    """Tell whether a policy's port is that one; a name is looked for in the callee's containers."""
    wanted = told.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return wanted <= port <= int(told.get("endPort") or wanted)
    return any(
        each.get("name") == wanted and each.get("containerPort") == port
        for container in callee["spec"].get("containers") or []
        for each in container.get("ports") or []
    )


def matches_peer(state: NamespaceState, policy: Object, told: Object, peer: Object) -> bool:
    """Tell whether a policy's peer is that pod, by namespace, labels or address."""
    if block := told.get("ipBlock"):
        address = (peer.get("status") or {}).get("podIP")
        if not address:
            return True
        inside = ip_address(address) in ip_network(block["cidr"], strict=False)
        out = any(
            ip_address(address) in ip_network(each, strict=False)
            for each in block.get("except") or []
        )
        return inside and not out
    place = peer["metadata"].get("namespace", "")
    if "namespaceSelector" in told:
        namespace = state.shared.find_cluster_object(NAMESPACE, place)
        labels = get_labels(namespace) if namespace else {"kubernetes.io/metadata.name": place}
        if not matches_selector(told["namespaceSelector"], labels):
            return False
    elif place != policy["metadata"].get("namespace"):
        return False
    return "podSelector" not in told or matches_selector(told["podSelector"], get_labels(peer))


def find_blocked(state: NamespaceState) -> Iterator[Finding]:
    """Yield NetworkPolicies that keep callers, istiod or scraping away."""
    found: dict[str, tuple[Object, list[Connection]]] = {}
    for connection in list_connections(state):
        if policy := find_blocking_policy(state, connection):
            found.setdefault(describe(policy), (policy, []))[1].append(connection)
    for name, (policy, connections) in found.items():
        first = connections[0]
        unready = [c.target for c in connections if not is_pod_ready(c.target)]
        yield Finding(
            Text(
                "{policy} keeps {source} from {target}, port {port}: requests time out.",
                policy=name,
                source=get_name(first.source),
                target=get_name(first.target),
                port=str(first.port),
            ),
            (
                show_field(policy, "spec.policyTypes", ", ".join(get_directions(policy))),
                Text("no rule of it lets port {port} through from there", port=str(first.port)),
            ),
            Fix(
                line=f"kubectl describe networkpolicy {get_name(policy)} "
                f"-n {policy['metadata']['namespace']}"
            ),
            frozenset(
                {f"Pod/{get_name(p)}" for p in unready}
                | {f"Pod/{get_name(c.source)}" for c in connections}
            ),
        )


CAUSES = (
    Cause(
        "network-policy-blocks",
        Subject.SECURITY,
        "A NetworkPolicy keeps callers, scraping or istiod away.",
        "A policy that selects the pods, and no rule that lets the port through: 9080, 15008 in "
        "ambient, 15012 of istiod, 15020 for Prometheus, UDP 53 for names.",
        "Let that port through",
        find_blocked,
        ("ambient", "inject"),
        ("readiness-failing", "prometheus-not-scraping", "no-traffic"),
        gravity=1,
        source="Istio's ambient and NetworkPolicy page: HBONE comes on 15008",
        by_object=True,
    ),
)
