"""Writing an object: what that would change, asked of the API server beforehand, and doing it.

Server-side apply leaves what others set beside the fields that are applied. For Deployments and
the like that is meant, their pods do not depend on it. A rule with a field more is another rule:
where it must be `exact`, the object is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import NotFound
from bot.kinds import Kind, Object
from bot.knowledge.objects.desired import extract_desired_state
from bot.knowledge.objects.diff import Difference, find_differences
from bot.knowledge.objects.ownership import (
    find_owners,
    is_applied_by_bot_alone,
    is_meaningful,
    is_of_controllers,
)
from bot.knowledge.objects.workloads import get_name
from bot.steps import Context
from bot.text import Text


@dataclass(frozen=True)
class PlannedWrite:
    """What writing an object changes.

    `live` is the object as it is, None where there is none yet. `exact`: nothing is to be left in
    it that was not asked for; `replacement` is what takes its place where applying alone would.
    """

    wanted: Object
    live: Object | None = None
    differences: tuple[Difference, ...] = ()
    exact: bool = False
    replacement: Object | None = None

    @property
    def is_needed(self) -> bool:
        """Whether anything has to be written."""
        return self.live is None or bool(self.differences)


async def resolve_kind(context: Context, obj: Object) -> Kind:
    """Return the type of an object as the cluster serves it. Raises NotFound when it does not."""
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    for kind in await context.cluster.types(group):
        if kind.kind == obj["kind"]:
            return kind._replace(version=version)
    raise NotFound(
        Text(
            "the cluster does not serve {kind} in {version}",
            kind=obj["kind"],
            version=obj["apiVersion"],
        ),
        status=404,
    )


async def get_live(context: Context, obj: Object) -> Object | None:
    """Return the object in the cluster that has a manifest's type, name and namespace, or None."""
    kind = await resolve_kind(context, obj)
    return await context.cluster.get(kind, get_name(obj), obj["metadata"].get("namespace", ""))


async def compare_write(context: Context, obj: Object, *, exact: bool = False) -> PlannedWrite:
    """Ask the API server, by dry runs, what writing an object would change."""
    live = await get_live(context, obj)
    if live is None:
        return PlannedWrite(obj)
    before = extract_desired_state(live)
    after = extract_desired_state(await context.cluster.apply(obj, force=True, dry_run=True))
    replacement = None
    if exact and not is_applied_by_bot_alone(live):
        body = build_replacement(live, obj)
        # What the server makes of it has the type's defaults, as what was applied has.
        replaced = extract_desired_state(await context.cluster.put(body, dry_run=True))
        if replaced != after:
            after, replacement = replaced, body
    return PlannedWrite(obj, live, tuple(find_differences(before, after)), exact, replacement)


async def write_object(context: Context, write: PlannedWrite) -> None:
    """Carry a write out, if anything has to be written."""
    if write.replacement is not None:
        await context.cluster.put(write.replacement)
    if write.is_needed:
        await context.cluster.apply(write.wanted, force=True)


def build_replacement(live: Object, wanted: Object) -> Object:
    """Return a manifest with what is kept of the live object beside it: what Kubernetes ties it
    to, and labels and annotations that mean nothing to the mesh or that its controllers set.
    """
    ties = ("finalizers", "ownerReferences")
    kept = {key: live["metadata"][key] for key in ties if key in live["metadata"]}
    for place in ("labels", "annotations"):
        notes = {
            key: value
            for key, value in (live["metadata"].get(place) or {}).items()
            if not is_meaningful(key)
            or is_of_controllers(find_owners(live, ("metadata", place, key)))
        }
        if both := notes | (wanted["metadata"].get(place) or {}):
            kept[place] = both
    return {**wanted, "metadata": {**wanted["metadata"], **kept}}
