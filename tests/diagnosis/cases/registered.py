"""What istiod knows of the application, and Gateways' listeners as istiod judges them."""

from __future__ import annotations

from bot.kinds import GATEWAY
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import condition

CASES = Cases()
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews-old}
spec:
  hosts: [HOST]
  ports: [{number: 9080, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: ADDRESS}]
"""
OWN = "reviews.bookinfo.svc.cluster.local"
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: viewers}
spec:
  targetRefs: [{group: "", kind: Service, name: NAME}]
  rules: [{}]
"""


def register(cluster: Cluster, host: str, address: str) -> None:
    """Adds a ServiceEntry with one fixed address."""
    cluster.apply(ENTRY.replace("HOST", host).replace("ADDRESS", address))


@CASES.names("serviceentry-over-service")
def address_added_to_a_service(cluster: Cluster) -> None:
    """A part of the requests for reviews goes to an address that is no pod's."""
    register(cluster, OWN, "10.255.0.9")


@CASES.spares("serviceentry-over-service")
def host_of_its_own(cluster: Cluster) -> None:
    """Another host, whatever its address."""
    register(cluster, "reviews.example.com", "10.255.0.9")


@CASES.spares("serviceentry-over-service")
def address_of_its_own_pod(cluster: Cluster) -> None:
    """What it adds is there already."""
    for found in cluster.list_pods("reviews-v1"):
        found["status"]["podIP"] = "10.244.0.7"
    register(cluster, OWN, "10.244.0.7")


@CASES.names("namespace-not-discovered")
def left_out_of_discovery(cluster: Cluster) -> None:
    """The mesh reads labelled namespaces alone, and this one is not."""
    select = {"matchLabels": {"istio-discovery": "enabled"}}
    cluster.mesh_config = {**cluster.mesh_config, "discoverySelectors": [select]}


@CASES.spares("namespace-not-discovered")
def discovered_by_one_selector(cluster: Cluster) -> None:
    """One of several selectors is enough."""
    selectors = [{"matchLabels": {"a": "b"}}, {"matchLabels": {"istio-injection": "enabled"}}]
    cluster.mesh_config = {**cluster.mesh_config, "discoverySelectors": selectors}


def judge_listener(cluster: Cluster, type_: str, status: str, reason: str) -> None:
    """Adds a listener for TLS with what istiod says of it."""
    gateway = cluster.get(GATEWAY, "bookinfo-gateway")
    refs = [{"name": "cert"}]
    listener = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "a.example.com"}
    gateway["spec"]["listeners"].append({**listener, "tls": {"certificateRefs": refs}})
    told = {"name": "https", "conditions": [condition(type_, status, reason, "of istiod")]}
    gateway.setdefault("status", {}).setdefault("listeners", []).append(told)


@CASES.names("gateway-certificate")
def secret_of_listener_missing(cluster: Cluster) -> None:
    """The Gateway names a Secret that is not there."""
    judge_listener(cluster, "ResolvedRefs", "False", "InvalidCertificateRef")


@CASES.names("gateway-certificate")
def secret_of_another_namespace(cluster: Cluster) -> None:
    """Nobody granted it."""
    judge_listener(cluster, "ResolvedRefs", "False", "RefNotPermitted")


@CASES.spares("gateway-certificate")
@CASES.spares("gateway-listener-refused")
def listener_with_certificate(cluster: Cluster) -> None:
    """All is there."""
    judge_listener(cluster, "ResolvedRefs", "True", "ResolvedRefs")


@CASES.names("gateway-listener-refused")
@CASES.spares("gateway-certificate", instead="gateway-listener-refused")
def protocol_unsupported(cluster: Cluster) -> None:
    """istiod does not serve it."""
    judge_listener(cluster, "Accepted", "False", "UnsupportedProtocol")


@CASES.names("l7-rule-without-waypoint", Mode.AMBIENT)
def policy_of_a_service(cluster: Cluster) -> None:
    """Waypoints alone enforce what is for a Service."""
    cluster.apply(POLICY.replace("NAME", "reviews"))


@CASES.spares("l7-rule-without-waypoint", Mode.AMBIENT)
def policy_of_no_service(cluster: Cluster) -> None:
    """It names a Service that is not Bookinfo's."""
    cluster.apply(POLICY.replace("NAME", "shop"))


GRPC = """
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: PARENT}]
  rules: [{backendRefs: [{name: BACKEND, port: 9080}]}]
"""


def route_grpc(cluster: Cluster, parent: str, backend: str) -> None:
    """Adds a GRPCRoute at a Gateway, to a Service."""
    cluster.apply(GRPC.replace("PARENT", parent).replace("BACKEND", backend))


@CASES.names("route-parent-missing")
def grpc_route_without_gateway(cluster: Cluster) -> None:
    """Its Gateway is misspelt."""
    route_grpc(cluster, "bookinfo-gatway", "ratings")


@CASES.names("route-backend-missing")
def grpc_route_without_service(cluster: Cluster) -> None:
    """Its Service is not there."""
    route_grpc(cluster, "bookinfo-gateway", "ratings-grpc")


@CASES.spares("route-parent-missing")
@CASES.spares("route-backend-missing")
def grpc_route_that_is_whole(cluster: Cluster) -> None:
    """Beside the page's own route."""
    route_grpc(cluster, "bookinfo-gateway", "ratings")
