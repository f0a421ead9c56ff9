"""A proxy in front of an API server that writes down what each request asks for, and whether it was
refused."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from tests.deploy.access import Ask, asked

HOP_BY_HOP = {
    "host",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "accept-encoding",
}
CREATED = 201
FORBIDDEN = 403
STATUS = b'"kind":"Status"'
"""In what the API server answers itself; what a Service behind it refuses is no missing right."""


class Recorder:
    """Everything that went through, counted; the credentials are the caller's own and are passed
    on."""

    def __init__(self, server: str, trust: ssl.SSLContext) -> None:
        self._server, self._trust = server, trust
        self.asks: Counter[Ask] = Counter()
        self.refused: Counter[str] = Counter()

    @asynccontextmanager
    async def serving(self, certificate: Path, key: Path) -> AsyncIterator[str]:
        """Its address, on this machine only; over TLS, for istioctl shows its token to nobody else."""
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
        connector = aiohttp.TCPConnector(limit=0, ssl=self._trust)
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False
        ) as self._session:
            app = web.Application(client_max_size=64 * 1024 * 1024)
            app.router.add_route("*", "/{path:.*}", self._pass_on)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
            await site.start()
            try:
                yield f"https://127.0.0.1:{runner.addresses[0][1]}"
            finally:
                await runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in HOP_BY_HOP
        ]
        async with self._session.request(
            request.method,
            URL(self._server + request.raw_path, encoded=True),
            headers=headers,
            data=await request.read() or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            self._note(request, answer.status)
            ask = str(asked(request.method, request.raw_path))
            if answer.status == FORBIDDEN:
                own = "services/proxy" not in ask or STATUS in await answer.read()
                self.refused.update([ask] if own else [])
            kept = [
                (name, value)
                for name, value in answer.headers.items()
                if name.lower() not in HOP_BY_HOP
            ]
            response = web.StreamResponse(status=answer.status, headers=kept)
            with suppress(ConnectionError):  # whoever asked has heard enough: the end of a watch
                await response.prepare(request)
                if answer.status == FORBIDDEN:
                    await response.write(await answer.read())
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            return response

    def _note(self, request: web.Request, status: int) -> None:
        ask = asked(request.method, request.raw_path)
        self.asks[ask] += 1
        if (
            request.method == "PATCH" and status == CREATED
        ):  # an apply that makes the object needs both verbs
            self.asks[ask._replace(verb="create")] += 1


async def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, made by openssl."""
    certificate, key = folder / "proxy.crt", folder / "proxy.key"
    made = await asyncio.create_subprocess_exec(
        *(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ),
        *("-subj", "/CN=recorder", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key)),
        *("-out", str(certificate)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    return certificate, key
