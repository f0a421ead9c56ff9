"""Labels of the application's namespace, which decide how its pods get into the mesh."""

from __future__ import annotations

from collections.abc import Mapping

from bot.kinds import NAMESPACE, Object
from bot.knowledge.objects.conflicts import ObjectConflict, judge_labels, require_confirmed
from bot.knowledge.objects.workloads import get_labels
from bot.steps import Context
from bot.text import Listed, Text


async def find_label_conflicts(
    context: Context, wanted: Mapping[str, str | None]
) -> list[ObjectConflict]:
    """Return what setting these labels, or removing those that are None, takes from others."""
    live = await context.cluster.get(NAMESPACE, context.workshop.app_namespace)
    found = judge_labels(live, wanted) if live else None
    return [found] if found else []


async def relabel_namespace(
    context: Context, wanted: Mapping[str, str | None], *, asked: bool = False
) -> tuple[Text, ...]:
    """Set labels of the application's namespace, or remove those that are None; return the
    changes in words.

    `asked`: the step's plan asks about labels of others; a UserError is raised for what it did not
    ask about.
    """
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    if asked and live:
        require_confirmed(context, judge_labels(live, wanted))
    there = get_labels(live) if live else {}
    patch = {key: value for key, value in wanted.items() if there.get(key) != value}
    if patch:
        await context.cluster.merge(NAMESPACE, namespace, "", {"metadata": {"labels": patch}})
    return tuple(
        Text("label {key}={value} set", key=key, value=value)
        if value
        else describe_removal(live or {}, key)
        for key, value in patch.items()
    )


def describe_removal(live: Object, key: str) -> Text:
    """Return that a label is removed, with who set it, where that was somebody else."""
    lost = judge_labels(live, {key: None})
    if lost is None or not lost.managers:
        return Text("label {key} removed", key=key)
    managers = Listed(lost.managers, "comma")
    return Text("label {key} removed, which {managers} set", key=key, managers=managers)
