"""Contract: lists, selectors, pages, tables and watches."""

from __future__ import annotations

import asyncio

import pytest

from tests.sandbox.cluster.api.objects import config_map, deployment, service
from tests.sandbox.cluster.api.wire import TABLE, Cluster


def maps(space: str) -> str:
    return f"/api/v1/namespaces/{space}/configmaps"


async def fill(cluster: Cluster, space: str) -> None:
    """ConfigMaps a, b, c with labels x=1, x=2 and none."""
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2"}), ("c", {})):
        body = config_map(name)
        body["metadata"]["labels"] = {"mine": "yes", **labels}
        await cluster.post(maps(space), body)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("labelSelector=mine%3Dyes", "abc"),
        ("labelSelector=mine,x%3D1", "a"),
        ("labelSelector=mine,x!%3D1", "bc"),
        ("labelSelector=x+in+(1,2)", "ab"),
        ("labelSelector=mine,x+notin+(1)", "bc"),
        ("labelSelector=mine,!x", "c"),
        ("fieldSelector=metadata.name%3Db", "b"),
        ("labelSelector=mine&fieldSelector=metadata.name!%3Db", "ac"),
    ],
)
async def test_selectors_choose(cluster: Cluster, space: str, query: str, names: str) -> None:
    """Every operator of label and field selectors chooses as the real server does."""
    await fill(cluster, space)
    answer = await cluster.get(f"{maps(space)}?{query}")
    assert "".join(item["metadata"]["name"] for item in answer.body["items"]) == names


async def test_items_of_built_in_lists_do_not_repeat_their_type(
    cluster: Cluster, space: str
) -> None:
    """A ConfigMapList's items have no kind and apiVersion; the list does."""
    await fill(cluster, space)
    answer = await cluster.get(f"{maps(space)}?labelSelector=mine")
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("ConfigMapList", "v1")
    assert all("kind" not in item and "apiVersion" not in item for item in answer.body["items"])


async def test_pages_follow_each_other(cluster: Cluster, space: str) -> None:
    """limit gives a token, and the token the rest."""
    await fill(cluster, space)
    first = await cluster.get(f"{maps(space)}?labelSelector=mine&limit=2")
    token = first.body["metadata"]["continue"]
    second = await cluster.get(f"{maps(space)}?labelSelector=mine&limit=2&continue={token}")
    assert [len(first.body["items"]), len(second.body["items"])] == [2, 1]
    assert not second.body["metadata"].get("continue")


@pytest.mark.parametrize(
    ("query", "status"),
    [("fieldSelector=spec.nope%3D1", 400), ("limit=x", 400), ("resourceVersion=99999999", 504)],
)
async def test_a_bad_list_is_refused(cluster: Cluster, space: str, query: str, status: int) -> None:
    """Unknown field labels, numbers that are none, and versions from the future."""
    assert (await cluster.get(f"{maps(space)}?{query}")).status == status


COLUMNS = {
    "/api/v1/pods": "Name Ready Status Restarts Age IP* Node* Nominated_Node* Readiness_Gates*",
    "/apis/apps/v1/deployments": "Name Ready Up-to-date Available Age Containers* Images* Selector*",
    "/apis/apps/v1/replicasets": "Name Desired Current Ready Age Containers* Images* Selector*",
    "/apis/apps/v1/daemonsets": (
        "Name Desired Current Ready Up-to-date Available Node_Selector Age Containers* Images* "
        "Selector*"
    ),
    "/apis/apps/v1/statefulsets": "Name Ready Age Containers* Images*",
    "/api/v1/services": "Name Type Cluster-IP External-IP Port(s) Age Selector*",
    "/api/v1/namespaces": "Name Status Age",
    "/api/v1/nodes": (
        "Name Status Roles Age Version Internal-IP* External-IP* OS-Image* Kernel-Version* "
        "Container-Runtime*"
    ),
    "/api/v1/configmaps": "Name Data Age",
    "/api/v1/secrets": "Name Type Data Age",
    "/api/v1/serviceaccounts": "Name Age",
    "/api/v1/endpoints": "Name Endpoints Age",
    "/api/v1/events": "Last_Seen Type Reason Object Subobject* Source* Message First_Seen* Count* "
    "Name*",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": "Name Created_At",
    "/apis/autoscaling/v2/horizontalpodautoscalers": "Name Reference Targets MinPods MaxPods "
    "Replicas Age",
    "/apis/policy/v1/poddisruptionbudgets": "Name Min_Available Max_Unavailable "
    "Allowed_Disruptions Age",
    "/apis/discovery.k8s.io/v1/endpointslices": "Name AddressType Ports Endpoints Age",
    "/apis/batch/v1/jobs": "Name Status Completions Duration Age Containers* Images* Selector*",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles": "Name Created_At",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings": "Name Role Age Users* Groups* "
    "ServiceAccounts*",
    "/apis/coordination.k8s.io/v1/leases": "Name Holder Age",
    "/apis/networking.k8s.io/v1/networkpolicies": "Name Pod-Selector Age",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": "Name Webhooks Age",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies": "Name Validations "
    "ParamKind Age",
}
"""Columns of Kubernetes 1.36; `*` marks those of `-o wide`, `_` stands for a space."""


@pytest.mark.parametrize(("path", "columns"), COLUMNS.items())
async def test_tables_have_kubernetes_columns(cluster: Cluster, path: str, columns: str) -> None:
    """Name, order and width of every column are the real ones."""
    answer = await cluster.get(path, accept=TABLE)
    found = [
        column["name"].replace(" ", "_") + "*" * (column["priority"] > 0)
        for column in answer.body["columnDefinitions"]
    ]
    assert " ".join(found) == columns


async def test_table_cells_show_what_people_read(cluster: Cluster, space: str) -> None:
    """Counts, types and ports appear in a Service's row, zero of the wanted pods in a Deployment's."""
    await cluster.post(f"/api/v1/namespaces/{space}/services", service(clusterIP="None"))
    await cluster.post(f"/apis/apps/v1/namespaces/{space}/deployments", deployment(replicas=0))
    services = await cluster.get(f"/api/v1/namespaces/{space}/services", accept=TABLE)
    deployments = await cluster.get(f"/apis/apps/v1/namespaces/{space}/deployments", accept=TABLE)
    assert services.body["rows"][0]["cells"][:5] == ["svc", "ClusterIP", "None", "<none>", "80/TCP"]
    cells = deployments.body["rows"][0]["cells"]
    assert [*cells[:2], *cells[5:]] == ["web", "0/0", "main", "nginx:1", "app=web"]


async def test_a_watch_continues_where_a_list_ended(cluster: Cluster, space: str) -> None:
    """From a list's resourceVersion on, each change comes once, in order."""
    await fill(cluster, space)
    version = (await cluster.get(maps(space))).body["metadata"]["resourceVersion"]
    await cluster.patch(f"{maps(space)}/a", {"data": {"k": "v"}})
    await cluster.delete(f"{maps(space)}/b")
    events = await cluster.watch(
        f"{maps(space)}?watch=1&resourceVersion={version}&labelSelector=mine", 2
    )
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("MODIFIED", "a"),
        ("DELETED", "b"),
    ]


async def test_a_watch_without_a_version_begins_with_what_exists(
    cluster: Cluster, space: str
) -> None:
    """The objects that are there come first, as ADDED."""
    await fill(cluster, space)
    events = await cluster.watch(f"{maps(space)}?watch=1&labelSelector=mine", 3)
    assert [event["type"] for event in events] == ["ADDED"] * 3


async def test_an_object_that_stops_matching_is_deleted_to_the_watcher(
    cluster: Cluster, space: str
) -> None:
    """Losing and regaining a label looks like DELETED and ADDED."""
    await fill(cluster, space)
    version = (await cluster.get(maps(space))).body["metadata"]["resourceVersion"]
    for value in ("9", "1"):
        await cluster.patch(f"{maps(space)}/a", {"metadata": {"labels": {"x": value}}})
    events = await cluster.watch(
        f"{maps(space)}?watch=1&resourceVersion={version}&labelSelector=x%3D1", 2
    )
    assert [event["type"] for event in events] == ["DELETED", "ADDED"]


async def test_a_watch_list_ends_its_beginning_with_a_bookmark(
    cluster: Cluster, space: str
) -> None:
    """sendInitialEvents gives what exists and then a bookmark that says so."""
    await fill(cluster, space)
    query = (
        "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    )
    events = await cluster.watch(f"{maps(space)}?{query}&labelSelector=mine", 4)
    assert [event["type"] for event in events] == ["ADDED", "ADDED", "ADDED", "BOOKMARK"]
    assert events[3]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_ends_when_its_time_is_up(cluster: Cluster, space: str) -> None:
    """timeoutSeconds closes the stream without an error."""
    async with asyncio.timeout(40):
        assert (
            await cluster.watch(f"{maps(space)}?watch=1&timeoutSeconds=1&labelSelector=none", 1)
            == []
        )
