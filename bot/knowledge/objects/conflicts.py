"""What a step would take from others: fields and objects that the bot did not set, who set them,
and the question about them.

A step with a `plan` looks here for what it is about to write, to delete and to relabel. What nobody
else made is written without a question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.errors import NotFound, UserError
from bot.kinds import Object
from bot.knowledge.objects.changes import (
    Change,
    count_known,
    describe_changes,
    describe_difference,
    find_changes,
    name_steps,
)
from bot.knowledge.objects.diff import Difference, describe_object, find_losses
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.ownership import (
    find_owners,
    is_note,
    is_of_controllers,
    is_own,
    is_recorded,
    list_foreign_owners,
    name_fields,
    owns,
    read_owners,
    select_meaningful_fields,
)
from bot.knowledge.objects.workloads import get_labels
from bot.knowledge.objects.writes import PlannedWrite, compare_write
from bot.ports import FIELD_MANAGER
from bot.steps import Context, Plan
from bot.text import EMPTY, Listed, Text, counted, in_context, join, verbatim

MOST_CONCURRENT = 8
"""Objects that are compared at the same time."""
MOST_CHANGES = 8
"""Changes of one object that are listed; what people know is listed whatever it takes."""


@dataclass(frozen=True)
class ObjectConflict:
    """An object of which others set something, and what a step does to that.

    `changes` are losses in words, one a line, the `known` ones first; an object that is deleted
    goes as a whole.
    """

    object: str
    managers: tuple[str, ...]
    changes: tuple[Text, ...] = ()
    is_deletion: bool = False
    known: int = 0

    @property
    def words(self) -> Text:
        """What happens to which object, and who set what is lost."""
        by = Listed(self.managers, "comma")
        if self.is_deletion:
            return (
                Text("deletes {object}, set by {managers}", object=self.object, managers=by)
                if self.managers
                else Text("deletes {object}; it does not say who made it", object=self.object)
            )
        return (
            Text("changes {object}, set by {managers}", object=self.object, managers=by)
            if self.managers
            else Text("changes {object}; it does not say who made it", object=self.object)
        )

    @property
    def id(self) -> str:
        """What is the same again as long as just this is lost."""
        return f"{self.object} {compute_digest((self.words, self.changes))}"

    @property
    def lines(self) -> tuple[Text, ...]:
        """The words, and each loss in a line below them."""
        most = max(self.known, MOST_CHANGES)
        shown = [Text("◦ {change}", change=change) for change in self.changes[:most]]
        if more := len(self.changes[most:]):
            shown.append(counted("◦ … and {n} more", "◦ … and {n} more", n=more))
        return (self.words, *shown)


async def find_write_conflicts(
    context: Context, objects: Iterable[Object], *, exact: bool = False
) -> list[ObjectConflict]:
    """Return what applying these objects would take from others; `exact` as for compare_write."""
    limit = asyncio.Semaphore(MOST_CONCURRENT)

    async def compare(obj: Object) -> ObjectConflict | None:
        async with limit:
            try:
                return judge_write(await compare_write(context, obj, exact=exact))
            except NotFound:
                # Without the type, or the namespace, there is nothing in the way.
                return None

    return [found for found in await asyncio.gather(*map(compare, objects)) if found is not None]


def judge_write(write: PlannedWrite) -> ObjectConflict | None:
    """Return what a write takes from others, None when it takes nothing."""
    return judge_differences(write.live, write.differences) if write.live else None


def judge_differences(live: Object, differences: Sequence[Difference]) -> ObjectConflict | None:
    """Return what these differences from a live object take from others, None when nothing.

    Settings that are only added within a text take nothing away, where the bot set something too.
    """
    lost, managers = select_foreign_differences(live, differences)
    # Within a list, or a text, that is one field, what is only added is nobody's loss.
    told = [loss for each in lost for loss in find_losses(*each[1:], each.path) or [each]]
    found = [
        change for each in told for change in find_changes(*each[1:], name_steps(live, each.path))
    ]
    mixed = any(owner.manager == FIELD_MANAGER for owner in read_owners(live))
    if not found or (mixed and all(map(is_added_setting, found))):
        return None
    changes = select_losses(found)
    words = tuple(describe_changes(changes))
    return ObjectConflict(describe_object(live), managers, words, known=count_known(changes))


def is_added_setting(change: Change) -> bool:
    """Tell whether a change adds a setting within a text."""
    return bool(change.inside) and change.before is None


def select_losses(changes: Sequence[Change]) -> list[Change]:
    """Return the changes without settings that are only added within a text; all, where there is
    nothing else.
    """
    return [each for each in changes if not is_added_setting(each)] or list(changes)


def select_foreign_differences(
    live: Object, differences: Sequence[Difference]
) -> tuple[list[Difference], tuple[str, ...]]:
    """Return the differences that change what others set, and who set that.

    An object without managedFields does not say who: all of it is taken for others'. To one in
    which the bot set nothing yet, nothing is added unasked either.
    """
    expanded = [part for each in differences for part in split_metadata(each)]
    meant = [each for each in expanded if not is_note(each.path)]
    if not is_recorded(live):
        return meant, ()
    owners, own = list_foreign_owners(live), is_own(live)
    lost, managers = list[Difference](), list[str]()
    for each in meant:
        theirs = [owner.manager for owner in owners if owns(owner.fields, live, each.path)]
        theirs = theirs or ([] if own else [owner.manager for owner in owners])
        if theirs:
            lost.append(each)
            managers += theirs
    return lost, tuple(dict.fromkeys(managers))


def split_metadata(found: Difference) -> list[Difference]:
    """Return a difference in all labels, or all annotations, as one for each key."""
    if len(found.path) != 2 or found.path[0] != "metadata":
        return [found]
    before, after = (part if isinstance(part, dict) else {} for part in found[1:])
    return [
        Difference((*found.path, key), before.get(key), after.get(key))
        for key in dict.fromkeys((*before, *after))
    ]


def judge_deletion(live: Object) -> ObjectConflict | None:
    """Return what deleting an object takes from others, None when all of it is the bot's."""
    owners, name = list_foreign_owners(live), describe_object(live)
    if not is_recorded(live):
        return ObjectConflict(name, (), is_deletion=True)
    if not owners:
        return None
    managers = dict.fromkeys(owner.manager for owner in owners)
    fields = dict.fromkeys(field for owner in owners for field in name_fields(owner.fields))
    lost = verbatim(", ".join(fields))
    return ObjectConflict(name, tuple(managers), (lost,), is_deletion=True)


def list_setters(live: Object) -> Text | Listed:
    """Return who set what an object means, the bot too, in words."""
    managers = dict.fromkeys(
        owner.manager for owner in read_owners(live) if select_meaningful_fields(owner.fields)
    )
    return Listed(managers, "comma") if managers else Text("somebody unknown")


def judge_labels(live: Object, wanted: Mapping[str, str | None]) -> ObjectConflict | None:
    """Return which labels of others are changed or removed (None) on an object; None when none.

    A label that is not there yet is nobody's.
    """
    lost, managers = list[Difference](), list[str]()
    for key, value in wanted.items():
        before, path = get_labels(live).get(key), ("metadata", "labels", key)
        owners = find_owners(live, path)
        if before in (None, value) or FIELD_MANAGER in owners or is_of_controllers(owners):
            continue
        lost.append(Difference(("label", key), before, value))
        managers += owners
    if not lost:
        return None
    changes = tuple(line for each in lost for line in describe_difference(each))
    return ObjectConflict(describe_object(live), tuple(dict.fromkeys(managers)), changes)


def build_plan(
    context: Context, conflicts: Sequence[ObjectConflict], summary: Text = EMPTY
) -> Plan | None:
    """Return the question about all that would be lost, None when nothing would.

    `summary` says what the step will do; the step is one that undo can take back.
    """
    if not conflicts:
        return None
    lines = tuple(line for conflict in conflicts for line in conflict.lines)
    removes = all(conflict.is_deletion for conflict in conflicts)
    return Plan(
        join("sentences", summary, Text("That takes what others made.")),
        lines,
        (Text("`{command} undo` brings it back afterwards.", command=context.command),),
        in_context("button", "Take it away") if removes else in_context("button", "Replace it"),
        compute_digest(lines),
        tuple(conflict.id for conflict in conflicts),
    )


def require_confirmed(context: Context, conflict: ObjectConflict | None) -> None:
    """Raise UserError when something would be taken from others that nobody was asked about.

    Its step asks beforehand; between that and a write somebody else may have written, too.
    """
    if conflict is not None and conflict.id not in context.confirmed:
        raise UserError(
            Text(
                "Others changed something just now, and nobody was asked about it: {what}.",
                what=conflict.words,
            ),
            Text("Type it again: it asks first."),
        )
