"""Kubernetes' own admission: Pod Security, LimitRanges and ResourceQuotas refuse pods in its words."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.contract import ApiError, Client, Object, Ref
from tests.sandbox.cluster.api.wire import Cluster

NAMESPACES, PODS = Ref("", "namespaces"), Ref("", "pods")
NET_ADMIN = {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}}


def pod(name: str = "p", **container: Any) -> Object:
    """A pod in `default` of one container."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": "nginx:1", **container}]},
    }


def bound(kind: str, **spec: Any) -> Object:
    """A LimitRange or a ResourceQuota in `default`."""
    meta = {"name": "room", "namespace": "default"}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}


async def enforce(client: Client, level: str, mode: str = "enforce") -> None:
    """Label the namespace with a level."""
    labels = {f"pod-security.kubernetes.io/{mode}": level}
    await client.merge(NAMESPACES, "default", "", {"metadata": {"labels": labels}})


async def refuse(client: Client, obj: Object) -> str:
    """Return the message with which an object is refused."""
    with pytest.raises(ApiError) as refused:
        await client.create(obj)
    assert refused.value.code == 403
    return refused.value.message


async def test_baseline_refuses_the_capabilities_of_istio_init(client: Client) -> None:
    """The level baseline refuses NET_ADMIN, and nothing that asks for none."""
    await enforce(client, "baseline")
    assert await refuse(client, pod(securityContext=NET_ADMIN)) == (
        'pods "p" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities '
        '(container "main" must not include "NET_ADMIN", "NET_RAW" in '
        "securityContext.capabilities.add)"
    )
    await client.create(pod())


async def test_restricted_refuses_what_says_nothing(client: Client) -> None:
    """The level restricted names everything that a container has to say."""
    await enforce(client, "restricted")
    message = await refuse(client, pod())
    reasons = ("allowPrivilegeEscalation != false", "unrestricted capabilities", "runAsNonRoot")
    assert all(reason in message for reason in reasons)
    said = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    await client.create(pod(securityContext=said))


async def test_warnings_reach_the_client(embedded: Cluster) -> None:
    """What `warn` finds, and pods that a new level would refuse, come as warnings."""
    path = "/api/v1/namespaces/default"
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "baseline"}}}
    await embedded.patch(path, labels)
    made = await embedded.post(f"{path}/pods", pod(securityContext=NET_ADMIN))
    assert 'would violate PodSecurity \\"baseline:latest\\"' in made.headers["Warning"]
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
    labelled = await embedded.patch(path, labels)
    assert "existing pods in namespace" in labelled.headers["Warning"]


async def test_a_level_that_is_none_is_refused(client: Client) -> None:
    """A misspelt level is told with those that exist."""
    with pytest.raises(ApiError, match="must be one of privileged, baseline, restricted"):
        await enforce(client, "base")


async def test_a_limit_range_fills_in_and_refuses(client: Client) -> None:
    """Its defaults are for what says nothing, its maximum for what says more."""
    limits = {"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "200m"}}
    await client.create(bound("LimitRange", limits=[limits]))
    made = await client.create(pod())
    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "200m"},
        "limits": {"cpu": "200m"},
    }
    message = await refuse(client, pod("more", resources={"limits": {"cpu": "2"}}))
    assert message.endswith("maximum cpu usage per Container is 1, but limit is 2")


async def test_a_quota_wants_requests_and_limits_said(client: Client) -> None:
    """A pod that does not say what a quota counts is refused, each resource with its containers."""
    await client.create(bound("ResourceQuota", hard={"limits.cpu": "3", "requests.memory": "2Gi"}))
    assert (await refuse(client, pod())).endswith(
        "failed quota: room: must specify limits.cpu for: main; requests.memory for: main"
    )


async def test_a_quota_counts_what_is_there(client: Client) -> None:
    """The pod for which there is no room is refused; where one goes, another may come."""
    await client.create(bound("ResourceQuota", hard={"limits.cpu": "3", "pods": "5"}))
    large = {"resources": {"limits": {"cpu": "2"}}}
    await client.create(pod("one", **large))
    assert (await refuse(client, pod("two", **large))).endswith(
        "exceeded quota: room, requested: limits.cpu=2, used: limits.cpu=2, limited: limits.cpu=3"
    )
    await client.delete(PODS, "one", "default", grace=0)
    await client.create(pod("two", **large))


async def test_a_quota_counts_objects(client: Client) -> None:
    """Other objects are counted too, by their own name or as `count/…`."""
    hard = {"count/deployments.apps": "0", "configmaps": "0"}
    await client.create(bound("ResourceQuota", hard=hard))
    maps = {"apiVersion": "v1", "kind": "ConfigMap"}
    message = await refuse(client, {**maps, "metadata": {"name": "a", "namespace": "default"}})
    assert "requested: configmaps=1, used: configmaps=0, limited: configmaps=0" in message
