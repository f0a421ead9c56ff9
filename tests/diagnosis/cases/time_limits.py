"""Time limits of rules."""

from __future__ import annotations

from bot.diagnosis.mesh_state import Numbers
from bot.kinds import VIRTUAL_SERVICE
from tests.diagnosis.cases.breakers import lose
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import add_rules, define_subsets, lead
from tests.diagnosis.cluster import Cluster

CASES = Cases()


def limit_time(cluster: Cluster, **settings: object) -> None:
    """Limits the time for reviews."""
    define_subsets(cluster, "reviews", "v1")
    add_rules(cluster, "reviews", lead("reviews", "v1"))
    cluster.get_spec(VIRTUAL_SERVICE, "reviews")["http"][0] |= settings


@CASES.names("time-limit-in-force")
def answers_that_came_too_late(cluster: Cluster) -> None:
    """Envoy's own flag."""
    limit_time(cluster, timeout="500ms")
    cluster.numbers = Numbers(2.0, 10.0, 6, 6, "", {("reviews", "UT"): 0.5})


@CASES.names("time-limit-in-force")
def tries_that_ended(cluster: Cluster) -> None:
    """Pages came without what is asked in tries."""
    limit_time(cluster, retries={"attempts": 3, "perTryTimeout": "500ms"})
    lose(cluster, 10)


@CASES.spares("time-limit-in-force")
def limit_that_nobody_met(cluster: Cluster) -> None:
    """A limit alone is no news."""
    limit_time(cluster, timeout="500ms")
    lose(cluster, 0)


@CASES.spares("time-limit-in-force")
def tries_without_a_limit(cluster: Cluster) -> None:
    """What may be sent again takes as long as it takes."""
    limit_time(cluster, retries={"attempts": 3})
    lose(cluster, 3)
