"""What steps may rely on, on a real control plane and on the embedded cluster alike."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import pytest
from aiohttp import web

from bot.cluster import Api, KubernetesCluster, listing
from bot.errors import Conflict, NotFound, Rejected
from bot.kinds import CONFIG_MAP, CRD, DEPLOYMENT, NAMESPACE, POD, Kind, Object
from tests.cluster.stage import Answer, Stage

WIDGET = Kind("example.test", "v1", "widgets", "Widget")
RACK = Kind("example.test", "v1", "racks", "Rack")


def config_map(namespace: str, name: str = "menu", *, labels: Any = None, **data: str) -> Object:
    metadata = {"name": name, "namespace": namespace, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def definition(kind: Kind) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"plural": kind.plural, "singular": kind.kind.lower(), "kind": kind.kind},
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


async def test_version_is_the_servers_own(cluster: KubernetesCluster) -> None:
    """The version is one of Kubernetes 1.x."""
    assert (await cluster.version()).startswith("v1.")


async def test_what_is_absent_is_none_or_empty(cluster: KubernetesCluster, namespace: str) -> None:
    """An absent object, an absent namespace and a type that is not served all read as nothing."""
    assert await cluster.get(CONFIG_MAP, "nothing", namespace) is None
    assert await cluster.get(WIDGET, "nothing", namespace) is None
    assert await cluster.find(WIDGET) == []
    assert await cluster.find(CONFIG_MAP, "no-such-namespace") == []


async def test_any_text_survives_an_apply(cluster: KubernetesCluster, namespace: str) -> None:
    """Pictograms, accents and odd breaks come out as they went in, though the server reads what is
    applied as YAML."""
    text = '⛵️ 🧠 é \u0085 \u2028 \x7f " \\ \n end'
    made = await cluster.apply(config_map(namespace, sign=text))
    assert made["data"] == {"sign": text}


async def test_apply_creates_and_then_changes(cluster: KubernetesCluster, namespace: str) -> None:
    """Server-side apply creates what is not there, and takes away what is no longer said, under our
    own name."""
    made = await cluster.apply(config_map(namespace, soup="leek", cake="plum"))
    changed = await cluster.apply(config_map(namespace, soup="pea"))
    assert made["metadata"]["uid"] == changed["metadata"]["uid"]
    assert changed["data"] == {"soup": "pea"}
    entries = [(m["manager"], m["operation"]) for m in changed["metadata"]["managedFields"]]
    assert entries == [("meshbot", "Apply")]


async def test_what_was_read_can_be_applied(cluster: KubernetesCluster, namespace: str) -> None:
    """An object as the server gave it, managed fields and all, is accepted again and changes
    nothing."""
    made = await cluster.apply(config_map(namespace, soup="leek"))
    again = await cluster.apply(made)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_dry_run_changes_nothing(cluster: KubernetesCluster, namespace: str) -> None:
    """A dry run answers with the result and leaves the cluster as it was."""
    would = await cluster.apply(config_map(namespace, soup="leek"), dry_run=True)
    assert would["data"] == {"soup": "leek"}
    assert await cluster.get(CONFIG_MAP, "menu", namespace) is None


async def test_anothers_field_is_a_conflict_unless_forced(
    cluster: KubernetesCluster, namespace: str
) -> None:
    """A field that another manager owns is refused with Conflict, which names it; force takes it
    over."""
    await cluster.apply(config_map(namespace, soup="leek"), manager="cook")
    with pytest.raises(Conflict, match="cook"):
        await cluster.apply(config_map(namespace, soup="pea"))
    taken = await cluster.apply(config_map(namespace, soup="pea"), force=True)
    assert taken["data"]["soup"] == "pea"


async def test_a_merge_patch_sets_and_removes(cluster: KubernetesCluster, namespace: str) -> None:
    """A merge patch changes what it names; None removes."""
    await cluster.apply(config_map(namespace, soup="leek", cake="plum"))
    left = await cluster.merge(
        CONFIG_MAP, "menu", namespace, {"data": {"cake": None, "soup": "pea"}}
    )
    assert left["data"] == {"soup": "pea"}
    with pytest.raises(NotFound, match="nothing"):
        await cluster.merge(CONFIG_MAP, "nothing", namespace, {"data": {}})


async def test_delete_says_whether_there_was_something(
    cluster: KubernetesCluster, namespace: str
) -> None:
    """The first delete is true, the second false, and a type that is not served false too."""
    await cluster.apply(config_map(namespace))
    assert await cluster.delete(CONFIG_MAP, "menu", namespace)
    assert not await cluster.delete(CONFIG_MAP, "menu", namespace)
    assert not await cluster.delete(WIDGET, "menu", namespace)


async def test_find_selects_and_names_the_type(cluster: KubernetesCluster, namespace: str) -> None:
    """Label and field selectors are the server's; every object says what it is."""
    await cluster.apply(config_map(namespace, "a", labels={"course": "first"}))
    await cluster.apply(config_map(namespace, "b", labels={"course": "last"}))
    by_label = await cluster.find(CONFIG_MAP, namespace, labels="course=first")
    by_field = await cluster.find(CONFIG_MAP, namespace, fields="metadata.name=b")
    assert [obj["metadata"]["name"] for obj in by_label + by_field] == ["a", "b"]
    assert by_label[0]["kind"] == "ConfigMap"
    assert by_label[0]["apiVersion"] == "v1"


async def test_long_lists_are_read_in_pages(
    cluster: KubernetesCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of several pages is whole, without doubles."""
    monkeypatch.setattr(listing, "PAGE", 2)
    names = [f"page-{n}" for n in range(5)]
    for name in names:
        await cluster.apply(config_map(namespace, name, labels={"paged": "yes"}))
    found = await cluster.find(CONFIG_MAP, namespace, labels="paged=yes")
    assert [obj["metadata"]["name"] for obj in found] == names


async def test_types_come_from_the_server(cluster: KubernetesCluster) -> None:
    """A group lists its types without subresources; the core group is the empty name; an unknown
    group is empty."""
    assert DEPLOYMENT in await cluster.types("apps")
    assert {POD, NAMESPACE} <= set(await cluster.types(""))
    assert await cluster.types("nowhere.test") == []


async def test_a_type_of_an_older_version_is_found(stage: Stage, api: Api) -> None:
    """What the preferred version has not is listed in the version that has it: its objects go with
    their CRD all the same."""

    def answer(body: dict[str, Any]) -> Answer:
        async def said(request: web.Request) -> web.StreamResponse:
            return web.json_response(body)

        return said

    def resource(name: str, kind: str) -> dict[str, Any]:
        return {"name": name, "kind": kind, "namespaced": True}

    versions = [{"groupVersion": f"mesh.test/{each}"} for each in ("v1", "v1beta1")]
    both, older = resource("sidecars", "Sidecar"), resource("proxyconfigs", "ProxyConfig")
    stage.next("GET", answer({"preferredVersion": versions[0], "versions": versions}))
    stage.next("GET", answer({"resources": [both]}), answer({"resources": [both, older]}))
    found = await KubernetesCluster(api).types("mesh.test")
    assert [(kind.plural, kind.version) for kind in found] == [
        ("sidecars", "v1"),
        ("proxyconfigs", "v1beta1"),
    ]


async def test_an_access_review_answers(cluster: KubernetesCluster, namespace: str) -> None:
    """The administrator of these clusters may do anything, subresources included."""
    assert await cluster.allowed("create", CRD)
    assert await cluster.allowed("get", POD._replace(plural="pods/log"), namespace)


async def test_wrong_objects_are_rejected_with_the_servers_words(
    cluster: KubernetesCluster, namespace: str
) -> None:
    """An invalid name, an unknown type and an object without a type are refused, each in words that
    say so."""
    with pytest.raises(Rejected, match="Big_Name"):
        await cluster.apply(config_map(namespace, "Big_Name"))
    with pytest.raises(NotFound, match="Nonesuch"):
        await cluster.apply({"apiVersion": "v1", "kind": "Nonesuch", "metadata": {"name": "x"}})
    with pytest.raises(Rejected, match="kind"):
        await cluster.apply({"metadata": {"name": "x"}})


@pytest.mark.parametrize("name", ["", "..", "."])
async def test_a_name_never_becomes_another_path(
    cluster: KubernetesCluster, namespace: str, name: str
) -> None:
    """Names that would address a list or a parent are refused before anything is sent."""
    await cluster.apply(config_map(namespace))
    with pytest.raises(Rejected):
        await cluster.delete(CONFIG_MAP, name, namespace)
    with pytest.raises(Rejected, match="namespace"):
        await cluster.delete(CONFIG_MAP, "menu", "")
    assert await cluster.get(CONFIG_MAP, "menu", namespace)


async def test_a_view_follows_creation_change_and_deletion(
    cluster: KubernetesCluster, namespace: str
) -> None:
    """A view begins with what is there and changes with the cluster."""
    await cluster.apply(config_map(namespace, soup="leek"))
    async with asyncio.timeout(40), cluster.follow(namespace, CONFIG_MAP, POD) as view:
        assert _menu(view.objects(CONFIG_MAP)) == {"soup": "leek"}
        assert view.objects(POD) == []
        await cluster.apply(config_map(namespace, soup="pea"))
        while _menu(view.objects(CONFIG_MAP)) != {"soup": "pea"}:
            await view.changed()
        await cluster.delete(CONFIG_MAP, "menu", namespace)
        while _menu(view.objects(CONFIG_MAP)) is not None:
            await view.changed()


async def test_a_view_is_milliseconds_behind(cluster: KubernetesCluster, namespace: str) -> None:
    """From the answer to a write until the view has it: well under 50 ms at the median."""
    behind = []
    async with asyncio.timeout(40), cluster.follow(namespace, CONFIG_MAP) as view:
        for n in range(9):
            await cluster.apply(config_map(namespace, soup=str(n)))
            since = time.perf_counter()
            while _menu(view.objects(CONFIG_MAP)) != {"soup": str(n)}:
                await view.changed()
            behind.append(time.perf_counter() - since)
    assert statistics.median(behind) < 0.05


async def test_a_view_begins_when_its_type_appears(
    cluster: KubernetesCluster, namespace: str
) -> None:
    """A type that is not served is an empty view, which fills once the definition is there, and
    empties with it."""
    try:
        async with asyncio.timeout(40), cluster.follow(namespace, RACK) as view:
            assert view.objects(RACK) == []
            await cluster.apply(definition(RACK))
            await _applied(
                cluster,
                {"apiVersion": RACK.api_version, "kind": "Rack", "metadata": _meta(namespace)},
            )
            while not view.objects(RACK):
                await view.changed()
            await cluster.delete(CRD, f"{RACK.plural}.{RACK.group}")
            while view.objects(RACK):
                await view.changed()
    finally:
        await cluster.delete(CRD, f"{RACK.plural}.{RACK.group}")


async def _applied(cluster: KubernetesCluster, obj: Object) -> None:
    """Applies as soon as the type is served."""
    while True:
        try:
            await cluster.apply(obj)
        except NotFound:
            await asyncio.sleep(0.05)
        else:
            return


def _meta(namespace: str) -> Object:
    return {"name": "one", "namespace": namespace}


def _menu(objects: list[Object]) -> Any:
    return next((obj.get("data") for obj in objects if obj["metadata"]["name"] == "menu"), None)
