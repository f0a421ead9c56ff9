"""Reading workloads and pods."""

from __future__ import annotations

from typing import Any

import pytest

from bot.knowledge.objects.workloads import (
    build_part,
    count_ready_pods,
    explain_unready_pod,
    is_ready,
)


def deployment(*, generation: int = 1, **status: Any) -> dict[str, Any]:
    """A Deployment that wants one pod."""
    return {
        "kind": "Deployment",
        "metadata": {"name": "istiod", "generation": generation},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "istiod"}}},
        "status": {"observedGeneration": 1, **status},
    }


def pod(
    *, ready: str = "False", labels: dict[str, str] | None = None, **status: Any
) -> dict[str, Any]:
    """A pod of that Deployment."""
    conditions = [{"type": "Ready", "status": ready}, *status.pop("conditions", [])]
    return {
        "metadata": {"name": "istiod-1", "uid": "u1", "labels": labels or {"app": "istiod"}},
        "status": {"conditions": conditions, **status},
    }


@pytest.mark.parametrize(
    ("workload", "expected", "ready"),
    [
        (deployment(availableReplicas=1, updatedReplicas=1), (1, 1), True),
        (deployment(availableReplicas=1, updatedReplicas=0), (0, 1), False),
        (deployment(generation=2, availableReplicas=1, updatedReplicas=1), (0, 1), False),
        (deployment(replicas=2, availableReplicas=1, updatedReplicas=1), (0, 1), False),
        (deployment(replicas=2, availableReplicas=2, updatedReplicas=1), (1, 1), True),
        (deployment(), (0, 1), False),
    ],
)
def test_only_pods_of_the_newest_template_count(
    workload: dict[str, Any], expected: tuple[int, int], ready: bool
) -> None:
    """Old pods, and a status that is behind its spec, do not make a workload ready."""
    assert count_ready_pods(workload) == expected
    assert is_ready(workload) is ready


def test_a_daemonset_that_wants_no_pod_is_not_ready() -> None:
    """istioctl sees it so, too (Istio 1.23 and 1.30)."""
    daemon = {
        "kind": "DaemonSet",
        "metadata": {"name": "ztunnel"},
        "spec": {},
        "status": {"desiredNumberScheduled": 0},
    }
    assert not is_ready(daemon)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {
                "containerStatuses": [
                    {
                        "state": {
                            "waiting": {"reason": "ImagePullBackOff", "message": 'Back-off "x"'}
                        }
                    }
                ]
            },
            'ImagePullBackOff: Back-off "x"',
        ),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "message": "0/2 nodes: 2 Insufficient cpu.",
                    }
                ]
            },
            "0/2 nodes: 2 Insufficient cpu.",
        ),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]},
            "ContainerCreating",
        ),
        (
            {
                "initContainerStatuses": [
                    {
                        "state": {
                            "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
                        }
                    }
                ]
            },
            "CrashLoopBackOff: back-off 10s",
        ),
        ({}, "starting"),
    ],
)
def test_a_pod_says_why_it_is_not_ready(status: dict[str, Any], words: str) -> None:
    """The words are the cluster's own."""
    assert explain_unready_pod(pod(**status)) == words


def test_a_ready_pod_has_no_trouble() -> None:
    """Nothing is said of a pod that is well."""
    assert explain_unready_pod(pod(ready="True")) == ""


def test_the_newest_warning_is_told_when_the_status_is_silent() -> None:
    """Readiness failures are only in events."""
    events = [
        {
            "type": "Warning",
            "involvedObject": {"uid": "u1"},
            "reason": "Unhealthy",
            "message": m,
            "lastTimestamp": t,
        }
        for m, t in (("old", "2026-01-01T00:00:00Z"), ("503", "2026-01-02T00:00:00Z"))
    ]
    assert explain_unready_pod(pod(), events) == "Unhealthy: 503"


def test_a_workload_whose_pods_are_refused_says_by_whom() -> None:
    """With no pod at all, the reason is in the Deployment's ReplicaFailure condition."""
    refused = deployment(
        conditions=[{"type": "ReplicaFailure", "message": 'failed calling webhook "x"'}]
    )
    assert str(build_part(refused, []).note) == 'failed calling webhook "x"'
