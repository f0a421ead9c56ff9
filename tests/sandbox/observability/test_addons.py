"""Prometheus, Jaeger and Grafana in their pods, asked through their Services."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest

from sandbox.cluster.contract import ApiError, Request
from sandbox.cluster.machinery.meta import CONFIG_MAPS
from sandbox.observability.jaeger.program import parse_microseconds
from sandbox.observability.sources import Span
from tests.sandbox.istio.istiod.mesh import DEPLOYMENTS, PODS, SERVICES, SYSTEM, eventually

from .feeding import PRODUCTPAGE, RATINGS, Flow, http
from .stages import World

COLLECTOR = "zipkin.istio-system:9411"
CARRIED = {"1.87": 14269, "2.26": 13133}


@pytest.fixture
async def jaeger(mesh: World) -> World:
    """With Jaeger."""
    await mesh.addon("jaeger", ("jaeger",))
    return mesh


def span(mesh: World, number: int, service: str = "productpage.bookinfo", **more: str) -> Span:
    """A span of one trace each; `number` also counts the seconds that it is old."""
    start = int((mesh.cluster.clock.now().timestamp() - number) * 1e6)
    ids = {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "parent_id": more.pop("parent", ""),
    }
    collector = more.pop("collector", COLLECTOR)
    tags = {"http.status_code": "200", **more}
    return Span(
        **ids,
        service=service,
        operation="page",
        start=start,
        duration=900 + number,
        collector=collector,
        tags=tags,
    )


async def searched(mesh: World, **query: str) -> list[str]:
    """The ids of the traces that Jaeger finds, in its order."""
    words = "&".join(
        f"{key}={quote(value)}"
        for key, value in {"service": "productpage.bookinfo", **query}.items()
    )
    answer = await mesh.ask(f"/jaeger/api/traces?{words}", "tracing", 80)
    assert answer.status == 200, answer
    return [trace["traceID"].lstrip("0") for trace in answer.json["data"]]


async def test_prometheus_is_healthy(mesh: World) -> None:
    """Both health endpoints answer, and it tells its version."""
    for path in ("/-/ready", "/-/healthy"):
        assert (await mesh.ask(path, "prometheus", 9090)).status == 200
    told = await mesh.ask("/api/v1/status/buildinfo", "prometheus", 9090)
    assert (
        told.json["data"]["version"] == {"1.23.2": "2.52.0", "1.30.3": "3.10.0"}[mesh.mesh.version]
    )


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_what_flows_becomes_a_rate(mesh: World) -> None:
    """After two scrapes there is a rate; before that there is none."""
    query = "/api/v1/query?query=" + quote(
        "sum by (response_code) (rate(istio_requests_total[1m]))"
    )
    assert (await mesh.ask(query, "prometheus", 9090)).json["data"] == {
        "resultType": "vector",
        "result": [],
    }
    mesh.feed.start(http([Flow(PRODUCTPAGE, "ratings", RATINGS, 4)], "source"))
    await mesh.feed.steady(65)
    (row,) = (await mesh.ask(query, "prometheus", 9090)).json["data"]["result"]
    assert row["metric"] == {"response_code": "200"}
    assert float(row["value"][1]) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_a_range_of_values(mesh: World) -> None:
    """A range query gives a value for each step; the targets are the pods that are scraped."""
    mesh.feed.start([("up_total", {"pod": "a", "namespace": "b"}, 1.0)])
    await mesh.feed.steady(20)
    now = mesh.cluster.clock.now().timestamp()
    path = f"/api/v1/query_range?query=up_total&start={now - 10}&end={now}&step=5s"
    (row,) = (await mesh.ask(path, "prometheus", 9090)).json["data"]["result"]
    assert len(row["values"]) == 3
    (target,) = (await mesh.ask("/api/v1/targets", "prometheus", 9090)).json["data"][
        "activeTargets"
    ]
    assert target["labels"] == {"namespace": "b", "pod": "a"}


@pytest.mark.long
@pytest.mark.parametrize("kiali", ["2.26"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/query?query=sum(", 400),
        ("/api/v1/query?query=1&time=x", 400),
        ("/api/v1/query_range?query=1", 400),
        ("/x", 404),
    ],
)
async def test_prometheus_refuses(mesh: World, path: str, status: int) -> None:
    """Bad queries are 400 with a reason, unknown paths 404."""
    answer = await mesh.ask(path, "prometheus", 9090)
    assert answer.status == status
    assert status == 404 or answer.json["errorType"] == "bad_data"


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_a_query_may_be_posted(mesh: World) -> None:
    """A form in the body counts like a query."""
    backends = mesh.cluster.server.backends
    assert backends is not None
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = Request("POST", "/api/v1/query", "", form, b"query=1%2B1")
    answer = await backends.call(SYSTEM, "prometheus", 9090, request)
    assert json.loads(answer.body)["data"]["result"][1] == "2"


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_a_restarted_prometheus_has_forgotten(mesh: World) -> None:
    """What was scraped goes with the pod."""
    mesh.feed.start([("up_total", {}, 1.0)])
    await mesh.feed.steady(1)
    assert (await mesh.ask("/api/v1/query?query=up_total", "prometheus", 9090)).json["data"][
        "result"
    ]
    mesh.feed.start([])
    mesh.cluster.kill_pod(SYSTEM, await _prometheus(mesh))
    await eventually(lambda: _forgotten(mesh))


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_without_a_job_for_pods_nothing_is_scraped(mesh: World) -> None:
    """Prometheus reads from its configuration whether it looks at pods."""
    client = mesh.mesh.client
    held = await client.get(CONFIG_MAPS, "prometheus", SYSTEM)
    assert held is not None
    text = held["data"]["prometheus.yml"].replace("io_scrape", "io_scraped")
    await client.update({**held, "data": {"prometheus.yml": text}})
    mesh.feed.start([("up_total", {}, 1.0)])
    mesh.cluster.kill_pod(SYSTEM, await _prometheus(mesh))
    await eventually(lambda: _forgotten(mesh))
    # Three scrapes; `steady` would wait for one, and none may come.
    await mesh.cluster.clock.sleep(45)
    assert await _forgotten(mesh)


async def _prometheus(mesh: World) -> str:
    (pod,) = await mesh.mesh.client.list(PODS, SYSTEM, "app.kubernetes.io/name=prometheus")
    return str(pod["metadata"]["name"])


async def _forgotten(mesh: World) -> bool:
    try:
        answer = await mesh.ask("/api/v1/query?query=up_total", "prometheus", 9090)
    except ApiError:
        return False
    return bool(answer.json["data"]["result"] == [])


async def test_jaeger_is_healthy(jaeger: World, kiali: str) -> None:
    """Each release's own health port answers; the page is under the base path only."""
    backends = jaeger.cluster.server.backends
    assert backends is not None
    (pod,) = await jaeger.mesh.pods(SYSTEM, app="jaeger")
    path = {"1.87": "/", "2.26": "/status"}[kiali]
    health = await backends.call_pod(
        SYSTEM, pod["metadata"]["name"], CARRIED[kiali], Request("GET", path)
    )
    assert health.status == 200
    assert (await jaeger.ask("/jaeger/search", "tracing", 80)).status == 200
    assert (await jaeger.ask("/search", "tracing", 80)).status == 404


async def test_traces(jaeger: World) -> None:
    """Services by name, traces newest first, with their spans, processes and parents."""
    jaeger.feed.send(span(jaeger, 20))
    jaeger.feed.send(span(jaeger, 10))
    jaeger.feed.send(span(jaeger, 20, "reviews.bookinfo", parent="a" * 16))
    await asyncio.sleep(0.01)
    assert (await jaeger.ask("/jaeger/api/services", "tracing", 80)).json["data"] == [
        "productpage.bookinfo",
        "reviews.bookinfo",
    ]
    assert await searched(jaeger, limit="20", lookback="1h") == ["a", "14"]
    one = (await jaeger.ask(f"/jaeger/api/traces/{20:032x}", "tracing", 80)).json["data"][0]
    assert {process["serviceName"] for process in one["processes"].values()} == {
        "productpage.bookinfo",
        "reviews.bookinfo",
    }
    assert [each["references"][0]["spanID"] for each in one["spans"] if each["references"]] == [
        "a" * 16
    ]


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_search(jaeger: World) -> None:
    """Limit, time, tags, duration and operation narrow a search."""
    for number in (5, 10, 5000):
        jaeger.feed.send(span(jaeger, number, flag=str(number)))
    await asyncio.sleep(0.01)
    assert await searched(jaeger) == ["5", "a"]
    assert await searched(jaeger, limit="1") == ["5"]
    assert await searched(jaeger, lookback="2h") == ["5", "a", "1388"]
    assert await searched(jaeger, tags='{"flag":"10"}') == ["a"]
    assert await searched(jaeger, minDuration="908us") == ["a"]
    assert await searched(jaeger, operation="other") == []


@pytest.mark.parametrize("kiali", ["2.26"])
@pytest.mark.parametrize(
    "query", ["", "service=a&limit=x", "service=a&tags=[", "service=a&minDuration=soon"]
)
async def test_jaeger_refuses(jaeger: World, query: str) -> None:
    """A search without a service, or with a value that can't be read, is 400; an unknown trace 404."""
    answer = await jaeger.ask(f"/jaeger/api/traces?{query}", "tracing", 80)
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, 400)
    assert (await jaeger.ask("/jaeger/api/traces/abc", "tracing", 80)).status == 404


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_no_collector_no_traces(jaeger: World) -> None:
    """Spans for an address without a Service are lost, and so are those sent while Service zipkin
    is away."""
    await jaeger.mesh.client.delete(SERVICES, "zipkin", SYSTEM)
    jaeger.feed.send(span(jaeger, 5))
    jaeger.feed.send(span(jaeger, 6, collector="nowhere.bookinfo:9411"))
    await asyncio.sleep(0.01)
    assert (await jaeger.ask("/jaeger/api/services", "tracing", 80)).json["data"] == []


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_traces_go_with_the_pod(jaeger: World) -> None:
    """A new Jaeger begins with nothing."""
    jaeger.feed.send(span(jaeger, 5))
    await asyncio.sleep(0.01)
    (pod,) = await jaeger.mesh.pods(SYSTEM, app="jaeger")
    await jaeger.mesh.client.delete(PODS, pod["metadata"]["name"], SYSTEM)
    await jaeger.mesh.ready("jaeger", SYSTEM)

    async def empty() -> bool:
        try:
            return bool(
                (await jaeger.ask("/jaeger/api/services", "tracing", 80)).json["data"] == []
            )
        except ApiError:
            return False

    await eventually(empty)
    assert len(jaeger.feed.receivers) == 1


def test_a_bad_duration() -> None:
    """A duration that is none is refused."""
    assert parse_microseconds("1m30s") == 90e6
    with pytest.raises(ValueError, match="invalid duration"):
        parse_microseconds("soon")


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_grafana(mesh: World) -> None:
    """Health; dashboards by title, those with fixed uids under them; links that lead somewhere."""
    await mesh.addon("grafana", ("grafana",))
    assert (await mesh.ask("/api/health", "grafana", 3000)).json["database"] == "ok"
    rows = {row["title"]: row for row in (await mesh.ask("/api/search", "grafana", 3000)).json}
    assert rows["Istio Control Plane Dashboard"]["uid"] == "1813f692a8e4ac77155348d4c7d2fba8"
    assert rows["Istio Mesh Dashboard"]["uid"] == "1a9a8ea49444aae205c7737573e894f9"
    (found,) = (
        await mesh.ask("/api/search?query=Istio%20Service%20Dashboard", "grafana", 3000)
    ).json
    assert found["url"] == f"/d/{found['uid']}/istio-service-dashboard"
    board = await mesh.ask(f"/api/dashboards/uid/{found['uid']}", "grafana", 3000)
    assert board.json["dashboard"]["title"] == "Istio Service Dashboard"
    statuses = [
        (await mesh.ask(path, "grafana", 3000)).status
        for path in (found["url"], "/d/none/x", "/api/none", "/")
    ]
    assert statuses == [200, 404, 404, 200]


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_stopped_programs_are_found_no_more(jaeger: World) -> None:
    """Without a pod nothing answers, and nothing is left that listens."""
    await jaeger.mesh.client.merge(DEPLOYMENTS, "jaeger", SYSTEM, {"spec": {"replicas": 0}})

    async def gone() -> bool:
        return not await jaeger.mesh.client.list(PODS, SYSTEM, "app=jaeger")

    await eventually(gone)
    with pytest.raises(ApiError, match="no endpoints available"):
        await jaeger.ask("/jaeger/api/services", "tracing", 80)
    assert jaeger.feed.receivers == []
