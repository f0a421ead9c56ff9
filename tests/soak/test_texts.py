"""Whatever ten thousand people might type, and whoever else knocks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import logging
import random
import secrets
import socket
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings

from bot.app import run_bot
from tests.scenarios.stage import furnished, playing, words
from tests.scenarios.test_bad_input import TEXTS

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

COUNT, AT_ONCE = 10_000, 12
FORGED = 1_000


def texts() -> list[str]:
    """As many generated texts."""
    found: list[str] = []

    @settings(
        max_examples=COUNT, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(TEXTS)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return [text for text, _ in zip(itertools.cycle(found), range(COUNT), strict=False)]


async def test_ten_thousand_texts_are_answered(
    tmp_path: Path, figures: list[tuple[str, object]], caplog: pytest.LogCaptureFixture
) -> None:
    """Typed by an attendee through a whole bot: each gets exactly one answer, a message or a form,
    and none of them is an accident."""
    typed = await asyncio.to_thread(texts)
    answers: Counter[str] = Counter()
    async with playing(tmp_path) as (stage, bot):
        room = asyncio.Semaphore(AT_ONCE)

        async def one(text: str) -> bool:
            async with room:
                return (
                    await stage.workspace.actions.send_command(
                        "bob", "mesh-workshop", f"/mesh {text}"
                    )
                ).is_acked

        async def collect() -> None:
            with stage.workspace.watch_changes() as changes:
                async for change in changes:
                    if change.message is not None and change.message.user == stage.workspace.bot.id:
                        answers["all"] += 1
                        answers["accidents"] += "an error of my own" in words(change.message)
                        stage.workspace.state.messages.pop(
                            (change.message.channel, change.message.ts), None
                        )
                    elif change.view is not None and change.view.open:
                        # A command that has to be told more answers with a form.
                        answers["all"] += change.view.body["type"] == "modal"

        collecting = asyncio.create_task(collect())
        with caplog.at_level(logging.ERROR):
            acked = sum(await asyncio.gather(*map(one, typed)))
            async with asyncio.timeout(60):
                while answers["all"] < len(typed):  # noqa: ASYNC110 - nothing announces the last
                    await asyncio.sleep(0.1)
            await asyncio.sleep(0.5)
            async with asyncio.timeout(60):
                # Nothing tells.
                while (kept := len(await bot.ledger.audit.entries(most=2 * COUNT))) < len(typed):  # noqa: ASYNC110
                    await asyncio.sleep(1)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    figures += [
        ("texts typed / acknowledged / answered", f"{len(typed)} / {acked} / {answers['all']}"),
        ("rows in the audit", kept),
        ("answers that are accidents", answers["accidents"]),
        ("errors in the log", len(errors)),
    ]
    assert answers["all"] == len(typed)
    assert kept == len(typed)
    assert not answers["accidents"]
    assert not errors, errors[:3]


def free() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def forged(dice: random.Random, secret: str) -> tuple[bytes, dict[str, str]]:
    """A request that Slack did not send now: another secret, another time, another body, or no
    signature at all."""
    fields = {
        "command": "/mesh",
        "text": "install",
        "user_id": "U0HOST",
        "trigger_id": secrets.token_hex(8),
    }
    body, stamp = urlencode(fields).encode(), str(int(time.time()))
    signed = body
    kind = dice.choice(("secret", "old", "future", "body", "none", "garbage", "no number"))
    if kind == "secret":
        secret = secrets.token_hex(16)
    elif kind in ("old", "future"):
        stamp = str(int(time.time()) + dice.randint(310, 10**6) * (1 if kind == "future" else -1))
    elif kind == "body":
        signed = body + b"x"
    elif kind == "no number":
        stamp = dice.choice(("", "now", "-1", "1e9", "٣", "9" * 40))
    signature = hmac.new(
        secret.encode(), b"v0:" + stamp.encode() + b":" + signed, hashlib.sha256
    ).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signature}"}
    if kind == "none":
        headers = {}
    if kind == "garbage":
        headers["X-Slack-Signature"] = dice.choice(
            ("", "v0=", "v1=" + signature, signature, "v0=" + "0" * 64)
        )
    return body, headers | {"Content-Type": "application/x-www-form-urlencoded"}


async def test_a_thousand_forged_requests_are_refused(
    tmp_path: Path, figures: list[tuple[str, object]]
) -> None:
    """Each gets 401 and reaches nobody; so does each replay of a request that was Slack's."""
    dice, port, statuses = random.Random(7), free(), Counter[int]()
    async with furnished(tmp_path) as stage:
        http = {
            "MESHBOT_SLACK__MODE": "http",
            "MESHBOT_SLACK__HTTP_PORT": str(port),
            "MESHBOT_SLACK__SIGNING_SECRET": stage.workspace.signing_secret,
        }
        async with run_bot(stage.settings(**http)) as bot, aiohttp.ClientSession() as session:
            for _ in range(FORGED):
                body, headers = forged(dice, stage.workspace.signing_secret)
                async with session.post(
                    f"http://127.0.0.1:{port}/slack/events", data=body, headers=headers
                ) as answer:
                    statuses[answer.status] += 1
            assert await bot.ledger.run_queries.list_recent_runs(1) == []
            assert stage.workspace.list_messages() == []
    figures += [("forged or stale requests by status", dict(statuses))]
    assert statuses == {401: FORGED}
