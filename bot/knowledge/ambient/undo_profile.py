"""Restoring Istio's own profile when `ambient` is undone: it is not among the objects that
a run's images hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.knowledge.ambient import join, leave
from bot.knowledge.istio import install
from bot.knowledge.objects.suggestions import suggest_commands
from bot.records import Change
from bot.steps import Context, State, Verdict
from bot.text import Listed, Text

STEP = "ambient"


def find_previous_profile(changes: Sequence[Change]) -> str:
    """Return the profile before these changes, `default` or `ambient`; "" when they do not
    concern it.
    """
    went = [change for change in changes if change.step == STEP]
    if not went:
        return ""
    return "ambient" if "off" in went[-1].typed.split() else "default"


async def warn_about_profile(context: Context, changes: Sequence[Change]) -> list[Text]:
    """Return warnings about the profile, for the confirmation."""
    wanted, there = find_previous_profile(changes), await leave.has_ambient_profile(context)
    if wanted == "default" and there:
        if others := await join.find_other_ambient_namespaces(context):
            return [
                Text(
                    "Istio keeps the ambient profile: {others} are in the ambient mesh too.",
                    others=Listed(others, "comma"),
                )
            ]
        return [Text("Istio goes back to the default profile: istio-cni-node and ztunnel go.")]
    if wanted == "ambient" and not there:
        return [
            Text(
                "The profile does not come back with it: `{command} ambient` does all of this.",
                command=context.command,
            )
        ]
    return []


async def restore_profile(
    context: Context, changes: Sequence[Change]
) -> tuple[tuple[Text, ...], Verdict | None]:
    """Restore the profile once no pod is redirected any more; return what was done, and a
    verdict when it failed.
    """
    wanted, there = find_previous_profile(changes), await leave.has_ambient_profile(context)
    if wanted == "ambient" and not there:
        words = Text("the objects are as they were, but Istio has the default profile.")
        because = Text("no ztunnel runs for the label that came back.")
        return (), Verdict(
            State.NOT_YET,
            words,
            because,
            next=suggest_commands(context, "ambient", "status"),
        )
    if wanted != "default" or not there or await join.find_other_ambient_namespaces(context):
        return (), None
    if not await join.wait_until_released(context):
        words = Text("the objects are as they were, but pods are still in the ambient mesh.")
        because = Text("istio-cni does not let go of them: does istio-cni-node run on their nodes?")
        return (), Verdict(
            State.NOT_YET,
            words,
            because,
            next=suggest_commands(context, "ambient off", "status"),
        )
    upgrade = await join.plan_upgrade(context, "default")
    failure = await install.run_installation(context, upgrade.arguments)
    return (
        Text(
            "back to the default profile; settings repeated: {value}",
            value=", ".join(upgrade.repeated) or "tracing",
        ),
    ), failure
