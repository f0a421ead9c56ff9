"""The Deployment controller: rolls out (RollingUpdate, Recreate), scales, pauses, and reports progress."""

from __future__ import annotations

from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.controllers.context import Claims, Context, enqueue_owner, enqueue_self
from bot.sandbox.cluster.controllers.deployment_status import (
    Rollout,
    is_complete,
    seconds_to_deadline,
    set_condition,
    status_of,
)
from bot.sandbox.cluster.controllers.meta import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Key,
    annotations_of,
    controller_of,
    is_deleting,
    key_of,
    uid_of,
    with_meta,
)
from bot.sandbox.cluster.controllers.podstate import is_finished
from bot.sandbox.cluster.controllers.replicaset import replicas_of
from bot.sandbox.cluster.controllers.rollout import (
    DESIRED,
    REVISION,
    Scaler,
    proportions,
    revision_of,
    room_for_new,
    scale_downs,
    sort_out,
)


class DeploymentController:
    """Runs on Deployments, their ReplicaSets, and the last pod of a set going away (for Recreate)."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._deployments = context.informers.of(DEPLOYMENTS)
        self._sets = context.informers.of(REPLICA_SETS)
        self._pods = context.informers.of(PODS)
        self._claims = Claims(context, REPLICA_SETS, "apps/v1", "Deployment")
        self._events = context.recorder("deployment-controller")
        self._scaler = Scaler(context, self._events)
        self.queue = context.queue("deployment", self.sync)
        self._deployments.listen(enqueue_self(self.queue))
        self._sets.listen(enqueue_owner(self.queue, "Deployment"))
        self._pods.listen(self._pod_changed)

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
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
        """Takes one Deployment one step further."""
        deployment = self._deployments.get(key)
        if deployment is None:
            return
        rollout = sort_out(deployment, await self._claims.of(deployment, deployment["spec"]["selector"]))
        try:
            watch = await self._advance(rollout)
        except ApiError:
            await self._report(rollout, watch_progress=False)
            raise
        await self._report(rollout, watch_progress=watch)

    async def _advance(self, rollout: Rollout) -> bool:
        """Does what is due; whether the progress of the rollout is to be judged afterwards."""
        if is_deleting(rollout.deployment):
            return False
        paused = bool(rollout.deployment["spec"].get("paused"))
        self._note_pause(rollout, paused)
        if paused or self._was_scaled(rollout):
            await self._scaler.ensure_new(rollout, create=False)
            await self._scale_all(rollout)
            return False
        if rollout.rolling:
            await self._roll(rollout)
        else:
            await self._recreate(rollout)
        return True

    def _note_pause(self, rollout: Rollout, paused: bool) -> None:
        if rollout.deadline is None:
            return
        current = rollout.progressing()
        was_paused = current is not None and current["reason"] == "DeploymentPaused"
        if paused == was_paused:
            return
        word = "paused" if paused else "resumed"
        now = self._context.clock.stamp()
        set_condition(
            rollout.conditions, "Progressing", "Unknown", f"Deployment{word.title()}", f"Deployment is {word}", now=now
        )

    def _was_scaled(self, rollout: Rollout) -> bool:
        wanted = str(rollout.replicas)
        return any(annotations_of(each).get(DESIRED, wanted) != wanted for each in rollout.all if replicas_of(each))

    async def _roll(self, rollout: Rollout) -> None:
        await self._scaler.ensure_new(rollout, create=True)
        if rollout.new is None:
            return
        size = replicas_of(rollout.new)
        room = rollout.replicas if size > rollout.replicas else room_for_new(rollout, size)
        if size != rollout.replicas and await self._scaler.scale(rollout, rollout.new, room):
            return
        for each, count in scale_downs(rollout):
            await self._scaler.scale(rollout, each, count)
        await self._finish(rollout)

    async def _recreate(self, rollout: Rollout) -> None:
        await self._scaler.ensure_new(rollout, create=False)
        shrunk = [
            await self._scaler.scale(rollout, each, 0) for each in tuple(rollout.old) if replicas_of(each)
        ]  # every one, not only the first
        if any(shrunk) or self._old_pods_left(rollout):
            return
        await self._scaler.ensure_new(rollout, create=True)
        if rollout.new is not None:
            await self._scaler.scale(rollout, rollout.new, rollout.replicas)
        await self._finish(rollout)

    def _old_pods_left(self, rollout: Rollout) -> bool:
        pods = (pod for each in rollout.old for pod in self._pods.by("owner", uid_of(each)))
        return any(not is_finished(pod) for pod in pods)

    async def _scale_all(self, rollout: Rollout) -> None:
        active = [each for each in rollout.all if replicas_of(each)]
        if len(active) <= 1:
            target = active[0] if active else rollout.new or max(rollout.old, key=revision_of, default=None)
            if target is not None:
                await self._scaler.scale(rollout, target, rollout.replicas)
            return
        new = rollout.new
        if new and replicas_of(new) == new.get("status", {}).get("availableReplicas", 0) == rollout.replicas:
            sizes = [(each, 0) for each in rollout.old if replicas_of(each)]
        else:
            sizes = proportions(rollout)
        for each, size in sizes:
            await self._scaler.scale(rollout, each, size)

    async def _finish(self, rollout: Rollout) -> None:
        if is_complete(rollout, rollout.deployment.get("status", {})):
            await self._scaler.clean_up(rollout)

    async def _report(self, rollout: Rollout, *, watch_progress: bool) -> None:
        deployment = rollout.deployment
        status = status_of(rollout, self._context.clock, watch_progress=watch_progress)
        annotations = annotations_of(deployment)
        if rollout.revision and annotations.get(REVISION) != rollout.revision:
            annotations = {**annotations, REVISION: rollout.revision}
        if status != deployment.get("status") or annotations != annotations_of(deployment):
            changed = with_meta(deployment, annotations=annotations) if annotations else deployment
            await self._context.set_status(DEPLOYMENTS, {**changed, "status": status})
        rollout.conditions = status["conditions"]
        left = seconds_to_deadline(rollout, self._context.clock)
        if left < float("inf"):
            self.queue.add_after(key_of(deployment), max(left, 0) + 1)
