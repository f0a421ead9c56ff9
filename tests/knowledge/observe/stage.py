"""A server that answers as an API server with Services behind it does, and a step's context that
asks it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.catalog import Catalog
from bot.cluster import KubernetesCluster, RetryPolicy, connect
from bot.engine.world.context import NullProgress
from bot.istio import Istioctl
from bot.language import Localizer
from bot.ledger import Ledger
from bot.schedule import Limits, ScheduleMessages, ScheduleService, Streams
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.steps import Caller, Context, Role, Workshop
from bot.traffic import Generator
from bot.traffic.visitor import find_entry_point
from handlers import STEPS

Answers = Mapping[str, Any]
"""What is answered, by `service:port/path` for Services and by path for the API: JSON, (status,
JSON) or text, each Late or at once, or what a function of the request returns; of a deque one after
the other, the last again and again."""


class Late(NamedTuple):
    """An answer that comes after so many seconds."""

    seconds: float
    said: Any


PROXY = "/api/v1/namespaces/istio-system/services/"


def build_answer(said: Any) -> web.Response:
    """The answer that is said as JSON, (status, JSON) or text."""
    if isinstance(said, str):
        return web.Response(text=said)
    status, body = said if isinstance(said, tuple) else (200, said)
    return web.json_response(body, status=status)


@asynccontextmanager
async def asking(
    answers: Answers,
    home: Path,
    asked: list[str] | None = None,
    *,
    retry_policy: RetryPolicy | None = None,
) -> AsyncIterator[Context]:
    """A context in front of these answers; `asked` collects path and query of each request."""

    async def answer(request: web.Request) -> web.Response:
        path = request.path
        if "/proxy/" in path:
            path = path.removeprefix(PROXY).replace("/proxy/", "/", 1)
        if asked is not None:
            asked.append(request.path_qs)
        if path not in answers:
            return web.json_response(
                {"kind": "Status", "apiVersion": "v1", "message": f"{path} not found"}, status=404
            )
        said = answers[path]
        if isinstance(said, deque):
            said = said.popleft() if len(said) > 1 else said[0]
        if isinstance(said, Late):
            await asyncio.sleep(said.seconds)
            said = said.said
        return said(request) if callable(said) else build_answer(said)

    server = web.Application()
    server.router.add_get("/{rest:.*}", answer)
    server.router.add_post("/{rest:.*}", answer)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {"current-context": "c", "clusters": [cluster], "users": [{"name": "u", "user": {}}]}
    (home / "config").write_text(
        json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": [context]} | config)
    )
    api = await connect(
        kubeconfig=home / "config", context=None, in_cluster=False, retry_policy=retry_policy
    )
    kubernetes = KubernetesCluster(api)
    ledger = await Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.sqlite3'}")
    generator = Generator(kubernetes.web, partial(find_entry_point, kubernetes))
    traffic = Streams(generator, ledger.streams, owner="tests", now=ledger.timetable.now)
    channel_messages = SlackChannelMessages(AsyncWebClient())
    yield Context(
        cluster=kubernetes,
        mesh=Istioctl(home, home / "config", None, None),
        progress=NullProgress(),
        web=kubernetes.web,
        traffic=traffic,
        history=ledger.journal,
        audit_trail=ledger.audit,
        schedules=ScheduleService(
            ledger.timetable,
            ScheduleMessages(ledger.timetable, channel_messages, Catalog(STEPS), Localizer()),
            owner="tests",
            zone="UTC",
            limits=Limits(),
        ),
        workshop=Workshop(),
        caller=Caller("U1", Role.HOST),
        steps=STEPS,
    )
    await traffic.close()
    await channel_messages.aclose(0)
    await ledger.close()
    await api.close()
    await runner.cleanup()


def deployment(image: str) -> dict[str, Any]:
    """A Deployment with one container."""
    return {
        "metadata": {"name": "x", "generation": 1},
        "spec": {"template": {"spec": {"containers": [{"name": "x", "image": image}]}}},
    }
