"""Tracing settings, by the mesh's own configuration or by a Telemetry with a provider."""

from __future__ import annotations

import pytest

from bot.kinds import Object
from bot.knowledge.mesh_config import TracingSettings, resolve_tracing

ZIPKIN: Object = {"tracing": {"sampling": 100.0, "zipkin": {"address": "zipkin.istio-system:9411"}}}
JAEGER: Object = {
    "name": "jaeger",
    "opentelemetry": {"service": "jaeger-collector.istio-system", "port": 4317},
}


def telemetry(name: str, **tracing: object) -> Object:
    """A Telemetry about tracing."""
    return {"metadata": {"name": name}, "spec": {"tracing": [tracing]}}


MESH_DEFAULT = telemetry("mesh-default", providers=[{"name": "jaeger"}])


@pytest.mark.parametrize(
    ("config", "telemetries", "seen"),
    [
        ({"defaultConfig": ZIPKIN}, [], TracingSettings("zipkin.istio-system:9411", 100.0)),
        ({}, [], TracingSettings()),
        ({"defaultConfig": ZIPKIN, "enableTracing": False}, [], TracingSettings()),
        (
            {"extensionProviders": [JAEGER]},
            [MESH_DEFAULT],
            TracingSettings("jaeger-collector.istio-system:4317", 1.0, "mesh-default", "jaeger"),
        ),
        (
            {"extensionProviders": [JAEGER]},
            [telemetry("more", randomSamplingPercentage=100), MESH_DEFAULT],
            TracingSettings("jaeger-collector.istio-system:4317", 100.0, "mesh-default", "jaeger"),
        ),
        ({"extensionProviders": [JAEGER]}, [], TracingSettings()),
        ({}, [MESH_DEFAULT], TracingSettings("", 1.0, "mesh-default", "jaeger")),
    ],
)
def test_tracing_is_set_by_either_way(
    config: Object, telemetries: list[Object], seen: TracingSettings
) -> None:
    """A Telemetry's provider counts where the mesh has it; else `defaultConfig.tracing`."""
    assert resolve_tracing(config, telemetries) == seen
