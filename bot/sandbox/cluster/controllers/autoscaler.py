"""The horizontal pod autoscaler without a metrics server: it says that it can't know the load, and scales nothing."""

from __future__ import annotations

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.controllers.context import Context, enqueue_self
from bot.sandbox.cluster.controllers.meta import AUTOSCALERS, DEPLOYMENTS, Key, condition_of, is_deleting

_NO_METRICS = (
    "the HPA was unable to compute the replica count: failed to get {name} utilization: unable to get metrics for "
    "resource {name}: unable to fetch metrics from resource metrics API: the server could not find the requested "
    "resource (get pods.metrics.k8s.io)"
)


class AutoscalerController:
    """Runs on autoscalers and the Deployments they aim at."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._autoscalers = context.informers.of(AUTOSCALERS)
        self._deployments = context.informers.of(DEPLOYMENTS)
        self._events = context.recorder("horizontal-pod-autoscaler")
        self.queue = context.queue("autoscaler", self.sync, workers=1)
        self._autoscalers.listen(enqueue_self(self.queue))
        self._deployments.listen(self._deployment_changed)

    def _deployment_changed(self, before: Object | None, after: Object | None) -> None:
        obj = after or before or {}
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        for each in self._autoscalers.by("namespace", namespace):
            if each["spec"]["scaleTargetRef"]["name"] == name:
                self.queue.add(Key(namespace, each["metadata"]["name"]))

    async def sync(self, key: Key) -> None:
        """Writes what is known: the target's size, and that its load is unknown."""
        autoscaler = self._autoscalers.get(key)
        if autoscaler is None or is_deleting(autoscaler):
            return
        target = autoscaler["spec"]["scaleTargetRef"]
        deployment = self._deployments.get(Key(key.namespace, target["name"]))
        if target["kind"] != "Deployment" or deployment is None:
            return
        current = deployment.get("status", {}).get("replicas", 0)
        status = {
            "currentMetrics": None,
            "currentReplicas": current,
            "desiredReplicas": autoscaler.get("status", {}).get("desiredReplicas", 0),
            "conditions": self._conditions(autoscaler),
        }
        known = autoscaler.get("status") or {}
        if any(known.get(name) != value for name, value in status.items()):
            await self._context.set_status(AUTOSCALERS, {**autoscaler, "status": status})

    def _conditions(self, autoscaler: Object) -> list[Object]:
        metrics = autoscaler["spec"].get("metrics") or [{"resource": {"name": "cpu"}}]
        name = (metrics[0].get("resource") or {}).get("name", "cpu")
        findings = (
            (
                "AbleToScale",
                "True",
                "SucceededGetScale",
                "the HPA controller was able to get the target's current scale",
            ),
            ("ScalingActive", "False", "FailedGetResourceMetric", _NO_METRICS.format(name=name)),
        )
        conditions = []
        for kind, status, reason, message in findings:
            before = condition_of(autoscaler, kind)
            if before is None and status == "False":
                self._events.warning(autoscaler, reason, message)
            since = before["lastTransitionTime"] if before else self._context.clock.stamp()
            conditions.append(
                {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}
            )
        return conditions
