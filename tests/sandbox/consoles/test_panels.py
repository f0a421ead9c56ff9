"""The application and the mesh beside the channel: what a page shows, whom it is loaded for, and what
has changed from one graph to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sandbox.consoles.cluster_web import ClusterWeb, Place
from sandbox.consoles.graph_svg import edge_id
from sandbox.consoles.mesh_graph import MeshEdge, MeshGraph, MeshNode
from sandbox.dataplane.apps.pages import render_product_page
from sandbox.istio.ctl.kubeconfig import ClusterAccess
from sandbox.panel.application import ApplicationPanel, read_page
from sandbox.panel.mesh import STANDS_OUT, GraphHistory, render_mesh
from sandbox.workspace import Sidebar
from tests.sandbox.consoles.conftest import Programs


def page(version: str, **rating: object) -> str:
    """Bookinfo's page as the data plane's productpage writes it."""
    review = {"text": "Good.", "reviewer": "R1", "rating": rating}
    reviews = {"podname": f"reviews-{version}-7d4c-x2x", "reviews": [review]}
    return render_product_page(user="", details=(True, {}), reviews=(True, reviews))


def test_what_a_page_shows() -> None:
    """The version by its pod, stars with their colour, and what stands there in red."""
    red = read_page(page("v3", stars=4, color="red"))
    assert (red.version, red.stars, red.color, red.errors) == ("v3", (4,), "red", ())
    lost = read_page(page("v2", error="Ratings service is currently unavailable"))
    assert (lost.version, lost.stars) == ("v2", ())
    assert lost.errors == ("Ratings service is currently unavailable",)
    none = read_page(
        render_product_page(user="", details=(True, {}), reviews=(False, {"error": "Sorry"}))
    )
    assert (none.version, none.errors) == ("", ("Error fetching product reviews",))


@pytest.fixture
async def panel(programs: tuple[Programs, str]) -> AsyncIterator[ApplicationPanel]:
    """The panel over the programs of the test."""
    cluster = ClusterWeb(ClusterAccess(programs[1]))
    gateway = Place("bookinfo", "http:bookinfo-gateway-istio", 80)
    panel = ApplicationPanel(cluster, gateway, Sidebar(), "http://127.0.0.1/productpage")
    panel.start()
    yield panel
    await cluster.close()


async def test_the_page_is_loaded_as_each_of_them(
    programs: tuple[Programs, str], panel: ApplicationPanel
) -> None:
    """Who has a name signs in once; the past pages stand below with their versions."""
    programs[0].pages = {"nobody": page("v1"), "jason": page("v2", stars=5, color="black")}
    for _ in range(3):
        await panel.load()
    shown = panel.side.fragments["application"]
    assert 'aria-label="5 of 5 stars, black"' in shown
    assert "no stars" in shown
    assert 'aria-label="The last 3 pages: v2 3"' in shown
    assert sum("POST" in each for each in programs[0].asked) == 1


async def test_people_are_added_and_removed(
    programs: tuple[Programs, str], panel: ApplicationPanel
) -> None:
    """A name that is none, or there already, or one too many is refused in words."""
    add, remove = (panel.side.actions[f"application-{verb}"] for verb in ("add", "remove"))
    for name, why in (("a b", "A name has"), ("", "A name has"), ("jason", "there already")):
        with pytest.raises(LookupError, match=why):
            await add({"person": name})
    await add({"person": "ana"})
    await add({"person": "biznagafest"})
    with pytest.raises(LookupError, match="4 people have room"):
        await add({"person": "eve"})
    await remove({"person": "ana"})
    assert [each.name for each in panel.people] == ["", "jason", "biznagafest"]
    assert "ana" not in panel.side.fragments["application"]


async def test_several_open_pages_load_it_once(
    programs: tuple[Programs, str], panel: ApplicationPanel
) -> None:
    """Each asks in its own time; who presses gets a load at once."""
    load = panel.side.actions["application-load"]
    await load({"repeated": True})
    before = len(programs[0].asked)
    await load({"repeated": True})
    assert len(programs[0].asked) == before
    await load({})
    assert len(programs[0].asked) > before


A, B, C = (MeshNode(name, "app", name, "v1", "bookinfo") for name in ("a", "b", "c"))
CALL = MeshEdge("a", "b", "http", 1.0)


def test_what_changed_stands_out_for_a_minute() -> None:
    """New calls, errors that begin, and what is gone; the first graph is no change, nor is a rate."""
    now = [0.0]
    history = GraphHistory(lambda: now[0])
    history.add_graph(MeshGraph({"a": A, "b": B}, (CALL,)))
    history.add_graph(MeshGraph({"a": A, "b": B}, (replace(CALL, rate=9.0),)))
    assert (history.fresh, history.list_changes()) == (frozenset(), [])
    failing, fresh = replace(CALL, errors=50.0), MeshEdge("b", "c", "http", 1.0)
    graph = MeshGraph({"a": A, "b": B, "c": C}, (failing, fresh))
    history.add_graph(graph)
    assert set(history.list_changes()) == {"a v1 → b v1: fails", "new: b v1 → c v1"}
    assert history.fresh == {edge_id(CALL), edge_id(fresh), "c"}
    assert 'class="news"' in render_mesh(graph, history, "")
    now[0] = 2.0
    history.add_graph(MeshGraph({"a": A, "b": B}, (failing,)))
    assert history.list_changes()[0] == "gone: b v1 → c v1"
    now[0] = 2.0 + STANDS_OUT
    history.add_graph(MeshGraph({"a": A, "b": B}, (failing,)))
    assert history.list_changes() == []
