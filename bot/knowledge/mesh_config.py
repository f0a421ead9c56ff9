"""The live mesh configuration, and the tracing settings in force, in words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import CONFIG_MAP, TELEMETRY, Object
from bot.steps import Context
from bot.text import Text
from bot.yaml_text import read_yaml

PROVIDERS = ("zipkin", "opentelemetry", "lightstep", "datadog", "skywalking")
"""Kinds of extension providers that take spans (Istio 1.23 and 1.30)."""


@dataclass(frozen=True)
class TracingSettings:
    """Where proxies send spans ("" for nowhere), of how many requests in per cent, and the name of
    the Telemetry that says so, "" where it is the mesh's own configuration.

    `provider` is the extension provider that takes them, "" for the proxies' own setting. `off`: a
    Telemetry switches spans off.
    """

    address: str = ""
    share: float = 1.0
    telemetry: str = ""
    provider: str = ""
    off: bool = False


async def read_mesh_config(context: Context) -> Object:
    """Return the live mesh configuration, parsed; empty when there is none."""
    live = await context.cluster.get(CONFIG_MAP, "istio", context.workshop.mesh_namespace)
    parsed = read_yaml((live or {}).get("data", {}).get("mesh", "") or "{}")
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

    A Telemetry that names a provider goes before the mesh's default provider, and both before
    `defaultConfig.tracing`; the namespace's goes before the mesh's, and its sampling before the
    mesh's (Istio 1.23 and 1.30). Those for chosen workloads are left out.
    """
    tracing = (config.get("defaultConfig") or {}).get("tracing") or {}
    share, telemetry, off = float(tracing.get("sampling", 1.0)), "", False
    chooser = ""
    named = [str(n) for n in (config.get("defaultProviders") or {}).get("tracing") or []]
    for told, part in reversed(list(list_tracing(telemetries))):
        telemetry = str(told["metadata"]["name"])
        if providers := part.get("providers"):
            named, chooser = [str(p.get("name")) for p in providers], telemetry
        share = float(part.get("randomSamplingPercentage", share))
        off = bool(part.get("disableSpanReporting", off))
    own = str((tracing.get("zipkin") or {}).get("address") or "")
    own = "" if config.get("enableTracing") is False else own
    address = find_provider_address(config, named[0]) if named else ""
    # A provider that the mesh does not have is passed over (istiod's log says so).
    if named and (address or not own):
        return TracingSettings(address, share, chooser or telemetry, named[0], off)
    if not own:
        return TracingSettings(telemetry=telemetry if off else "", off=off)
    return TracingSettings(own, share, telemetry, off=off)


def list_tracing(telemetries: Sequence[Object]) -> Iterator[tuple[Object, Object]]:
    """Yield what Telemetry objects say about tracing, but for those for chosen workloads."""
    for telemetry in telemetries:
        spec = telemetry.get("spec") or {}
        if not (spec.get("selector") or spec.get("targetRef") or spec.get("targetRefs")):
            for part in spec.get("tracing") or []:
                yield telemetry, part


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
    if found.off:
        return Text("Telemetry {name} switches spans off", name=found.telemetry)
    if found.provider and not found.address:
        return Text(
            "spans go to the provider {provider}, which the mesh configuration does not have",
            provider=found.provider,
        )
    if not found.address:
        return Text("tracing is not configured")
    goal, share = found.address, found.share
    if found.telemetry and found.provider:
        return Text(
            "traces go to {address}, {share:g} % of requests, by Telemetry {name} "
            "(provider {provider})",
            address=goal,
            share=share,
            name=found.telemetry,
            provider=found.provider,
        )
    if found.telemetry:
        return Text(
            "traces go to {address}, {share:g} % of requests, by Telemetry {name}",
            address=goal,
            share=share,
            name=found.telemetry,
        )
    if found.provider:
        return Text(
            "traces go to {address}, {share:g} % of requests, by the provider {provider}",
            address=goal,
            share=share,
            provider=found.provider,
        )
    return Text("traces go to {address}, {share:g} % of requests", address=goal, share=share)
