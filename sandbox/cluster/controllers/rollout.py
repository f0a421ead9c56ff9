"""The steps of a Deployment's rollout: finding or making the newest ReplicaSet, and how far each
may scale."""

from __future__ import annotations

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.deployment_status import Rollout, set_condition, sum_status_counter
from sandbox.cluster.controllers.recorder import EventRecorder
from sandbox.cluster.controllers.replicaset import replicas_of
from sandbox.cluster.machinery.meta import (
    REPLICA_SETS,
    annotations_of,
    build_controller_ref,
    hash_pod_template,
    key_of,
    replace_metadata,
    uid_of,
)

REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
HISTORY = "deployment.kubernetes.io/revision-history"
_OWN = (REVISION, HISTORY, DESIRED, MAXIMUM, "kubectl.kubernetes.io/last-applied-configuration")
_HASH_LABEL = "pod-template-hash"


def revision_of(obj: Object) -> int:
    """Return the revision number in the object's annotation, 0 when it has none."""
    text = annotations_of(obj).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def strip_template_hash(replica_set: Object) -> Object:
    """Return a ReplicaSet's pod template as the Deployment wrote it."""
    template: Object = replica_set["spec"]["template"]
    meta = template.get("metadata") or {}
    labels = {
        name: value for name, value in (meta.get("labels") or {}).items() if name != _HASH_LABEL
    }
    return {**template, "metadata": {**meta, "labels": labels}}


def build_rollout(deployment: Object, replica_sets: list[Object]) -> Rollout:
    """Return the rollout: the newest ReplicaSet apart from the older ones.

    The newest is the one with the Deployment's template.
    """
    template = deployment["spec"]["template"]
    template = {**template, "metadata": {**(template.get("metadata") or {})}}
    template["metadata"].setdefault("labels", {})
    by_age = sorted(
        replica_sets, key=lambda each: (each["metadata"]["creationTimestamp"], revision_of(each))
    )
    # By the template, not by the hash in the name, which says nothing when hashes collide; of
    # several the oldest, so that every sync chooses the same.
    new = next((each for each in by_age if strip_template_hash(each) == template), None)
    old = [each for each in by_age if new is None or uid_of(each) != uid_of(new)]
    conditions = list(deployment.get("status", {}).get("conditions") or [])
    return Rollout(deployment, new, old, conditions, annotations_of(deployment).get(REVISION, ""))


class Scaler:
    """Creates a Deployment's newest ReplicaSet and scales any of them, with an Event for each."""

    def __init__(self, context: ControllerContext, events: EventRecorder) -> None:
        self._context = context
        self._sets = context.informers.for_resource(REPLICA_SETS)
        self._events = events

    async def ensure_new_replica_set(self, rollout: Rollout, *, create: bool) -> None:
        """Bring the newest ReplicaSet's annotations up to date, or create it."""
        revision = str(max(map(revision_of, rollout.old), default=0) + 1)
        if rollout.new is not None:
            await self._update_new_replica_set(rollout, rollout.new, revision)
        elif create:
            await self._create_new_replica_set(rollout, revision)

    async def _update_new_replica_set(self, rollout: Rollout, new: Object, revision: str) -> None:
        if revision_of(new) > int(revision):
            revision = str(revision_of(new))
        annotations = self._build_annotations(rollout, annotations_of(new), revision)
        min_ready = rollout.deployment["spec"].get("minReadySeconds", 0)
        if annotations != annotations_of(new) or min_ready != new["spec"].get("minReadySeconds", 0):
            changed = replace_metadata(new, annotations=annotations)
            changed["spec"] = {**new["spec"], "minReadySeconds": min_ready}
            rollout.new = self._sets.observe(await self._context.client.update(changed))
        rollout.revision = revision
        if rollout.progress_deadline is not None and rollout.find_progressing_condition() is None:
            message = f'Found new replica set "{new["metadata"]["name"]}"'
            self._set_progressing_condition(rollout, "True", "FoundNewReplicaSet", message)

    async def _create_new_replica_set(self, rollout: Rollout, revision: str) -> None:
        wanted = self._build_replica_set(rollout, revision)
        name, count = wanted["metadata"]["name"], wanted["spec"]["replicas"]
        try:
            rollout.new = self._sets.observe(await self._context.client.create(wanted))
        except ApiError as error:
            if "because it is being terminated" not in error.message:
                message = f'Failed to create new replica set "{name}": {error.message}'
                self._set_progressing_condition(rollout, "False", "ReplicaSetCreateError", message)
                self._events.warning(rollout.deployment, "ReplicaSetCreateError", message)
            raise
        if count:
            self._events.normal(
                rollout.deployment,
                "ScalingReplicaSet",
                f"Scaled up replica set {name} from 0 to {count}",
            )
        rollout.revision = revision
        if rollout.progress_deadline is not None:
            self._set_progressing_condition(
                rollout, "True", "NewReplicaSetCreated", f'Created new replica set "{name}"'
            )

    def _set_progressing_condition(
        self, rollout: Rollout, status: str, reason: str, message: str
    ) -> None:
        now = self._context.clock.format_timestamp()
        set_condition(rollout.conditions, "Progressing", status, reason, message, now=now)

    def _build_replica_set(self, rollout: Rollout, revision: str) -> Object:
        deployment = rollout.deployment
        spec, meta = deployment["spec"], deployment["metadata"]
        suffix = hash_pod_template(spec["template"])
        template_meta = spec["template"].get("metadata") or {}
        labels = {**(template_meta.get("labels") or {}), _HASH_LABEL: suffix}
        selector = spec["selector"]
        new: Object = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{suffix}",
                "namespace": meta["namespace"],
                "labels": labels,
                "annotations": self._build_annotations(rollout, {}, revision),
                "ownerReferences": [build_controller_ref(deployment, "apps/v1", "Deployment")],
            },
            "spec": {
                "replicas": compute_new_size(rollout, 0),
                "selector": {
                    **selector,
                    "matchLabels": {**(selector.get("matchLabels") or {}), _HASH_LABEL: suffix},
                },
                "template": {**spec["template"], "metadata": {**template_meta, "labels": labels}},
            },
        }
        if spec.get("minReadySeconds"):
            new["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        return new

    def _build_annotations(
        self, rollout: Rollout, before: dict[str, str], revision: str
    ) -> dict[str, str]:
        copied = {
            name: value
            for name, value in annotations_of(rollout.deployment).items()
            if name not in _OWN
        }
        return {**before, **copied, REVISION: revision, **_build_size_annotations(rollout)}

    async def scale_replica_set(self, rollout: Rollout, replica_set: Object, count: int) -> bool:
        """Ask a ReplicaSet for that many pods; return True when it had another number."""
        before = replicas_of(replica_set)
        annotations = {**annotations_of(replica_set), **_build_size_annotations(rollout)}
        if before == count and annotations == annotations_of(replica_set):
            return False
        changed = replace_metadata(replica_set, annotations=annotations)
        changed["spec"] = {**replica_set["spec"], "replicas": count}
        stored = self._sets.observe(await self._context.client.update(changed))
        _replace_replica_set(rollout, stored)
        if before == count:
            return False
        way = "up" if count > before else "down"
        message = f"Scaled {way} replica set {stored['metadata']['name']} from {before} to {count}"
        self._events.normal(rollout.deployment, "ScalingReplicaSet", message)
        return True

    async def delete_old_replica_sets(self, rollout: Rollout) -> None:
        """Delete the oldest empty ReplicaSets beyond `revisionHistoryLimit`."""
        limit = rollout.deployment["spec"].get("revisionHistoryLimit", 10)
        empty = [
            each
            for each in rollout.old
            if not replicas_of(each) and not each.get("status", {}).get("replicas")
        ]
        for each in sorted(empty, key=revision_of)[: max(0, len(empty) - limit)]:
            await self._context.delete_object(REPLICA_SETS, key_of(each))


def _build_size_annotations(rollout: Rollout) -> dict[str, str]:
    return {DESIRED: str(rollout.replicas), MAXIMUM: str(rollout.replicas + rollout.max_surge)}


def _replace_replica_set(rollout: Rollout, stored: Object) -> None:
    if rollout.new and uid_of(rollout.new) == uid_of(stored):
        rollout.new = stored
    # The next step of this sync counts by the new size, and writes with the new resourceVersion.
    rollout.old = [stored if uid_of(each) == uid_of(stored) else each for each in rollout.old]


def compute_new_size(rollout: Rollout, current: int) -> int:
    """Return the number of pods that the newest ReplicaSet may have now.

    `current` is the number that it asks for.
    """
    if not rollout.is_rolling:
        return rollout.replicas
    existing = sum(map(replicas_of, rollout.old)) + current
    room = rollout.replicas + rollout.max_surge - existing
    return current + min(room, rollout.replicas - current) if room > 0 else current


def plan_scale_downs(rollout: Rollout) -> list[tuple[Object, int]]:
    """Return the old ReplicaSets that may shrink now, each with its new size.

    Unhealthy pods go first, then as far as availability allows.
    """
    asked = {uid_of(each): replicas_of(each) for each in rollout.old}
    new = rollout.new
    # A new pod that is not available may never be: until it is, an old one has to stay for it.
    missing_new = replicas_of(new) - new.get("status", {}).get("availableReplicas", 0) if new else 0
    total = sum(asked.values()) + (replicas_of(new) if new else 0)
    floor = rollout.replicas - rollout.max_unavailable
    spare = total - floor - missing_new
    if not any(asked.values()) or spare <= 0:
        return []
    for each in rollout.old:
        unhealthy = asked[uid_of(each)] - each.get("status", {}).get("availableReplicas", 0)
        gone = max(0, min(spare, unhealthy, asked[uid_of(each)]))
        asked[uid_of(each)] -= gone
        spare -= gone
    # Pods that do not work are no loss and went first; of those that do, the floor stays.
    extra = sum_status_counter(rollout, "availableReplicas") - floor
    for each in rollout.old:
        gone = max(0, min(extra, asked[uid_of(each)]))
        asked[uid_of(each)] -= gone
        extra -= gone
    return [
        (each, asked[uid_of(each)])
        for each in rollout.old
        if asked[uid_of(each)] != replicas_of(each)
    ]


def compute_proportional_sizes(rollout: Rollout) -> list[tuple[Object, int]]:
    """Return new sizes when the Deployment is scaled in the middle of a rollout.

    Each ReplicaSet keeps its share.
    """
    active = [each for each in rollout.replica_sets if replicas_of(each) > 0]
    allowed = rollout.replicas + rollout.max_surge if rollout.replicas else 0
    left = allowed - sum(map(replicas_of, active))
    growing = left > 0
    active.sort(key=lambda each: (-replicas_of(each), revision_of(each) * (-1 if growing else 1)))
    sizes: list[tuple[Object, int]] = []
    for each in active:
        known = int(annotations_of(each).get(MAXIMUM, "0")) or allowed
        share = round(replicas_of(each) * allowed / known) - replicas_of(each) if known else 0
        share = min(max(share, 0), left) if growing else max(min(share, 0), left)
        sizes.append((each, replicas_of(each) + share))
        left -= share
    # Shares are rounded; what is left over goes to the largest set.
    if sizes and left:
        first, size = sizes[0]
        sizes[0] = (first, max(0, size + left))
    return sizes
