"""The Deployment controller: rolls out (RollingUpdate, Recreate), scales, pauses, and reports
progress."""

from __future__ import annotations

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.controller_context import (
    ControllerContext,
    ControllerRefManager,
    enqueue_for_owner,
)
from sandbox.cluster.controllers.deployment_status import (
    Rollout,
    compute_deployment_status,
    is_rollout_complete,
    seconds_to_deadline,
    set_condition,
)
from sandbox.cluster.controllers.podstate import is_finished
from sandbox.cluster.controllers.replicaset import replicas_of
from sandbox.cluster.controllers.rollout import (
    DESIRED,
    REVISION,
    Scaler,
    build_rollout,
    compute_new_size,
    compute_proportional_sizes,
    plan_scale_downs,
    revision_of,
)
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Key,
    annotations_of,
    controller_of,
    is_deleting,
    key_of,
    replace_metadata,
    uid_of,
)


class DeploymentController:
    """Runs on Deployments, their ReplicaSets, and the last pod of a set going away (for
    Recreate)."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._deployments = context.informers.for_resource(DEPLOYMENTS)
        self._sets = context.informers.for_resource(REPLICA_SETS)
        self._pods = context.informers.for_resource(PODS)
        self._claims = ControllerRefManager(context, REPLICA_SETS, "apps/v1", "Deployment")
        self._events = context.make_recorder("deployment-controller")
        self._scaler = Scaler(context, self._events)
        self.queue = context.start_queue("deployment", self.sync)
        self._deployments.add_listener(enqueue_for_object(self.queue))
        self._sets.add_listener(enqueue_for_owner(self.queue, "Deployment"))
        self._pods.add_listener(self._on_pod_changed)

    def _on_pod_changed(self, before: Object | None, after: Object | None) -> None:
        # Only Recreate waits for pods, and only for the last old one to be gone.
        if after is not None or before is None:
            return
        owner = controller_of(before)
        if not owner or owner["kind"] != "ReplicaSet":
            return
        replica_set = self._sets.get(Key(before["metadata"]["namespace"], owner["name"]))
        deployment = controller_of(replica_set) if replica_set else None
        if deployment and deployment["kind"] == "Deployment":
            self.queue.add(Key(before["metadata"]["namespace"], deployment["name"]))

    async def sync(self, key: Key) -> None:
        """Reconcile one Deployment: take its rollout one step further."""
        deployment = self._deployments.get(key)
        if deployment is None:
            return
        rollout = build_rollout(
            deployment, await self._claims.claim_objects(deployment, deployment["spec"]["selector"])
        )
        try:
            watch = await self._advance_rollout(rollout)
        # What went wrong may be in the conditions by now, which nobody would see otherwise.
        except ApiError:
            await self._report_status(rollout, watch_progress=False)
            raise
        await self._report_status(rollout, watch_progress=watch)

    async def _advance_rollout(self, rollout: Rollout) -> bool:
        """Do what is due, and tell whether the rollout's progress is to be judged afterwards."""
        if is_deleting(rollout.deployment):
            return False
        paused = bool(rollout.deployment["spec"].get("paused"))
        self._record_pause_condition(rollout, paused)
        # A new size comes before the next step of the rollout, which the sync after this one takes:
        # each set keeps its share of the pods.
        if paused or self._is_scaling_event(rollout):
            await self._scaler.ensure_new_replica_set(rollout, create=False)
            await self._scale_replica_sets(rollout)
            return False
        if rollout.is_rolling:
            await self._roll_out(rollout)
        else:
            await self._recreate_pods(rollout)
        return True

    def _record_pause_condition(self, rollout: Rollout, paused: bool) -> None:
        if rollout.progress_deadline is None:
            return
        current = rollout.find_progressing_condition()
        was_paused = current is not None and current["reason"] == "DeploymentPaused"
        if paused == was_paused:
            return
        word = "paused" if paused else "resumed"
        now = self._context.clock.format_timestamp()
        set_condition(
            rollout.conditions,
            "Progressing",
            "Unknown",
            f"Deployment{word.title()}",
            f"Deployment is {word}",
            now=now,
        )

    def _is_scaling_event(self, rollout: Rollout) -> bool:
        wanted = str(rollout.replicas)
        return any(
            annotations_of(each).get(DESIRED, wanted) != wanted
            for each in rollout.replica_sets
            if replicas_of(each)
        )

    async def _roll_out(self, rollout: Rollout) -> None:
        await self._scaler.ensure_new_replica_set(rollout, create=True)
        if rollout.new is None:
            return
        size = replicas_of(rollout.new)
        room = rollout.replicas if size > rollout.replicas else compute_new_size(rollout, size)
        if size != rollout.replicas and await self._scaler.scale_replica_set(
            rollout, rollout.new, room
        ):
            return
        # Up and down are separate steps: while the new set grows, its counters do not yet tell
        # which old pods can be spared.
        for each, count in plan_scale_downs(rollout):
            await self._scaler.scale_replica_set(rollout, each, count)
        await self._clean_up_when_complete(rollout)

    async def _recreate_pods(self, rollout: Rollout) -> None:
        await self._scaler.ensure_new_replica_set(rollout, create=False)
        shrunk = [
            await self._scaler.scale_replica_set(rollout, each, 0)
            for each in tuple(rollout.old)
            if replicas_of(each)
        ]  # every one, not only the first
        if any(shrunk) or self._has_old_pods(rollout):
            return
        await self._scaler.ensure_new_replica_set(rollout, create=True)
        if rollout.new is not None:
            await self._scaler.scale_replica_set(rollout, rollout.new, rollout.replicas)
        await self._clean_up_when_complete(rollout)

    def _has_old_pods(self, rollout: Rollout) -> bool:
        pods = (
            pod for each in rollout.old for pod in self._pods.list_by_index("owner", uid_of(each))
        )
        return any(not is_finished(pod) for pod in pods)

    async def _scale_replica_sets(self, rollout: Rollout) -> None:
        active = [each for each in rollout.replica_sets if replicas_of(each)]
        if len(active) <= 1:
            target = (
                active[0]
                if active
                else rollout.new or max(rollout.old, key=revision_of, default=None)
            )
            if target is not None:
                await self._scaler.scale_replica_set(rollout, target, rollout.replicas)
            return
        new = rollout.new
        if (
            new
            and replicas_of(new)
            == new.get("status", {}).get("availableReplicas", 0)
            == rollout.replicas
        ):
            sizes = [(each, 0) for each in rollout.old if replicas_of(each)]
        else:
            sizes = compute_proportional_sizes(rollout)
        for each, size in sizes:
            await self._scaler.scale_replica_set(rollout, each, size)

    async def _clean_up_when_complete(self, rollout: Rollout) -> None:
        if is_rollout_complete(rollout, rollout.deployment.get("status", {})):
            await self._scaler.delete_old_replica_sets(rollout)

    async def _report_status(self, rollout: Rollout, *, watch_progress: bool) -> None:
        deployment = rollout.deployment
        status = compute_deployment_status(
            rollout, self._context.clock, watch_progress=watch_progress
        )
        annotations = annotations_of(deployment)
        if rollout.revision and annotations.get(REVISION) != rollout.revision:
            annotations = {**annotations, REVISION: rollout.revision}
        if status != deployment.get("status") or annotations != annotations_of(deployment):
            changed = (
                replace_metadata(deployment, annotations=annotations) if annotations else deployment
            )
            await self._context.update_status(DEPLOYMENTS, {**changed, "status": status})
        rollout.conditions = status["conditions"]
        left = seconds_to_deadline(rollout, self._context.clock)
        if left < float("inf"):
            # Timestamps are cut to whole seconds: a second later the deadline has passed for
            # certain.
            self.queue.add_after(key_of(deployment), max(left, 0) + 1)
