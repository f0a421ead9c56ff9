"""What proxies tell: Istio's metrics with their labels and reporters, and the spans of a trace."""

from __future__ import annotations

import pytest

from sandbox.dataplane.proxy_stats import format_exposition
from sandbox.observability.sources import Sample
from tests.sandbox.dataplane.engine.place import ZIPKIN, Place, mesh_of_release, rules
from tests.sandbox.dataplane.routes.stages import VERSIONS, istio_object

V1 = ("reviews-v2", "reviews-v3")
V2 = ("reviews-v1", "reviews-v3")


def test_both_ends_of_a_call_report_it() -> None:
    """The caller does not know whether it was encrypted, the server does; both know each other's
    identity."""
    place = Place(gone=V1)
    place.page()
    edge = {"source_workload": "productpage-v1", "destination_workload": "reviews-v1"}
    assert place.total(reporter="source", connection_security_policy="unknown", **edge) == 1
    principal = "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-productpage"
    server = {
        "reporter": "destination",
        "connection_security_policy": "mutual_tls",
        "source_principal": principal,
    }
    assert (
        place.total(**server, **edge, destination_service="reviews.bookinfo.svc.cluster.local") == 1
    )


def test_a_copy_is_reported_where_it_arrives_alone() -> None:
    """The mirror gets every request and asks ratings in turn; the sender counts none of it, and the
    page is the first destination's."""
    subsets = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
    rule = istio_object("DestinationRule", "reviews", {"host": "reviews", "subsets": subsets})
    mirror = {"mirror": {"host": "reviews", "subset": "v2"}}
    target = {"destination": {"host": "reviews", "subset": "v1"}}
    routed = istio_object(
        "VirtualService", "reviews", {"hosts": ["reviews"], "http": [{"route": [target], **mirror}]}
    )
    place = Place(rules=[rule, routed])
    assert place.page().version == "reviews-v1"
    assert place.total(reporter="destination", destination_workload="reviews-v2") == 1
    assert place.total(reporter="source", destination_workload="reviews-v2") == 0
    assert place.total(reporter="source", source_workload="reviews-v2") == 1


def test_the_gateway_is_a_source_and_never_a_destination() -> None:
    """Its name is the workload's: its pods have no application label."""
    place = Place()
    place.page()
    gateway = {
        "source_workload": "bookinfo-gateway-istio",
        "destination_workload": "productpage-v1",
    }
    assert place.total(reporter="source", source_app="unknown", response_code="200", **gateway) == 1
    assert place.total(reporter="destination", destination_workload="bookinfo-gateway-istio") == 0


def test_a_visitor_from_outside_is_unknown() -> None:
    """The API server's proxy speaks plain text and has no name in the mesh."""
    place = Place()
    place.ask(pod="productpage")
    unknown = {"source_workload": "unknown", "connection_security_policy": "none"}
    assert (
        place.total(reporter="destination", destination_service_name="productpage", **unknown) == 1
    )


def test_a_port_that_is_not_http_is_counted_as_connections() -> None:
    """Both sidecars count a connection and no request, and make no span of it."""
    place = Place(gone=V1)
    place.around.live.services["bookinfo", "reviews"]["spec"]["ports"][0]["appProtocol"] = "tcp"
    place.page()
    edge = {"source_workload": "productpage-v1", "destination_workload": "reviews-v1"}
    for reporter in ("source", "destination"):
        assert place.total("istio_tcp_connections_opened_total", reporter=reporter, **edge) == 1
    assert place.total(**edge) == 0
    assert not [span for span in place.spans if span.operation.startswith("reviews.")]


def test_a_proxy_is_a_target_before_it_has_counted() -> None:
    """Prometheus finds pods, not requests; those that do not want it are left out."""
    place = Place()
    telemetry = place.telemetry
    assert len([*telemetry.list_targets()]) == len(telemetry.list_pod_uids())
    telemetry.add_pod("quiet", {"namespace": "bookinfo", "pod": "quiet"}, scraped=False)
    assert ("bookinfo", "quiet") not in telemetry.list_targets()


def test_a_telemetry_switches_metrics_off() -> None:
    """All of them, or one on one side; the others go on."""
    match = {"metric": "REQUEST_COUNT", "mode": "CLIENT"}
    spec = {"metrics": [{"overrides": [{"match": match, "disabled": True}]}]}
    place = Place(gone=V1, telemetries={("bookinfo", "quiet"): {"spec": spec}})
    place.page()
    edge = {"source_workload": "productpage-v1", "destination_workload": "reviews-v1"}
    assert place.total(reporter="source", **edge) == 0
    assert place.total(reporter="destination", **edge) == 1
    assert place.total("istio_request_duration_milliseconds_count", reporter="source", **edge) == 1
    spec["metrics"][0]["overrides"] = [{"disabled": True}]
    place.page()
    assert place.total(reporter="destination", **edge) == 1


def test_without_proxies_nothing_is_told() -> None:
    """Nobody counts what plain pods say to each other."""
    place = Place(mode="plain")
    place.page(pod="productpage")
    assert place.total() == 0
    assert place.spans == []


@pytest.mark.parametrize("version", VERSIONS)
def test_ztunnels_count_connections_at_both_ends(version: str) -> None:
    """Bytes and connections with the identities, no requests."""
    place = Place(version, mode="ambient", gone=V1)
    place.page()
    edge = {
        "source_workload": "productpage-v1",
        "destination_workload": "reviews-v1",
        "app": "ztunnel",
    }
    for reporter in ("source", "destination"):
        more = {"reporter": reporter, "connection_security_policy": "mutual_tls"}
        assert place.total("istio_tcp_connections_opened_total", **more, **edge) == 1
        assert place.total("istio_tcp_received_bytes_total", **more, **edge) > 0
    assert place.total(source_workload="productpage-v1") == 0
    assert (
        place.total("istio_tcp_connections_opened_total", source_workload="bookinfo-gateway-istio")
        == 1
    )


def test_a_waypoint_reports_for_both_ends() -> None:
    """Reporter waypoint, from the real caller to the real server; the gateway goes past it."""
    place = Place(mode="ambient", waypoint=True, gone=V1)
    place.page()
    edge = {"source_workload": "productpage-v1", "destination_workload": "reviews-v1"}
    assert place.total(reporter="waypoint", connection_security_policy="mutual_tls", **edge) == 1
    assert place.total(reporter="waypoint", destination_workload="productpage-v1") == 0
    assert (
        place.total(
            "istio_tcp_connections_opened_total", reporter="source", destination_workload="waypoint"
        )
        == 2
    )


def test_a_label_sends_the_gateway_through_the_waypoint() -> None:
    """istio.io/ingress-use-waypoint, which 1.23 does not know."""
    label = {"istio.io/ingress-use-waypoint": "true"}
    for version, expected in (("1.30.3", 1), ("1.23.2", 0)):
        place = Place(version, mode="ambient", waypoint=True, labels=label)
        assert place.page().status == 200
        assert place.total(reporter="waypoint", destination_workload="productpage-v1") == expected


def test_durations_are_counted_in_buckets() -> None:
    """The page takes longer than a call, and every request is in the last bucket."""
    place = Place(gone=V1)
    place.pages(5)
    name = "istio_request_duration_milliseconds"
    page = {"reporter": "destination", "destination_workload": "productpage-v1"}
    assert (
        place.total(f"{name}_bucket", le="+Inf", **page)
        == place.total(f"{name}_count", **page)
        == 5
    )
    details = {"reporter": "destination", "destination_workload": "details-v1"}
    assert 5 * 10 < place.total(f"{name}_sum", **page) < 5 * 200
    assert place.total(f"{name}_sum", **details) < place.total(f"{name}_sum", **page)


def test_a_pods_counters_go_with_it() -> None:
    """Afterwards its series are no longer there."""
    place = Place(gone=V1)
    place.page()
    place.telemetry.remove_pod("reviews-v1-uid")
    assert place.total(reporter="destination", destination_workload="reviews-v1") == 0
    assert place.total(reporter="source", destination_workload="reviews-v1") == 1


@pytest.mark.parametrize(("gone", "spans"), [(V1, 6), (V2, 8)])
def test_a_page_is_one_trace(gone: tuple[str, ...], spans: int) -> None:
    """Six spans with version 1 of reviews, eight where ratings are asked too; each within its
    parent's time."""
    place = Place(gone=gone)
    place.page()
    found = {span.span_id: span for span in place.spans}
    assert len(found) == spans
    assert len({span.trace_id for span in place.spans}) == 1
    roots = [span for span in place.spans if not span.parent_id]
    assert [span.service for span in roots] == ["bookinfo-gateway-istio.bookinfo"]
    for span in place.spans:
        parent = found.get(span.parent_id, span)
        assert parent.start <= span.start
        assert span.start + span.duration <= parent.start + parent.duration + 1
    assert {span.collector for span in place.spans} == {ZIPKIN}


def test_a_fault_is_an_error_in_the_trace() -> None:
    """The caller's span has status and flag; there is none of ratings itself."""
    names = (
        "destination-rule-all",
        "virtual-service-reviews-test-v2",
        "virtual-service-ratings-test-abort",
    )
    place = Place(rules=rules("1.30.3", *names))
    place.page("jason")
    failed = [span.tags for span in place.spans if "error" in span.tags]
    assert [(t["http.status_code"], t["response_flags"]) for t in failed] == [("500", "FI")]
    assert "ratings.bookinfo" not in {span.service for span in place.spans}


def test_proxies_that_were_started_without_a_collector_send_no_spans() -> None:
    """The bootstrap decides, whatever the mesh configuration says now."""
    place = Place(mesh=mesh_of_release("1.30.3", collector=""))
    place.page()
    assert place.spans == []


def test_one_per_cent_is_rarely_seen() -> None:
    """With the sampling that Istio has by itself, most pages leave no trace, and none half of one."""
    place = Place(mesh=mesh_of_release("1.30.3", sampling=1.0), gone=V1)
    place.pages(100)
    traces = {span.trace_id for span in place.spans}
    assert len(traces) < 8
    assert len(place.spans) == 6 * len(traces)


def test_under_ambient_only_gateway_and_waypoint_trace() -> None:
    """ztunnel knows no requests."""
    place = Place(mode="ambient", waypoint=True, gone=V1)
    place.page()
    assert {span.service for span in place.spans} == {
        "bookinfo-gateway-istio.bookinfo",
        "waypoint.bookinfo",
    }


def test_a_telemetry_turns_tracing_on_without_a_restart() -> None:
    """Its provider is looked up in the mesh configuration, and its percentage holds."""
    mesh = mesh_of_release("1.30.3", collector="")
    provider = {
        "name": "jaeger",
        "opentelemetry": {"service": "jaeger-collector.istio-system.svc.cluster.local"},
    }
    mesh.config["extensionProviders"] = [provider]
    tracing = {
        "spec": {"tracing": [{"providers": [{"name": "jaeger"}], "randomSamplingPercentage": 100}]}
    }
    place = Place(mesh=mesh, telemetries={("istio-system", "mesh-default"): tracing}, gone=V1)
    place.page()
    assert len(place.spans) == 6
    assert place.spans[0].collector.startswith("jaeger-collector.istio-system")


def test_metrics_are_shown_as_prometheus_reads_them() -> None:
    """One line a series, under its type, with the label's text escaped."""
    text = format_exposition(
        [Sample("istio_requests_total", {"a": 'x"y'}, 2.0), Sample("d_count", {}, 1.0)]
    )
    assert text.splitlines() == [
        "# TYPE istio_requests_total counter",
        'istio_requests_total{a="x\\"y"} 2',
        "# TYPE d histogram",
        "d_count{} 1",
    ]
