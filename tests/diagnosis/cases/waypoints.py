"""Waypoints: who uses one, whether it is there, and what it obeys."""

from __future__ import annotations

from bot.kinds import DEPLOYMENT, GATEWAY, GATEWAY_CLASS, SERVICE
from bot.knowledge.objects.workloads import get_name
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import fault, route
from tests.diagnosis.cluster import Cluster, Mode

CASES = Cases()
USE_WAYPOINT = "istio.io/use-waypoint"


def share_waypoint(cluster: Cluster) -> None:
    """Moves the waypoint to another namespace, and names it there."""
    cluster.get(GATEWAY, "waypoint")["metadata"]["namespace"] = "edge"
    cluster.labels["istio.io/use-waypoint-namespace"] = "edge"


@CASES.names("waypoint-missing", Mode.WAYPOINT)
@CASES.spares("waypoint-not-enrolled", Mode.WAYPOINT, instead="waypoint-missing")
def waypoint_deleted(cluster: Cluster) -> None:
    """The label names a Gateway that was deleted; rules for it wait too."""
    cluster.remove(GATEWAY, "waypoint")
    cluster.remove(DEPLOYMENT, "waypoint")
    route(cluster, "reviews")


@CASES.names("waypoint-missing", Mode.WAYPOINT)
def service_names_another(cluster: Cluster) -> None:
    """One Service names a waypoint of its own that nobody made."""
    cluster.get(SERVICE, "reviews")["metadata"]["labels"][USE_WAYPOINT] = "reviews"


@CASES.spares("waypoint-missing", Mode.WAYPOINT)
def waypoint_of_another_namespace(cluster: Cluster) -> None:
    """A waypoint that several namespaces share."""
    share_waypoint(cluster)
    allowed = {"namespaces": {"from": "All"}}
    cluster.get_spec(GATEWAY, "waypoint")["listeners"][0]["allowedRoutes"] = allowed


@CASES.names("waypoint-not-enrolled", Mode.WAYPOINT)
@CASES.spares("waypoint-missing", Mode.WAYPOINT, instead="waypoint-not-enrolled")
def waypoint_that_takes_its_own_alone(cluster: Cluster) -> None:
    """Without allowedRoutes a waypoint serves its own namespace."""
    share_waypoint(cluster)


@CASES.names("waypoint-not-ready", Mode.WAYPOINT)
def waypoint_without_its_listener(cluster: Cluster) -> None:
    """ztunnel asks port 15008, which its Service does not have."""
    told = {"name": "http", "port": 80, "protocol": "HTTP"}
    cluster.get_spec(GATEWAY, "waypoint")["listeners"] = [told]


@CASES.names("waypoint-missing", Mode.WAYPOINT)
def service_with_a_place_of_nobody(cluster: Cluster) -> None:
    """The name is the namespace's, and the place is another."""
    cluster.get(SERVICE, "reviews")["metadata"]["labels"] |= {
        USE_WAYPOINT: "waypoint",
        "istio.io/use-waypoint-namespace": "infra",
    }


@CASES.names("waypoint-missing", Mode.WAYPOINT)
def gateway_that_is_no_waypoint(cluster: Cluster) -> None:
    """The label names the gateway for the page."""
    cluster.labels["istio.io/use-waypoint"] = "bookinfo-gateway"


@CASES.spares("waypoint-missing", Mode.WAYPOINT)
def service_with_a_place_of_its_own(cluster: Cluster) -> None:
    """The label beside a Service's own counts, not the namespace's."""
    share_waypoint(cluster)
    allowed = {"namespaces": {"from": "All"}}
    cluster.get_spec(GATEWAY, "waypoint")["listeners"][0]["allowedRoutes"] = allowed
    del cluster.labels["istio.io/use-waypoint-namespace"], cluster.labels["istio.io/use-waypoint"]
    for name in ("productpage", "details", "reviews", "ratings"):
        cluster.get(SERVICE, name)["metadata"]["labels"] |= {
            USE_WAYPOINT: "waypoint",
            "istio.io/use-waypoint-namespace": "edge",
        }


@CASES.names("waypoint-not-enrolled", Mode.WAYPOINT)
@CASES.spares("waypoint-missing", Mode.WAYPOINT, instead="waypoint-not-enrolled")
def namespace_not_enrolled(cluster: Cluster) -> None:
    """The waypoint is there, and the label is not; the rule that waits is a consequence."""
    del cluster.labels[USE_WAYPOINT]
    route(cluster, "reviews")


@CASES.names("waypoint-not-enrolled", Mode.WAYPOINT)
def service_taken_out(cluster: Cluster) -> None:
    """`none` on the Service beats the namespace's label."""
    cluster.get(SERVICE, "reviews")["metadata"]["labels"][USE_WAYPOINT] = "none"


@CASES.spares("waypoint-not-enrolled", Mode.WAYPOINT)
def enrolled_service_by_service(cluster: Cluster) -> None:
    """Each Service names it for itself."""
    del cluster.labels[USE_WAYPOINT]
    for app in ("productpage", "details", "reviews", "ratings"):
        cluster.get(SERVICE, app)["metadata"]["labels"][USE_WAYPOINT] = "waypoint"


@CASES.names("waypoint-for-mismatch", Mode.WAYPOINT)
@CASES.spares("waypoint-not-enrolled", Mode.WAYPOINT, instead="waypoint-for-mismatch")
def for_workloads(cluster: Cluster) -> None:
    """Callers ask Services, and the waypoint is for pods."""
    cluster.get(GATEWAY, "waypoint")["metadata"]["labels"] = {"istio.io/waypoint-for": "workload"}


@CASES.names("waypoint-for-mismatch", Mode.WAYPOINT)
@CASES.spares("l7-rule-without-waypoint", Mode.WAYPOINT, instead="waypoint-for-mismatch")
def class_for_nothing(cluster: Cluster) -> None:
    """The class says it for all of its waypoints; the rule that nobody obeys is a consequence."""
    cluster.get(GATEWAY_CLASS, "istio-waypoint")["metadata"]["labels"] = {
        "istio.io/waypoint-for": "none"
    }
    route(cluster, "reviews")


@CASES.spares("waypoint-for-mismatch", Mode.WAYPOINT)
def label_over_class(cluster: Cluster) -> None:
    """The Gateway's own label goes before that of its class."""
    class_for_nothing(cluster)
    cluster.get(GATEWAY, "waypoint")["metadata"]["labels"] = {"istio.io/waypoint-for": "service"}


@CASES.spares("waypoint-for-mismatch", Mode.WAYPOINT)
def for_all(cluster: Cluster) -> None:
    """`all` has Services among them."""
    cluster.get(GATEWAY, "waypoint")["metadata"]["labels"] = {"istio.io/waypoint-for": "all"}


@CASES.names("waypoint-not-ready", Mode.WAYPOINT)
@CASES.spares("service-selects-no-pods", Mode.WAYPOINT, instead="waypoint-not-ready")
@CASES.spares("double-edges", Mode.WAYPOINT, instead="waypoint-not-ready")
def waypoint_scaled_to_zero(cluster: Cluster) -> None:
    """Its status still says Programmed."""
    cluster.scale_to_zero("waypoint")


@CASES.spares("waypoint-not-ready", Mode.WAYPOINT, instead="control-plane-down")
def waypoint_without_istiod(cluster: Cluster) -> None:
    """Nobody makes its pods while istiod is away."""
    cluster.remove(DEPLOYMENT, "waypoint")
    cluster.scale_to_zero("istiod")


@CASES.names("old-rules-in-ambient", Mode.WAYPOINT)
@CASES.spares("fault-in-force", Mode.WAYPOINT, instead="old-rules-in-ambient")
def rule_of_the_sidecar_days(cluster: Cluster) -> None:
    """A fault that was forgotten acts again."""
    fault(cluster, "ratings", age=7200)


@CASES.spares("old-rules-in-ambient", Mode.WAYPOINT)
def rule_after_the_waypoint(cluster: Cluster) -> None:
    """A rule that was written for the waypoint."""
    fault(cluster, "ratings", age=10)


@CASES.spares("old-rules-in-ambient")
def old_rule_with_sidecars(cluster: Cluster) -> None:
    """Sidecars obey it as ever."""
    route(cluster, "ratings", age=7200)


@CASES.names("ingress-bypasses-waypoint", Mode.WAYPOINT)
@CASES.names("double-edges", Mode.WAYPOINT)
def as_waypoints_are(cluster: Cluster) -> None:
    """The gateway passes it by, and both of them report."""
    assert cluster.labels[USE_WAYPOINT] == "waypoint"


@CASES.spares("ingress-bypasses-waypoint", Mode.WAYPOINT)
def ingress_uses_it(cluster: Cluster) -> None:
    """The namespace asks for it."""
    cluster.labels["istio.io/ingress-use-waypoint"] = "true"


@CASES.spares("double-edges", Mode.AMBIENT)
def ztunnel_alone(cluster: Cluster) -> None:
    """Without a waypoint one of them reports."""
    assert not any(get_name(g) == "waypoint" for g in cluster.objects[GATEWAY])
