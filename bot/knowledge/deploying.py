"""Deploying manifests: what is missing or differs is applied, and the pods are watched until they are there."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.errors import NotFound
from bot.kinds import DEPLOYMENT, Kind, Object
from bot.knowledge.images import wanted
from bot.knowledge.installation import called, differing
from bot.knowledge.offers import offer
from bot.knowledge.setbacks import advice, waiting
from bot.knowledge.waiting import change
from bot.knowledge.workloads import FOLLOWED, name, parts
from bot.ports import Part
from bot.steps import Context, State, Verdict

SYSTEM = "istio-system"
"""The namespace that the samples of a release are written for (Istio 1.23 and 1.30)."""


@dataclass(frozen=True)
class Made:
    """What applying came to; an object that differed is named with where."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    same: int = 0

    def __bool__(self) -> bool:
        return bool(self.new or self.changed)

    @property
    def words(self) -> str:
        """`3 objects created, 1 changed (ConfigMap kiali)`, or that all were so."""
        words = [f"{len(self.new)} objects created"] if self.new else []
        words += [f"{len(self.changed)} changed ({', '.join(self.changed)})"] if self.changed else []
        return ", ".join(words) or f"all {self.same} objects were already so"


async def served(context: Context, obj: Object) -> Kind:
    """The type of an object as the cluster serves it; raises NotFound when it does not."""
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    for kind in await context.cluster.types(group):
        if kind.kind == obj["kind"]:
            return kind._replace(version=version)
    raise NotFound(f"the cluster does not serve {obj['kind']} in {obj['apiVersion']}", status=404)


def moved(obj: Object, old: str, new: str) -> Object:
    """A sample's object in another namespace, and with it the accounts that its role bindings name."""
    result = copy.deepcopy(obj)
    for place in (result["metadata"], *(result.get("subjects") or ())):
        if place.get("namespace") == old:
            place["namespace"] = new
    return result


async def placed(context: Context, obj: Object, namespace: str) -> Object:
    """A sample's object that names no namespace, in that namespace."""
    if not (await served(context, obj)).namespaced:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


async def sample(context: Context, path: str, namespace: str) -> list[Object]:
    """The objects of a file of the release, in that namespace; what has one of its own goes with the mesh's."""
    objects = await asyncio.to_thread(context.mesh.sample, path)
    objects = [moved(obj, SYSTEM, context.workshop.mesh_namespace) for obj in objects]
    return [obj if obj["metadata"].get("namespace") else await placed(context, obj, namespace) for obj in objects]


async def ensure(context: Context, objects: Sequence[Object]) -> Made:
    """Applies, in their order, the objects that are not there or that a dry run says would change."""
    new, changed, same = list[str](), list[str](), 0
    for obj in objects:
        kind, meta = await served(context, obj), obj["metadata"]
        live = await context.cluster.get(kind, name(obj), meta.get("namespace", ""))
        if live is not None:
            after = await context.cluster.apply(obj, force=True, dry_run=True)
            if not differing(wanted(live), wanted(after)):
                same += 1
                continue
        await context.cluster.apply(obj, force=True)
        (new if live is None else changed).append(called(obj))
    return Made(tuple(new), tuple(changed), same)


async def remove(context: Context, objects: Sequence[Object]) -> int:
    """Deletes these, the last first; how many were there."""
    there = 0
    for obj in reversed(objects):
        there += await context.cluster.delete(
            await served(context, obj), name(obj), obj["metadata"].get("namespace", "")
        )
    return there


def deployments(objects: Sequence[Object]) -> tuple[str, ...]:
    """The names of the Deployments among them."""
    return tuple(name(obj) for obj in objects if obj["kind"] == "Deployment")


async def available(context: Context, namespace: str, names: Sequence[str]) -> list[Part]:
    """Shows each of these Deployments until its pods are ready; gives those that are not in time."""
    async with context.cluster.follow(namespace, *FOLLOWED) as view:
        shown = list[Part]()
        try:
            async with asyncio.timeout(context.workshop.readiness_timeout):
                while True:
                    shown = parts(view, lambda workload: name(workload) in names)
                    for part in shown:
                        context.progress.part(part)
                    if len(shown) == len(names) and all(part.done for part in shown):
                        return []
                    await change(context, view)
        except TimeoutError:
            missing = [Part(n, note="the Deployment is not there") for n in names if n not in {p.name for p in shown}]
            return [*(part for part in shown if not part.done), *missing]


async def restart(context: Context, namespace: str, deployment: str) -> None:
    """Rolls a Deployment's pods, as `kubectl rollout restart` does; also twice within one second."""
    now = datetime.now(UTC).isoformat()
    note = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}
    await context.cluster.merge(DEPLOYMENT, deployment, namespace, {"spec": {"template": note}})


def not_ready(context: Context, summary: str, lagging: Sequence[Part], *again: str) -> Verdict:
    """The verdict when pods did not become ready: their own words are the cause."""
    causes = waiting(lagging)
    return Verdict(
        State.NOT_YET, summary, "; ".join(causes) + ".", notes=advice(causes), next=offer(context, *again, "status")
    )


def missing(context: Context, what: str, *first: str) -> Verdict:
    """The verdict when something that a step needs is not there: which, and the command that makes it."""
    return Verdict(State.NOT_YET, "nothing was changed.", f"{what}.", next=offer(context, *first, "status"))
