"""Subsets that no DestinationRule defines, or that select no pod."""

from __future__ import annotations

from bot.kinds import DESTINATION_RULE, SERVICE, VIRTUAL_SERVICE
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import define_subsets, route
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import APP, port, service

CASES = Cases()


@CASES.names("subset-without-destinationrule")
@CASES.spares("subset-without-pods", instead="subset-without-destinationrule")
def no_rule_at_all(cluster: Cluster) -> None:
    """A route by versions, and nobody said what they are."""
    route(cluster, "reviews", "v1")


@CASES.names("subset-without-destinationrule")
def subset_not_among_them(cluster: Cluster) -> None:
    """The rule is there, and does not define that subset; objects are called otherwise."""
    define_subsets(cluster, "reviews", "v1", "v2", name="versions")
    route(cluster, "reviews", "v3", name="all-to-v3")


@CASES.names("subset-without-destinationrule", Mode.WAYPOINT)
def no_rule_behind_a_waypoint(cluster: Cluster) -> None:
    """The waypoint needs the subset like a sidecar."""
    route(cluster, "reviews", "v1", age=10)


@CASES.spares("subset-without-destinationrule")
def subset_defined(cluster: Cluster) -> None:
    """Short and full host are one host."""
    define_subsets(cluster, "reviews.bookinfo.svc.cluster.local", "v1")
    route(cluster, "reviews", "v1")


@CASES.spares("subset-without-destinationrule")
def subset_defined_by_wildcard(cluster: Cluster) -> None:
    """A rule for all hosts of the namespace."""
    define_subsets(cluster, "*.bookinfo.svc.cluster.local", "v1", name="all")
    route(cluster, "reviews", "v1")


@CASES.spares("subset-without-destinationrule")
def undefined_without_weight(cluster: Cluster) -> None:
    """A destination that gets nothing."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1", "v9")
    weights = cluster.get_spec(VIRTUAL_SERVICE, "reviews")["http"][0]["route"]
    weights[0]["weight"], weights[1]["weight"] = 100, 0


@CASES.spares("subset-without-destinationrule", instead="rule-shadowed")
def undefined_and_shadowed(cluster: Cluster) -> None:
    """The rule that names the subset never acts."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1")
    never = {"route": [{"destination": {"host": "reviews", "subset": "v9"}}]}
    cluster.get_spec(VIRTUAL_SERVICE, "reviews")["http"].append(never)


@CASES.spares("subset-without-destinationrule")
def route_of_the_neighbour(cluster: Cluster) -> None:
    """Another namespace's route to its own reviews."""
    route(cluster, "reviews", "v1", namespace="shop")


@CASES.names("destinationrule-host-mismatch")
@CASES.spares("subset-without-destinationrule", instead="destinationrule-host-mismatch")
def host_in_another_namespace(cluster: Cluster) -> None:
    """The rule that would do is pinned to the namespace `default`."""
    define_subsets(cluster, "reviews.default.svc.cluster.local", "v1")
    route(cluster, "reviews", "v1")


@CASES.names("destinationrule-host-mismatch")
def host_of_nobody(cluster: Cluster) -> None:
    """Its host is misspelt."""
    define_subsets(cluster, "review", "v1", name="versions")
    route(cluster, "reviews", "v1")


@CASES.names("destinationrule-host-mismatch")
def not_exported(cluster: Cluster) -> None:
    """The rule is for this host, and is kept from this namespace."""
    full = "reviews.bookinfo.svc.cluster.local"
    define_subsets(cluster, full, "v1", namespace="istio-system")
    cluster.get_spec(DESTINATION_RULE, "reviews")["exportTo"] = ["."]
    route(cluster, "reviews", "v1")


@CASES.spares("destinationrule-host-mismatch", instead="subset-without-destinationrule")
def subsets_of_another_service(cluster: Cluster) -> None:
    """The rule of ratings, which exists, is no slip."""
    define_subsets(cluster, "ratings", "v1")
    route(cluster, "reviews", "v1")


@CASES.spares("destinationrule-host-mismatch")
def mismatch_that_nobody_needs(cluster: Cluster) -> None:
    """A rule for nobody, and no route that would want it."""
    define_subsets(cluster, "reviews.default.svc.cluster.local", "v1")


@CASES.names("subset-without-pods")
@CASES.spares("service-selects-no-pods", instead="subset-without-pods")
def labels_of_nobody(cluster: Cluster) -> None:
    """The subset that a route uses selects no pod."""
    define_subsets(cluster, "reviews", "v1")
    labels = cluster.get_spec(DESTINATION_RULE, "reviews")["subsets"][0]
    labels["labels"] = {"version": "v9"}
    route(cluster, "reviews", "v1")


@CASES.names("subset-without-pods", Mode.WAYPOINT)
def version_service_without_pods(cluster: Cluster) -> None:
    """In ambient a Service of a version stands for a subset."""
    selector = {"app": "reviews", "version": "v9"}
    cluster.add(service("reviews-v9", APP, selector, port("http", 9080)))
    cluster.apply("""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews, port: 9080}]
  rules: [{backendRefs: [{name: reviews-v9, port: 9080}]}]
""")


@CASES.spares("subset-without-pods", instead="service-selects-no-pods")
def service_selects_nobody(cluster: Cluster) -> None:
    """Without pods for the Service, none is left for its subsets."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1")
    cluster.get_spec(SERVICE, "reviews")["selector"] = {"app": "nobody"}


@CASES.spares("subset-without-pods", instead="workload-scaled-to-zero")
def version_scaled_to_zero(cluster: Cluster) -> None:
    """The version's Deployment wants no pods: that is the cause."""
    define_subsets(cluster, "reviews", "v1", "v2")
    route(cluster, "reviews", "v2")
    cluster.scale_to_zero("reviews-v2")


@CASES.spares("subset-without-pods")
def unused_subset(cluster: Cluster) -> None:
    """The workshop's file defines v2 of ratings, which nobody deploys or routes to."""
    define_subsets(cluster, "ratings", "v1", "v2")
    route(cluster, "ratings", "v1")
