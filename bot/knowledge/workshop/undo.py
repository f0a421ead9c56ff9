"""Undoing changes: the state before them, how it differs from the present one, and
restoring it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import Conflict
from bot.kinds import DEPLOYMENT, NAMESPACE, Object
from bot.knowledge.ambient import undo_profile
from bot.knowledge.bookinfo import app
from bot.knowledge.istio import istioctl_failures
from bot.knowledge.objects import namespace_removal
from bot.knowledge.objects.apply import build_not_ready_verdict, wait_for_deployments
from bot.knowledge.objects.changes import summarize_differences
from bot.knowledge.objects.conflicts import judge_deletion, judge_differences
from bot.knowledge.objects.desired import extract_desired_state
from bot.knowledge.objects.diff import find_differences
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.foreign_objects import warn_about_foreign_objects
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop.manifest_text import describe_image
from bot.records import BeforeImage, Change
from bot.steps import Context, Plan, State, Verdict
from bot.text import EMPTY, Listed, Text, in_context

DELETION_TIMEOUT = 60.0
"""Seconds within which deleted objects are gone, when no finalizer blocks them."""
MAX_ATTEMPTS = 5
"""Times that an object is put back when its controllers change it at the same moment."""


@dataclass(frozen=True)
class ObjectDifference:
    """An object that is not as it was before; `words` says what restoring it does, `more` what did
    not fit into that line, and `loss` what others set since then, which goes with it.
    """

    image: BeforeImage
    words: Text
    more: tuple[Text, ...] = ()
    loss: Text = EMPTY

    @property
    def lines(self) -> tuple[Text, ...]:
        """What restoring it does, and the loss in a line below."""
        lost = (Text("◦ {change}", change=self.loss),) if self.loss else ()
        return (self.words, *self.more, *lost)


@dataclass(frozen=True)
class UndoPlan:
    """Changes to be undone, the newest first, and what differs from the state before the
    oldest.
    """

    changes: tuple[Change, ...] = ()
    differences: tuple[ObjectDifference, ...] = ()

    @property
    def digest(self) -> str:
        """A hash that changes when something else would be restored."""
        return compute_digest((self.changes, self.differences))

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs whose changes are undone."""
        return tuple(change.run for change in self.changes)

    @property
    def typed(self) -> str:
        """The commands that are undone."""
        return ", ".join(f"`{change.typed}`" for change in self.changes)


async def list_recorded_changes(context: Context) -> list[Change]:
    """Return the changes in the workshop's two namespaces that this bot can undo, the newest
    first.
    """
    places = {context.workshop.app_namespace, context.workshop.mesh_namespace}
    found = await asyncio.gather(*(context.history.changes(place) for place in places))
    by_run = {change.run: change for changes in found for change in changes}
    return [by_run[run] for run in sorted(by_run, reverse=True)]


async def forget_changes(context: Context, *, but: str) -> None:
    """Mark all changes as undone except those of the step `but`: the mesh is gone."""
    for change in await list_recorded_changes(context):
        if change.step != but:
            await context.history.undone(change.run)


def find_earliest_images(changes: Sequence[Change]) -> list[BeforeImage]:
    """Return each object as it was before the oldest of these changes; the object changed last
    comes first.

    Namespaces that stay come before all: their labels count when pods are made anew.
    """
    oldest: dict[tuple[str, str, str, str], BeforeImage] = {}
    for change in changes:
        for image in reversed(change.images):
            oldest[(image.kind.group, image.kind.plural, image.namespace, image.name)] = image
    images = list(oldest.values())
    return sorted(
        images,
        key=lambda image: not (image.kind.plural == NAMESPACE.plural and image.before is not None),
    )


async def compare_with_before(context: Context, changes: Sequence[Change]) -> UndoPlan:
    """Return what differs now from the state before these changes."""
    images = find_earliest_images(changes)
    live = await asyncio.gather(*(context.cluster.get(i.kind, i.name, i.namespace) for i in images))
    found = [
        ObjectDifference(i, *lines, describe_loss(i, now))
        for i, now in zip(images, live, strict=True)
        if (lines := describe_difference(i, now))
    ]
    return UndoPlan(tuple(changes), tuple(found))


def describe_difference(
    image: BeforeImage, live: Object | None
) -> tuple[Text, tuple[Text, ...]] | tuple[()]:
    """Return what restoring one object does, and what does not fit into that line; nothing when it
    is as it was.
    """
    name = describe_image(image)
    if image.before is None:
        return (Text("deletes {name}", name=name), ()) if live is not None else ()
    if live is None:
        return Text("brings back {name}", name=name), ()
    before, after = extract_desired_state(live), extract_desired_state(image.before)
    if not (found := find_differences(before, after)):
        return ()
    if all("restartedAt" in str(each) for each in found):
        return Text("rolls {name} back to before its restart", name=name), ()
    first, *more = summarize_differences(before, after)
    words = Text("restores {name} ({changes})", name=name, changes=first)
    return words, tuple(Text("◦ {change}", change=each) for each in more)


def describe_loss(image: BeforeImage, live: Object | None) -> Text:
    """Return what others set in an object since the bot changed it, which restoring it loses; ""
    when there is nothing.
    """
    if live is None:
        return EMPTY
    if image.before is None:
        conflict = judge_deletion(live)
    else:
        now, then = extract_desired_state(live), extract_desired_state(image.before)
        conflict = judge_differences(live, find_differences(now, then))
    if conflict is None:
        return EMPTY
    changes = Listed(conflict.changes, "semicolon")
    if not conflict.managers:
        return Text("with what somebody unknown set: {changes}", changes=changes)
    by = Listed(conflict.managers, "comma")
    return Text("with what {managers} set: {changes}", managers=by, changes=changes)


async def find_last_change(context: Context) -> UndoPlan:
    """Return the newest change with effects that are left; newer ones without any go with it."""
    passed: list[Change] = []
    for change in await list_recorded_changes(context):
        passed.append(change)
        found = await compare_with_before(context, [change])
        if found.differences:
            return UndoPlan(tuple(passed), found.differences)
    return UndoPlan(tuple(passed))


async def find_later_changes(context: Context, step: str) -> UndoPlan:
    """Return everything that steps later in the workshop than this one changed."""
    order = [known.id for known in context.steps]
    later = set(order[order.index(step) + 1 :])
    return await compare_with_before(
        context, [change for change in await list_recorded_changes(context) if change.step in later]
    )


async def build_plan(context: Context, back: UndoPlan, summary: Text) -> Plan | None:
    """Return what would be restored, or None when nothing differs."""
    if not back.differences:
        return None
    warnings = await undo_profile.warn_about_profile(context, back.changes)
    for found in back.differences:
        if found.image.kind.plural == NAMESPACE.plural and found.image.before is None:
            warnings += await warn_about_foreign_objects(context, found.image.name)
    lines = tuple(line for found in back.differences for line in found.lines)
    return Plan(
        summary,
        lines,
        tuple(dict.fromkeys(warnings)),
        in_context("button", "Take it back"),
        back.digest,
        back.runs,
    )


async def restore_confirmed(context: Context, *, again: str) -> Verdict:
    """Restore the state before the changes that the confirmed plan names, and no others.

    They are not looked for anew: where a process died in the middle of this, the last change
    with effects that are left may be another one by now.
    """
    found = await list_recorded_changes(context)
    named = [change for change in found if change.run in context.confirmed]
    if not named:
        words = Text("what was to be taken back is as it was before.")
        return Verdict(State.DONE, words, next=suggest_commands(context, "status", again))
    return await restore_objects(context, await compare_with_before(context, named), again=again)


async def restore_objects(context: Context, back: UndoPlan, *, again: str) -> Verdict:
    """Restore everything, wait for pods and deletions, and compare once more."""
    whole = await app.is_page_whole(context) if restarts_application(context, back) else False
    for found in back.differences:
        context.progress.say(found.words)
        await restore_object(context, found.image)
    lagging = await wait_for_restored_pods(context, back)
    if lagging is not None:
        return lagging
    profile, failure = await undo_profile.restore_profile(context, back.changes)
    if failure is not None:
        return istioctl_failures.keep_evidence(failure, [found.words for found in back.differences])
    if left := await wait_until_restored(context, back):
        return Verdict(
            State.NOT_YET,
            Text("not everything is as it was."),
            Text(
                "{left}. Type it again.",
                left=Listed(map(describe_left_difference, left), "semicolon"),
            ),
            next=suggest_commands(context, again, "status"),
        )
    page = await app.wait_for_restored_page(context, wanted=whole)
    if page.cause:
        return Verdict(
            State.NOT_YET,
            Text("the objects are as they were."),
            Text("The page showed reviews before, and does not now: {cause}.", cause=page.cause),
            next=suggest_commands(context, "why", "status"),
        )
    # Only now: a change that was marked before its end could not be undone after a crash.
    for change in back.changes:
        await context.history.undone(change.run)
    # First what it is typed for: of a long list of objects the rest stands behind Details.
    evidence = (
        Text("objects differing afterwards: none"),
        *(line for found in back.differences for line in found.lines),
        *profile,
        *([page.words] if page.words else []),
    )
    return Verdict(
        State.DONE,
        Text("{typed} taken back.", typed=back.typed),
        evidence=evidence,
        next=suggest_commands(context, "status", again),
    )


def restarts_application(context: Context, back: UndoPlan) -> bool:
    """Tell whether restoring makes pods of the application anew, and leaves them there."""
    return any(
        found.image.kind.plural == DEPLOYMENT.plural
        and found.image.namespace == context.workshop.app_namespace
        and found.image.before is not None
        for found in back.differences
    )


def describe_left_difference(found: ObjectDifference) -> Text:
    """Return what is still not as it was, in words."""
    if found.image.before is None:
        return Text("still there: {name}", name=describe_image(found.image))
    return found.words


async def restore_object(context: Context, image: BeforeImage) -> None:
    """Restore one object. When a controller writes it at the same moment, the newer version is
    replaced.

    Raises Conflict after `MAX_ATTEMPTS` attempts.
    """
    if image.before is None:
        await context.cluster.delete(image.kind, image.name, image.namespace)
        return
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            await context.cluster.put(image.before)
        except Conflict:
            if attempt == MAX_ATTEMPTS:
                raise
        else:
            return


async def wait_for_restored_pods(context: Context, back: UndoPlan) -> Verdict | None:
    """Wait for the pods of the restored Deployments; return a verdict when they do not come,
    else None.
    """
    restored: dict[str, list[str]] = {}
    for found in back.differences:
        if found.image.kind.plural == DEPLOYMENT.plural and found.image.before is not None:
            restored.setdefault(found.image.namespace, []).append(found.image.name)
    for namespace, names in restored.items():
        lagging = await wait_for_deployments(context, namespace, names)
        if lagging:
            words = Text("the objects are as they were, but not all pods are ready.")
            return build_not_ready_verdict(context, words, lagging, "undo")
    return None


async def wait_until_restored(context: Context, back: UndoPlan) -> tuple[ObjectDifference, ...]:
    """Wait until nothing differs any more; return what still does in the end."""
    for found in back.differences:
        if found.image.kind.plural == NAMESPACE.plural and found.image.before is None:
            context.progress.say(
                Text("waiting until namespace {name} is gone", name=found.image.name)
            )
            await namespace_removal.wait_until_gone(context, found.image.name)
    deadline, pause = time.monotonic() + DELETION_TIMEOUT, 0.05
    while left := (await compare_with_before(context, back.changes)).differences:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(pause)
        pause = min(1.0, pause * 2)
    return left
