"""Mutual TLS: PeerAuthentications, and the TLS of DestinationRules."""

from __future__ import annotations

from bot.kinds import (
    DESTINATION_RULE,
    PEER_AUTHENTICATION,
)
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import define_subsets, route
from tests.diagnosis.cluster import Cluster, Mode, leave_mesh
from tests.diagnosis.shapes import MESH

CASES = Cases()
PEER = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
"""
WIDE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain}
spec: {host: "*.bookinfo.svc.cluster.local", trafficPolicy: {tls: {mode: DISABLE}}}
"""


def outside(cluster: Cluster, name: str) -> None:
    """Takes one pod out of the mesh, in a namespace that injects pod by pod."""
    cluster.labels.pop("istio-injection", None)
    leave_mesh(cluster.list_pods(name)[0])


@CASES.names("strict-mtls-plain-client")
@CASES.spares("authorization-denies", instead="strict-mtls-plain-client")
def strict_and_caller_outside(cluster: Cluster) -> None:
    """productpage speaks plain text to Services that take mutual TLS alone."""
    cluster.apply(PEER)
    outside(cluster, "productpage-v1")


@CASES.names("strict-mtls-plain-client")
def strict_for_the_whole_mesh(cluster: Cluster) -> None:
    """The mesh's own policy; the rule that the caller does not enforce is a consequence."""
    cluster.apply(PEER, namespace=MESH)
    outside(cluster, "productpage-v1")
    route(cluster, "reviews")


@CASES.spares("strict-mtls-plain-client")
def strict_and_callee_outside(cluster: Cluster) -> None:
    """Who has no proxy cannot insist on mutual TLS."""
    cluster.apply(PEER)
    outside(cluster, "ratings-v1")


@CASES.spares("strict-mtls-plain-client")
def permissive_beats_the_mesh(cluster: Cluster) -> None:
    """The namespace's policy goes before the mesh's."""
    cluster.apply(PEER, namespace=MESH)
    cluster.apply(PEER.replace("STRICT", "PERMISSIVE"))
    outside(cluster, "productpage-v1")


@CASES.spares("strict-mtls-plain-client")
def strict_for_others(cluster: Cluster) -> None:
    """A policy for pods that nobody calls in plain text."""
    cluster.apply(PEER)
    selector = {"matchLabels": {"app": "load-test"}}
    cluster.get_spec(PEER_AUTHENTICATION, "default")["selector"] = selector
    outside(cluster, "productpage-v1")


def set_tls(cluster: Cluster, mode: str) -> None:
    """Has a DestinationRule for reviews ask for a TLS mode."""
    define_subsets(cluster, "reviews", "v1")
    cluster.get_spec(DESTINATION_RULE, "reviews")["trafficPolicy"] = {"tls": {"mode": mode}}


@CASES.names("mtls-mode-conflict")
@CASES.spares("strict-mtls-plain-client", instead="mtls-mode-conflict")
def disabled_to_strict(cluster: Cluster) -> None:
    """The rule sends plain text to one who takes mutual TLS alone."""
    cluster.apply(PEER)
    set_tls(cluster, "DISABLE")


@CASES.names("mtls-mode-conflict")
def mutual_to_disabled(cluster: Cluster) -> None:
    """The rule sends mutual TLS to one who does not take it."""
    cluster.apply(PEER.replace("STRICT", "DISABLE"))
    set_tls(cluster, "ISTIO_MUTUAL")


@CASES.names("mtls-mode-conflict")
def own_certificates_to_plain_applications(cluster: Cluster) -> None:
    """No application here speaks TLS, whatever its proxy takes."""
    set_tls(cluster, "SIMPLE")


@CASES.names("mtls-mode-conflict")
def disabled_for_the_port(cluster: Cluster) -> None:
    """What is said of the port stands in for the rest."""
    cluster.apply(PEER)
    set_tls(cluster, "ISTIO_MUTUAL")
    policy = cluster.get_spec(DESTINATION_RULE, "reviews")["trafficPolicy"]
    policy["portLevelSettings"] = [{"port": {"number": 9080}, "tls": {"mode": "DISABLE"}}]


@CASES.spares("mtls-mode-conflict")
def disabled_for_all_but_it(cluster: Cluster) -> None:
    """The rule for the Service alone goes before the one with a wildcard."""
    cluster.apply(PEER)
    for app in ("details", "productpage", "ratings", "reviews"):
        define_subsets(cluster, app, "v1")
    cluster.apply(WIDE)


@CASES.spares("mtls-mode-conflict")
def mutual_to_strict(cluster: Cluster) -> None:
    """They agree."""
    cluster.apply(PEER)
    set_tls(cluster, "ISTIO_MUTUAL")


@CASES.spares("mtls-mode-conflict")
def disabled_to_permissive(cluster: Cluster) -> None:
    """A permissive callee takes plain text."""
    set_tls(cluster, "DISABLE")


@CASES.spares("mtls-mode-conflict", Mode.AMBIENT)
def rule_that_ztunnel_does_not_read(cluster: Cluster) -> None:
    """A captured caller's TLS is ztunnel's."""
    cluster.apply(PEER)
    set_tls(cluster, "DISABLE")


@CASES.names("strict-mtls-api-server")
@CASES.spares("strict-mtls-plain-client")
def strict_and_all_inside(cluster: Cluster) -> None:
    """Only what comes through the API server is reset."""
    cluster.apply(PEER)


@CASES.names("strict-mtls-api-server", Mode.WAYPOINT)
def strict_in_ambient(cluster: Cluster) -> None:
    """ztunnel insists on it in the same way."""
    cluster.apply(PEER, namespace=MESH)


@CASES.spares("strict-mtls-api-server")
def permissive(cluster: Cluster) -> None:
    """Plain text is taken."""
    cluster.apply(PEER.replace("STRICT", "PERMISSIVE"))


@CASES.names("mtls-mode-conflict")
def one_version_takes_plain_text(cluster: Cluster) -> None:
    """A policy for reviews v2 alone, while a rule has all callers speak mutual TLS."""
    cluster.apply(VERSION_WITH_PLAIN_TEXT)


VERSION_WITH_PLAIN_TEXT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: plain}
spec: {selector: {matchLabels: {app: reviews, version: v2}}, mtls: {mode: DISABLE}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
"""
