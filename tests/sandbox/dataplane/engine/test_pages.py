"""What people see on the product page, by routes, faults, and which proxies there are."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.http_messages import Call
from sandbox.dataplane.engine.request_context import Hop
from sandbox.dataplane.objects.world import Endpoint
from tests.sandbox.dataplane.engine.place import Place, rules, versions
from tests.sandbox.dataplane.routes.stages import (
    FOR_JASON,
    VERSIONS,
    http_route,
    istio_object,
    samples,
)

ROUTE = ("destination-rule-all", "virtual-service-reviews-test-v2")
ABORT = (*ROUTE, "virtual-service-ratings-test-abort")
release = pytest.mark.parametrize("version", VERSIONS)


@pytest.mark.parametrize("mode", ["plain", "sidecar", "ambient"])
def test_without_rules_all_versions_take_turns(mode: str) -> None:
    """Nobody in particular is sent anywhere in particular."""
    assert versions(Place(mode=mode).pages(40)) == {"reviews-v1", "reviews-v2", "reviews-v3"}


@release
def test_a_route_is_for_its_user_alone(version: str) -> None:
    """jason always gets version 2, everybody else version 1."""
    place = Place(version, rules=rules(version, *ROUTE))
    assert versions(place.pages(10, "jason")) == {"reviews-v2"}
    assert versions(place.pages(10)) == versions(place.pages(10, "anna")) == {"reviews-v1"}


@release
def test_an_abort_takes_ratings_from_its_user_alone(version: str) -> None:
    """The page stays 200; jason's ratings are unavailable, and his calls of the ratings API fail."""
    place = Place(version, rules=rules(version, *ABORT))
    page = place.page("jason")
    assert (page.status, page.version, page.unavailable) == (200, "reviews-v2", True)
    cookie = {"cookie": place.cookie("jason")}
    assert place.ask("/api/v1/products/0/ratings", headers=cookie).status == 500
    assert place.ask("/api/v1/products/0/ratings").status == 200
    assert (
        place.total(
            response_code="500",
            response_flags="FI",
            reporter="source",
            source_workload="reviews-v2",
        )
        == 1
    )


def test_a_fault_needs_the_callers_sidecar() -> None:
    """Where reviews has none, jason keeps his ratings."""
    place = Place(rules=rules("1.30.3", *ABORT), outside=("reviews-v2",))
    page = place.page("jason")
    assert (page.version, page.unavailable, page.stars) == ("reviews-v2", False, "black")


def test_without_sidecars_no_route_holds() -> None:
    """Rules are kept by proxies; without any, all versions still take turns."""
    assert len(versions(Place(mode="plain", rules=rules("1.30.3", *ABORT)).pages(40, "jason"))) == 3


@release
def test_a_route_without_its_subset_fails_for_everybody(version: str) -> None:
    """503 with flag NC, once more for the second try, and the page says so."""
    place = Place(version, rules=rules(version, "virtual-service-reviews-test-v2"))
    page = place.page()
    assert page.status == 200
    assert "Error fetching product reviews" in page.text
    assert "Sorry, product reviews are currently unavailable for this book." in page.text
    assert "Book Reviews" not in page.text
    assert (
        place.total(response_code="503", response_flags="NC", destination_service_name="reviews")
        == 2
    )
    assert place.ask("/api/v1/products/0/reviews").status == 503


def test_a_subset_without_pods_has_no_healthy_upstream() -> None:
    """503 with flag UH: the cluster is there, and nobody in it."""
    place = Place(rules=rules("1.30.3", *ROUTE), gone=("reviews-v2",))
    assert "Error fetching product reviews" in place.page("jason").text
    assert place.page().version == "reviews-v1"
    assert place.total(response_flags="UH", destination_service_name="reviews") == 2


def test_a_long_delay_outlasts_the_page() -> None:
    """Seven seconds are too long for productpage, which gives up after twice three; its sidecar
    says DC."""
    place = Place(rules=rules("1.30.3", *ROUTE, "virtual-service-ratings-test-delay"))
    cookie = place.cookie("jason")
    start = place.now
    reply = place.ask("/productpage", headers={"cookie": cookie})
    assert "Error fetching product reviews" in reply.body.decode()
    assert 6.0 < place.now - start < 6.5
    assert (
        place.total(response_code="0", response_flags="DC", destination_service_name="reviews") == 4
    )


def test_half_an_abort_is_about_half() -> None:
    """Percentages are kept over many requests."""
    route = {"destination": {"host": "ratings", "subset": "v1"}}
    abort = {"abort": {"httpStatus": 500, "percentage": {"value": 50}}}
    half = istio_object(
        "VirtualService",
        "ratings",
        {"hosts": ["ratings"], "http": [{"fault": abort, "route": [route]}]},
    )
    place = Place(rules=[*rules("1.30.3", *ROUTE), half])
    lost = sum(page.unavailable for page in place.pages(200, "jason"))
    assert 70 <= lost <= 130


@pytest.mark.long
def test_weights_split_the_visitors() -> None:
    """90 to 10 is seen as such over many pages, and the third version is not."""
    place = Place(rules=rules("1.30.3", "destination-rule-all", "virtual-service-reviews-90-10"))
    seen = [page.version for page in place.pages(300)]
    assert set(seen) == {"reviews-v1", "reviews-v2"}
    assert 12 <= seen.count("reviews-v2") <= 50


@release
def test_captured_pods_without_a_waypoint_know_no_routes(version: str) -> None:
    """ztunnel passes bytes on: no user is told from another."""
    place = Place(version, mode="ambient", rules=rules(version, *ABORT))
    assert len(versions(place.pages(40, "jason"))) == 3
    assert not any(page.unavailable for page in place.pages(20, "jason"))


@release
def test_a_waypoint_keeps_virtual_services(version: str) -> None:
    """Route and fault hold again, and the waypoint reports them."""
    place = Place(version, mode="ambient", waypoint=True, rules=rules(version, *ABORT))
    assert (place.page("jason").version, place.page("jason").unavailable) == ("reviews-v2", True)
    assert versions(place.pages(10)) == {"reviews-v1"}
    assert place.total(reporter="waypoint", response_flags="FI", source_workload="reviews-v2") == 2


@release
def test_a_waypoint_keeps_routes_to_version_services(version: str) -> None:
    """The supported way: an HTTPRoute for the Service, to a Service for each version."""
    extra = [*samples(version, "platform/kube/bookinfo-versions"), http_route("reviews", FOR_JASON)]
    place = Place(version, mode="ambient", waypoint=True, rules=extra)
    assert versions(place.pages(10, "jason")) == {"reviews-v2"}
    assert versions(place.pages(10)) == {"reviews-v1"}


def test_dead_ztunnels_swallow_what_they_had_captured() -> None:
    """Pods whose node has lost its ztunnel reach nobody."""
    reply = Place(mode="ambient", ztunnel=False).ask(pod="productpage")
    assert reply.failure == "refused"


def test_strict_mtls_refuses_plain_text() -> None:
    """From outside the mesh the connection is cut; through the gateway the page comes."""
    strict = {("bookinfo", "default"): {"spec": {"mtls": {"mode": "STRICT"}}}}
    place = Place(peers=strict)
    assert place.ask(pod="productpage").failure == "reset"
    assert place.page().status == 200


def test_a_client_without_a_sidecar_is_refused_by_strict_servers() -> None:
    """productpage outside the mesh loses its reviews."""
    strict = {("istio-system", "default"): {"spec": {"mtls": {"mode": "STRICT"}}}}
    place = Place(peers=strict, outside=("productpage-v1",))
    assert "Error fetching product reviews" in place.page(pod="productpage").text


@pytest.mark.parametrize("path", ["/health", "/", "/metrics", "/None", "/productpages"])
def test_the_gateway_knows_the_pages_of_its_route_alone(path: str) -> None:
    """Everything else is 404, by the gateway itself."""
    place = Place()
    assert place.ask(path).status == 404
    assert place.total(response_flags="NR", reporter="source") == 1


@pytest.mark.parametrize("mode", ["sidecar", "ambient", "plain"])
def test_a_gateway_is_reached_from_inside_too(mode: str) -> None:
    """A program in a pod that asks the gateway's Service gets the page, as Istio's docs do it."""
    place = Place(mode=mode)
    context = place.context()
    found = next(p for (_, n), p in place.around.live.pods.items() if n.startswith("ratings"))
    call = Call("bookinfo-gateway-istio", 80, "/productpage")
    hop = Hop(context, call, place.now)
    reply = place.engine.send_from_pod(place.around.get_workload(found), hop)
    assert (reply.failure, reply.status) == ("", 200)


def test_a_gateway_listens_where_it_has_a_listener() -> None:
    """Other ports refuse."""
    assert Place().ask(port=8080).failure == "refused"


def test_reviews_that_do_not_answer_yet_are_an_error_on_the_page() -> None:
    """A Java server that is still starting: its sidecar answers 503."""
    place = Place(rules=rules("1.30.3", *ROUTE))
    place.silent.add("reviews-v1")
    assert "Error fetching product reviews" in place.page().text
    assert (
        place.total(reporter="destination", response_flags="UF", destination_workload="reviews-v1")
        > 0
    )


@pytest.mark.parametrize(("version", "masked"), [("1.23.2", True), ("1.30.3", False)])
def test_older_releases_try_another_pod_after_a_503(version: str, masked: bool) -> None:
    """1.23 retries a 503 elsewhere, which hides a server that starts; since 1.24 it is passed on."""
    place = Place(version)
    place.silent |= {"reviews-v1", "reviews-v2"}
    failed = sum("Error fetching" in page.text for page in place.pages(20))
    assert failed == 0 if masked else failed > 0


def test_the_reviews_say_which_pod_served_them() -> None:
    """The JSON names the pod, so that versions can be counted without reading HTML."""
    body = json.loads(Place().ask("/api/v1/products/0/reviews").body)
    assert body["podname"].startswith("reviews-v")
    assert [r["reviewer"] for r in body["reviews"]] == ["Reviewer1", "Reviewer2"]


def test_a_route_may_have_a_time_limit() -> None:
    """504 with flag UT, by the caller's sidecar, though the server goes on."""
    route = [{"destination": {"host": "reviews"}}]
    limit = istio_object(
        "VirtualService",
        "reviews",
        {"hosts": ["reviews"], "http": [{"timeout": "1ms", "route": route}]},
    )
    place = Place(rules=[limit])
    assert "Error fetching product reviews" in place.page().text
    assert (
        place.total(response_code="504", response_flags="UT", destination_service_name="reviews")
        == 2
    )
    assert (
        place.total(reporter="destination", response_flags="DC", destination_service_name="reviews")
        == 2
    )


def test_tries_are_used_up() -> None:
    """Where every pod answers 503, the policy's tries are made and the last answer is marked URX."""
    place = Place("1.23.2")
    place.silent |= {"reviews-v1", "reviews-v2", "reviews-v3"}
    assert "Error fetching product reviews" in place.page().text
    assert (
        place.total(reporter="source", response_flags="URX", destination_service_name="reviews")
        == 2
    )
    assert (
        place.total(reporter="destination", response_flags="UF", destination_service_name="reviews")
        == 6
    )


def test_nothing_passes_a_waypoint_without_pods() -> None:
    """It is bound all the same: what captured pods ask of Services is cut off; the gateway, which
    goes past the waypoint, still gets the page's frame."""
    place = Place(mode="ambient", waypoint=True, gone=("waypoint",))
    page = place.page()
    assert (page.status, page.version) == (200, "")
    assert "Error fetching product details" in page.text
    caller = find_pod(place, "productpage")
    reply = place.engine.send_from_pod(
        place.around.get_workload(caller),
        Hop(place.context(), Call("reviews", 9080, "/reviews/0"), place.now),
    )
    assert reply.failure == "reset"


@pytest.mark.parametrize(
    ("kind", "gone", "passed", "failure"),
    [
        ("workload", (), 1, ""),
        ("all", (), 1, ""),
        ("service", (), 0, ""),
        ("workload", ("waypoint",), 0, "reset"),
    ],
)
def test_a_waypoint_for_workloads_has_what_goes_to_pods(
    kind: str, gone: tuple[str, ...], passed: int, failure: str
) -> None:
    """A pod's own address is asked through a waypoint that is for workloads."""
    place = Place(mode="ambient", waypoint=True, gone=gone)
    world = place.around.pushed
    waypoint = world.gateways["bookinfo", "waypoint"]
    waypoint["metadata"]["labels"] = {"istio.io/waypoint-for": kind}
    target = find_pod(place, "reviews-v1")
    address = Endpoint(target["status"]["podIP"], 9080, target)
    context = place.context()
    reply = place.engine.send_from_pod(
        place.around.get_workload(find_pod(place, "productpage")),
        Hop(context, Call(address.address, 9080, "/reviews/0"), place.now),
        address,
    )
    context.publish_reports(place.telemetry, place.logs)
    assert (reply.failure, reply.status) == (failure, 0 if failure else 200)
    seen = place.total(reporter="waypoint", destination_workload="reviews-v1")
    assert seen == passed
    services = {"workload": 0, "service": 1, "all": 1}[kind]
    place.ask()
    more = place.total(reporter="waypoint", destination_workload="details-v1")
    assert more == (0 if gone else services)


def find_pod(place: Place, name: str) -> Object:
    """A pod by the beginning of its name."""
    return next(p for (_, pod), p in place.around.live.pods.items() if pod.startswith(name))


def test_a_waypoint_that_is_gone_is_not_waited_for() -> None:
    """The label alone leads nowhere: without the Gateway, requests go straight on."""
    place = Place(
        mode="ambient", labels={"istio.io/use-waypoint": "waypoint"}, rules=rules("1.30.3", *ABORT)
    )
    assert len(versions(place.pages(40, "jason"))) == 3


def test_without_istiod_proxies_go_on_with_what_they_know() -> None:
    """A rule that is applied meanwhile reaches nobody."""
    place, ruled = Place(), Place(rules=rules("1.30.3", *ROUTE))
    place.around = replace(place.around, live=ruled.around.live)
    assert len(versions(place.pages(40, "jason"))) == 3
    place.around = replace(place.around, pushed=ruled.around.live)
    assert versions(place.pages(10, "jason")) == {"reviews-v2"}


@pytest.mark.parametrize(
    ("mode", "waypoint", "broken"),
    [("sidecar", False, True), ("ambient", True, True), ("ambient", False, False)],
)
def test_port_that_is_declared_http2(mode: str, waypoint: bool, broken: bool) -> None:
    """Envoys speak HTTP/2 to a port that is named so, and ratings does not; ztunnel does not
    look."""
    place = Place(mode=mode, waypoint=waypoint)
    service = place.around.live.services["bookinfo", "ratings"]
    service["spec"]["ports"][0]["name"] = "grpc"
    for item in place.around.live.slices.values():
        if item["metadata"]["labels"].get("kubernetes.io/service-name") == "ratings":
            item["ports"][0]["name"] = "grpc"
    pages = [place.page() for _ in range(12)]
    assert any(page.unavailable for page in pages) is broken


def test_address_that_a_serviceentry_adds_to_a_service() -> None:
    """istiod keeps endpoints by host, and a part of the requests for details goes to nobody."""
    entry: Object = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "old", "namespace": "bookinfo"},
        "spec": {
            "hosts": ["details.bookinfo.svc.cluster.local"],
            "ports": [{"number": 9080, "name": "http", "protocol": "HTTP"}],
            "resolution": "STATIC",
            "endpoints": [{"address": "10.255.0.9"}],
        },
    }
    place = Place(rules=[entry])
    lost = ["Error fetching product details" in place.page().text for _ in range(30)]
    assert {*lost} == {True, False}
