"""The add-ons beside Kiali: where each tells its health, and what it says there (samples of Istio 1.23 and 1.30)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from bot.knowledge.answering import ask_until, silent
from bot.ports import Answer, Ask
from bot.steps import Context

NAMES = ("prometheus", "grafana", "jaeger")
PATIENCE = 30.0
"""Seconds in which an add-on that answers must become healthy."""


@dataclass(frozen=True)
class Health:
    """One add-on's health: observed words, or the cause why there are none."""

    words: str = ""
    cause: str = ""


def prometheus(answer: Answer) -> str:
    """Prometheus says so in plain text."""
    return "ready to answer queries" if answer.status == 200 else ""


def grafana(answer: Answer) -> str:
    """Grafana tells the state of its database and its version."""
    said = document(answer)
    version = f", version {said['version']}" if said.get("version") else ""
    return f"database {said['database']}{version}" if answer.status == 200 and said.get("database") == "ok" else ""


def jaeger(answer: Answer) -> str:
    """Jaeger lists the services that it has traces of: none in a new one."""
    if answer.status != 200 or "data" not in (said := document(answer)):
        return ""
    found = said["data"] if isinstance(said["data"], list) else []
    return f"{len(found)} services have traces" if found else "answers queries, has no traces yet"


def document(answer: Answer) -> dict[str, object]:
    """The JSON object of an answer; empty when it is none."""
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


PLACES: dict[str, tuple[str, int, str, Callable[[Answer], str]]] = {
    "prometheus": ("prometheus", 9090, "/-/ready", prometheus),
    "grafana": ("grafana", 3000, "/api/health", grafana),
    "jaeger": ("tracing", 80, "/jaeger/api/services", jaeger),
}
"""Service, port, path, and what a good answer says. There is no Service called jaeger."""


async def health(context: Context, addon: str) -> Health:
    """Asks an add-on through its Service until it is healthy, or says why it is not."""
    service, port, path, says = PLACES[addon]
    ask = Ask(context.workshop.mesh_namespace, service, port, path)
    heard = await ask_until(context, ask, lambda answer: bool(says(answer)), seconds=PATIENCE)
    if heard.good and heard.answer is not None:
        return Health(f"{addon}: {says(heard.answer)} ({path})")
    return Health(cause=silent(addon, heard) + f" ({path})")
