"""HTTP server for probes and scrapes, on a port of its own.

A port that Slack can reach must not show metrics. `/healthz` fails only for what a
restart fixes; whatever else is wrong it says and answers 200, for a bot that is
restarted because Slack is away for a moment is away longer. `/readyz` fails while
commands cannot be served; while only the cluster is away they can, with that as the answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from aiohttp import web

from bot.errors import SettingsError
from bot.health.exposition import render_metrics
from bot.http_server import LimitedServer, ServerLimits
from bot.listening import show_address
from bot.metrics import Source

CHECK_SECONDS = 2.0
"""Seconds that one check may take; probes do not wait for long."""

LIMITS = ServerLimits(connections=16, body=1024)
"""Probes and scrapes are few, and have no body."""

TEXT = "text/plain; version=0.0.4; charset=utf-8"

log = logging.getLogger(__name__)


class ComponentHealth(NamedTuple):
    """Health of one component.

    `vital`: without it only a restart helps; `needed`: without it commands cannot be
    served.
    """

    name: str
    ok: bool
    says: str = ""
    vital: bool = False
    needed: bool = False


Check = Callable[[], Awaitable[ComponentHealth]]


class HealthServer:
    """`/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, checks: Sequence[Check], sources: Sequence[Source]) -> None:
        self._checks = checks
        paths = (
            ("/healthz", self._handle_healthz),
            ("/readyz", self._handle_readyz),
            ("/metrics", self._handle_metrics),
        )
        self._server = LimitedServer([web.get(path, handler) for path, handler in paths], LIMITS)
        self._sources: list[Source] = [*sources, partial(self._server.figures, "health")]

    @property
    def port(self) -> int:
        """The port, once it listens."""
        return self._server.port

    async def start(self, host: str, port: int) -> None:
        """Listen on this address; raise SettingsError when it cannot be had."""
        try:
            await self._server.start(host, port)
        except OSError as problem:
            where = show_address(host, port)
            words = f"cannot listen on {where} ({problem.strerror or problem})"
            raise SettingsError(
                f"health.port: {words}; choose another port (MESHBOT_HEALTH__PORT), or 0 for "
                "none, or another address (MESHBOT_HEALTH__HOST)"
            ) from problem

    async def close(self) -> None:
        """Stop listening."""
        await self._server.close()

    async def _handle_healthz(self, _request: web.Request) -> web.Response:
        findings = await self._run_all_checks()
        return _build_response(findings, bad=any(each.vital and not each.ok for each in findings))

    async def _handle_readyz(self, _request: web.Request) -> web.Response:
        findings = await self._run_all_checks()
        return _build_response(
            findings, bad=any((each.vital or each.needed) and not each.ok for each in findings)
        )

    async def _handle_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=render_metrics(self._sources), headers={"Content-Type": TEXT})

    async def _run_all_checks(self) -> list[ComponentHealth]:
        return list(await asyncio.gather(*(self._run_check(check) for check in self._checks)))

    async def _run_check(self, check: Check) -> ComponentHealth:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await check()
        except TimeoutError:
            return ComponentHealth(check.__name__, False, "no answer in time", needed=True)
        except Exception as problem:
            # A check that breaks is a finding of its own: the probe must be answered.
            log.exception("a check failed")
            said = f"the check itself failed ({type(problem).__name__})"
            return ComponentHealth(check.__name__, False, said, needed=True)


def _build_response(findings: list[ComponentHealth], *, bad: bool) -> web.Response:
    parts = {
        each.name: {"ok": each.ok, **({"says": each.says} if each.says else {})}
        for each in findings
    }
    return web.json_response({"ok": not bad, "parts": parts}, status=503 if bad else 200)
