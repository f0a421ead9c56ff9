"""Labels of the application's namespace, which decide how its pods get into the mesh."""

from __future__ import annotations

from collections.abc import Mapping

from bot.kinds import NAMESPACE
from bot.knowledge.objects.workloads import get_labels
from bot.steps import Context
from bot.text import Text


async def relabel_namespace(context: Context, wanted: Mapping[str, str | None]) -> tuple[Text, ...]:
    """Set labels of the application's namespace, or remove those that are None; return the
    changes in words.
    """
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    there = get_labels(live) if live else {}
    patch = {key: value for key, value in wanted.items() if there.get(key) != value}
    if patch:
        await context.cluster.merge(NAMESPACE, namespace, "", {"metadata": {"labels": patch}})
    return tuple(
        Text("label {key}={value} set", key=key, value=value)
        if value
        else Text("label {key} removed", key=key)
        for key, value in patch.items()
    )
