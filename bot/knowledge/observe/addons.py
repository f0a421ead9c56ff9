"""The add-ons beside Kiali: their objects and pages, which path tells their health, and how to read
the answer (samples of Istio 1.23 and 1.30)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.kinds import Object
from bot.knowledge.objects.apply import load_sample
from bot.knowledge.observe.endpoints import GRAFANA, JAEGER, find_web_address
from bot.knowledge.observe.probes import ask_until, explain_silence
from bot.ports import HttpRequest, HttpResponse
from bot.steps import Context, Link
from bot.text import EMPTY, Text, counted, verbatim

NAMES = ("prometheus", "grafana", "jaeger")
HEALTH_TIMEOUT = 30.0
"""Seconds in which an add-on that answers must become healthy."""


@dataclass(frozen=True)
class AddonHealth:
    """One add-on's health: observed words, or the cause why there are none."""

    words: Text = EMPTY
    cause: Text = EMPTY


def describe_prometheus_health(answer: HttpResponse) -> Text:
    """Describe Prometheus' readiness, which it answers in plain text; EMPTY unless ready."""
    return Text("ready to answer queries") if answer.status == 200 else EMPTY


def describe_grafana_health(answer: HttpResponse) -> Text:
    """Describe the state of Grafana's database and its version; EMPTY unless healthy."""
    said = parse_json_object(answer)
    if answer.status != 200 or said.get("database") != "ok":
        return EMPTY
    if said.get("version"):
        return Text("database ok, version {version}", version=str(said["version"]))
    return Text("database ok")


def describe_jaeger_health(answer: HttpResponse) -> Text:
    """Describe how many services Jaeger has traces of; EMPTY unless healthy.

    A new Jaeger has none and is healthy nevertheless.
    """
    if answer.status != 200 or "data" not in (said := parse_json_object(answer)):
        return EMPTY
    found = said["data"] if isinstance(said["data"], list) else []
    return (
        counted("{n} service has traces", "{n} services have traces", n=len(found))
        if found
        else Text("answers queries, has no traces yet")
    )


def parse_json_object(answer: HttpResponse) -> dict[str, object]:
    """Return the JSON object of an answer; empty when it is none."""
    try:
        said = answer.parse_json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


HEALTH_CHECKS: dict[str, tuple[str, int, str, Callable[[HttpResponse], Text]]] = {
    "prometheus": ("prometheus", 9090, "/-/ready", describe_prometheus_health),
    "grafana": ("grafana", 3000, "/api/health", describe_grafana_health),
    "jaeger": ("tracing", 80, "/jaeger/api/services", describe_jaeger_health),
}
"""Service, port, path, and what a good answer says. There is no Service called jaeger."""


async def check_health(context: Context, addon: str) -> AddonHealth:
    """Ask an add-on through its Service until it is healthy, or HEALTH_TIMEOUT ends."""
    service, port, path, describe = HEALTH_CHECKS[addon]
    ask = HttpRequest(context.workshop.mesh_namespace, service, port, path)
    heard = await ask_until(
        context, ask, lambda answer: bool(describe(answer)), seconds=HEALTH_TIMEOUT
    )
    if heard.good and heard.answer is not None:
        return AddonHealth(
            Text("{addon}: {words} ({path})", addon=addon, words=describe(heard.answer), path=path)
        )
    return AddonHealth(cause=Text("{why} ({path})", why=explain_silence(addon, heard), path=path))


async def load_objects(context: Context, chosen: Sequence[str]) -> list[Object]:
    """Return the objects of the chosen add-ons, from the release's samples."""
    mesh = context.workshop.mesh_namespace
    return [obj for one in chosen for obj in await load_sample(context, f"addons/{one}.yaml", mesh)]


async def link_to_addons(
    context: Context, chosen: tuple[str, ...]
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Return links to the chosen add-ons with a page, and the port-forward lines to type first."""
    pages = [page for page in (GRAFANA, JAEGER) if page.deployment in chosen]
    addresses = await asyncio.gather(*(find_web_address(context, page) for page in pages))
    found = [reached for reached in addresses if reached.base]
    links = tuple(Link(verbatim(reached.interface.title), reached.base) for reached in found)
    return links, tuple(reached.line for reached in found if reached.line)
