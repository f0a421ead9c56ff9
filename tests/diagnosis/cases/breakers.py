"""Circuit breakers, and versions of ratings that want a database."""

from __future__ import annotations

from bot.diagnosis.mesh_state import Activity, Numbers
from bot.kinds import DEPLOYMENT, DESTINATION_RULE
from bot.ports import TrafficReport
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import add_rules, define_subsets, lead
from tests.diagnosis.cluster import Cluster
from tests.diagnosis.shapes import APP, port, service

CASES = Cases()
POOL = {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}


def limit(cluster: Cluster) -> None:
    """Limits the requests to reviews."""
    define_subsets(cluster, "reviews", "v1")
    cluster.get_spec(DESTINATION_RULE, "reviews")["trafficPolicy"] = {"connectionPool": POOL}


def lose(cluster: Cluster, lost: int) -> None:
    """Has the last traffic lose reviews on some of its ten pages."""
    report = TrafficReport(10, 10, 1.0, {"200": 10}, {"v1": 10 - lost, "none": lost})
    cluster.activity = Activity(last=(5.0, report))


@CASES.names("circuit-breaker-open")
def requests_that_overflow(cluster: Cluster) -> None:
    """Envoy's own flag."""
    limit(cluster)
    cluster.numbers = Numbers(2.0, 10.0, 6, 6, "", {("reviews", "UO"): 0.5})


@CASES.names("circuit-breaker-open")
def pages_without_reviews(cluster: Cluster) -> None:
    """Some pages came without what is limited."""
    limit(cluster)
    lose(cluster, 3)


@CASES.spares("circuit-breaker-open")
def limits_that_nobody_reached(cluster: Cluster) -> None:
    """A limit alone is no news."""
    limit(cluster)
    lose(cluster, 0)


def want_database(cluster: Cluster) -> None:
    """Has ratings come from a database that is not there."""
    container = cluster.get_template("ratings-v1")["spec"]["containers"][0]
    container["image"] = "registry.istio.io/release/examples-bookinfo-ratings-v2:1.20.3"
    container["env"] = [{"name": "MONGO_DB_URL", "value": "mongodb://mongodb:27017/test"}]


@CASES.names("ratings-database-missing")
def database_not_there(cluster: Cluster) -> None:
    """No Service mongodb."""
    want_database(cluster)


@CASES.names("ratings-database-missing")
def database_at_another_port(cluster: Cluster) -> None:
    """Its Service has no such port."""
    want_database(cluster)
    selector = {"app": "details"}
    cluster.add(service("mongodb", APP, selector, port("mongo", 27018, 9080)))


@CASES.spares("ratings-database-missing")
def database_there(cluster: Cluster) -> None:
    """A Service of that name and port, with a ready pod."""
    want_database(cluster)
    cluster.add(service("mongodb", APP, {"app": "details"}, port("mongo", 27017, 9080)))


@CASES.spares("ratings-database-missing")
def database_elsewhere(cluster: Cluster) -> None:
    """A database of another namespace is nobody's to judge."""
    want_database(cluster)
    container = cluster.get_template("ratings-v1")["spec"]["containers"][0]
    container["env"][0]["value"] = "mongodb://mongodb.data:27017/test"


@CASES.spares("ratings-database-missing")
def version_that_nobody_asks(cluster: Cluster) -> None:
    """All requests are led past it."""
    want_database(cluster)
    cluster.get(DEPLOYMENT, "ratings-v1")["spec"]["template"]["metadata"]["labels"]["version"] = (
        "v2"
    )
    define_subsets(cluster, "ratings", "v1")
    add_rules(cluster, "ratings", lead("ratings", "v1"))
