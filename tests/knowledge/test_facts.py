"""Small pieces of knowledge: room, links into Kiali, differences in words."""

from __future__ import annotations

import pytest
import yaml

from bot.kinds import HTTP_ROUTE, VIRTUAL_SERVICE
from bot.knowledge.istio.installation import SETTING
from bot.knowledge.objects.capacity import (
    compute_free_capacity,
    parse_minor_version,
    parse_quantity,
)
from bot.knowledge.objects.changes import (
    LINE_LENGTH,
    describe_difference,
    describe_differences,
    summarize_differences,
)
from bot.knowledge.objects.diff import find_losses
from bot.knowledge.observe.kiali_links import Console


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), ("2", 2), ("2Gi", 2 * 2**30), ("128Mi", 128 * 2**20), ("1e3", 1000), ("x", 0)],
)
def test_quantities_are_read(text: str, number: float) -> None:
    """As Kubernetes writes them."""
    assert parse_quantity(text) == pytest.approx(number)


def test_free_room_counts_only_nodes_that_take_pods() -> None:
    """A cordoned node, and finished pods, do not count."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "4"}}
    nodes = [
        {"metadata": {"name": "a"}, "spec": {}, "status": ready},
        {"metadata": {"name": "b"}, "spec": {"unschedulable": True}, "status": ready},
    ]
    running = {"nodeName": "a", "containers": [{"resources": {"requests": {"cpu": "1500m"}}}]}
    pods = [{"spec": running, "status": {"phase": phase}} for phase in ("Running", "Succeeded")]
    assert compute_free_capacity(nodes, pods, "cpu") == pytest.approx(2.5)


@pytest.mark.parametrize(("version", "number"), [("v1.36.3", 36), ("1.30", 30), ("junk", 0)])
def test_minor_versions_are_read(version: str, number: int) -> None:
    """From the server's own words."""
    assert parse_minor_version(version) == number


@pytest.mark.parametrize(
    ("version", "kind", "path"),
    [
        ("v1.87", VIRTUAL_SERVICE, "virtualservices"),
        ("v2.26", VIRTUAL_SERVICE, "networking.istio.io/v1/VirtualService"),
        ("v1.87", HTTP_ROUTE, "k8shttproutes"),
        ("v2.26.1", HTTP_ROUTE, "gateway.networking.k8s.io/v1/HTTPRoute"),
        ("latest", VIRTUAL_SERVICE, "networking.istio.io/v1/VirtualService"),
    ],
)
def test_links_fit_the_version_of_kiali(version: str, kind: object, path: str) -> None:
    """Kiali 2 names objects by group, version and kind; Kiali 1 by plural."""
    console = Console("http://k:20001/kiali/", version)
    assert console.object_url("bookinfo", kind, "reviews") == (  # type: ignore[arg-type]  # parametrised
        f"http://k:20001/kiali/console/namespaces/bookinfo/istio/{path}/reviews"
    )


def test_only_kiali_2_is_asked_for_waypoints() -> None:
    """Kiali 1.87 does not know that parameter."""
    old, new = (
        Console("http://k/kiali", "v1.87").graph_url("bookinfo"),
        Console("http://k/kiali", "v2.26").graph_url("bookinfo"),
    )
    assert "waypoints" not in old
    assert "waypoints=true" in new
    assert old.startswith("http://k/kiali/console/graph/namespaces?namespaces=bookinfo&")


def test_texts_differ_line_by_line() -> None:
    """A change in a configuration is told as the lines that come and go."""
    before, after = "a: 1\ntracing: on\n", "a: 1\naccess: log\n"
    assert [
        str(line)
        for line in describe_differences({"data": {"mesh": before}}, {"data": {"mesh": after}})
    ] == [
        "− tracing: on",
        "+ access: log",
    ]


def test_what_people_know_is_told_first_and_never_left_out() -> None:
    """Mutual TLS that comes back, or calls outside that are allowed again, stand before names that
    tools keep; what is not told is counted."""
    before = {f"a{n}": n for n in range(9)} | {"enableAutoMtls": False, "accessLogFile": "/x"}
    after = {f"a{n}": n + 1 for n in range(9)} | {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}
    noted = {"labels": {"helm.sh/chart": "base-1"}}
    told = "; ".join(
        str(line)
        for line in summarize_differences(
            {"metadata": noted, "data": {"mesh": yaml.safe_dump(before)}},
            {"metadata": {"labels": {}}, "data": {"mesh": yaml.safe_dump(after)}},
        )
    )
    assert told.split("; ") == [
        "− accessLogFile: /x",
        "− enableAutoMtls: false",
        "+ outboundTrafficPolicy.mode: ALLOW_ANY",
        "a0: 0 → 1",
        "and 9 more",
    ]


def test_many_known_settings_take_several_lines() -> None:
    """Each line fits into a message, and nothing that people know is cut off."""
    before = {"env": [{"name": f"VARIABLE_NUMBER_{n}", "value": "x" * 40} for n in range(12)]}
    lines = summarize_differences({"spec": before}, {"spec": {"env": []}})
    assert len(lines) > 1
    assert all(len(str(line)) <= LINE_LENGTH for line in lines)
    assert sum(str(line).count("VARIABLE_NUMBER_") for line in lines) == 12


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            {"limits": None},
            {"limits": {"cpu": "2", "hold": True}},
            "nothing → {cpu: '2', hold: true}",
        ),
        ({"hold": True}, {"hold": False}, "hold: true → false"),
        ({"args": ["--a", "--b=1"]}, {"args": ["--b=1", "--c"]}, "args: --a → nothing"),
        (
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "B", "value": "2"}]},
            "env[A]: 1 → nothing",
        ),
        (
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "A", "value": "2"}]},
            "env[A].value: 1 → 2",
        ),
        ({"subsets": [{"name": "v1"}, {"name": "v2"}]}, {"subsets": None}, "subsets: [v1, v2] →"),
    ],
)
def test_values_are_written_as_in_manifests(
    before: dict[str, object], after: dict[str, object], told: str
) -> None:
    """As YAML writes them, and items of lists by their names."""
    said = " | ".join(map(str, describe_differences({"spec": before}, {"spec": after})))
    assert told in said
    assert "{'" not in said


def test_values_differ_by_path() -> None:
    """Anything else is told as its path, old and new."""
    before = {"spec": {"replicas": 1, "env": [{"value": "1"}]}}
    after = {"spec": {"replicas": 2, "env": [{"value": "100"}]}}
    assert list(map(str, describe_differences(before, after))) == [
        "replicas: 1 → 2",
        "env[0].value: 1 → 100",
    ]


@pytest.mark.parametrize(
    ("setting", "fits"),
    [
        ("values.pilot.resources.requests.cpu=100m", True),
        (r"values.pilot.env.A\.B=1", True),
        ("components.ingressGateways[0].enabled=true", True),
        ("meshConfig.accessLogFile=/dev/stdout", True),
        ("hub=example.com/istio", True),
        ("--kubeconfig=/etc/passwd", False),
        ("profil=demo", False),
        ("values.a", False),
        ("values.a=b c", False),
    ],
)
def test_settings_look_like_settings(setting: str, fits: bool) -> None:
    """Only what istioctl's --set takes gets through, and no other flag."""
    assert bool(SETTING.fullmatch(setting)) is fits


def test_losses_are_found_within_lists() -> None:
    """Items are compared by their names, or in their places; what is only added is no loss."""
    before = {
        "subsets": [{"name": "v1", "trafficPolicy": {"a": 1}}, {"name": "old"}],
        "http": [{"timeout": "3s", "route": [{"host": "a"}]}],
    }
    after = {
        "subsets": [{"name": "v0"}, {"name": "v1"}, {"name": "v2"}],
        "http": [{"match": [1], "route": [{"host": "b"}]}, {"route": []}],
        "more": 1,
    }
    assert [
        str(line) for loss in find_losses(before, after) for line in describe_difference(loss)
    ] == [
        "subsets[v1].trafficPolicy: {a: 1} → nothing",
        "subsets[old]: {name: old} → nothing",
        "http[0].timeout: 3s → nothing",
        "http[0].route[0].host: a → b",
    ]
