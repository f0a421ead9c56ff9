"""Istio's own profile when `ambient` is taken back: it is not among the objects that a run's images hold."""

from __future__ import annotations

from collections.abc import Sequence

from bot.knowledge import ambient, ambient_off, installing
from bot.knowledge.offers import offer
from bot.records import Change
from bot.steps import Context, State, Verdict

STEP = "ambient"


def left(changes: Sequence[Change]) -> str:
    """What the profile was before these changes: `default` or `ambient`, or "" when they do not concern it."""
    went = [change for change in changes if change.step == STEP]
    if not went:
        return ""
    return "ambient" if "off" in went[-1].typed.split() else "default"


async def warnings(context: Context, changes: Sequence[Change]) -> list[str]:
    """What is said of it before it is done."""
    wanted, there = left(changes), await ambient_off.installed(context)
    if wanted == "default" and there:
        if others := await ambient.others(context):
            return [f"Istio keeps the ambient profile: {', '.join(others)} are in the ambient mesh too."]
        return ["Istio goes back to the default profile: istio-cni-node and ztunnel go."]
    if wanted == "ambient" and not there:
        return [f"The profile does not come back with it: `{context.command} ambient` does all of this."]
    return []


async def take_back(context: Context, changes: Sequence[Change]) -> tuple[tuple[str, ...], Verdict | None]:
    """Brings the profile back once no pod is redirected any more: what was done, and a verdict when it failed."""
    wanted, there = left(changes), await ambient_off.installed(context)
    if wanted == "ambient" and not there:
        words = "the objects are as they were, but Istio has the default profile."
        because = "no ztunnel runs for the label that came back."
        return (), Verdict(State.NOT_YET, words, because, next=offer(context, "ambient", "status"))
    if wanted != "default" or not there or await ambient.others(context):
        return (), None
    if not await ambient.released(context):
        words = "the objects are as they were, but pods are still in the ambient mesh."
        because = "istio-cni does not let go of them: does istio-cni-node run on their nodes?"
        return (), Verdict(State.NOT_YET, words, because, next=offer(context, "ambient off", "status"))
    upgrade = await ambient.upgrade(context, "default")
    failure = await installing.carry_out(context, upgrade.arguments)
    return (f"back to the default profile; settings repeated: {', '.join(upgrade.repeated) or 'tracing'}",), failure
