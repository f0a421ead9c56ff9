"""A small server for probes and scrapes, on a port of its own: what Slack can reach must not show figures.

`/healthz` fails only for what a restart mends; whatever else is wrong it says and answers 200, for a bot that is
started anew because Slack is away for a moment is away longer. `/readyz` fails while commands cannot be served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from aiohttp import web

from bot.errors import SettingsError
from bot.figures import Source
from bot.health.exposition import exposition

PATIENCE = 2.0
"""Seconds that one check may take; probes do not wait for long."""

TEXT = "text/plain; version=0.0.4; charset=utf-8"

log = logging.getLogger(__name__)


class Finding(NamedTuple):
    """How one part is. `vital`: without it only a restart helps; `needed`: without it commands cannot be served."""

    name: str
    ok: bool
    says: str = ""
    vital: bool = False
    needed: bool = False


Check = Callable[[], Awaitable[Finding]]


class HealthServer:
    """`/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, checks: Sequence[Check], sources: Sequence[Source]) -> None:
        self._checks, self._sources = checks, sources
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listens; SettingsError when the address cannot be had."""
        app = web.Application()
        routes = (("/healthz", self._healthz), ("/readyz", self._readyz), ("/metrics", self._metrics))
        app.add_routes([web.get(path, handler) for path, handler in routes])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as problem:
            await runner.cleanup()
            words = f"cannot listen on {host}:{port} ({problem.strerror})"
            raise SettingsError(f"health.port: {words}; choose another port, or 0 for none") from problem
        self._runner, self.port = runner, int(runner.addresses[0][1])

    async def close(self) -> None:
        """Stops listening."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        findings = await self._found()
        return _answer(findings, bad=any(each.vital and not each.ok for each in findings))

    async def _readyz(self, _request: web.Request) -> web.Response:
        findings = await self._found()
        return _answer(findings, bad=any((each.vital or each.needed) and not each.ok for each in findings))

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=exposition(self._sources), headers={"Content-Type": TEXT})

    async def _found(self) -> list[Finding]:
        return list(await asyncio.gather(*(self._one(check) for check in self._checks)))

    async def _one(self, check: Check) -> Finding:
        try:
            async with asyncio.timeout(PATIENCE):
                return await check()
        except TimeoutError:
            return Finding(check.__name__, False, "no answer in time", needed=True)
        except Exception:
            log.exception("a check failed")
            return Finding(check.__name__, False, "the check itself failed", needed=True)


def _answer(findings: list[Finding], *, bad: bool) -> web.Response:
    parts = {each.name: {"ok": each.ok, **({"says": each.says} if each.says else {})} for each in findings}
    return web.json_response({"ok": not bad, "parts": parts}, status=503 if bad else 200)
