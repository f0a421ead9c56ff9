"""A Deployment's status: counters and conditions, in the reasons and words that `kubectl rollout
status` knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.clock import Clock
from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import (
    drop_zero_counters,
    find_condition,
    parse_timestamp,
    resolve_int_or_percent,
)

AVAILABLE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
_NO_DEADLINE = 2**31 - 1  # what Kubernetes writes for "no deadline"


@dataclass
class Rollout:
    """One sync's view of a Deployment: its newest ReplicaSet, the older ones, and the conditions to
    be written."""

    deployment: Object
    new: Object | None
    old: list[Object]
    conditions: list[Object] = field(default_factory=list)
    revision: str = ""

    @property
    def replica_sets(self) -> list[Object]:
        """The ReplicaSets, oldest first."""
        return [*self.old, *([self.new] if self.new else [])]

    @property
    def replicas(self) -> int:
        """The number of pods wanted."""
        return int(self.deployment["spec"].get("replicas", 1))

    @property
    def is_rolling(self) -> bool:
        """Tell whether old and new pods may run side by side."""
        return bool(
            (self.deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate")
            == "RollingUpdate"
        )

    @property
    def max_surge(self) -> int:
        """The number of pods that may exist beyond the wanted ones."""
        return self._resolve_limits()[0]

    @property
    def max_unavailable(self) -> int:
        """The number of wanted pods that may be unavailable."""
        return min(self._resolve_limits()[1], self.replicas)

    def _resolve_limits(self) -> tuple[int, int]:
        if not self.is_rolling:
            return 0, 0
        limits = self.deployment["spec"].get("strategy", {}).get("rollingUpdate") or {}
        surge = resolve_int_or_percent(limits.get("maxSurge", "25%"), self.replicas, round_up=True)
        unavailable = resolve_int_or_percent(
            limits.get("maxUnavailable", "25%"), self.replicas, round_up=False
        )
        # With neither a pod more nor a pod less, none could ever be replaced.
        return surge, 1 if surge == 0 and unavailable == 0 else unavailable

    @property
    def progress_deadline(self) -> int | None:
        """Seconds without progress after which the rollout has failed; None for never."""
        seconds = self.deployment["spec"].get("progressDeadlineSeconds", 600)
        return None if seconds is None or seconds == _NO_DEADLINE else int(seconds)

    def find_progressing_condition(self) -> Object | None:
        """Return the Progressing condition as it stands, or None."""
        return find_condition(self.conditions, "Progressing")


def set_condition(
    conditions: list[Object], kind: str, status: str, reason: str, message: str, *, now: str
) -> None:
    """Put a condition at the end of the list, unless one with that status and reason is there."""
    before = find_condition(conditions, kind)
    if before and (before["status"], before["reason"]) == (status, reason):
        return
    since = before["lastTransitionTime"] if before and before["status"] == status else now
    remove_condition(conditions, kind)
    conditions.append(
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastUpdateTime": now,
            "lastTransitionTime": since,
        }
    )


def remove_condition(conditions: list[Object], kind: str) -> None:
    """Remove the condition of that type from the list."""
    conditions[:] = [each for each in conditions if each["type"] != kind]


def sum_status_counter(rollout: Rollout, name: str) -> int:
    """Return the sum of a status counter over the ReplicaSets."""
    return sum(each.get("status", {}).get(name, 0) for each in rollout.replica_sets)


def compute_deployment_status(rollout: Rollout, clock: Clock, *, watch_progress: bool) -> Object:
    """Return the status to write.

    `watch_progress` is off while the Deployment only scales, is paused or is being deleted.
    """
    now = clock.format_timestamp()
    available = sum_status_counter(rollout, "availableReplicas")
    asked = sum(each["spec"].get("replicas", 1) for each in rollout.replica_sets)
    counters: Object = {
        "observedGeneration": rollout.deployment["metadata"].get("generation", 0),
        "replicas": sum_status_counter(rollout, "replicas"),
        "updatedReplicas": rollout.new.get("status", {}).get("replicas", 0) if rollout.new else 0,
        "readyReplicas": sum_status_counter(rollout, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, asked - available),
        "terminatingReplicas": sum_status_counter(rollout, "terminatingReplicas"),
    }
    if collisions := rollout.deployment.get("status", {}).get("collisionCount"):
        counters["collisionCount"] = collisions
    conditions = [dict(each) for each in rollout.conditions]
    enough = available >= rollout.replicas - rollout.max_unavailable
    reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
    message = (
        "Deployment has minimum availability."
        if enough
        else "Deployment does not have minimum availability."
    )
    set_condition(conditions, "Available", str(enough), reason, message, now=now)
    if watch_progress:
        _update_progressing_condition(rollout, counters, conditions, clock)
        _copy_replica_failure(rollout, conditions)
    return {**drop_zero_counters(counters, "terminatingReplicas"), "conditions": conditions}


def is_rollout_complete(rollout: Rollout, status: Object) -> bool:
    """Tell whether all wanted pods are new and available and no old one is left."""
    wanted = rollout.replicas
    counts = (status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    return all(count == wanted for count in counts)


def _update_progressing_condition(
    rollout: Rollout, counters: Object, conditions: list[Object], clock: Clock
) -> None:
    current = rollout.find_progressing_condition()
    if rollout.progress_deadline is None:
        remove_condition(conditions, "Progressing")
        return
    settled = (
        counters["replicas"] == counters["updatedReplicas"]
        and current
        and current["reason"] == AVAILABLE
    )
    # A rollout that has succeeded stays so: a pod that fails later is not its failure.
    if settled:
        return
    now = clock.format_timestamp()
    name = f'ReplicaSet "{rollout.new["metadata"]["name"]}"' if rollout.new else "Deployment"
    if is_rollout_complete(rollout, counters):
        set_condition(
            conditions,
            "Progressing",
            "True",
            AVAILABLE,
            f"{name} has successfully progressed.",
            now=now,
        )
    elif _has_progressed(rollout.deployment.get("status", {}), counters):
        # The deadline counts from lastUpdateTime, which each progress has to renew; a condition
        # with the same reason would be left as it is.
        since = current["lastTransitionTime"] if current and current["status"] == "True" else now
        remove_condition(conditions, "Progressing")
        set_condition(
            conditions,
            "Progressing",
            "True",
            "ReplicaSetUpdated",
            f"{name} is progressing.",
            now=now,
        )
        conditions[-1]["lastTransitionTime"] = since
    elif seconds_to_deadline(rollout, clock) <= 0:
        set_condition(
            conditions,
            "Progressing",
            "False",
            TIMED_OUT,
            f"{name} has timed out progressing.",
            now=now,
        )


def _has_progressed(before: Object, after: Object) -> bool:
    def old_pods(status: Object) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    more = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old_pods(after) < old_pods(before) or any(
        after[name] > before.get(name, 0) for name in more
    )


def seconds_to_deadline(rollout: Rollout, clock: Clock) -> float:
    """Return the simulated seconds until the rollout counts as failed.

    Infinity when it can't fail (any more).
    """
    current = rollout.find_progressing_condition()
    if (
        rollout.progress_deadline is None
        or current is None
        or current["reason"] in (AVAILABLE, TIMED_OUT)
    ):
        return float("inf")
    end = parse_timestamp(current["lastUpdateTime"]) + timedelta(seconds=rollout.progress_deadline)
    return (end - clock.now()).total_seconds()


def _copy_replica_failure(rollout: Rollout, conditions: list[Object]) -> None:
    newest_first = [*([rollout.new] if rollout.new else []), *rollout.old]
    for each in newest_first:
        failure = find_condition(each.get("status", {}).get("conditions") or [], "ReplicaFailure")
        if failure:
            now = failure["lastTransitionTime"]
            set_condition(
                conditions, "ReplicaFailure", "True", failure["reason"], failure["message"], now=now
            )
            return
    remove_condition(conditions, "ReplicaFailure")
