"""Deploying manifests: what is missing or differs is applied, and the pods are watched
until they are ready.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.kinds import DEPLOYMENT, Object
from bot.knowledge.objects.conflicts import judge_differences, judge_write, require_confirmed
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.pod_causes import describe_lagging_parts, suggest_remedies
from bot.knowledge.objects.suggestions import describe_standstill, suggest_commands
from bot.knowledge.objects.waiting import shorten_when_refused, wait_for_change
from bot.knowledge.objects.workloads import FOLLOWED_KINDS, build_parts, get_name, is_ready
from bot.knowledge.objects.writes import (
    PlannedWrite,
    compare_write,
    resolve_kind,
    write_object,
)
from bot.ports import Part
from bot.steps import Context, State, Verdict
from bot.text import EMPTY, Listed, Text, counted, join, verbatim

SAMPLE_NAMESPACE = "istio-system"
"""The namespace that the samples of a release are written for (Istio 1.23 and 1.30)."""


@dataclass(frozen=True)
class ApplyResult:
    """Result of applying objects; a changed object is named with its kind.

    `taken` are the fields in them, each with its object, that others had set to something else.
    """

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    same: int = 0
    taken: tuple[Text, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed)

    @property
    def words(self) -> Text:
        """`3 objects created, 1 changed (ConfigMap kiali)`, or that all were so."""
        words = list[Text]()
        if self.new:
            words.append(counted("{n} object created", "{n} objects created", n=len(self.new)))
        if self.changed:
            names = Listed(self.changed, "comma")
            words.append(
                counted(
                    "{n} changed ({names})",
                    "{n} changed ({names})",
                    n=len(self.changed),
                    names=names,
                )
            )
        taken = Text("set by others before: {fields}", fields=Listed(self.taken, "comma"))
        return join("semicolon", join("comma", *words), taken if self.taken else EMPTY) or counted(
            "the object was already so", "all {n} objects were already so", n=self.same
        )


def move_to_namespace(obj: Object, old: str, new: str) -> Object:
    """Return a copy of an object in another namespace, with the subjects of its role bindings."""
    result = copy.deepcopy(obj)
    for place in (result["metadata"], *(result.get("subjects") or ())):
        if place.get("namespace") == old:
            place["namespace"] = new
    return result


async def place_in_namespace(context: Context, obj: Object, namespace: str) -> Object:
    """Return the object with this namespace set, unless its type is cluster-scoped."""
    if not (await resolve_kind(context, obj)).namespaced:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


async def load_sample(context: Context, path: str, namespace: str) -> list[Object]:
    """Return the objects of a file of the release, in that namespace.

    Objects written for `istio-system` go to the mesh's namespace.
    """
    objects = await asyncio.to_thread(context.mesh.sample, path)
    objects = [
        move_to_namespace(obj, SAMPLE_NAMESPACE, context.workshop.mesh_namespace) for obj in objects
    ]
    return [
        obj
        if obj["metadata"].get("namespace")
        else await place_in_namespace(context, obj, namespace)
        for obj in objects
    ]


async def ensure_objects(
    context: Context, objects: Sequence[Object], *, exact: bool = False, asked: bool = False
) -> ApplyResult:
    """Write, in order, the objects that do not exist or that a dry run says would change.

    `exact`: what others added to them does not stay. `asked`: the step's plan asks about what
    belongs to others; a UserError is raised for what it did not ask about.
    """
    new, changed, taken, same = list[str](), list[str](), list[Text](), 0
    for obj in objects:
        write = await compare_write(context, obj, exact=exact)
        if asked:
            require_confirmed(context, judge_write(write))
        await write_object(context, write)
        if not write.is_needed:
            same += 1
        else:
            (new if write.live is None else changed).append(describe_object(obj))
            taken += describe_taken_fields(write)
    return ApplyResult(tuple(new), tuple(changed), same, tuple(taken))


def describe_taken_fields(write: PlannedWrite) -> list[Text]:
    """Return the fields that others had set and that a write changed, each with its object."""
    found = judge_differences(write.live, write.differences) if write.live else None
    if found is None:
        return []
    return [Text("{object} {change}", object=found.object, change=line) for line in found.changes]


async def delete_objects(context: Context, objects: Sequence[Object]) -> int:
    """Delete the objects, the last first; return how many existed."""
    there = 0
    for obj in reversed(objects):
        there += await context.cluster.delete(
            await resolve_kind(context, obj), get_name(obj), obj["metadata"].get("namespace", "")
        )
    return there


def list_deployment_names(objects: Sequence[Object]) -> tuple[str, ...]:
    """Return the names of the Deployments among the objects."""
    return tuple(get_name(obj) for obj in objects if obj["kind"] == "Deployment")


async def wait_for_deployments(
    context: Context, namespace: str, names: Sequence[str]
) -> list[Part]:
    """Show each of these Deployments until its pods are ready.

    Returns those that are not ready in time, and those that do not exist.
    """
    async with context.cluster.follow(namespace, *FOLLOWED_KINDS) as view:
        shown = list[Part]()
        end = asyncio.get_running_loop().time() + context.workshop.readiness_timeout
        try:
            async with asyncio.timeout_at(end) as limit:
                while True:
                    shown = build_parts(view, lambda workload: get_name(workload) in names)
                    for part in shown:
                        context.progress.part(part)
                    if len(shown) == len(names) and all(part.done for part in shown):
                        return []
                    there = (w for w in view.objects(DEPLOYMENT) if get_name(w) in names)
                    shorten_when_refused(limit, end, [w for w in there if not is_ready(w)])
                    await wait_for_change(context, view)
        except TimeoutError:
            return list_unready_parts(shown, names)


def list_unready_parts(shown: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """Return the Deployments of these names that are not ready, or that do not exist."""
    known = {part.name for part in shown}
    missing = [
        Part(name, note=Text("the Deployment is not there"))
        for name in map(verbatim, names)
        if name not in known
    ]
    return [*(part for part in shown if not part.done), *missing]


async def restart_deployment(context: Context, namespace: str, deployment: str) -> None:
    """Restart a Deployment's pods, as `kubectl rollout restart` does."""
    # With microseconds: a second restart within the same second would change nothing otherwise.
    now = datetime.now(UTC).isoformat()
    note = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}
    await context.cluster.merge(DEPLOYMENT, deployment, namespace, {"spec": {"template": note}})


def build_not_ready_verdict(
    context: Context, summary: Text, lagging: Sequence[Part], *again: str
) -> Verdict:
    """Return the verdict when pods did not become ready; their own messages are the cause."""
    causes = describe_lagging_parts(lagging)
    return Verdict(
        State.NOT_YET,
        summary,
        Text("{causes}.", causes=Listed(causes, "semicolon")),
        notes=suggest_remedies(causes),
        next=suggest_commands(context, *again, "status"),
    )


def build_missing_verdict(context: Context, what: Text, *first: str) -> Verdict:
    """Return the verdict when something that a step needs does not exist.

    `what` is the cause without its full stop, `first` are the commands that make it.
    """
    return Verdict(
        State.NOT_YET,
        describe_standstill(context),
        Text("{what}.", what=what),
        next=suggest_commands(context, *first, "status"),
    )
