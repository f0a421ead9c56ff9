"""Why nothing is seen: the first cause on the way from the application to the picture."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.knowledge.graph import empty_reasons, trace_reasons
from bot.knowledge.mesh_config import describe_tracing
from bot.knowledge.snapshot import Snapshot
from bot.ports import TrafficReport
from bot.steps import State
from tests.knowledge.observe.stage import Answers, asking

ZIPKIN = "zipkin.istio-system:9411"
TRACING = {"tracing": {"zipkin": {"address": ZIPKIN}, "sampling": 100.0}}
COLLECTOR = {"/api/v1/namespaces/istio-system/services/zipkin": {"metadata": {"name": "zipkin"}}}
PAGES = TrafficReport(asked=1, sent=1, seconds=1.0, versions={"v1": 1})


def pod(
    *, sidecar: bool = True, ambient: bool = False, config: dict[str, Any] = TRACING
) -> dict[str, Any]:
    """One of the application's pods."""
    notes = {"sidecar.istio.io/status": "{}"} if sidecar else {}
    notes |= {"ambient.istio.io/redirection": "enabled"} if ambient else {}
    env = [{"name": "PROXY_CONFIG", "value": json.dumps(config)}]
    containers = [{"name": "istio-proxy", "env": env}] if sidecar else [{"name": "reviews"}]
    return {
        "metadata": {"name": "reviews-v1-x", "annotations": notes},
        "spec": {"initContainers": containers},
    }


def ready(name: str) -> dict[str, Any]:
    """A Deployment that is ready."""
    status = {"observedGeneration": 1, "availableReplicas": 1, "updatedReplicas": 1}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": 1},
        "status": status,
    }


def now(**more: Any) -> Snapshot:
    """A workshop in which everything is in place and requests were just sent."""
    whole = Snapshot(
        mesh={name: ready(name) for name in ("istiod", "prometheus", "jaeger", "kiali")},
        app={},
        namespace={"metadata": {"name": "bookinfo"}},
        pods=(pod(),),
        gateways={},
        routes={},
        virtual_services={},
        destination_rules={},
        config={"defaultConfig": TRACING},
        last=(time.time() - 5, PAGES),
    )
    return replace(whole, **more)


def prometheus(value: str = "", *, targets: tuple[str, ...] = ("up",)) -> Answers:
    """A Prometheus that answers every query with that value (or none), and these targets."""
    result = [{"metric": {}, "value": [1.0, value]}] if value else []
    listed = [
        {"health": health, "lastError": "refused", "labels": {"namespace": "bookinfo"}}
        for health in targets
    ]
    return {
        "prometheus:9090/api/v1/query": {
            "status": "success",
            "data": {"resultType": "vector", "result": result},
        },
        "prometheus:9090/api/v1/targets": {"status": "success", "data": {"activeTargets": listed}},
    }


MADE = time.time()
"""When the snapshots below were made; what they say of a moment ago is as old by then."""
LONG_AGO = (time.time() - 600, PAGES)
OTHER = {
    "data": {"config.yaml": "external_services:\n  prometheus:\n    url: http://elsewhere:9090\n"}
}
KIALI_MAP = "/api/v1/namespaces/istio-system/configmaps/kiali"

GRAPHS: dict[str, tuple[Snapshot, Answers, str, State]] = {
    "nothing runs": (now(pods=()), {}, "no application runs", State.NOT_YET),
    "no proxies": (
        now(pods=(pod(sidecar=False),)),
        {},
        "no pod of bookinfo has a proxy",
        State.NOT_YET,
    ),
    "no Prometheus": (now(mesh={}), {}, "Prometheus is not installed", State.NOT_YET),
    "it does not answer": (now(), {}, "gives no figures", State.NOT_YET),
    "no traffic": (now(last=None), prometheus(), "no request has been seen yet", State.NOT_YET),
    "no traffic now": (
        now(last=LONG_AGO),
        prometheus(),
        "no requests were sent lately",
        State.NOT_YET,
    ),
    "too early": (now(), prometheus(), "a rate needs two answers", State.NORMAL),
    "not scraped": (
        now(last=LONG_AGO),
        prometheus(targets=("down",)),
        "reaches none of the proxies",
        State.NOT_YET,
    ),
    "two Prometheus": (
        now(),
        {KIALI_MAP: OTHER, **prometheus("1")},
        "Kiali reads another one",
        State.NOT_YET,
    ),
    "Kiali is late": (now(), prometheus("1"), "has not caught up", State.NORMAL),
}


def move_to_present(snapshot: Snapshot) -> Snapshot:
    """The snapshot with its last requests as long ago as when the module was read."""
    if snapshot.last is None:
        return snapshot
    return replace(snapshot, last=(snapshot.last[0] + time.time() - MADE, snapshot.last[1]))


@pytest.mark.parametrize("case", GRAPHS)
async def test_an_empty_graph_says_why(tmp_path: Path, case: str) -> None:
    """One cause, and whether it only takes time."""
    snapshot, answers, words, state = GRAPHS[case]
    snapshot = move_to_present(snapshot)
    async with asking(answers, tmp_path) as context:
        reason = await empty_reasons.explain_empty_graph(context, snapshot, 60)
    assert words in str(reason.because)
    assert reason.state is state


AMBIENT = (pod(sidecar=False, ambient=True),)
ZIPKIN_SERVICE = {"service": "zipkin.istio-system.svc.cluster.local", "port": 9411}
PROVIDER = {"extensionProviders": [{"name": "jaeger", "zipkin": ZIPKIN_SERVICE}]}


def telemetry(namespace: str = "istio-system", **tracing: Any) -> dict[str, Any]:
    """A Telemetry that says this about tracing."""
    meta = {"name": "mesh-default", "namespace": namespace}
    return {"metadata": meta, "spec": {"tracing": [tracing]}}


TELEMETRY = telemetry(providers=[{"name": "jaeger"}], randomSamplingPercentage=100)
QUIET = telemetry(disableSpanReporting=True)
ONE_PERCENT = {"defaultConfig": {"tracing": {"zipkin": {"address": ZIPKIN}}}}
WAYPOINT = {
    "spec": {"gatewayClassName": "istio-waypoint"},
    "status": {"conditions": [{"type": "Programmed", "status": "True"}]},
}
ENROLLED = {"metadata": {"name": "bookinfo", "labels": {"istio.io/use-waypoint": "waypoint"}}}

TRACES: dict[str, tuple[Snapshot, Answers, str, State]] = {
    "no proxies": (
        now(pods=(pod(sidecar=False),)),
        {},
        "no pod of bookinfo has a proxy",
        State.NOT_YET,
    ),
    "settings lost": (now(config={}), {}, "not told to trace", State.NOT_YET),
    "switched off": (
        now(config={"enableTracing": False, "defaultConfig": TRACING}),
        {},
        "not told",
        State.NOT_YET,
    ),
    "by Telemetry": (
        now(config=PROVIDER, telemetries=(TELEMETRY,), pods=(pod(config={}),)),
        COLLECTOR,
        "on their way",
        State.NORMAL,
    ),
    "switched off by Telemetry": (
        now(telemetries=(QUIET,)),
        {},
        "Telemetry mesh-default switches spans off",
        State.NOT_YET,
    ),
    "no such provider": (
        now(config={}, telemetries=(TELEMETRY,)),
        {},
        "the provider jaeger, which the mesh configuration does not have",
        State.NOT_YET,
    ),
    "only ztunnel": (now(pods=AMBIENT), {}, "without a waypoint", State.NOT_YET),
    "no collector": (now(), {}, "there is no such Service", State.NOT_YET),
    "older pods": (
        now(pods=(pod(config={}),)),
        COLLECTOR,
        "started before tracing was set",
        State.NOT_YET,
    ),
    "no requests": (now(last=None), COLLECTOR, "no requests were sent", State.NOT_YET),
    "few are sampled": (now(config=ONE_PERCENT), COLLECTOR, "only 1 % of requests", State.NOT_YET),
    "never came": (
        replace(now(), last=LONG_AGO),
        COLLECTOR,
        "no span of them came",
        State.NOT_YET,
    ),
    "on their way": (now(), COLLECTOR, "on their way", State.NORMAL),
    "by a waypoint": (
        now(pods=AMBIENT, gateways={"waypoint": WAYPOINT}, namespace=ENROLLED),
        COLLECTOR,
        "on their way",
        State.NORMAL,
    ),
}


@pytest.mark.parametrize("case", TRACES)
async def test_no_traces_say_why(tmp_path: Path, case: str) -> None:
    """One cause, and whether it only takes time."""
    snapshot, answers, words, state = TRACES[case]
    snapshot = move_to_present(snapshot)
    async with asking(answers, tmp_path) as context:
        reason = await trace_reasons.explain_missing_traces(context, snapshot)
    assert words in str(reason.because)
    assert reason.state is state


SETTINGS: list[tuple[dict[str, Any], tuple[dict[str, Any], ...], str]] = [
    ({}, (), "tracing is not configured"),
    ({"defaultConfig": TRACING}, (), "traces go to zipkin.istio-system:9411, 100 % of requests"),
    ({"defaultConfig": TRACING, "enableTracing": False}, (), "tracing is not configured"),
    (
        PROVIDER,
        (TELEMETRY,),
        "traces go to zipkin.istio-system.svc.cluster.local:9411, 100 % of requests, by Telemetry "
        "mesh-default (provider jaeger)",
    ),
    (
        PROVIDER | {"enableTracing": False, "defaultProviders": {"tracing": ["jaeger"]}},
        (),
        "traces go to zipkin.istio-system.svc.cluster.local:9411, 1 % of requests, by the provider "
        "jaeger",
    ),
    (
        {"defaultConfig": TRACING},
        (telemetry(randomSamplingPercentage=25),),
        "traces go to zipkin.istio-system:9411, 25 % of requests, by Telemetry mesh-default",
    ),
    (
        PROVIDER,
        (telemetry("bookinfo", randomSamplingPercentage=50), TELEMETRY),
        "traces go to zipkin.istio-system.svc.cluster.local:9411, 50 % of requests, by Telemetry "
        "mesh-default (provider jaeger)",
    ),
    (PROVIDER, (telemetry("bookinfo", disableSpanReporting=True), TELEMETRY), "switches spans off"),
    (
        {"defaultConfig": TRACING},
        (TELEMETRY,),
        "traces go to zipkin.istio-system:9411, 100 % of requests, by Telemetry mesh-default",
    ),
    ({}, (TELEMETRY,), "the provider jaeger, which the mesh configuration does not have"),
]


@pytest.mark.parametrize(("config", "telemetries", "words"), SETTINGS)
def test_tracing_is_read_as_istiod_reads_it(
    config: dict[str, Any], telemetries: tuple[dict[str, Any], ...], words: str
) -> None:
    """By the proxies' own configuration, by providers, and by what a namespace overrides."""
    assert words in str(describe_tracing(config, telemetries))
