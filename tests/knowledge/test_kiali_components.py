"""What Kiali calls istiod, and what is really meant."""

from __future__ import annotations

import pytest

from bot.kinds import Object
from bot.knowledge.istio.kiali_status import judge_components
from bot.knowledge.observe.kiali import Component


def deployment(name: str, wanted: int, ready: int) -> Object:
    """A Deployment of the mesh's namespace."""
    status = {"replicas": ready, "updatedReplicas": ready, "availableReplicas": ready}
    meta = {"name": name, "labels": {"app": name}}
    return {
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"replicas": wanted},
        "status": status,
    }


def daemon(name: str, wanted: int, ready: int) -> Object:
    """A DaemonSet of the mesh's namespace."""
    status = {
        "desiredNumberScheduled": wanted,
        "numberReady": ready,
        "updatedNumberScheduled": ready,
    }
    return {"kind": "DaemonSet", "metadata": {"name": name}, "spec": {}, "status": status}


ISTIOD = deployment("istiod", 1, 1)


@pytest.mark.parametrize("status", ["NotReady", "Unhealthy"])
@pytest.mark.parametrize(
    "other",
    [
        deployment("prometheus", 0, 0),
        deployment("kiali", 2, 1),
        daemon("ztunnel", 2, 1),
        daemon("istio-cni-node", 0, 0),
    ],
)
def test_a_ready_istiod_is_not_blamed_for_others(status: str, other: Object) -> None:
    """Kiali 2 calls istiod what the worst of its namespace is; who lacks pods is named instead."""
    found = judge_components(
        [Component("istiod", status, core=True)], [ISTIOD, other], "istio-system"
    )
    assert found.causes == ()
    (note,) = found.notes
    assert other["metadata"]["name"] in str(note)
    assert "Every pod of istiod is ready" in str(note)


def test_an_old_look_is_told_as_such() -> None:
    """Kiali's health is some minutes old: now nothing lacks a pod."""
    found = judge_components(
        [Component("istiod", "Unhealthy", core=True)], [ISTIOD], "istio-system"
    )
    assert found.causes == ()
    assert "some minutes ago" in str(found.notes[0])


@pytest.mark.parametrize(
    ("status", "istiod"),
    [
        ("NotReady", deployment("istiod", 0, 0)),
        ("Unhealthy", deployment("istiod", 2, 1)),
        ("Unreachable", ISTIOD),
        ("NotFound", ISTIOD),
    ],
)
def test_istiod_itself_is_a_cause(status: str, istiod: Object) -> None:
    """One without all of its pods, or that Kiali cannot reach or find."""
    found = judge_components([Component("istiod", status, core=True)], [istiod], "istio-system")
    assert [str(cause) for cause in found.causes] == [f"Kiali calls istiod {status}"]
    assert found.notes == ()
