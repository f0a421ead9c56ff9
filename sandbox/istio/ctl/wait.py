"""Readiness of an installation's objects, by the rules and messages of Istio's installer."""

from __future__ import annotations

from typing import Any

from sandbox.istio.components.common import Manifest, get_nested
from sandbox.istio.ctl.kube import KubeClient, Object

_APPS = "apps/v1"


class Readiness:
    """The readiness of one component's objects.

    After a check `pending` names what is not ready, `reasons` the causes that are known.
    """

    def __init__(self, kube: KubeClient, objects: list[Manifest]) -> None:
        self.kube = kube
        self._objects = objects
        self._established: set[str] = set()
        self.pending: list[str] = []
        self.reasons: dict[str, str] = {}

    def check(self) -> bool | None:
        """Return True when all are ready, False when some are pending.

        Return None while the rollout of a Deployment has not begun.
        """
        self.pending, self.reasons = [], {}
        checks = {
            "Deployment": self._check_deployment,
            "DaemonSet": self._check_daemon_set,
            "CustomResourceDefinition": self._check_crd,
        }
        for obj in self._objects:
            check = checks.get(obj["kind"])
            if check and not check(obj["metadata"]):
                return None
        return not self.pending

    def _check_deployment(self, metadata: Manifest) -> bool:
        name, namespace = metadata["name"], metadata["namespace"]
        deployment = self.kube.get(_APPS, "Deployment", name, namespace)
        current = self._find_current_replica_set(deployment) if deployment else None
        if deployment is None or current is None:
            return False
        if get_nested(current, "status.readyReplicas", 0) < get_nested(
            deployment, "spec.replicas", 1
        ):
            shown = f"Deployment/{namespace}/{name}"
            self.pending.append(shown)
            reason = self._find_failure_reason(deployment)
            if reason:
                self.reasons[shown] = reason
        return True

    def _find_current_replica_set(self, deployment: Object) -> Object | None:
        """Return the ReplicaSet of the Deployment's present template, None where there is none."""
        wanted = _normalize_template(deployment)
        for found in self.kube.list_objects(
            _APPS, "ReplicaSet", deployment["metadata"]["namespace"]
        ):
            owners = found["metadata"].get("ownerReferences", [])
            if (
                any(o["uid"] == deployment["metadata"]["uid"] for o in owners)
                and _normalize_template(found) == wanted
            ):
                return found
        return None

    def _find_failure_reason(self, deployment: Object) -> str:
        selector = ",".join(
            f"{k}={v}" for k, v in get_nested(deployment, "spec.selector.matchLabels", {}).items()
        )
        pods = self.kube.list_objects("v1", "Pod", deployment["metadata"]["namespace"], selector)
        pods.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)
        return next((reason for pod in pods if (reason := _explain_unready_pod(pod))), "")

    def _check_daemon_set(self, metadata: Manifest) -> bool:
        found = self.kube.get(_APPS, "DaemonSet", metadata["name"], metadata["namespace"]) or {}
        status = found.get("status", {})
        desired = status.get("desiredNumberScheduled", 0)
        ready = (
            status.get("observedGeneration") == get_nested(found, "metadata.generation")
            and desired > 0
            and status.get("numberReady", 0) >= desired
            and status.get("updatedNumberScheduled", 0) == desired
        )
        if not ready:
            self.pending.append(f"DaemonSet/{metadata['namespace']}/{metadata['name']}")
        return True

    def _check_crd(self, metadata: Manifest) -> bool:
        name = metadata["name"]
        if name in self._established:
            return True
        found = self.kube.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name) or {}
        if any(
            c["type"] == "Established" and c["status"] == "True"
            for c in get_nested(found, "status.conditions", [])
        ):
            self._established.add(name)
        else:
            self.pending += [
                "CustomResourceDefinition/",
                name,
            ]  # two entries, as the real installer tells them
        return True


def _normalize_template(owner: Object) -> dict[str, Any]:
    template = owner["spec"]["template"]
    own = {
        k: v
        for k, v in get_nested(template, "metadata.labels", {}).items()
        if k != "pod-template-hash"
    }
    return {
        "labels": own,
        "annotations": get_nested(template, "metadata.annotations", {}),
        "spec": template["spec"],
    }


def _explain_unready_pod(pod: Object) -> str:
    for status in get_nested(pod, "status.containerStatuses", []):
        waiting = get_nested(status, "state.waiting")
        if waiting is not None:
            return (
                f"container failed to start: {waiting.get('reason', '')}: "
                f"{waiting.get('message', '')}"
            )
    for condition in get_nested(pod, "status.conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "False":
            return str(condition.get("message", ""))
    return ""
