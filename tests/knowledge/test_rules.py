"""Routes, faults and their proof as pure computation: what is obeyed, what is missing, and what
chance allows."""

from __future__ import annotations

import pytest

from bot.kinds import Object
from bot.knowledge.istio import kept_settings, platforms
from bot.knowledge.routing import (
    broken_route,
    enforce,
    fault_proof,
    faults,
    manifests,
    request_proof,
    shares,
)
from bot.knowledge.routing.manifests import DataPath, find_data_path
from bot.knowledge.snapshot import Snapshot
from bot.ports import TrafficReport
from bot.text import Text

SPACE = "team-1"


def pod(app: str, *, sidecar: bool = False) -> Object:
    """A pod of the application."""
    notes = {"sidecar.istio.io/status": "{}"} if sidecar else {}
    return {"metadata": {"name": f"{app}-1", "labels": {"app": app}, "annotations": notes}}


def snapshot(
    *rules: Object, pods: tuple[Object, ...] = (), labels: dict[str, str] | None = None
) -> Snapshot:
    """A namespace with these rules and pods."""
    found: dict[str, dict[str, Object]] = {}
    for rule in rules:
        found.setdefault(rule["kind"], {})[rule["metadata"]["name"]] = rule
    kinds = ("Gateway", "HTTPRoute", "VirtualService", "DestinationRule")
    gateways, routes, services, destinations = (found.get(kind, {}) for kind in kinds)
    space = {"metadata": {"name": SPACE, "labels": labels or {}}}
    return Snapshot({}, {}, space, pods, gateways, routes, services, destinations, {})


WAYPOINT = {
    "kind": "Gateway",
    "metadata": {"name": "waypoint"},
    "spec": {"gatewayClassName": "istio-waypoint"},
}
BOUND = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}


@pytest.mark.parametrize(
    ("now", "path"),
    [
        (snapshot(pods=(pod("productpage", sidecar=True),)), DataPath.SIDECAR),
        (snapshot(pods=(pod("productpage"), pod("reviews", sidecar=True))), DataPath.NONE),
        (
            snapshot(pods=(pod("productpage"),), labels={"istio.io/dataplane-mode": "ambient"}),
            DataPath.L4,
        ),
        (snapshot(WAYPOINT, pods=(pod("productpage"),), labels=BOUND), DataPath.WAYPOINT),
        (snapshot(pods=(pod("productpage"),), labels=BOUND), DataPath.L4),
    ],
)
def test_what_decides_over_a_request(now: Snapshot, path: DataPath) -> None:
    """The caller's sidecar, the waypoint if it is really there, or nothing that knows HTTP."""
    assert find_data_path(now) is path


@pytest.mark.parametrize("path", [DataPath.SIDECAR, DataPath.WAYPOINT])
def test_a_route_says_where_a_user_goes(path: DataPath) -> None:
    """What is applied is read back: the user's version, and everybody else's; hosts are those of
    the namespace."""
    rules = manifests.build_user_route(path, SPACE, "jason", "v3")
    now = snapshot(*rules)
    assert manifests.find_reviews_version(now, "jason") == "v3"
    assert manifests.find_reviews_version(now, "guest") == "v1"
    assert all(rule["metadata"]["namespace"] == SPACE for rule in rules)


@pytest.mark.parametrize(("seen", "said"), [(True, True), (False, False)])
def test_who_obeys_is_said_only_when_requests_show_it(seen: bool, said: bool) -> None:
    """Otherwise only what was applied."""
    made = Text("{object} made", object="VirtualService reviews")
    done = enforce.EnforcementResult(DataPath.SIDECAR, (made,))
    lines = done.list_evidence(request_proof.Observation(seen, ()))
    assert lines[0] == made
    assert any("obeyed by sidecars" in str(line) for line in lines) is said


def test_the_destination_rule_comes_first() -> None:
    """A VirtualService whose subsets nobody knows would answer 503 until they are known."""
    assert [
        rule["kind"] for rule in manifests.build_user_route(DataPath.SIDECAR, SPACE, "jason", "v2")
    ] == [
        "DestinationRule",
        "VirtualService",
    ]


def test_shares_leave_no_version_to_read() -> None:
    """With weights, nobody's version is certain, so a fault is not refused."""
    now = snapshot(*manifests.build_weighted_route(DataPath.SIDECAR, SPACE, {"v1": 50, "v3": 50}))
    assert manifests.find_reviews_version(now, "jason") == ""


def test_a_missing_subset_is_found() -> None:
    """Without the rule both subsets dangle, with a smaller one only the other, else none."""
    whole, service = manifests.build_user_route(DataPath.SIDECAR, SPACE, "jason", "v2")
    assert broken_route.find_dangling_subsets(snapshot(service)) == ("v2", "v1")
    assert broken_route.find_dangling_subsets(
        snapshot(service, manifests.build_destination_rule("reviews", SPACE, ("v1",)))
    ) == ("v2",)
    assert broken_route.find_dangling_subsets(snapshot(service, whole)) == ()
    assert manifests.find_routed_user(snapshot(service)) == "jason"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), faults.Fault()),
        (("50%",), faults.Fault(percent=50)),
        (("abort", "503", "10%"), faults.Fault(503, percent=10)),
        (("10%", "ABORT"), faults.Fault(percent=10)),
        (("delay",), faults.Fault(delay=2.0)),
        (("delay", "0.5s"), faults.Fault(delay=0.5)),
    ],
)
def test_faults_are_read(words: tuple[str, ...], fault: faults.Fault) -> None:
    """In any order, with sensible defaults."""
    assert faults.read_fault(words) == fault


@pytest.mark.parametrize(
    "words",
    [
        ("abort", "99"),
        ("delay", "9s"),
        ("delay", "soon"),
        ("0%",),
        ("101%",),
        ("5%", "6%"),
        ("a", "b", "c"),
    ],
)
def test_what_is_no_fault_is_refused(words: tuple[str, ...]) -> None:
    """Before anything is applied."""
    with pytest.raises(ValueError, match="fault|share|status|delay"):
        faults.read_fault(words)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 0, 0.0, 1.0), (60, 120, 0.368, 0.632), (0, 120, 0.0, 0.070), (120, 120, 0.930, 1.0)],
)
def test_what_chance_allows(hits: int, of: int, low: float, high: float) -> None:
    """Wilson's interval at three standard deviations."""
    assert list(request_proof.compute_wilson_interval(hits, of)) == pytest.approx(
        [low, high], abs=0.001
    )


def test_pages_of_version_1_neither_prove_nor_disprove_a_fault() -> None:
    """They never ask ratings; only pages that did count."""
    affected, unaffected = fault_proof.build_expectations("jason", faults.Fault())
    assert affected.holds(
        TrafficReport(
            10, 10, 1.0, versions={"v1": 4, "v2": 6}, ratings={"none": 4, "unavailable": 6}
        )
    )
    assert not affected.holds(TrafficReport(10, 10, 1.0, versions={"v1": 10}, ratings={"none": 10}))
    assert not affected.holds(
        TrafficReport(10, 10, 1.0, versions={"v2": 10}, ratings={"seen": 1, "unavailable": 9})
    )
    assert not unaffected.holds(
        TrafficReport(10, 10, 1.0, versions={"none": 10}, ratings={"none": 10})
    )


def test_the_other_user_is_another_one() -> None:
    """Also when the rule names the one whom proofs use."""
    assert request_proof.choose_other_user("guest") != "guest"


def configuration(mesh: str, requests: dict[str, str]) -> list[Object]:
    """An installation's objects as far as settings are read from them."""
    container = {
        "resources": {"requests": requests},
        "env": [{"name": "A", "value": "1"}, {"name": "B"}],
    }
    spec = {"template": {"spec": {"containers": [container]}}}
    return [
        {"kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"mesh": mesh}},
        {"kind": "Deployment", "metadata": {"name": "istiod"}, "spec": spec},
    ]


def test_settings_of_an_installation_are_found() -> None:
    """What differs from the profile is repeated as --set takes it; what it cannot take is named."""
    plain = kept_settings.extract_values(
        configuration("enableTracing: true", {"cpu": "500m", "memory": "2048Mi"})
    )
    mesh = (
        "enableTracing: false\naccessLogFile: /dev/stdout\n"
        "extensionProviders: [{name: otel}]\na.b: {c: 2}"
    )
    live = kept_settings.extract_values(configuration(mesh, {"cpu": "100m", "memory": "2Gi"}))
    found = kept_settings.find_extra_settings(live, plain)
    assert found.sets == (
        "values.meshConfig.enableTracing=false",
        "values.meshConfig.accessLogFile=/dev/stdout",
        r"values.meshConfig.a\.b.c=2",
        "values.pilot.resources.requests.cpu=100m",
    )
    assert found.lost == ("meshConfig.extensionProviders",)
    assert kept_settings.find_extra_settings(plain, plain) == kept_settings.InstalledSettings()


@pytest.mark.parametrize(
    ("labels", "runtime", "special"),
    [
        ({"minikube.k8s.io/name": "minikube"}, "docker://28.1.1", True),
        ({"minikube.k8s.io/name": "minikube"}, "containerd://2.1.0", False),
        ({}, "docker://28.1.1", False),
    ],
)
def test_minikube_with_docker_is_recognised(
    labels: dict[str, str], runtime: str, special: bool
) -> None:
    """Only there do the pods' networks lie elsewhere."""
    node = {
        "metadata": {"name": "n", "labels": labels},
        "status": {"nodeInfo": {"containerRuntimeVersion": runtime}},
    }
    assert platforms.is_docker_minikube(node) is special


@pytest.mark.parametrize(
    ("percent", "low", "high"), [(0, 0, 0), (1, 0, 6), (50, 44, 76), (90, 97, 117), (100, 120, 120)]
)
def test_how_often_chance_chooses_a_version(percent: int, low: int, high: int) -> None:
    """Of 120 pages, within none and all of them."""
    assert shares.compute_chance_range(percent, 120) == (low, high)


def test_shares_are_told_with_what_chance_allows() -> None:
    """The range lies around what was asked; nothing is said of chance where it has no part."""
    seen = TrafficReport(120, 120, 1.0, versions={"v1": 58, "v3": 62})
    lines = [str(line) for line in shares.describe_shares({"v1": 50, "v2": 0, "v3": 50}, seen)]
    assert lines[0] == (
        "v1: asked 50 %, seen 48 % (58 of 120 pages; by chance it may be 37 to 63 %)"
    )
    assert lines[1] == "v2: asked 0 %, seen 0 % (0 of 120 pages)"
    assert shares.has_expected_shares({"v1": 50, "v3": 50}, seen)
    assert not shares.has_expected_shares({"v1": 90, "v3": 10}, seen)
    assert not shares.has_expected_shares({"v1": 50, "v2": 50}, seen)


def test_no_share_is_below_none_or_above_all() -> None:
    """Neither in the interval nor, rounded, in the words."""
    for hits in (0, 120):
        low, high = request_proof.compute_wilson_interval(hits, 120)
        assert 0 <= low <= high <= 1
    assert str(Text("{a:.0f} to {b:.1f} %, {c:,.0f}, {d:g}", a=-0.2, b=-0.04, c=-0.1, d=-2.0)) == (
        "0 to 0.0 %, 0, -2"
    )
