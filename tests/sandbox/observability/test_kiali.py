"""Kiali's own ways: configuration at start, what it refuses, its caches, add-ons out of reach,
kinds of graphs."""

from __future__ import annotations

import time

import pytest
import yaml

from sandbox.cluster.contract import ApiError, Object
from tests.sandbox.istio.istiod.mesh import (
    PODS,
    SERVICES,
    SYSTEM,
    eventually,
    placed,
)

from . import reading
from .feeding import (
    DETAILS,
    GATEWAY,
    NOBODY,
    PRODUCTPAGE,
    RATINGS,
    Flow,
    http,
    labels,
    reviews,
    tcp,
)
from .stages import RULES, SPEED, TRAFFIC, World, page_views, world

pytestmark = pytest.mark.long

GRAPH = "/api/namespaces/graph?namespaces=bookinfo&duration=60s&graphType={}&injectServiceNodes=true&refreshInterval=0"
RULE = "/api/namespaces/bookinfo/istio/{}/reviews?validate=true"
PLACES = {"1.87": "virtualservices", "2.26": "networking.istio.io/v1/VirtualService"}


@pytest.fixture
async def busy(mesh: World) -> World:
    """With Bookinfo, its sidecars and traffic."""
    await mesh.bare()
    await mesh.sidecars()
    await mesh.flow("sidecars")
    return mesh


@pytest.mark.parametrize("kiali", ["2.26"])
@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        (
            "namespaces=nonesuch&graphType=app",
            403,
            "Requested namespace [nonesuch] is not accessible.",
        ),
        ("graphType=app", 400, "At least one namespace"),
        ("namespaces=default&graphType=cake", 400, "Invalid graphType [cake]"),
        ("namespaces=default&duration=long", 400, "Invalid duration [long]"),
        ("namespaces=default&appenders=cake", 400, "Invalid appender [cake]"),
        ("namespaces=default&injectServiceNodes=maybe", 400, "Invalid injectServiceNodes [maybe]"),
        ("namespaces=default&ambientTraffic=some", 400, "Invalid ambientTraffic [some]"),
        ("namespaces=default&rateTcp=some", 400, "Invalid rateTcp [some]"),
    ],
)
async def test_graphs_refused(mesh: World, path: str, status: int, words: str) -> None:
    """A namespace that is not there is 403, a parameter that is no good 400, and both say which."""
    answer = await mesh.ask(f"/api/namespaces/graph?{path}")
    assert (answer.status, answer.json["error"][: len(words)]) == (status, words)


@pytest.mark.parametrize("kiali", ["1.87"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/namespaces/default/istio/cakes/reviews", 400),
        ("/api/clusters/health?type=cake", 400),
        ("/api/clusters/health?rateInterval=long", 400),
        ("/api/clusters/cake", 404),
        ("/api/namespaces/nonesuch/tls", 404),
        ("/graph/namespaces", 404),
        ("/console/graph/namespaces", 200),
    ],
)
async def test_other_paths(mesh: World, path: str, status: int) -> None:
    """Bad parameters are 400, what is not there 404; the console's pages are below /console only."""
    assert (await mesh.ask(path)).status == status


async def test_an_object_that_is_not_there(mesh: World, kiali: str) -> None:
    """A missing object is 404 with its kind and name."""
    answer = await mesh.ask(RULE.format(PLACES[kiali]).replace("bookinfo", "default"))
    assert (answer.status, answer.json["error"]) == (
        404,
        'virtualservices.networking.istio.io "reviews" not found',
    )


async def test_no_prometheus_no_graph(mesh: World) -> None:
    """Without Prometheus there is no graph, and the status says so; lists and health still answer."""
    await mesh.mesh.client.delete(SERVICES, "prometheus", SYSTEM)
    assert (await mesh.ask("/api/namespaces/graph?namespaces=default&graphType=app")).status == 503
    services = (await mesh.ask("/api/status")).json["externalServices"]
    assert "Prometheus" not in [each["name"] for each in services]
    assert (
        await mesh.ask("/api/clusters/workloads?namespaces=istio-system&health=true")
    ).status == 200


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_an_empty_graph(mesh: World) -> None:
    """Without traffic there are no nodes."""
    answer = await mesh.ask("/api/namespaces/graph?namespaces=default&graphType=app")
    assert answer.json["elements"] == {"nodes": [], "edges": []}


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_kinds_of_graphs(busy: World) -> None:
    """Versions, applications, workloads and Services as nodes; Services in between only on request."""
    found = {}
    for kind in ("app", "workload", "service"):
        elements = (await busy.ask(GRAPH.format(kind).replace("Nodes=true", "Nodes=false"))).json[
            "elements"
        ]
        found[kind] = sorted({reading.name(node["data"]) for node in elements["nodes"]})
    assert found["app"] == [
        f"{app}-None" for app in (GATEWAY[1], "details", "productpage", "ratings", "reviews")
    ]
    assert "=reviews-v3" in found["workload"]
    assert {"/details", "/productpage", "/ratings", "/reviews"} < set(found["service"])


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_graphs_are_kept_a_minute(busy: World) -> None:
    """Kiali 2 answers the same for a minute, unless it is told to look anew."""
    kept = GRAPH.format("app").removesuffix("&refreshInterval=0")
    clock = busy.cluster.clock
    busy.feed.start(TRAFFIC["broken"])
    while True:
        begun = clock.now()
        first = (await busy.ask(kept)).json
        await clock.sleep(40)
        fresh = (await busy.ask(GRAPH.format("app"))).json
        again = (await busy.ask(kept)).json
        if clock.measure_age(begun) < 60:
            break
        await clock.sleep(61)  # A machine that is busy elsewhere has let the minute pass.
    assert again == first
    assert fresh["timestamp"] > first["timestamp"]
    await clock.sleep(61)
    assert (await busy.ask(kept)).json != first
    assert (await busy.ask(f"{kept}&refreshInterval=soon")).status == 400


async def test_lists_lag_and_objects_do_not(busy: World, kiali: str) -> None:
    """A missing subset shows in the object itself at once; in Kiali 2's list up to a minute later."""
    await busy.route()
    await busy.cluster.clock.sleep(61)
    await busy.mesh.client.delete(RULES, "reviews", "bookinfo")
    alone = (await busy.ask(RULE.format(PLACES[kiali]))).json["validation"]
    assert [check["code"] for check in alone["checks"]] == ["KIA1107", "KIA1107"]

    async def listed() -> bool:
        return any(
            "KIA1107" in line
            for line in reading.findings((await busy.ask("/api/istio/config?validate=true")).json)
        )

    before = time.monotonic()
    await eventually(listed)
    assert (time.monotonic() - before) * SPEED < 70


async def test_validation_only_on_request(busy: World, kiali: str) -> None:
    """Without the parameter nothing is validated."""
    await busy.route()
    alone = (await busy.ask(RULE.format(PLACES[kiali]).partition("?")[0])).json
    assert alone["validation"] is None
    assert (await busy.ask("/api/istio/config")).json["validations"] == {}
    named = alone["resource"] if kiali == "2.26" else alone["virtualService"]
    assert named["spec"]["hosts"] == ["reviews"]


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_a_client_outside_of_the_mesh(busy: World) -> None:
    """Who has no proxy is one unknown node, and its traffic has no lock."""
    plain = labels(Flow(NOBODY, "productpage", PRODUCTPAGE, 2), "destination", "none")
    more = {"request_protocol": "http", "response_code": "200", "grpc_response_status": ""}
    busy.feed.start([("istio_requests_total", plain | more, 2.0)])
    await busy.feed.steady(65)
    graph = (await busy.ask(GRAPH.format("versionedApp"))).json
    (unknown,) = (
        node["data"] for node in graph["elements"]["nodes"] if node["data"]["nodeType"] == "unknown"
    )
    assert unknown["isInaccessible"]
    assert not any("isMTLS" in edge["data"] for edge in graph["elements"]["edges"])


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_waypoints_on_request(busy: World) -> None:
    """A waypoint that carries traffic is shown only when asked for."""
    busy.feed.start(
        tcp(
            [
                Flow(PRODUCTPAGE, "waypoint", ("waypoint", "waypoint", "latest"), 1),
                *page_views(1, {1: 1}),
            ]
        )
    )
    await busy.waypoint_only()
    await busy.feed.steady(65)

    async def names(shown: str) -> set[str]:
        elements = (await busy.ask(f"{GRAPH.format('versionedApp')}&waypoints={shown}")).json[
            "elements"
        ]
        return {reading.name(node["data"]) for node in elements["nodes"]}

    for _ in range(10):
        if found := await names("true"):
            break
        await busy.cluster.clock.sleep(
            15
        )  # on a busy machine a scrape comes late, and a range holds none
    assert "waypoint-latest" in found - await names("false")


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_response_times(busy: World) -> None:
    """Edges carry the slowest quantile of their calls, in milliseconds."""
    found = labels(Flow(reviews(2), "ratings", RATINGS, 1), "source", "unknown")
    more = {"request_protocol": "http", "response_code": "200", "grpc_response_status": ""}
    flows = http(
        [Flow(reviews(2), "ratings", RATINGS, 1), Flow(PRODUCTPAGE, "details", DETAILS, 1)],
        "source",
    )
    name = "istio_request_duration_milliseconds_bucket"
    busy.feed.start(
        [
            *flows,
            *(
                (name, found | more | {"le": le}, n)
                for le, n in (("5", 0.0), ("10", 1.0), ("+Inf", 1.0))
            ),
        ]
    )
    await busy.feed.steady(65)
    elements = (await busy.ask(f"{GRAPH.format('versionedApp')}&appenders=responseTime")).json[
        "elements"
    ]
    times = [
        edge["data"]["responseTime"] for edge in elements["edges"] if "responseTime" in edge["data"]
    ]
    assert times == ["10", "10"]


@pytest.mark.parametrize(("kiali", "seconds"), [("1.87", 5), ("2.26", 30)])
async def test_kiali_takes_its_time(kiali: str, seconds: float) -> None:
    """Kiali is not ready before its first probe: 5 s in 1.87, 30 s in 2.26; until then its Service
    has nobody."""
    async with world(kiali, speed=50) as mesh:
        (pod,) = await mesh.mesh.pods(SYSTEM, app="kiali")
        status: Object = pod["status"]
        times = {each["type"]: each["lastTransitionTime"] for each in status["conditions"]}
        started = status["containerStatuses"][0]["state"]["running"]["startedAt"]
        assert (
            yaml.safe_load(times["Ready"]).timestamp() - yaml.safe_load(started).timestamp()
            >= seconds - 1
        )
        await mesh.mesh.client.delete(PODS, pod["metadata"]["name"], SYSTEM)
        with pytest.raises(ApiError, match="no endpoints available"):
            await eventually(lambda: _answered(mesh))


async def _answered(mesh: World) -> bool:
    await mesh.ask("/healthz")
    return False


async def test_two_rules_for_one_host(busy: World, kiali: str) -> None:
    """Two VirtualServices for one host, in one namespace, are found out."""
    await busy.route()
    (rule,) = busy.samples["bookinfo/networking/virtual-service-reviews-test-v2.yaml"]
    rival = placed({**rule, "metadata": {**rule["metadata"], "name": "rival"}}, "bookinfo")
    await busy.mesh.client.apply(rival)
    found = (await busy.ask(RULE.format(PLACES[kiali]))).json["validation"]
    assert (found["valid"], [check["code"] for check in found["checks"]]) == (True, ["KIA1106"])
    assert [each["name"] for each in found["references"]] == ["rival"]
