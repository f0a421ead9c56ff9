"""The live mesh configuration, and the tracing settings in force, in words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from bot.errors import ClusterError
from bot.kinds import CONFIG_MAP, TELEMETRY, Object
from bot.steps import Context
from bot.text import Text

PROVIDERS = ("zipkin", "opentelemetry", "lightstep", "datadog", "skywalking")
"""Kinds of extension providers that take spans (Istio 1.23 and 1.30)."""


@dataclass(frozen=True)
class TracingSettings:
    """Where proxies send spans ("" for nowhere), of how many requests in per cent, and the name of
    the Telemetry that says so, "" where it is the mesh's own configuration."""

    address: str = ""
    share: float = 1.0
    telemetry: str = ""


async def read_mesh_config(context: Context) -> Object:
    """Return the live mesh configuration, parsed; empty when there is none."""
    live = await context.cluster.get(CONFIG_MAP, "istio", context.workshop.mesh_namespace)
    parsed = yaml.safe_load((live or {}).get("data", {}).get("mesh", "") or "{}")
    return parsed if isinstance(parsed, dict) else {}


async def read_telemetries(context: Context) -> tuple[Object, ...]:
    """Return the Telemetry objects of the application's namespace, then those of the mesh's.

    There are none where they cannot be read: then the mesh's configuration is all that is known.
    """
    places = dict.fromkeys((context.workshop.app_namespace, context.workshop.mesh_namespace))
    try:
        found = await asyncio.gather(*(context.cluster.find(TELEMETRY, each) for each in places))
    except ClusterError:
        return ()
    return tuple(telemetry for each in found for telemetry in each)


def resolve_tracing(config: Object, telemetries: Sequence[Object] = ()) -> TracingSettings:
    """Return the tracing settings in force for the application.

    A Telemetry that names a provider goes before `defaultConfig.tracing`, the namespace's before
    the mesh's, and its sampling before the mesh's (Istio 1.23 and 1.30). Those for chosen
    workloads are left out.
    """
    tracing = (config.get("defaultConfig") or {}).get("tracing") or {}
    share = float(tracing.get("sampling", 1.0))
    wide = [t for t in telemetries if "selector" not in (t.get("spec") or {})]
    parts = [(t, part) for t in wide for part in (t.get("spec") or {}).get("tracing") or []]
    for _, part in reversed(parts):
        share = float(part.get("randomSamplingPercentage", share))
    for telemetry, part in parts:
        for named in part.get("providers") or []:
            if address := find_provider_address(config, str(named.get("name"))):
                return TracingSettings(address, share, str(telemetry["metadata"]["name"]))
    if config.get("enableTracing") is False:
        return TracingSettings()
    return TracingSettings(str((tracing.get("zipkin") or {}).get("address") or ""), share)


def find_provider_address(config: Object, name: str) -> str:
    """Return where an extension provider takes spans; "" for one that takes none."""
    for provider in config.get("extensionProviders") or []:
        told = next((provider[kind] for kind in PROVIDERS if provider.get(kind)), None)
        if provider.get("name") == name and told:
            return f"{told.get('service', '')}:{told.get('port', '')}"
    return ""


def describe_tracing(config: Object, telemetries: Sequence[Object] = ()) -> Text:
    """Describe the tracing settings in force."""
    found = resolve_tracing(config, telemetries)
    if not found.address:
        return Text("tracing is not configured")
    if found.telemetry:
        return Text(
            "traces go to {address}, {share:g} % of requests, by Telemetry {name}",
            address=found.address,
            share=found.share,
            name=found.telemetry,
        )
    return Text(
        "traces go to {address}, {share:g} % of requests", address=found.address, share=found.share
    )
