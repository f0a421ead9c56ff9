"""What stands beside the channel, the files that the page serves, and the troubles that can be made
there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.catalog import Catalog
from bot.cli.sandbox_page import list_completions
from handlers import STEPS
from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.dataplane.attach.client import HttpClient
from sandbox.istio.ctl.kubeconfig import ClusterAccess
from sandbox.panel import ClusterPanel
from sandbox.panel.read import describe_mesh_labels, parse_pods
from sandbox.panel.rules import describe_rules
from sandbox.troubles import FaultControls, build_cluster_faults, build_slack_faults
from sandbox.workspace import Sidebar, Workspace
from tests.sandbox.workspace.conftest import until

Json = dict[str, Any]
DEPLOYMENTS, PODS = Ref("apps", "deployments"), Ref("", "pods")
PNG = b"\x89PNG\r\n\x1a\n"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


async def served(
    workspace: Workspace, client: AsyncWebClient, content: bytes
) -> tuple[str, dict[str, str]]:
    """The type and the headers with which an uploaded file comes back."""
    await client.files_upload_v2(channel="C0MESH", filename="x.svg", content=content)
    file_id = next(iter(workspace.state.files))
    token = workspace.page_url.partition("?t=")[2]
    async with aiohttp.ClientSession() as session:
        async with session.get(
            f"{workspace.url}/page/files/{file_id}?t={token}&user=host"
        ) as response:
            assert await response.read() == content
            return response.content_type, dict(response.headers)


@pytest.mark.parametrize(
    ("content", "kind", "saved"),
    [(PNG, "image/png", False), (SVG, "application/octet-stream", True)],
)
async def test_files_are_what_their_bytes_say(
    workspace: Workspace, client: AsyncWebClient, content: bytes, kind: str, saved: bool
) -> None:
    """A picture is shown by its first bytes, whatever its name; what could hold scripts is only
    saved."""
    found, headers = await served(workspace, client, content)
    assert (found, headers.get("Content-Disposition") == "attachment") == (kind, saved)
    assert (headers["X-Content-Type-Options"], "sandbox" in headers["Content-Security-Policy"]) == (
        "nosniff",
        True,
    )


async def test_troubles_on_the_way_to_slack(workspace: Workspace, client: AsyncWebClient) -> None:
    """While a trouble is in force calls fail, the mark says so, and its undo ends it and nothing
    else."""
    strip = FaultControls(workspace.side, build_slack_faults(workspace), {})
    await strip.start_fault("fail")
    await strip.start_fault("delay")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="C0MESH", text="x")
    assert "Hurting: Answer 503, Delay acks" in workspace.side.fragments["hurting"]
    await strip.undo_fault("fail")
    await client.chat_postMessage(channel="C0MESH", text="x")
    assert (strip.active, workspace.faults.ack_delay) == ({"delay": ""}, 4.0)
    await strip.stop()
    assert (workspace.faults.ack_delay, workspace.side.fragments["hurting"]) == (0.0, "")


async def test_a_dropped_socket_stays_down_until_it_is_undone(workspace: Workspace) -> None:
    """The door is shut, and a ticket that was refused is still good afterwards."""
    strip = FaultControls(workspace.side, build_slack_faults(workspace), {})
    await strip.start_fault("drop")
    url = f"{workspace.url}/link/?ticket={workspace._core.create_ticket()}"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
        await strip.undo_fault("drop")
        async with session.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"


@pytest.fixture
async def cluster() -> AsyncIterator[EmbeddedCluster]:
    """A small cluster in a hurry."""
    cluster = EmbeddedCluster(Clock(100))
    await cluster.start()
    yield cluster
    await cluster.stop()


def deployment(name: str, replicas: int = 1) -> Json:
    """A deployment whose pods are labelled with its name."""
    labels = {"app": name}
    pod = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": f"example/{name}"}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    meta = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


async def test_the_panel_shows_what_the_api_tells(cluster: EmbeddedCluster) -> None:
    """Pods come up on the side as they do in the cluster, and an API that refuses is said."""
    side, client = (
        Sidebar(),
        HttpClient(ClusterAccess(cluster.url, headers=cluster.server.credentials)),
    )
    panel = ClusterPanel(client, side, name="Here", heartbeat=0.05)
    await panel.start()
    await cluster.client("test").create(deployment("istiod"))
    try:
        await until(lambda: ">1/1<" in side.fragments.get("cluster", ""))
        assert "control plane" in side.fragments["cluster"]
        strip = FaultControls(side, build_cluster_faults(cluster, lambda: panel.pods), {})
        await strip.start_fault("api")
        await until(lambda: "The API server answers 503" in side.fragments["cluster"])
        await strip.undo_fault("api")
    finally:
        await panel.stop()
        await client.close()


async def test_troubles_in_the_cluster(cluster: EmbeddedCluster) -> None:
    """istiod goes and comes back as many as before; a pod is killed again and again; requests get
    503."""
    client, strip = (
        cluster.client("test"),
        FaultControls(Sidebar(), build_cluster_faults(cluster, lambda: []), {}),
    )
    with pytest.raises(LookupError, match="no istiod"):
        await strip.start_fault("istiod")
    await client.create(deployment("istiod", 2))
    await strip.start_fault("istiod")
    (gone,) = await client.list(DEPLOYMENTS)
    await strip.undo_fault("istiod")
    (back,) = await client.list(DEPLOYMENTS)
    assert (gone["spec"]["replicas"], back["spec"]["replicas"]) == (0, 2)
    await strip.start_fault("api")
    outside = HttpClient(ClusterAccess(cluster.url, headers=cluster.server.credentials))
    with pytest.raises(ApiError, match="unable to handle"):
        await outside.list(PODS)
    await outside.close()
    await strip.stop()


def test_every_completion_can_be_typed() -> None:
    """The composer offers each step, and nothing that the bot would not understand."""
    catalog, offered = Catalog(STEPS), [completion.text for completion in list_completions("/mesh")]
    assert {step.id for step in STEPS} <= {text.split()[1] for text in offered}
    for text in offered:
        catalog.parse(text.removeprefix("/mesh "))


def test_the_page_reads_pods_and_namespaces() -> None:
    """A sidecar is told from the application, also as an init container; labels say what a
    namespace is."""
    proxy = {"name": "istio-proxy", "image": "x/proxyv2:1.30.3", "restartPolicy": "Always"}
    meta: Json = {
        "name": "reviews-v1-abc-xyz12",
        "namespace": "b",
        "labels": {"pod-template-hash": "abc"},
    }
    meta |= {"ownerReferences": [{"name": "reviews-v1-abc"}]}
    pod = {
        "metadata": meta,
        "spec": {"initContainers": [proxy], "containers": [{"name": "r", "image": "r"}]},
    }
    (read,) = parse_pods([{**pod, "status": {"phase": "Pending"}}])
    assert (read.workload, read.ready, read.is_in_mesh) == ("reviews-v1", "0/2", True)
    labels = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "w"}
    assert describe_mesh_labels({"metadata": {"labels": labels}}) == [
        ("on", "ambient"),
        ("on", "waypoint w"),
    ]


V1, V3 = (
    {"destination": {"host": "reviews", "subset": subset}, "weight": 50} for subset in ("v1", "v3")
)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"route": [V1, V3]}, "all → reviews v1 50 % · reviews v3 50 %"),
        (
            {
                "match": [{"headers": {"end-user": {"exact": "jason"}}}],
                "route": [{"destination": {"host": "r"}}],
            },
            "end-user = jason → r",
        ),
        (
            {
                "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 50}}},
                "route": [{"destination": {"host": "r"}}],
            },
            "all → abort 500 (50 %), else r",
        ),
    ],
)
def test_rules_are_sentences(spec: Json, sentence: str) -> None:
    """What a rule does to whose requests."""
    assert describe_rules({"kind": "VirtualService", "spec": {"http": [spec]}}) == [sentence]
