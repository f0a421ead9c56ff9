"""What a pod keeps from its own sidecar: ports and addresses in its annotations."""

from __future__ import annotations

from bot.kinds import DESTINATION_RULE, SERVICE, Object
from tests.diagnosis.cases.authorization import add_rule
from tests.diagnosis.cases.mutual_tls import PEER
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import define_subsets, route
from tests.diagnosis.cluster import Cluster

CASES = Cases()
PREFIX = "traffic.sidecar.istio.io/"


def annotate(cluster: Cluster, name: str, **values: str) -> Object:
    """Gives the pod of a workload annotations about its sidecar's traffic."""
    pod = cluster.list_pods(name)[0]
    pod["metadata"]["annotations"] |= {f"{PREFIX}{key}": value for key, value in values.items()}
    return pod


@CASES.names("mtls-mode-conflict")
def port_kept_from_the_sidecar(cluster: Cluster) -> None:
    """Callers still speak mutual TLS, and nobody reads it."""
    annotate(cluster, "details-v1", excludeInboundPorts="15020,9080")


@CASES.names("mtls-mode-conflict")
def no_port_taken(cluster: Cluster) -> None:
    """An empty list is none."""
    annotate(cluster, "details-v1", includeInboundPorts="")


@CASES.spares("mtls-mode-conflict")
def other_port_kept_from_the_sidecar(cluster: Cluster) -> None:
    """A port that nobody asks."""
    annotate(cluster, "details-v1", excludeInboundPorts="9999")


@CASES.spares("mtls-mode-conflict")
def plain_text_to_a_port_kept_out(cluster: Cluster) -> None:
    """A DestinationRule has callers send what the application speaks, whatever STRICT says."""
    annotate(cluster, "details-v1", excludeInboundPorts="9080")
    cluster.apply(PEER)
    define_subsets(cluster, "details", "v1")
    told = cluster.get_spec(DESTINATION_RULE, "details")
    told["trafficPolicy"] = {"tls": {"mode": "DISABLE"}}


@CASES.names("strict-mtls-plain-client")
def sends_past_its_sidecar(cluster: Cluster) -> None:
    """What goes past the sidecar is plain text, which STRICT resets."""
    annotate(cluster, "productpage-v1", excludeOutboundPorts="9080")
    cluster.apply(PEER)


@CASES.names("caller-outside-mesh")
def rule_for_whom_sends_past_its_sidecar(cluster: Cluster) -> None:
    """The proxy that should obey the rule never sees the request."""
    cluster.get_spec(SERVICE, "reviews")["clusterIP"] = "10.96.4.4"
    annotate(cluster, "productpage-v1", excludeOutboundIPRanges="10.96.0.0/12")
    route(cluster, "reviews")


@CASES.spares("caller-outside-mesh")
def only_a_database_past_the_sidecar(cluster: Cluster) -> None:
    """Another port than the application's, and ranges that hold the Service."""
    cluster.get_spec(SERVICE, "reviews")["clusterIP"] = "10.96.4.4"
    annotate(
        cluster,
        "productpage-v1",
        excludeOutboundPorts="3306",
        includeOutboundIPRanges="10.96.0.0/12",
    )
    route(cluster, "reviews")


@CASES.spares("authorization-denies", instead="mtls-mode-conflict")
def policy_where_no_sidecar_reads_it(cluster: Cluster) -> None:
    """A policy for a port that the sidecar does not take refuses nobody."""
    annotate(cluster, "details-v1", excludeInboundPorts="9080")
    add_rule(cluster, "DENY", "details")
