"""Where Bookinfo's programs listen, what they speak, and what they are told to do."""

from __future__ import annotations

from bot.kinds import SERVICE
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode

CASES = Cases()


@CASES.names("service-port-http2")
@CASES.spares("service-port-not-http", instead="service-port-http2")
def named_for_grpc(cluster: Cluster) -> None:
    """Proxies speak HTTP/2 to it, and ratings does not."""
    cluster.change_service("ratings", name="grpc-ratings")


@CASES.names("service-port-http2", Mode.WAYPOINT)
def clear_text_http2(cluster: Cluster) -> None:
    """The waypoint goes by the Service's appProtocol."""
    cluster.change_service("reviews", appProtocol="kubernetes.io/h2c")


@CASES.spares("service-port-http2", Mode.AMBIENT)
@CASES.spares("service-port-http2", Mode.OUTSIDE)
def http2_without_envoy(cluster: Cluster) -> None:
    """Nobody on the way looks at the protocol."""
    cluster.change_service("details", name="http2")


@CASES.spares("service-port-http2")
@CASES.spares("service-port-wrong")
def further_port_for_grpc(cluster: Cluster) -> None:
    """A port that no part of the page asks may be whatever it is."""
    cluster.get_spec(SERVICE, "details")["ports"].append({"name": "grpc", "port": 9090})


@CASES.names("service-port-wrong")
def some_listen_elsewhere(cluster: Cluster) -> None:
    """One version of reviews listens where its Service does not lead, and no rule spares it."""
    for found in cluster.list_pods("reviews-v2"):
        found["spec"]["containers"][0]["ports"] = [{"containerPort": 8080}]


@CASES.names("service-port-wrong")
def listens_elsewhere_for_jason(cluster: Cluster) -> None:
    """By its command; only jason is sent there."""
    move_port_of_v2(cluster)
    route_reviews(cluster, "v2")


@CASES.spares("service-port-wrong")
def listens_elsewhere_for_nobody(cluster: Cluster) -> None:
    """No request reaches it."""
    move_port_of_v2(cluster)
    route_reviews(cluster, "v3")


def move_port_of_v2(cluster: Cluster) -> None:
    """Has reviews v2 listen at another port, by its command."""
    for found in cluster.list_pods("reviews-v2"):
        found["spec"]["containers"][0] |= {
            "image": "docker.io/istio/examples-bookinfo-ratings-v1:1.20.3",
            "command": ["node", "ratings.js", "9099"],
        }


def route_reviews(cluster: Cluster, version: str) -> None:
    """Sends jason to a version of reviews, and everybody else to v1."""
    cluster.apply(
        f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews}}
spec:
  host: reviews
  subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: jason, labels: {{version: {version}}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews}}
spec:
  hosts: [reviews]
  http:
    - match: [{{headers: {{end-user: {{exact: jason}}}}}}]
      route: [{{destination: {{host: reviews, subset: jason}}}}]
    - route: [{{destination: {{host: reviews, subset: v1}}}}]
"""
    )


def set_variables(cluster: Cluster, name: str, **env: str) -> None:
    """Gives a Deployment's container variables."""
    container = cluster.get_template(name)["spec"]["containers"][0]
    container["env"] = [{"name": key, "value": value} for key, value in env.items()]


@CASES.names("service-missing")
def asks_another_namespace(cluster: Cluster) -> None:
    """Every part is looked for in a namespace that has none."""
    set_variables(cluster, "productpage-v1", SERVICES_DOMAIN="shop.svc.cluster.local")
    cluster.missing_services |= {("shop", name) for name in ("details", "reviews", "ratings")}


@CASES.names("service-missing")
def domain_without_namespace(cluster: Cluster) -> None:
    """`ratings.svc.cluster.local` is no Service's name."""
    set_variables(cluster, "reviews-v2", SERVICES_DOMAIN="svc.cluster.local")


@CASES.spares("service-missing")
@CASES.spares("program-setting")
def told_what_is_so(cluster: Cluster) -> None:
    """The full names, the usual port, and stars as the image shows them."""
    set_variables(
        cluster,
        "productpage-v1",
        SERVICES_DOMAIN="bookinfo.svc.cluster.local",
        REVIEWS_SERVICE_PORT="9080",
    )
    set_variables(cluster, "reviews-v3", ENABLE_RATINGS="true", SERVICES_DOMAIN="bookinfo")
    set_variables(cluster, "ratings-v1", SERVICE_VERSION="v1")


@CASES.names("service-port-wrong")
def asks_another_port(cluster: Cluster) -> None:
    """productpage is told a port that Service reviews does not have."""
    set_variables(cluster, "productpage-v1", REVIEWS_SERVICE_PORT="9081")


@CASES.names("program-setting")
def stars_switched_off(cluster: Cluster) -> None:
    """reviews v3 never asks ratings."""
    set_variables(cluster, "reviews-v3", ENABLE_RATINGS="false")


@CASES.names("program-setting")
def ratings_fails_on_purpose(cluster: Cluster) -> None:
    """Half of its answers are 503, as it is told."""
    set_variables(cluster, "ratings-v1", SERVICE_VERSION="v-faulty")


@CASES.spares("program-setting")
def stars_off_where_nobody_comes(cluster: Cluster) -> None:
    """v2 is told to show no stars, and no request reaches it; v1 never shows any."""
    set_variables(cluster, "reviews-v2", ENABLE_RATINGS="false")
    set_variables(cluster, "reviews-v1", ENABLE_RATINGS="false")
    route_reviews(cluster, "v3")
