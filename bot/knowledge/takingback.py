"""Taking changes back: what stood there before, how it differs from what is there now, and putting it back."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import Conflict
from bot.kinds import DEPLOYMENT, NAMESPACE, Object
from bot.knowledge import namespaces, profileback
from bot.knowledge.deploying import available, not_ready
from bot.knowledge.images import wanted
from bot.knowledge.installation import differing
from bot.knowledge.offers import offer
from bot.knowledge.workloads import name
from bot.records import Change, Image
from bot.steps import Context, Plan, State, Verdict

PATIENCE = 60.0
"""Seconds in which deleted objects go, when nothing holds them."""
TRIES = 5
"""Times that an object is put back when its controllers change it at the same moment."""


@dataclass(frozen=True)
class Difference:
    """An object that is not as it stood before; `words` says what putting it back does."""

    image: Image
    words: str


@dataclass(frozen=True)
class Back:
    """What is to be taken back: changes, the newest first, and what differs from the state before the oldest."""

    changes: tuple[Change, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def digest(self) -> str:
        """Changes when something else would be put back."""
        return hashlib.sha256(repr((self.changes, self.differences)).encode()).hexdigest()[:16]

    @property
    def typed(self) -> str:
        """The commands that are taken back."""
        return ", ".join(f"`{change.typed}`" for change in self.changes)


async def recorded(context: Context) -> list[Change]:
    """What this bot changed in the workshop's two namespaces and can take back, the newest first."""
    places = {context.workshop.app_namespace, context.workshop.mesh_namespace}
    found = await asyncio.gather(*(context.history.changes(place) for place in places))
    by_run = {change.run: change for changes in found for change in changes}
    return [by_run[run] for run in sorted(by_run, reverse=True)]


async def forget(context: Context, *, but: str) -> None:
    """The mesh is gone: what was changed can be taken back no more, but for the changes of the step `but`."""
    for change in await recorded(context):
        if change.step != but:
            await context.history.undone(change.run)


def earliest(changes: Sequence[Change]) -> list[Image]:
    """For each object how it stood before the oldest of these changes; the object that was changed last comes first.

    Namespaces that stay come before all: their labels count when pods are made anew.
    """
    oldest: dict[tuple[str, str, str, str], Image] = {}
    for change in changes:
        for image in reversed(change.images):
            oldest[(image.kind.group, image.kind.plural, image.namespace, image.name)] = image
    images = list(oldest.values())
    return sorted(images, key=lambda image: not (image.kind.plural == NAMESPACE.plural and image.before is not None))


async def compare(context: Context, changes: Sequence[Change]) -> Back:
    """What differs now from the state before these changes."""
    images = earliest(changes)
    live = await asyncio.gather(*(context.cluster.get(i.kind, i.name, i.namespace) for i in images))
    found = [Difference(i, words) for i, now in zip(images, live, strict=True) if (words := difference(i, now))]
    return Back(tuple(changes), tuple(found))


def difference(image: Image, live: Object | None) -> str:
    """What putting one object back does; "" when it is as it was."""
    called = f"{image.kind.kind} {image.name}"
    if image.before is None:
        return f"deletes {called}" if live is not None else ""
    if live is None:
        return f"brings back {called}"
    found = differing(wanted(live), image.before)
    if found and all("restartedAt" in line for line in found):
        return f"rolls {called} back to before its restart"
    return f"restores {called} ({'; '.join(found[:3])})" if found else ""


async def last(context: Context) -> Back:
    """The newest change that something is left of; with it go newer ones that nothing is left of."""
    passed: list[Change] = []
    for change in await recorded(context):
        passed.append(change)
        found = await compare(context, [change])
        if found.differences:
            return Back(tuple(passed), found.differences)
    return Back(tuple(passed))


async def after(context: Context, step: str) -> Back:
    """Everything that steps later in the workshop than this one changed."""
    order = [known.id for known in context.steps]
    later = set(order[order.index(step) + 1 :])
    return await compare(context, [change for change in await recorded(context) if change.step in later])


async def plan(context: Context, back: Back, summary: str) -> Plan | None:
    """What would be put back; nothing to ask when nothing differs."""
    if not back.differences:
        return None
    warnings = await profileback.warnings(context, back.changes)
    for found in back.differences:
        if found.image.kind.plural == NAMESPACE.plural and found.image.before is None:
            warnings += await lost(context, found.image.name, back)
    lines = tuple(found.words for found in back.differences)
    return Plan(summary, lines, tuple(dict.fromkeys(warnings)), "Take it back", back.digest)


async def lost(context: Context, namespace: str, back: Back) -> list[str]:
    """What goes with a namespace though no change that is taken back made it."""
    ours = {found.image.name for found in back.differences if found.image.kind == DEPLOYMENT}
    others = [name(w) for w in await context.cluster.find(DEPLOYMENT, namespace) if name(w) not in ours]
    return [f"With namespace {namespace} go its other Deployments: {', '.join(others)}."] if others else []


async def restore(context: Context, back: Back, *, again: str) -> Verdict:
    """Puts everything back, waits for pods and deletions, and compares once more."""
    for found in back.differences:
        context.progress.say(found.words)
        await put_back(context, found.image)
    lagging = await rolled(context, back)
    if lagging is not None:
        return lagging
    profile, failure = await profileback.take_back(context, back.changes)
    if failure is not None:
        return failure
    left = await settled(context, back)
    if left:
        held = "; ".join(found.words.replace("deletes", "still there:") for found in left)
        words = "not everything is as it was."
        return Verdict(State.NOT_YET, words, f"{held}. Type it again.", next=offer(context, again, "status"))
    for change in back.changes:
        await context.history.undone(change.run)
    evidence = (*(found.words for found in back.differences), *profile, "objects differing afterwards: none")
    return Verdict(State.DONE, f"{back.typed} taken back.", evidence=evidence, next=offer(context, "status", again))


async def put_back(context: Context, image: Image) -> None:
    """One object as it was. A controller may write it at the same moment: then the newer version is replaced."""
    if image.before is None:
        await context.cluster.delete(image.kind, image.name, image.namespace)
        return
    for attempt in range(1, TRIES + 1):
        try:
            await context.cluster.put(image.before)
        except Conflict:
            if attempt == TRIES:
                raise
        else:
            return


async def rolled(context: Context, back: Back) -> Verdict | None:
    """Waits for the pods of the Deployments that were put back; a verdict when they do not come."""
    restored: dict[str, list[str]] = {}
    for found in back.differences:
        if found.image.kind.plural == DEPLOYMENT.plural and found.image.before is not None:
            restored.setdefault(found.image.namespace, []).append(found.image.name)
    for namespace, names in restored.items():
        lagging = await available(context, namespace, names)
        if lagging:
            words = "the objects are as they were, but not all pods are ready."
            return not_ready(context, words, lagging, "undo")
    return None


async def settled(context: Context, back: Back) -> tuple[Difference, ...]:
    """Waits until nothing differs any more; what still does when patience ends."""
    for found in back.differences:
        if found.image.kind.plural == NAMESPACE.plural and found.image.before is None:
            context.progress.say(f"waiting until namespace {found.image.name} is gone")
            await namespaces.gone(context, found.image.name)
    deadline, pause = time.monotonic() + PATIENCE, 0.05
    while left := (await compare(context, back.changes)).differences:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(pause)
        pause = min(1.0, pause * 2)
    return left
