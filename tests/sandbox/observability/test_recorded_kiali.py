"""The sandbox's Kialis answer as the real ones were recorded to, stage by stage (see
`recorded.DIFFERENCES`)."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from . import reading, recorded, recorded_graphs
from .stages import STAGES, VERSIONS, Answer, played

pytestmark = [pytest.mark.parametrize("kiali", VERSIONS), pytest.mark.long]
LATER = STAGES[1:]


def lines(text: str) -> list[str]:
    """A table's lines."""
    return textwrap.dedent(text).split("\n")[1:-1] if text else []


def answer(kiali: str, stage: str, question: str) -> Any:
    """What was answered, in JSON; fails when it was an error."""
    found = played(kiali)[stage][question]
    assert found.status == 200, found
    return found.json


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("question", ["graph", "idle graph"])
def test_edges(kiali: str, stage: str, question: str) -> None:
    """Who calls whom, at which rate and share, with which errors and flags, and with mTLS or
    without."""
    assert reading.edges(answer(kiali, stage, question)) == lines(recorded_graphs.EDGES[stage])


@pytest.mark.parametrize("stage", STAGES)
def test_nodes(kiali: str, stage: str) -> None:
    """Which nodes there are with idle ones, in which boxes, with which marks."""
    expected = lines(recorded_graphs.NODES[stage])
    if kiali == "1.87":
        plain = [line.replace(" isInjected", "") for line in expected]
        expected = sorted(
            one for line in plain for one in recorded_graphs.OLDER_GATEWAYS.get(line, [line])
        )
    assert reading.nodes(answer(kiali, stage, "idle graph")) == expected


@pytest.mark.parametrize("stage", STAGES)
def test_idle_nodes_only_on_request(kiali: str, stage: str) -> None:
    """Without the appender for idle nodes the graph has those with traffic, and no others."""
    busy = [
        line.split()[0]
        for line in reading.nodes(answer(kiali, stage, "idle graph"))
        if "isIdle" not in line
    ]
    shown = {line.split()[0] for line in reading.nodes(answer(kiali, stage, "graph"))}
    assert shown == {name for name in busy if name[0] != "["} | {
        name for name in shown if name[0] == "["
    }


@pytest.mark.parametrize("stage", LATER)
def test_health_in_the_graph(kiali: str, stage: str) -> None:
    """Kiali 2 calls nodes with failing requests Failure, those with TCP alone NA, others Healthy;
    Kiali 1 says none."""
    graph = answer(kiali, stage, "graph")
    if kiali == "1.87":
        assert not any(
            "status" in node["data"]["healthData"] for node in graph["elements"]["nodes"]
        )
        return
    usual = "NA" if stage == "ambient" else "Healthy"
    for line in reading.node_health(graph):
        node, status = line.split()
        assert status == ("Failure" if node in recorded.UNWELL.get(stage, []) else usual)


@pytest.mark.parametrize("stage", ["bare", "route", "fault", "broken", "ambient", "waypoint"])
def test_health_of_applications(kiali: str, stage: str) -> None:
    """Requests by code, in and out, with replicas; Kiali 1's summary leaves out what never arrived."""
    expected = lines(recorded.HEALTH.get(stage, recorded.HEALTH["bare"]))
    if kiali == "2.26":
        listed = [row.split()[0] for row in expected]
        assert listed == [
            row["name"]
            for row in answer(kiali, stage, "apps")["applications"]
            if not row["isGateway"]
        ]
        return
    apps = {row["name"]: row["health"] for row in answer(kiali, stage, "apps")["applications"]}
    assert reading.health(apps) == expected
    for left_out in recorded.NOT_IN_SUMMARY:
        expected = [line.replace(left_out, "") for line in expected]
    assert (
        reading.health(answer(kiali, stage, "app health")["namespaceAppHealth"]["bookinfo"])
        == expected
    )


@pytest.mark.parametrize("stage", recorded.FINDINGS)
def test_findings(kiali: str, stage: str) -> None:
    """Which objects are validated, and what is wrong with them."""
    expected = lines(recorded.FINDINGS[stage])
    if kiali == "1.87":
        expected = [line for line in expected if line != "gateway waypoint"]
        expected += recorded.OLDER_WAYPOINT if stage == "waypoint" else []
    assert reading.findings(answer(kiali, stage, "config")) == sorted(expected)


@pytest.mark.parametrize("stage", recorded.COUNTS)
def test_counts(kiali: str, stage: str) -> None:
    """Errors, warnings and objects of the namespace."""
    (row,) = answer(kiali, stage, "counts")
    errors, warnings, objects = recorded.COUNTS[stage]
    errors += 1 if (kiali, stage) == ("1.87", "waypoint") else 0
    assert row == {
        "errors": errors,
        "warnings": warnings,
        "objectCount": objects,
        "namespace": "bookinfo",
        "cluster": "Kubernetes",
    }


@pytest.mark.parametrize("stage", STAGES)
def test_workloads(kiali: str, stage: str) -> None:
    """Who has a sidecar, who is captured, which is a gateway or a waypoint."""
    mesh = recorded.WORKLOADS[stage]
    expected = [
        " ".join(filter(None, [name, mark, "appLabel", "versionLabel"]))
        for name, mark in mesh.items()
    ]
    gateways = {"bare": 0, "waypoint": 2}.get(stage, 1)
    expected += recorded.GATEWAYS[kiali][:gateways]
    assert reading.workloads(answer(kiali, stage, "workloads")) == sorted(expected)


@pytest.mark.parametrize("stage", recorded.REFERENCES)
def test_references(kiali: str, stage: str) -> None:
    """Which rules name which application."""
    expected = lines(recorded.REFERENCES[stage]) + (
        [] if kiali == "1.87" else ["bookinfo-gateway-istio: "]
    )
    assert reading.references(answer(kiali, stage, "apps")) == sorted(expected)


@pytest.mark.parametrize("stage", ["bare", "ambient"])
def test_components(kiali: str, stage: str) -> None:
    """The control plane's components, and then the add-ons that are enabled."""
    rows = answer(kiali, stage, "components")
    core = "is_core" if kiali == "1.87" else "isCore"
    said = [f"{row['name']} {row['status']}{' core' if row[core] else ''}" for row in rows]
    expected = recorded.COMPONENTS[kiali][stage].split(", ")
    addons = ["prometheus Healthy", "grafana Unreachable", "custom dashboards Healthy"]
    assert said == [*expected, *(addons if kiali == "1.87" else [])]


@pytest.mark.parametrize("what", ["workloads", "services", "applications"])
def test_keys_of_lists(kiali: str, what: str) -> None:
    """Rows have the recorded keys."""
    rows = answer(kiali, "waypoint", "apps" if what == "applications" else what)[what]
    assert reading.keys(rows) == sorted(recorded.KEYS[kiali][what].split())


@pytest.mark.parametrize(("question", "what"), [("idle graph", "nodes"), ("graph", "edges")])
def test_keys_of_graphs(kiali: str, question: str, what: str) -> None:
    """Nodes and edges have the recorded keys."""
    found = answer(kiali, "waypoint", question)["elements"][what]
    assert reading.keys(each["data"] for each in found) == sorted(
        recorded.KEYS[kiali][what].split()
    )


def test_keys_of_objects(kiali: str) -> None:
    """Objects are listed under the recorded keys, of kinds without any objects too."""
    found = answer(kiali, "bare", "config")
    said = (
        found if kiali == "1.87" else {key.replace(", Kind=", "="): 0 for key in found["resources"]}
    )
    assert sorted(said) == sorted(recorded.CONFIG_KEYS[kiali].split())


@pytest.mark.parametrize("stage", recorded.NAMESPACES)
def test_namespaces(kiali: str, stage: str) -> None:
    """Which namespaces there are, and what is said of bookinfo."""
    rows = {row["name"]: row for row in answer(kiali, stage, "namespaces")}
    expected = recorded.NAMESPACES[stage]
    assert sorted(rows) == ["bookinfo", "default", "istio-system"]
    said = {"istio-injection": rows["bookinfo"]["labels"].get("istio-injection")}
    said |= {
        "isAmbient": rows["bookinfo"]["isAmbient"],
        "revision": rows["bookinfo"].get("revision"),
    }
    assert said == expected | ({"revision": None} if kiali == "1.87" else {})
    assert rows["istio-system"].get("isControlPlane") is (None if kiali == "1.87" else True)


def test_tls(kiali: str) -> None:
    """mTLS of the mesh and of the namespace, asked in either way."""
    mesh, status = recorded.TLS[kiali]
    here = {
        "autoMTLSEnabled": True,
        "cluster": "Kubernetes",
        "minTLS": "",
        "namespace": "bookinfo",
        "status": status,
    }
    assert answer(kiali, "sidecars", "mesh tls") == mesh
    assert answer(kiali, "sidecars", "namespace tls") == here
    assert answer(kiali, "sidecars", "clusters tls") == [here]


def test_status(kiali: str) -> None:
    """Kiali's own state under both paths: the same keys, the image's version, Kubernetes and
    Prometheus beside it."""
    found = answer(kiali, "bare", "status")
    assert found == answer(kiali, "bare", "api")
    assert sorted(found) == ["externalServices", "istioEnvironment", "status", "warningMessages"]
    assert found["status"]["Kiali version"] == {"1.87": "v1.87.0", "2.26": "v2.26.0"}[kiali]
    assert [each["name"] for each in found["externalServices"]] == [
        "Kubernetes-Kubernetes",
        "Prometheus",
    ]
    assert found["istioEnvironment"] == {"istioAPIEnabled": kiali == "1.87"}


@pytest.mark.parametrize("question", ["no namespace", "no path"])
def test_not_found(kiali: str, question: str) -> None:
    """Unknown namespaces and paths are 404."""
    assert played(kiali)["bare"][question].status == 404


def test_healthz(kiali: str) -> None:
    """The health check is 200 without a body."""
    assert played(kiali)["bare"]["health"] == Answer(200, None)
