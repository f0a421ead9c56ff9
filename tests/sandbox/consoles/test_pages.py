"""The consoles over HTTP, in front of an API server that passes requests on to programs of the test's
own: paths, cookies, what stands where nothing answers, and who is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.consoles.cluster_web import ClusterWeb
from sandbox.consoles.console_server import ConsoleServer
from sandbox.istio.ctl.kubeconfig import ClusterAccess
from tests.sandbox.consoles.conftest import Programs


@pytest.fixture
async def origin(programs: tuple[Programs, str]) -> AsyncIterator[str]:
    """Where the consoles are served."""
    cluster = ClusterWeb(ClusterAccess(programs[1]))
    server = ConsoleServer(cluster, mesh_namespace="istio-system", app_namespace="bookinfo")
    yield await server.start(0)
    await server.stop()
    await cluster.close()


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody who keeps cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def read(browser: aiohttp.ClientSession, url: str) -> str:
    """A page's HTML."""
    async with browser.get(url) as answer:
        return await answer.text()


async def test_somebody_signs_in_to_the_application(
    origin: str, browser: aiohttp.ClientSession
) -> None:
    """The cookie of the gateway's answer is the browser's from then on; others' pages sign nobody in."""
    form = {"username": "jason", "passwd": ""}
    async with browser.post(f"{origin}/login", data=form, headers={"Origin": origin}) as answer:
        assert (answer.status, str(answer.url)) == (200, f"{origin}/productpage")
        assert "<p>jason</p>" in await answer.text()
    async with browser.post(f"{origin}/login", data=form, headers={"Origin": "http://a.b"}) as no:
        assert no.status == 403
    async with browser.get(f"{origin}/productpage", headers={"Host": "evil.example"}) as no:
        assert no.status == 403


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/kiali/console/graph/namespaces?namespaces=bookinfo", "/mesh kiali"),
        ("/kiali/console/namespaces/bookinfo/services/reviews", "/mesh kiali"),
        ("/jaeger/search?service=productpage.bookinfo", "/mesh addons"),
        ("/grafana", "/mesh addons"),
    ],
)
async def test_what_does_not_run_yet_says_what_to_type(
    origin: str, browser: aiohttp.ClientSession, path: str, command: str
) -> None:
    """With the API server's own reason, and that this is a stand-in."""
    page = await read(browser, origin + path)
    assert f"<code>{command}</code>" in page
    assert "not found" in page
    assert "The sandbox’s stand-in for" in page


async def test_kialis_refusal_is_kialis_own(
    programs: tuple[Programs, str], origin: str, browser: aiohttp.ClientSession
) -> None:
    """Its words, and no advice to install it."""
    error = "Requested namespace [x] is not accessible."
    programs[0].answers["kiali/kiali/api/namespaces/graph"] = {"error": error}
    page = await read(browser, f"{origin}/kiali/console/graph/namespaces?namespaces=x")
    assert f"Kiali answers: {error}" in page
    assert "/mesh kiali" not in page


async def test_a_deep_link_asks_for_what_it_names(
    programs: tuple[Programs, str], origin: str, browser: aiohttp.ClientSession
) -> None:
    """Namespaces, time and Services of the graph; a parameter that is none is not passed on."""
    programs[0].answers["kiali/kiali/api/namespaces/graph"] = {"elements": {}}
    query = "namespaces=bookinfo,istio-system&duration=120&injectServiceNodes=true"
    page = await read(browser, f"{origin}/kiali/console/graph/namespaces?{query}")
    assert "No traffic in this time" in page
    await read(
        browser, f"{origin}/kiali/console/graph/namespaces?namespaces=a%26x=b&duration=1;DROP"
    )
    first, second = programs[0].asked
    assert "namespaces=bookinfo,istio-system" in first
    assert "duration=120s&injectServiceNodes=true" in first
    assert "namespaces=a%26x%3Db&graphType=versionedApp&duration=60s" in second


async def test_findings_of_an_object_stand_above_its_yaml(
    programs: tuple[Programs, str], origin: str, browser: aiohttp.ClientSession
) -> None:
    """Markup in names and messages stays text."""
    path = "namespaces/bookinfo/istio/networking.istio.io/v1/VirtualService/reviews"
    check = {"code": "KIA1107", "message": "Subset <i> not found", "severity": "warning"}
    programs[0].answers[f"kiali/kiali/api/{path}"] = {
        "resource": {"kind": "VirtualService", "metadata": {"name": "<script>"}},
        "validation": {"checks": [check]},
    }
    page = await read(browser, f"{origin}/kiali/console/{path}")
    assert "KIA1107 Subset &lt;i&gt; not found" in page
    assert "name: &lt;script&gt;" in page
    assert "<script>" not in page.replace("<script type", "")
