"""`istioctl proxy-config`: its tables from what the recorded steps' proxies hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster.contract import Request
from sandbox.dataplane.admin.admin_answers import answer_admin_request
from sandbox.dataplane.admin.proxy_view import ProxyView
from sandbox.dataplane.engine.mesh_state import MeshState
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.pods import Proxy
from tests.sandbox.dataplane.routes import recorded
from tests.sandbox.dataplane.routes.stages import (
    GATEWAY,
    VERSIONS,
    WAYPOINT,
    istio_object,
    sidecar,
    stage,
)
from tests.sandbox.istio.ctl.conftest import Istioctl, Outcome, typed

STEP, WAY = "jason to v2", "waypoint with virtualservices and fault"
DOMAIN = ".bookinfo.svc.cluster.local"


def save_answer(
    home: Path,
    version: str,
    step: str,
    proxy: Proxy,
    *,
    path: str = "/config_dump",
    peers: Any = None,
) -> str:
    """Write what a proxy's administration port answers at a recorded step; the file's name."""
    world = stage(version, step)
    state = MeshState(live=world, pushed=world, peers=peers or {})
    workload = Workload(
        uid="u",
        namespace="bookinfo",
        pod="web-x",
        node="n",
        address="10.244.0.1",
        name="web",
        labels=dict(proxy.labels),
        proxy=proxy,
    )
    name, _, query = path.partition("?")
    view = ProxyView(state=state, workload=workload, proxy=proxy)
    answer = answer_admin_request(view, Request("GET", name, query))
    assert answer is not None
    assert answer.status == 200
    file = home / "dump.json"
    file.write_bytes(answer.body)
    return str(file)


def split(shown: Outcome) -> list[list[str]]:
    """The cells of a table, but for its heading; columns stand two blanks apart or more."""
    assert shown.code == 0, shown.err
    heading, *lines = shown.out.splitlines()
    starts = [
        i for i, c in enumerate(heading) if c != " " and heading[max(0, i - 2) : i].strip() == ""
    ]
    starts = [i for i in starts if i == 0 or heading[i - 1] == " " == heading[max(0, i - 2)]]
    ends = [*starts[1:], None]
    return [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in lines]


@pytest.mark.parametrize("version", VERSIONS)
def test_routes_name_their_rule(tmp_path: Path, version: str) -> None:
    """Each route of the recorded step stands there, with the rule that it comes from."""
    file = save_answer(tmp_path, version, STEP, sidecar("productpage"))
    rows = split(typed("proxy-config", "routes", "--name", "9080", "-f", file, version=version))
    assert [(r[1], r[3], r[4]) for r in rows] == [
        (f"{app}{DOMAIN}:9080", "/*", f"{app}.bookinfo" if app == "reviews" else "")
        for app in ("details", "productpage", "ratings", "reviews", "reviews")
    ]
    inside = split(typed("pc", "r", "-f", file, version=version))
    assert ["inbound|9080||", "inbound|http|9080", "*", "/*", ""] in inside
    assert ["", "backend", "*", "/healthz/ready*", ""] in inside


@pytest.mark.parametrize("version", VERSIONS)
def test_clusters_are_those_recorded(tmp_path: Path, version: str) -> None:
    """Subsets, and the clusters that every sidecar has."""
    file = save_answer(tmp_path, version, STEP, sidecar("productpage"))
    rows = split(typed("pc", "c", "-f", file, version=version))
    named = {f"{r[3]}|{r[1]}|{r[2].strip('-')}|{r[0]}" for r in rows if r[3] == "outbound"}
    found = sorted(recorded.short(name) for name in named if "|9080|" in name)
    assert found == recorded.sidecar_clusters(STEP)
    others = {row[0]: row[4] for row in rows if row[3] == "-"}
    assert others["BlackHoleCluster"] == others["prometheus_stats"] == "STATIC"
    assert others["PassthroughCluster"] == "ORIGINAL_DST"
    assert ["", "9080", "-", "inbound", "ORIGINAL_DST", ""] in rows
    rule = [r[5] for r in rows if r[:3] == [f"reviews{DOMAIN}", "9080", "v2"]]
    assert rule == ["reviews.bookinfo"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_waypoint_shows_the_recorded_clusters(tmp_path: Path, version: str) -> None:
    """And tells its chains by the Service's address."""
    file = save_answer(tmp_path, version, WAY, WAYPOINT)
    shown = json.loads(typed("pc", "c", "-f", file, "-o", "json", version=version).out)
    names = [recorded.short(c["name"]) for c in shown if "inbound-vip" in c["name"]]
    assert sorted(names) == recorded.waypoint_clusters(WAY)
    rows = split(typed("pc", "r", "-f", file, version=version))
    ratings = [r for r in rows if r[0] == f"inbound-vip|9080|http|ratings{DOMAIN}"]
    assert [r[4] for r in ratings] == ["ratings.bookinfo"] * 2
    told = typed("pc", "l", "--waypoint", "-f", file, version=version).out
    assert recorded.CHAIN[version].format(port=9080, host=f"details{DOMAIN}") in told


def test_filters_leave_the_rest_out(tmp_path: Path) -> None:
    """By name, direction, subset, port, type, address and cluster."""
    file = save_answer(tmp_path, "1.30.3", STEP, sidecar("productpage"))
    asked = ("--fqdn", f"reviews{DOMAIN}", "--subset", "v2", "--direction", "outbound")
    rows = split(typed("pc", "clusters", *asked, "--port", "9080", "-f", file))
    assert [row[2] for row in rows] == ["v2"]
    assert typed("pc", "l", "--type", "tcp", "--port", "9080", "-f", file).out.count("\n") == 1
    assert typed("pc", "r", "--verbose=false", "-f", file).out.startswith("NAME")


def test_all_is_each_part_after_the_other(tmp_path: Path) -> None:
    """With the kind before each name, and headings where they are asked for."""
    file = save_answer(tmp_path, "1.30.3", STEP, sidecar("productpage"))
    told = typed("pc", "all", "-f", file, "--with-headers").out
    parts = ("BOOTSTRAP", "CLUSTER", "LISTENER", "ROUTE", "SECRET", "ENDPOINTS")
    assert [line for line in told.splitlines() if line.startswith("------")] == [
        f"------ {part} INFO ------" for part in parts
    ]
    assert "Istio Version: 1.30.3" in told
    assert f"cluster/outbound|9080|v2|reviews{DOMAIN} " in told
    assert "\nroute/9080 " in told
    assert "\nsecret/ROOTCA " in told
    whole = json.loads(typed("pc", "all", "-f", file, "-o", "json").out)
    assert len(whole["configs"]) == 5


def test_secrets_are_the_workloads_certificate_and_the_root(tmp_path: Path) -> None:
    """Each with its dates and its number."""
    file = save_answer(tmp_path, "1.30.3", STEP, sidecar("productpage"))
    rows = split(typed("pc", "secret", "-f", file))
    assert [row[:4] for row in rows] == [
        ["default", "Cert Chain", "ACTIVE", "true"],
        ["ROOTCA", "CA", "ACTIVE", "true"],
    ]
    assert len({row[4] for row in rows}) == 2


def test_the_bootstrap_names_the_proxy(tmp_path: Path) -> None:
    """In full as JSON, in short by its version."""
    file = save_answer(tmp_path, "1.23.2", STEP, sidecar("productpage"))
    shown = json.loads(typed("pc", "bootstrap", "-f", file, version="1.23.2").out)
    assert shown["bootstrap"]["node"]["id"].startswith("sidecar~10.244.0.1~web-x.bookinfo~")
    assert typed("pc", "b", "-f", file, "-o", "short").out == "Istio Version: 1.23.2\n"


def test_endpoints_are_the_pods(tmp_path: Path) -> None:
    """Of a subset only those with its labels, by address."""
    path = "/clusters?format=json"
    file = save_answer(tmp_path, "1.30.3", STEP, sidecar("productpage"), path=path)
    asked = ("--cluster", f"outbound|9080|v2|reviews{DOMAIN}")
    rows = split(typed("proxy-config", "endpoints", *asked, "-f", file))
    assert [row[1:] for row in rows] == [["HEALTHY", "OK", asked[1]]]
    everyone = typed("pc", "ep", "-f", file).out
    assert "unix://./etc/istio/proxy/XDS" in everyone
    assert "127.0.0.1:15000" in everyone


@pytest.mark.parametrize(
    ("mode", "chains"),
    [
        ("PERMISSIVE", ["Trans: tls; App: istio,istio-peer-exchange", "Trans: raw_buffer; Addr"]),
        ("STRICT", ["Trans: tls; Addr: *:9080"]),
        ("DISABLE", ["Trans: raw_buffer; Addr: *:9080"]),
    ],
)
def test_listeners_show_the_mode_of_mtls(tmp_path: Path, mode: str, chains: list[str]) -> None:
    """The chains of the pod's port are those of its PeerAuthentication."""
    rule = istio_object("PeerAuthentication", "default", {"mtls": {"mode": mode}})
    peers = {("bookinfo", "default"): rule}
    file = save_answer(tmp_path, "1.30.3", STEP, sidecar("productpage"), peers=peers)
    lines = typed("pc", "l", "--port", "15006", "-f", file).out.splitlines()
    own = [line for line in lines if line.endswith("Cluster: inbound|9080||")]
    assert len(own) == len(chains)
    assert all(chain in line for chain, line in zip(chains, own, strict=True))


def test_a_gateway_shows_its_route(tmp_path: Path) -> None:
    """The HTTPRoute's paths in the order in which they are tried."""
    file = save_answer(tmp_path, "1.30.3", STEP, GATEWAY)
    rows = split(typed("pc", "r", "--name", "http.80", "-f", file))
    assert [r[3] for r in rows][:2] == ["/productpage", "/logout"]
    assert rows[0][4] == "bookinfo~0~istio-autogenerated-k8s-gateway.bookinfo"
    assert "Route: http.80" in typed("pc", "l", "-f", file).out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pc c nope", 'failure running port forward process: pods "nope" not found'),
        ("pc r deploy/nope.shop", 'deployments.apps "nope" not found in the "shop" namespace'),
        ("pc l foo/bar", 'the server doesn\'t have a resource type "foo"'),
        ("pc ep", "endpoints requires pod name or --file parameter"),
        ("pc c x -o wide", 'output format "wide" not supported'),
        ("pc r -f none.json", "open none.json: no such file or directory"),
        ("pc rootca-compare x y", "all proxies here have the same root"),
        ("zc cert", "certificates are not played"),
        ("x describe pod web-1 --ignoreUnmeshed", "`istioctl x describe`; `istioctl proxy-config"),
        ("kube-inject -f - --revision x", "restart its pods"),
        ("dashboard envoy web-1", "`istioctl dashboard envoy`; `istioctl proxy-config`"),
        ("analyze -L", "`analyze --list-analyzers`; leave it out"),
    ],
)
async def test_what_cannot_be_shown_is_said(istioctl: Istioctl, line: str, said: str) -> None:
    """With exit code 1, and what to use instead where it is not played."""
    shown = await istioctl(*line.split())
    assert shown.code == 1
    assert said in shown.err
