"""Contract: creating, reading, changing and refusing objects, in the words of the real API server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.cluster.api.objects import config_map, deployment, service
from tests.sandbox.cluster.api.wire import JSON_PATCH, STRATEGIC, Cluster

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def maps(space: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{space}/configmaps" + (f"/{name}" if name else "")


async def test_a_created_object_is_numbered_and_stamped(cluster: Cluster, space: str) -> None:
    """A create answers 201 with uid, resourceVersion, creation time and the creator as field
    manager."""
    made = await cluster.post(maps(space), config_map(x="1"))
    metadata = made.body["metadata"]
    assert made.status == 201
    assert {"uid", "resourceVersion", "creationTimestamp"} <= set(metadata)
    assert made.owners() == ["contract:Update"]
    assert "generation" not in metadata


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (config_map("a"), 409, 'configmaps "a" already exists'),
        (
            config_map("A_"),
            422,
            f'ConfigMap "A_" is invalid: metadata.name: Invalid value: "A_": {SUBDOMAIN}',
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}},
            422,
            'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is '
            "required",
        ),
        (
            config_map("b", namespace="elsewhere"),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}},
            400,
            'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to '
            "(core.ConfigMap): "
            "unknown conversion",
        ),
        (
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "b", "labels": {"a": 1}},
            },
            400,
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal '
            "number into Go struct "
            "field ObjectMeta.metadata.labels of type string",
        ),
    ],
)
async def test_a_bad_create_is_refused_in_the_real_words(
    cluster: Cluster, space: str, body: Any, status: int, message: str
) -> None:
    """Each mistake in a new object gets its own code and sentence."""
    await cluster.post(maps(space), config_map("a"))
    answer = await cluster.post(maps(space), body)
    assert (answer.status, answer.message) == (status, message)


async def test_what_is_not_there_is_named_with_its_type(cluster: Cluster, space: str) -> None:
    """404s name resource and group, a missing namespace, and an unknown type."""
    missing = await cluster.get(f"/apis/apps/v1/namespaces/{space}/deployments/x")
    nowhere = await cluster.post(maps("nowhere"), config_map())
    unknown = await cluster.get(f"/api/v1/namespaces/{space}/nopes")
    assert missing.message == 'deployments.apps "x" not found'
    assert missing.body["details"] == {"name": "x", "group": "apps", "kind": "deployments"}
    assert nowhere.message == 'namespaces "nowhere" not found'
    assert (unknown.status, unknown.message) == (
        404,
        "the server could not find the requested resource",
    )


async def test_an_update_from_an_old_version_conflicts(cluster: Cluster, space: str) -> None:
    """A PUT with a stale resourceVersion is a 409 that says what to do."""
    made = await cluster.post(maps(space), config_map(x="1"))
    await cluster.patch(maps(space, "a"), {"data": {"x": "2"}})
    answer = await cluster.call("PUT", maps(space, "a"), made.body)
    assert answer.status == 409
    assert answer.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please '
        "apply your changes to "
        "the latest version and try again"
    )


async def test_a_dry_run_answers_and_stores_nothing(cluster: Cluster, space: str) -> None:
    """dryRun=All is refused and completed like the real write, and leaves no trace."""
    made = await cluster.post(maps(space) + "?dryRun=All", config_map(x="1"))
    assert made.status == 201
    assert "uid" in made.body["metadata"]
    assert (await cluster.get(maps(space, "a"))).status == 404


async def test_a_change_that_changes_nothing_keeps_the_version(
    cluster: Cluster, space: str
) -> None:
    """A patch to what is there already does not count as a new version."""
    made = await cluster.post(maps(space), config_map(x="1"))
    again = await cluster.patch(maps(space, "a"), {"data": {"x": "1"}})
    assert again.body["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]


async def test_merge_patch_sets_and_removes(cluster: Cluster, space: str) -> None:
    """A null removes, everything else is set."""
    await cluster.post(maps(space), config_map(x="1", y="2"))
    answer = await cluster.patch(maps(space, "a"), {"data": {"x": None, "z": "3"}})
    assert answer.body["data"] == {"y": "2", "z": "3"}


async def test_json_patch_is_carried_out_or_refused_whole(cluster: Cluster, space: str) -> None:
    """Operations apply in order; a failing test refuses all of them with 422."""
    await cluster.post(maps(space), config_map(x="1"))
    good = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "replace", "path": "/data/x", "value": "2"},
    ]
    bad = [{"op": "remove", "path": "/data/x"}, {"op": "test", "path": "/data/y", "value": "1"}]
    assert (await cluster.patch(maps(space, "a"), good, JSON_PATCH)).body["data"] == {"x": "2"}
    assert (await cluster.patch(maps(space, "a"), bad, JSON_PATCH)).status == 422
    assert (await cluster.get(maps(space, "a"))).body["data"] == {"x": "2"}


async def test_strategic_merge_finds_list_items_by_their_key(cluster: Cluster, space: str) -> None:
    """Containers and variables merge by name, new ones keep the patch's order, and $patch deletes
    one."""
    path = f"/apis/apps/v1/namespaces/{space}/deployments"
    await cluster.post(path, deployment())
    await cluster.patch(
        f"{path}/web", _env({"name": "A", "value": "1"}, {"name": "B", "value": "2"}), STRATEGIC
    )
    change = _env(
        {"name": "A", "value": "3"}, {"name": "C", "value": "4"}, {"name": "B", "$patch": "delete"}
    )
    answer = await cluster.patch(f"{path}/web", change, STRATEGIC)
    container = answer.body["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "A", "value": "3"}, {"name": "C", "value": "4"}]
    assert container["image"] == "nginx:1"


def _env(*variables: dict[str, str]) -> dict[str, Any]:
    return {
        "spec": {"template": {"spec": {"containers": [{"name": "main", "env": list(variables)}]}}}
    }


async def test_a_deployment_gets_kubernetes_defaults(cluster: Cluster, space: str) -> None:
    """What a request leaves out is filled in as the real server does."""
    made = await cluster.post(f"/apis/apps/v1/namespaces/{space}/deployments", deployment())
    spec = made.body["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (
        1,
        10,
        600,
    )
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert spec["template"]["spec"]["containers"][0] == {
        "name": "main",
        "image": "nginx:1",
        "imagePullPolicy": "IfNotPresent",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


async def test_only_a_change_of_spec_counts_as_a_generation(cluster: Cluster, space: str) -> None:
    """generation goes up for spec, not for labels or status."""
    path = f"/apis/apps/v1/namespaces/{space}/deployments"
    await cluster.post(path, deployment(replicas=0))
    labelled = await cluster.patch(f"{path}/web", {"metadata": {"labels": {"x": "y"}}})
    scaled = await cluster.patch(f"{path}/web/scale", {"spec": {"replicas": 0}})
    changed = await cluster.patch(f"{path}/web", {"spec": {"paused": True}})
    assert labelled.body["metadata"]["generation"] == 1
    assert scaled.body["kind"] == "Scale"
    assert changed.body["metadata"]["generation"] == 2


async def test_a_service_loses_what_its_new_type_has_not(cluster: Cluster, space: str) -> None:
    """Node ports and the policy for traffic from outside go with the load balancer."""
    path = f"/api/v1/namespaces/{space}/services"
    made = await cluster.post(path, service(type="LoadBalancer"))
    assert made.body["spec"]["externalTrafficPolicy"] == "Cluster"
    changed = await cluster.patch(f"{path}/svc", {"spec": {"type": "ClusterIP"}})
    left = {"externalTrafficPolicy", "allocateLoadBalancerNodePorts"} & changed.body["spec"].keys()
    assert (left, "nodePort" in changed.body["spec"]["ports"][0]) == (set(), False)


async def test_a_service_gets_an_address_and_keeps_it(cluster: Cluster, space: str) -> None:
    """The API server itself hands out cluster addresses and node ports, and refuses to change the
    address."""
    path = f"/api/v1/namespaces/{space}/services"
    made = await cluster.post(path, service(type="LoadBalancer"))
    spec = made.body["spec"]
    assert spec["clusterIP"] == spec["clusterIPs"][0]
    assert 30000 <= spec["ports"][0]["nodePort"] <= 32767
    changed = await cluster.patch(
        f"{path}/svc", {"spec": {"clusterIP": "10.96.0.250", "clusterIPs": ["10.96.0.250"]}}
    )
    assert changed.status == 422
    assert "may not change once set" in changed.message


async def test_a_broken_deployment_is_refused_with_every_cause(
    cluster: Cluster, space: str
) -> None:
    """All mistakes are listed together, each with its field."""
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "bad"}, "spec": {}}
    answer = await cluster.post(f"/apis/apps/v1/namespaces/{space}/deployments", body)
    assert answer.message == (
        'Deployment.apps "bad" is invalid: [spec.selector: Required value, '
        "spec.template.metadata.labels: Invalid "
        "value: null: `selector` does not match template `labels`, spec.template.spec.containers: "
        "Required value]"
    )


async def test_a_secret_takes_plain_strings(cluster: Cluster, space: str) -> None:
    """stringData becomes data and is never shown."""
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": {"a": "b"},
    }
    made = await cluster.post(f"/api/v1/namespaces/{space}/secrets", body)
    assert made.body["data"] == {"a": "Yg=="}
    assert "stringData" not in made.body
