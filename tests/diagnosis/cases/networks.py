"""NetworkPolicies: connections that they refuse, and near ones that they let through."""

from __future__ import annotations

from bot.kinds import NETWORK_POLICY
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode

CASES = Cases()
NETWORK = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: guard}
spec: {podSelector: {matchLabels: {app: ratings}}, policyTypes: [Ingress]}
"""
EGRESS = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: egress}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{ports: [{port: 9080}, {port: 15012}, {port: 53}]}]
"""


@CASES.names("network-policy-blocks")
def names_not_let_through(cluster: Cluster) -> None:
    """Egress to all that is asked, by TCP; names are looked up by UDP."""
    cluster.apply(EGRESS)


@CASES.spares("network-policy-blocks")
def names_let_through(cluster: Cluster) -> None:
    """With UDP 53 nothing is missing."""
    cluster.apply(EGRESS)
    spec = cluster.get_spec(NETWORK_POLICY, "egress")
    spec["egress"].append({"ports": [{"port": 53, "protocol": "UDP"}]})


@CASES.names("network-policy-blocks")
@CASES.spares("strict-mtls-plain-client", instead="network-policy-blocks")
def callers_kept_away(cluster: Cluster) -> None:
    """A policy without rules lets nobody to ratings."""
    cluster.apply(NETWORK)


def add_network_rule(cluster: Cluster, port: int, **peer: object) -> None:
    """Adds a policy for ratings that lets one port through."""
    cluster.apply(NETWORK)
    rule = {"ports": [{"port": port}], **({"from": [peer]} if peer else {})}
    cluster.get_spec(NETWORK_POLICY, "guard")["ingress"] = [rule]


@CASES.names("network-policy-blocks", Mode.AMBIENT)
def tunnel_kept_away(cluster: Cluster) -> None:
    """The application's port is open, and in ambient requests come on 15008."""
    add_network_rule(cluster, 9080)


@CASES.names("network-policy-blocks")
@CASES.spares("readiness-failing", instead="network-policy-blocks")
def istiod_out_of_reach(cluster: Cluster) -> None:
    """The proxy that is not ready without its configuration is a consequence."""
    cluster.apply(NETWORK.replace("Ingress", "Egress"))
    pod = cluster.make_unready("ratings-v1")
    cluster.add_event(pod, "Unhealthy", "Readiness probe failed: config not received from XDS")


@CASES.names("network-policy-blocks", Mode.WAYPOINT)
def waypoint_kept_away(cluster: Cluster) -> None:
    """The callers are let in, and behind a waypoint it is the waypoint that calls."""
    add_network_rule(cluster, 15008, podSelector={"matchLabels": {"app": "reviews"}})


@CASES.spares("network-policy-blocks", Mode.AMBIENT)
def tunnel_let_through(cluster: Cluster) -> None:
    """15008 is open to the namespace."""
    add_network_rule(cluster, 15008, podSelector={})


@CASES.spares("network-policy-blocks")
def application_and_metrics_let_through(cluster: Cluster) -> None:
    """What callers and Prometheus need is open."""
    add_network_rule(cluster, 9080)
    open_rules = cluster.get_spec(NETWORK_POLICY, "guard")["ingress"]
    open_rules.append({"ports": [{"port": 15000, "endPort": 15100}]})


@CASES.spares("network-policy-blocks")
def for_other_pods(cluster: Cluster) -> None:
    """The policy selects pods that nobody of Bookinfo needs."""
    cluster.apply(NETWORK.replace("ratings", "load-test"))
