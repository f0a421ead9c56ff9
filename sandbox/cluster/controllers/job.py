"""The Job controller: runs pods until enough of them have succeeded, or too many have failed.

Indexed Jobs, success policies and policies of pod failures are played as plain ones; pods carry no
tracking finalizer, since nothing deletes them unseen.
"""

from __future__ import annotations

from datetime import timedelta

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.controller_context import (
    ControllerContext,
    ControllerRefManager,
    enqueue_for_owner,
)
from sandbox.cluster.controllers.podstate import (
    build_pod_from_template,
    is_active,
    is_ready,
    phase_of,
)
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import (
    JOBS,
    PODS,
    Key,
    build_controller_ref,
    find_status_condition,
    is_deleting,
    key_of,
    parse_timestamp,
)

_FIRST_BACKOFF, _LONGEST_BACKOFF = 10.0, 360.0
"""Simulated seconds before a pod that failed gets a successor: doubled each time (Kubernetes 1.36).
"""
_TOO_MANY = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_TOO_LONG = ("DeadlineExceeded", "Job was active longer than specified deadline")


class JobController:
    """Runs on Jobs and their pods."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._jobs = context.informers.for_resource(JOBS)
        self._pods = context.informers.for_resource(PODS)
        self._claims = ControllerRefManager(context, PODS, "batch/v1", "Job")
        self._events = context.make_recorder("job-controller")
        self.queue = context.start_queue("job", self.sync)
        self._jobs.add_listener(enqueue_for_object(self.queue))
        self._pods.add_listener(enqueue_for_owner(self.queue, "Job"))

    async def sync(self, key: Key) -> None:
        """Reconcile one Job: its pods and its status."""
        job = self._jobs.get(key)
        if job is None or is_deleting(job):
            return
        if is_over(job):
            await self._delete_expired(key, job)
            return
        pods = await self._claims.claim_objects(job, job["spec"].get("selector"))
        end = self._find_end(job, pods)
        if end is None and not job["spec"].get("suspend"):
            await self._create_pods(key, job, pods)
        elif end is not None or job["spec"].get("suspend"):
            await self._delete_active(job, pods)
        pods = [p for p in self._pods.list_by_index("owner", job["metadata"]["uid"])]
        await self._write_status(job, pods, end)

    def _find_end(self, job: Object, pods: list[Object]) -> tuple[str, str, str] | None:
        """Return the type, reason and message of the condition that ends the Job, else None."""
        spec = job["spec"]
        succeeded, failed = _count(pods, "Succeeded"), _count(pods, "Failed")
        if succeeded >= spec.get("completions", 1):
            return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        if failed > spec.get("backoffLimit", 6):
            return "Failed", *_TOO_MANY
        since, limit = job.get("status", {}).get("startTime"), spec.get("activeDeadlineSeconds")
        if since and limit is not None:
            left = parse_timestamp(since) + timedelta(seconds=limit) - self._context.clock.now()
            if left <= timedelta():
                return "Failed", *_TOO_LONG
            self.queue.add_after(key_of(job), left.total_seconds() + 0.1)
        return None

    async def _create_pods(self, key: Key, job: Object, pods: list[Object]) -> None:
        spec = job["spec"]
        active = [pod for pod in pods if is_active(pod)]
        wanted = min(
            spec.get("parallelism", 1), spec.get("completions", 1) - _count(pods, "Succeeded")
        )
        missing = wanted - len(active)
        if missing <= 0 or self._waits_after_failure(key, pods):
            return
        pod = build_pod_from_template(spec["template"], key.namespace, prefix=f"{key.name}-")
        pod["metadata"]["ownerReferences"] = [build_controller_ref(job, "batch/v1", "Job")]
        for _ in range(missing):
            try:
                made = self._pods.observe(await self._context.client.create(pod))
            except ApiError as error:
                self._events.warning(job, "FailedCreate", f"Error creating: {error.message}")
                raise
            self._events.normal(job, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")

    def _waits_after_failure(self, key: Key, pods: list[Object]) -> bool:
        ends = [_find_end_time(pod) for pod in pods if phase_of(pod) == "Failed"]
        if not ends:
            return False
        pause = min(_FIRST_BACKOFF * 2 ** (len(ends) - 1), _LONGEST_BACKOFF)
        left = parse_timestamp(max(ends)) + timedelta(seconds=pause) - self._context.clock.now()
        if left <= timedelta():
            return False
        self.queue.add_after(key, left.total_seconds() + 0.1)
        return True

    async def _delete_active(self, job: Object, pods: list[Object]) -> None:
        for pod in pods:
            if is_active(pod) and await self._context.delete_object(PODS, key_of(pod)):
                name = pod["metadata"]["name"]
                self._events.normal(job, "SuccessfulDelete", f"Deleted pod: {name}")

    async def _write_status(
        self, job: Object, pods: list[Object], end: tuple[str, str, str] | None
    ) -> None:
        now = self._context.clock.format_timestamp()
        active = [pod for pod in pods if is_active(pod)]
        before: Object = job.get("status") or {}
        counts = {
            "active": len(active),
            "ready": sum(map(is_ready, active)),
            "succeeded": _count(pods, "Succeeded"),
            "failed": _count(pods, "Failed"),
        }
        status: Object = {
            **{k: v for k, v in before.items() if k not in counts},
            **{k: v for k, v in counts.items() if v or k == "ready"},
            "uncountedTerminatedPods": {},
            "terminating": 0,
        }
        suspended = bool(job["spec"].get("suspend"))
        if not suspended:
            status.setdefault("startTime", now)
        if suspended and not find_status_condition(job, "Suspended"):
            status["conditions"] = [
                _build_condition("Suspended", "JobSuspended", "Job suspended", now)
            ]
        elif not suspended and end is None:
            status.pop("conditions", None)
        if end is not None:
            kind, reason, message = end
            first = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
            status["conditions"] = [
                _build_condition(each, reason, message, now) for each in (first, kind)
            ]
            if kind == "Complete":
                status["completionTime"] = now
        if status == before:
            return
        await self._context.update_status(JOBS, {**job, "status": status})
        if end is not None:
            self._tell_end(job, end)

    def _tell_end(self, job: Object, end: tuple[str, str, str]) -> None:
        kind, reason, message = end
        if kind == "Complete":
            self._events.normal(job, "Completed", "Job completed")
        else:
            self._events.warning(job, reason, message)

    async def _delete_expired(self, key: Key, job: Object) -> None:
        """Delete a finished Job whose `ttlSecondsAfterFinished` have passed."""
        limit = job["spec"].get("ttlSecondsAfterFinished")
        if limit is None:
            return
        ended = next(
            each["lastTransitionTime"]
            for each in job["status"]["conditions"]
            if each["type"] in ("Complete", "Failed")
        )
        left = parse_timestamp(ended) + timedelta(seconds=limit) - self._context.clock.now()
        if left <= timedelta():
            await self._context.client.delete(JOBS, key.name, key.namespace)
        else:
            self.queue.add_after(key, left.total_seconds() + 0.1)


def is_over(job: Object) -> bool:
    """Tell whether the Job is complete or has failed."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def _count(pods: list[Object], phase: str) -> int:
    return sum(phase_of(pod) == phase for pod in pods)


def _find_end_time(pod: Object) -> str:
    states = (each.get("state") or {} for each in pod["status"].get("containerStatuses") or ())
    ends = [state["terminated"]["finishedAt"] for state in states if "terminated" in state]
    return str(max(ends, default=pod["metadata"]["creationTimestamp"]))


def _build_condition(kind: str, reason: str, message: str, now: str) -> Object:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": now,
        "lastTransitionTime": now,
    }
