"""Acting as someone else: every way to the server says as whom, and a refusal says so too."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from bot.cluster import Api, KubernetesCluster
from bot.errors import Forbidden
from bot.kinds import CONFIG_MAP
from bot.ports import HttpRequest, Identity
from tests.cluster.stage import LIST, WATCH, Stage, status

GUEST = Identity("slack:u1", ("workshop", "guests"))
ITEM = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}}


async def test_every_request_says_as_whom(stage: Stage, api: Api) -> None:
    """Lists, watches, writes and the proxy carry the user and each group; the bot's own requests
    carry neither."""
    seen: dict[str, tuple[str, list[str]]] = {}
    watched = asyncio.Event()

    async def look(request: web.Request) -> web.StreamResponse:
        groups = request.headers.getall("Impersonate-Group", [])
        seen[request.method if "watch" not in request.query else WATCH] = (
            request.headers.get("Impersonate-User", ""),
            groups,
        )
        if "watch" in request.query:
            watched.set()
        return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}})

    guest = KubernetesCluster(api).acting_as(GUEST)
    for sort in (LIST, WATCH, "PATCH", "POST"):
        stage.next(sort, look)
    async with guest.follow("shop", CONFIG_MAP), asyncio.timeout(40):
        await watched.wait()
    await guest.apply(ITEM)
    await guest.web.ask(HttpRequest("shop", "page", 80, "/", method="POST"))
    await guest.close()
    assert seen == dict.fromkeys(
        ("GET", WATCH, "PATCH", "POST"), ("slack:u1", ["workshop", "guests"])
    )
    stage.next(LIST, look)
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert seen["GET"] == ("", [])


async def test_a_refusal_says_to_whom_it_was_given(stage: Stage, api: Api) -> None:
    """Whoever explains it can name the user; one to the bot's own account names nobody."""
    cluster = KubernetesCluster(api)
    for asked, name in ((cluster.acting_as(GUEST), "slack:u1"), (cluster, "")):
        stage.next(LIST, status(403, "no"))
        with pytest.raises(Forbidden) as caught:
            await asked.find(CONFIG_MAP, "shop")
        assert caught.value.acting_as == name


def test_an_identity_is_that_of_one_slack_user() -> None:
    """`{user}` stands for the id in small letters, as Kubernetes names have them, in groups as
    well."""
    assert Identity("slack:{user}", ("g", "of-{user}")).for_user("U012") == Identity(
        "slack:u012", ("g", "of-u012")
    )
