"""The embedded API server answers whoever has its token, and no page in a browser."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiohttp
import pytest

from sandbox.certificate import create_loopback_certificate
from sandbox.clock import Clock
from sandbox.cluster.server import ApiServer
from tests.sandbox.cluster.api.wire import Cluster

PATHS = (
    *("/api", "/apis", "/version", "/healthz", "/openapi/v2", "/nonsense"),
    *("/api/v1/namespaces", "/api/v1/namespaces/default/secrets", "/apis/apps/v1/deployments"),
    "/api/v1/namespaces/default/services/http:tea:http/proxy/pot",
)


def build_headers(server: ApiServer, **more: str) -> dict[str, str]:
    """The headers of a request with the token, and others."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Authorization": f"Bearer {server.token}", **named}


async def ask(server: ApiServer, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Status and body of a request by plain HTTP."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.url + path, headers=headers) as answer,
    ):
        json = answer.content_type == "application/json"
        return answer.status, await answer.json() if json else await answer.text()


@pytest.mark.parametrize("path", PATHS)
async def test_without_the_token_nothing_is_told(server: ApiServer, path: str) -> None:
    """In Kubernetes' words, whatever is asked for."""
    status, body = await ask(server, path, {})
    assert (status, body["kind"], body["reason"]) == (401, "Status", "Unauthorized")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_without_the_token_nothing_is_done(server: ApiServer, method: str) -> None:
    """Whatever the method, and in the body of a page's form."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method,
            f"{server.url}/api/v1/namespaces/default",
            data='{"kind":"Namespace"}',
            headers={"Content-Type": "text/plain"},
        ) as answer,
    ):
        assert answer.status == 401


@pytest.mark.parametrize(
    "given",
    [
        "Bearer",
        "Bearer ",
        "Bearer guess",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer \udcff",
    ],
)
async def test_another_token_is_none(server: ApiServer, given: str) -> None:
    """Nor is the right one in another scheme."""
    header = given.format(token=server.token)
    assert (await ask(server, "/api", {"Authorization": header}))[0] == 401


async def test_the_token_is_new_at_each_start(server: ApiServer) -> None:
    """What one start's kubeconfig has is nothing to the next."""
    other = ApiServer(Clock())
    assert len({server.token, other.token}) == 2
    assert (await ask(server, "/api", {"Authorization": f"Bearer {other.token}"}))[0] == 401


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "evil.example"),
        ("Host", "evil.example:80"),
        ("Host", "127.0.0.1.evil.example"),
        ("Host", "evil.example@127.0.0.1.evil.example"),
        ("Host", "evil.example@127.0.0.1"),
        ("Host", "[::2]"),
        ("Host", "["),
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
        ("Origin", "http://localhost.evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ],
)
async def test_a_page_in_a_browser_is_refused(server: ApiServer, header: str, value: str) -> None:
    """Also by a name that it makes point here, and with the token."""
    status, body = await ask(server, "/api", build_headers(server) | {header: value})
    assert (status, body["reason"]) == (403, "Forbidden")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:8"]
)
async def test_this_machine_has_several_names(server: ApiServer, host: str) -> None:
    """And other ports, where requests come through a tunnel."""
    named = host.format(port=server.url.rpartition(":")[2])
    assert (await ask(server, "/api", build_headers(server, Host=named)))[0] == 200
    same = build_headers(
        server, Host=named, Origin=f"https://{named}", Sec_Fetch_Site="same-origin"
    )
    assert (await ask(server, "/api", same))[0] == 200


async def test_the_kubeconfig_leads_in_by_tls(server: ApiServer) -> None:
    """With the certificate that it holds, and with no other."""
    config = server.build_kubeconfig()
    cluster = Cluster(config, real=False)
    assert (await cluster.get("/api/v1/namespaces")).status == 200
    await cluster.close()
    url = config["clusters"][0]["cluster"]["server"]
    async with aiohttp.ClientSession(headers=build_headers(server)) as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{url}/api")


async def test_a_connection_that_says_nothing_holds_nobody_up(server: ApiServer) -> None:
    """Nor one that begins a handshake and leaves it, or speaks neither."""
    port = int(server.url.rpartition(":")[2])
    writers = []
    for said in (b"", b"\x16\x03\x01", b"\x00\x01", b"SSH-2.0\r\n\r\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        writers.append(writer)
    assert (await ask(server, "/api", build_headers(server)))[0] == 200
    for writer in writers:
        writer.transport.abort()


async def test_the_certificate_names_loopback_alone(server: ApiServer) -> None:
    """For OpenSSL at its strictest, whatever name of this machine a client calls it by."""
    made = create_loopback_certificate()
    context = ssl.create_default_context(cadata=made.authority_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    port = server.url.rpartition(":")[2]
    for name in ("127.0.0.1", "::1", "localhost"):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=name
        )
        writer.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="example.org")
