"""Reading Kiali, Prometheus and Jaeger: what they answer in each version, and when they answer
badly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.errors import ClusterError, NotFound, Rejected, Unavailable
from bot.kinds import HTTP_ROUTE, VIRTUAL_SERVICE, Kind
from bot.knowledge.graph import graph_report
from bot.knowledge.observe import jaeger, kiali, kiali_graph, prometheus
from bot.knowledge.observe.graph import Call, Graph
from bot.knowledge.snapshot import Snapshot
from tests.knowledge.observe.stage import asking, deployment

KIALI = "/apis/apps/v1/namespaces/istio-system/deployments/kiali"
OLD, NEW = (
    {KIALI: deployment("quay.io/kiali/kiali:v1.87")},
    {KIALI: deployment("quay.io/kiali/kiali:v2.26")},
)
FOUND = {
    "code": "KIA1107",
    "message": "Subset not found",
    "severity": "warning",
    "path": "spec/http[0]/route[0]",
}
CHECKED = {"validation": {"valid": True, "checks": [FOUND]}}
PLACES = [
    (OLD, VIRTUAL_SERVICE, "virtualservices"),
    (NEW, VIRTUAL_SERVICE, "networking.istio.io/v1/VirtualService"),
    (OLD, HTTP_ROUTE, "k8shttproutes"),
    (NEW, HTTP_ROUTE, "gateway.networking.k8s.io/v1/HTTPRoute"),
]


@pytest.mark.parametrize(("version", "kind", "place"), PLACES)
async def test_an_objects_checks(
    tmp_path: Path, version: dict[str, Any], kind: Kind, place: str
) -> None:
    """Each version of Kiali has a path of its own for each type."""
    answers = version | {
        f"kiali:20001/kiali/api/namespaces/bookinfo/istio/{place}/reviews": CHECKED
    }
    async with asking(answers, tmp_path) as context:
        found = await kiali.check_object(context, kind, "bookinfo", "reviews")
    assert found == [kiali.Check("KIA1107", "Subset not found", "warning", "spec/http[0]/route[0]")]


LISTS = [
    {
        "virtualservice": {"reviews.bookinfo": {"checks": [FOUND]}},
        "k8sgateway": {"g.bookinfo": {"checks": []}},
    },
    {
        "networking.istio.io/v1, Kind=VirtualService": {"reviews.bookinfo": {"checks": [FOUND]}},
        "gateway.networking.k8s.io/v1, Kind=Gateway": {"g.bookinfo": {"checks": []}},
    },
]


@pytest.mark.parametrize("validations", LISTS)
async def test_a_namespaces_checks(tmp_path: Path, validations: dict[str, Any]) -> None:
    """Both versions' lists read the same; objects that nothing is wrong with are left out."""
    answers = {"kiali:20001/kiali/api/namespaces/bookinfo/istio": {"validations": validations}}
    async with asking(answers, tmp_path) as context:
        found = await kiali.check_namespace(context, "bookinfo")
    assert [(key, [c.code for c in listed]) for key, listed in found.items()] == [
        (("virtualservice", "reviews"), ["KIA1107"])
    ]


@pytest.mark.parametrize("key", ["isCore", "is_core"])
async def test_components(tmp_path: Path, key: str) -> None:
    """What is core is spelt differently."""
    said = [
        {"name": "istiod", "status": "Healthy", key: True},
        {"name": "x", "status": "Unreachable", key: False},
    ]
    async with asking({"kiali:20001/kiali/api/istio/status": said}, tmp_path) as context:
        found = await kiali.list_components(context)
    assert [(c.name, c.status, c.core) for c in found] == [
        ("istiod", "Healthy", True),
        ("x", "Unreachable", False),
    ]


REFUSALS: list[tuple[Any, type[ClusterError], str]] = [
    (
        (403, {"error": "Requested namespace [bookinfo] is not accessible."}),
        Rejected,
        "not accessible",
    ),
    ((404, {"error": "no such thing"}), NotFound, "no such thing"),
    ((503, {}), Unavailable, "503"),
    ("<html>login</html>", Unavailable, "JSON"),
]


@pytest.mark.parametrize(("said", "kind", "words"), REFUSALS)
async def test_bad_answers(tmp_path: Path, said: Any, kind: type[ClusterError], words: str) -> None:
    """Are errors with Kiali's own words."""
    async with asking({"kiali:20001/kiali/api/namespaces/graph": said}, tmp_path) as context:
        with pytest.raises(kind, match=words):
            await kiali_graph.read_graph(context, "bookinfo")


async def test_nobody_there(tmp_path: Path) -> None:
    """Is unavailable, and not healthy."""
    async with asking({}, tmp_path) as context:
        assert not await prometheus.is_ready(context)
        assert await kiali.read_image_version(context) == ""
        with pytest.raises(Unavailable, match="not found"):
            await jaeger.list_services(context)


def vector(*values: str) -> dict[str, Any]:
    """A successful answer of Prometheus."""
    result = [{"metric": {"v": str(n)}, "value": [1.0, value]} for n, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


async def test_numbers_of_prometheus(tmp_path: Path) -> None:
    """Values are strings; what is no number (0/0) is left out."""
    asked: list[str] = []
    async with asking(
        {"prometheus:9090/api/v1/query": vector("2.5", "NaN")}, tmp_path, asked
    ) as context:
        found = await prometheus.query(context, prometheus.build_lost_rate_query("bookinfo", 60))
        assert await prometheus.query_number(context, "x") == 2.5
    assert [(series["v"], series["none"], series.value) for series in found] == [("0", "", 2.5)]
    assert "destination_service_name" in asked[0]


async def test_a_query_that_prometheus_refuses(tmp_path: Path) -> None:
    """Is an error with its words."""
    answers = {"prometheus:9090/api/v1/query": (400, {"status": "error", "error": "parse error"})}
    async with asking(answers, tmp_path) as context:
        with pytest.raises(Rejected, match="parse error"):
            await prometheus.query(context, "sum(")


def span(start: int, duration: int, process: str, status: int = 200) -> dict[str, Any]:
    """One span of Jaeger's JSON."""
    tags = [{"key": "http.status_code", "value": str(status)}]
    times = {"startTime": start, "duration": duration}
    return times | {"operationName": f"call {process}", "processID": process, "tags": tags}


async def test_traces(tmp_path: Path) -> None:
    """Newest first, with the whole way, its time and its errors."""
    processes = {
        "p1": {"serviceName": "productpage.bookinfo"},
        "p2": {"serviceName": "reviews.bookinfo"},
    }
    spans = [span(1_500_000, 10_000, "p2", 503), span(1_000_000, 900_000, "p1")]
    older = {"traceID": "a", "spans": spans, "processes": processes}
    newer = {"traceID": "b", "spans": [span(9_000_000, 1000, "p1")], "processes": processes}
    async with asking(
        {"tracing:80/jaeger/api/traces": {"data": [older, newer]}}, tmp_path
    ) as context:
        first, second = await jaeger.list_traces(context, "productpage.bookinfo")
    assert (first.id, second.id, second.start, second.milliseconds) == ("b", "a", 1.0, 900.0)
    assert (second.services, second.failed) == (("productpage.bookinfo", "reviews.bookinfo"), 1)


async def test_prometheus_stands_in_for_kiali(tmp_path: Path) -> None:
    """A Kiali that is away takes no graph with it, and it is said whose it is."""
    deployed: dict[str, Any] = {"kiali": {}, "prometheus": {}}
    now = Snapshot(deployed, {}, None, (), {}, {}, {}, {}, {})
    series = {
        "metric": {"source_workload": "a", "destination_service_name": "b", "response_code": "200"},
        "value": [1.0, "2"],
    }
    said = {"status": "success", "data": {"resultType": "vector", "result": [series]}}
    answers: dict[str, Any] = {
        "kiali:20001/kiali/api/namespaces/graph": (503, {}),
        "prometheus:9090/api/v1/query": said,
    }
    async with asking(answers, tmp_path) as context:
        graph, notes = await graph_report.read_graph_with_fallback(context, now, 60)
        assert await graph_report.list_kiali_findings(context, graph) == ()
    assert graph.source == "Prometheus"
    assert {(call.source, call.target) for call in graph.calls} == {("a", "b")}
    assert "Kiali gives no graph (kiali answered 503)" in str(notes[0])


async def test_what_kiali_finds_is_told_once(tmp_path: Path) -> None:
    """Each code once with all that has it, and nothing that is neither error nor warning."""
    unknown = FOUND | {"code": "KIA0203", "severity": "unknown"}
    uncovered = FOUND | {"code": "KIA1313", "message": "Not covered"}
    validations = {
        "virtualservice": {"reviews.bookinfo": {"checks": [FOUND, FOUND, unknown]}},
        "workload": {f"{name}.bookinfo": {"checks": [uncovered]} for name in "abc"},
    }
    answers = {"kiali:20001/kiali/api/namespaces/bookinfo/istio": {"validations": validations}}
    async with asking(answers, tmp_path) as context:
        said = await graph_report.list_kiali_findings(context, Graph(()))
    assert [str(text) for text in said] == [
        "Kiali finds KIA1107 on virtualservice reviews: Subset not found (warning).",
        "Kiali finds KIA1313 on workload a, workload b, workload c: Not covered (warning).",
    ]


def test_calls_are_doubled_by_a_waypoint_alone() -> None:
    """Without one, requests beside TCP are of before and after a change."""
    twice = Graph((Call("a", "b", "http", 1.0), Call("a", "b", "tcp", 9.0)))
    waypoint = {
        "spec": {"gatewayClassName": "istio-waypoint"},
        "status": {"conditions": [{"type": "Programmed", "status": "True"}]},
    }
    space = {"metadata": {"labels": {"istio.io/use-waypoint": "waypoint"}}}
    bare = Snapshot({}, {}, space, (), {}, {}, {}, {}, {})
    routed = Snapshot({}, {}, space, (), {"waypoint": waypoint}, {}, {}, {}, {})
    (doubled,), (changed,) = (
        graph_report.explain_graph(twice, routed),
        graph_report.explain_graph(twice, bare),
    )
    assert "draws calls twice" in str(doubled)
    assert "looks back 60 s" in str(changed)
