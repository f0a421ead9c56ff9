"""What an installation calls ready, and why something is not: the conditions and words of Istio's installer."""

from __future__ import annotations

from typing import Any

from bot.sandbox.istio.components.common import Manifest, at
from bot.sandbox.istio.ctl.kube import Kube, Object

_APPS = "apps/v1"


class Readiness:
    """Asks about one component's objects; after a check `pending` names what is not ready, `reasons` what is known."""

    def __init__(self, kube: Kube, objects: list[Manifest]) -> None:
        self.kube = kube
        self._objects = objects
        self._established: set[str] = set()
        self.pending: list[str] = []
        self.reasons: dict[str, str] = {}

    def check(self) -> bool | None:
        """True when all are ready, False when some are pending, None while a rollout has not begun."""
        self.pending, self.reasons = [], {}
        checks = {
            "Deployment": self._deployment,
            "DaemonSet": self._daemon_set,
            "CustomResourceDefinition": self._definition,
        }
        for obj in self._objects:
            check = checks.get(obj["kind"])
            if check and not check(obj["metadata"]):
                return None
        return not self.pending

    def _deployment(self, metadata: Manifest) -> bool:
        name, namespace = metadata["name"], metadata["namespace"]
        deployment = self.kube.get(_APPS, "Deployment", name, namespace)
        current = self._current(deployment) if deployment else None
        if deployment is None or current is None:
            return False
        if at(current, "status.readyReplicas", 0) < at(deployment, "spec.replicas", 1):
            shown = f"Deployment/{namespace}/{name}"
            self.pending.append(shown)
            reason = self._reason(deployment)
            if reason:
                self.reasons[shown] = reason
        return True

    def _current(self, deployment: Object) -> Object | None:
        """The ReplicaSet of the deployment's present template."""
        wanted = _template(deployment)
        for found in self.kube.find(_APPS, "ReplicaSet", deployment["metadata"]["namespace"]):
            owners = found["metadata"].get("ownerReferences", [])
            if any(o["uid"] == deployment["metadata"]["uid"] for o in owners) and _template(found) == wanted:
                return found
        return None

    def _reason(self, deployment: Object) -> str:
        selector = ",".join(f"{k}={v}" for k, v in at(deployment, "spec.selector.matchLabels", {}).items())
        pods = self.kube.find("v1", "Pod", deployment["metadata"]["namespace"], selector)
        pods.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)
        return next((reason for pod in pods if (reason := _pod_reason(pod))), "")

    def _daemon_set(self, metadata: Manifest) -> bool:
        found = self.kube.get(_APPS, "DaemonSet", metadata["name"], metadata["namespace"]) or {}
        status = found.get("status", {})
        desired = status.get("desiredNumberScheduled", 0)
        ready = (
            status.get("observedGeneration") == at(found, "metadata.generation")
            and desired > 0
            and status.get("numberReady", 0) >= desired
            and status.get("updatedNumberScheduled", 0) == desired
        )
        if not ready:
            self.pending.append(f"DaemonSet/{metadata['namespace']}/{metadata['name']}")
        return True

    def _definition(self, metadata: Manifest) -> bool:
        name = metadata["name"]
        if name in self._established:
            return True
        found = self.kube.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name) or {}
        if any(c["type"] == "Established" and c["status"] == "True" for c in at(found, "status.conditions", [])):
            self._established.add(name)
        else:
            self.pending += ["CustomResourceDefinition/", name]  # two entries, as the real installer tells them
        return True


def _template(owner: Object) -> dict[str, Any]:
    template = owner["spec"]["template"]
    own = {k: v for k, v in at(template, "metadata.labels", {}).items() if k != "pod-template-hash"}
    return {"labels": own, "annotations": at(template, "metadata.annotations", {}), "spec": template["spec"]}


def _pod_reason(pod: Object) -> str:
    for status in at(pod, "status.containerStatuses", []):
        waiting = at(status, "state.waiting")
        if waiting is not None:
            return f"container failed to start: {waiting.get('reason', '')}: {waiting.get('message', '')}"
    for condition in at(pod, "status.conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "False":
            return str(condition.get("message", ""))
    return ""
