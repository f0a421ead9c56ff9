"""Faults: whom they hit, who never meets them, and who does not obey rules at all."""

from __future__ import annotations

from bot.diagnosis.mesh_state import Activity, Numbers
from bot.kinds import VIRTUAL_SERVICE
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import ABORT, add_rules, define_subsets, fault, lead, route
from tests.diagnosis.cluster import Cluster, Mode, inject, leave_mesh

CASES = Cases()


@CASES.names("user-never-reaches-ratings")
def route_by_the_beginning_of_a_name(cluster: Cluster) -> None:
    """Everybody whose name begins so gets v1."""
    define_subsets(cluster, "reviews", "v1")
    match = {"match": [{"headers": {"end-user": {"prefix": "ja"}}}]}
    add_rules(cluster, "reviews", {**lead("reviews", "v1"), **match}, lead("reviews"))
    fault(cluster, "ratings", "jason")


def route_user(cluster: Cluster, user: str, version: str) -> None:
    """Sends a user to one version of reviews, and all others to v1."""
    define_subsets(cluster, "reviews", "v1", "v2", "v3")
    add_rules(cluster, "reviews", lead("reviews", version, user=user), lead("reviews", "v1"))


@CASES.names("caller-outside-mesh", Mode.SIDECARS)
@CASES.spares("fault-in-force", instead="caller-outside-mesh")
def caller_by_itself_outside(cluster: Cluster) -> None:
    """productpage has no sidecar, in a namespace that injects pod by pod."""
    del cluster.labels["istio-injection"]
    leave_mesh(cluster.list_pods("productpage-v1")[0])
    fault(cluster, "reviews")


@CASES.names("caller-outside-mesh", Mode.WAYPOINT)
def caller_and_waypoint_that_is_not_used(cluster: Cluster) -> None:
    """The waypoint is there, and this Service of the sidecar days does not use it."""
    cluster.labels.clear()
    for pod in cluster.list_app_pods():
        leave_mesh(pod)
        inject(pod)
    leave_mesh(cluster.list_pods("productpage-v1")[0])
    route(cluster, "reviews")


@CASES.spares("caller-outside-mesh")
def callee_outside(cluster: Cluster) -> None:
    """The callee does not have to be in the mesh: rules act in the caller."""
    del cluster.labels["istio-injection"]
    leave_mesh(cluster.list_pods("ratings-v1")[0])
    route(cluster, "ratings")


@CASES.spares("caller-outside-mesh")
def version_that_calls_nobody(cluster: Cluster) -> None:
    """reviews v1 never asks ratings, whether it is in the mesh or not."""
    del cluster.labels["istio-injection"]
    leave_mesh(cluster.list_pods("reviews-v1")[0])
    route(cluster, "ratings")


@CASES.spares("caller-outside-mesh", Mode.WAYPOINT)
def waypoint_enforces(cluster: Cluster) -> None:
    """With a waypoint rules act in it, whoever calls."""
    leave_mesh(cluster.list_pods("productpage-v1")[0])
    route(cluster, "reviews", age=10)


@CASES.names("fault-user-mismatch")
@CASES.spares("fault-in-force", instead="fault-user-mismatch")
@CASES.spares("user-never-reaches-ratings", instead="fault-user-mismatch")
def fault_for_another(cluster: Cluster) -> None:
    """jason is routed to v2, and the fault is for another."""
    route_user(cluster, "jason", "v2")
    fault(cluster, "ratings", "jane")


@CASES.names("fault-user-mismatch")
def requests_of_another(cluster: Cluster) -> None:
    """Requests are sent as alice, and the fault is for bob."""
    fault(cluster, "ratings", "bob")
    cluster.activity = Activity(users=frozenset({"alice"}))


@CASES.names("fault-user-mismatch")
def header_that_nobody_sends(cluster: Cluster) -> None:
    """The fault asks for a header of another application."""
    fault(cluster, "ratings", "jason")
    headers = cluster.get_spec(VIRTUAL_SERVICE, "ratings")["http"][0]["match"][0]["headers"]
    headers["x-user"] = headers.pop("end-user")


@CASES.spares("fault-user-mismatch")
def fault_for_the_routed(cluster: Cluster) -> None:
    """Route and fault are for the same user, who reaches ratings."""
    route_user(cluster, "jason", "v2")
    fault(cluster, "ratings", "jason")


@CASES.spares("fault-user-mismatch")
def fault_and_nobody_tries(cluster: Cluster) -> None:
    """Nobody is known to have tried."""
    fault(cluster, "ratings", "jason")


@CASES.names("user-never-reaches-ratings")
@CASES.spares("fault-user-mismatch", instead="user-never-reaches-ratings")
def routed_to_v1(cluster: Cluster) -> None:
    """jason gets v1, which shows no ratings."""
    route_user(cluster, "jason", "v1")
    fault(cluster, "ratings", "jason")


@CASES.names("user-never-reaches-ratings")
@CASES.spares("fault-in-force", instead="user-never-reaches-ratings")
def all_routed_to_v1(cluster: Cluster) -> None:
    """Everybody gets v1."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1")
    fault(cluster, "ratings")


@CASES.spares("user-never-reaches-ratings")
def fault_on_another_service(cluster: Cluster) -> None:
    """A fault on details does not have to pass reviews."""
    route_user(cluster, "jason", "v1")
    fault(cluster, "details", "jason")


@CASES.spares("user-never-reaches-ratings")
def shared_between_versions(cluster: Cluster) -> None:
    """Half of the requests get v3, which asks ratings."""
    define_subsets(cluster, "reviews", "v1", "v3")
    route(cluster, "reviews", "v1", "v3")
    fault(cluster, "ratings")


@CASES.names("fault-in-force")
@CASES.spares("crash-loop")
def fault_for_everybody(cluster: Cluster) -> None:
    """The errors that are seen are meant."""
    fault(cluster, "ratings")
    cluster.numbers = Numbers(2.0, 10.0, 6, 6, "", {("ratings", "FI"): 0.5})


@CASES.names("fault-in-force", Mode.WAYPOINT)
def fault_at_the_waypoint(cluster: Cluster) -> None:
    """The waypoint carries the fault out."""
    fault(cluster, "ratings", "jason", age=10)


@CASES.spares("fault-in-force", instead="rule-shadowed")
def fault_behind_a_catch_all(cluster: Cluster) -> None:
    """The rule with the fault never acts."""
    add_rules(cluster, "ratings", lead("ratings"), lead("ratings", fault=ABORT))


@CASES.names("propagation-delay")
@CASES.spares("subset-without-destinationrule")
def rule_of_seconds_ago(cluster: Cluster) -> None:
    """Proxies may not all have a rule that was written two seconds ago."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1", age=2)


@CASES.spares("propagation-delay")
def rule_of_a_minute_ago(cluster: Cluster) -> None:
    """After a minute they all have it."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1", age=60)
