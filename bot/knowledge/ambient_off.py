"""Out of the ambient mesh: waypoint and labels first, while istio-cni still runs, and only then the default profile."""

from __future__ import annotations

import hashlib

from bot.kinds import DAEMON_SET, POD
from bot.knowledge import ambient, installation, installing, waypoints
from bot.knowledge.demolition import captured
from bot.knowledge.offers import offer
from bot.knowledge.proof import NOBODY, Expectation, observe, pages
from bot.knowledge.snapshot import take
from bot.knowledge.waiting import until
from bot.knowledge.workloads import name
from bot.steps import Context, Plan, State, Verdict


async def installed(context: Context) -> bool:
    """Whether the ambient profile is there."""
    return await context.cluster.get(DAEMON_SET, "ztunnel", context.workshop.mesh_namespace) is not None


async def plan(context: Context) -> Plan | None:
    """What would change; nothing to ask when nothing is there."""
    now = await take(context)
    items = [f"waypoint {called} removed" for called in waypoints.there(now)]
    items += [f"label {ambient.LABEL} removed"] if ambient.LABEL in now.app_labels else []
    warnings = []
    if await installed(context):
        if others := await ambient.others(context):
            warnings = [f"Istio keeps the ambient profile: {', '.join(others)} are in the ambient mesh too."]
        else:
            items += ambient.shortened((await ambient.upgrade(context, "default")).difference)
    if not items:
        return None
    digest = hashlib.sha256(repr(items).encode()).hexdigest()[:16]
    return Plan("out of the ambient mesh.", tuple(items), tuple(warnings), "Leave ambient", digest)


async def run(context: Context) -> Verdict:
    """Takes the namespace out, then the profile back, and looks whether the page still answers."""
    now = await take(context)
    done = list(await waypoints.remove(context, now))
    done += await ambient.relabel(context, {ambient.LABEL: None})
    if not await ambient.released(context):
        pods = [name(pod) for pod in await context.cluster.find(POD, context.workshop.app_namespace) if captured(pod)]
        because = f"istio-cni does not let go of {', '.join(pods)}: does istio-cni-node run on their nodes?"
        words = "the label is off, but pods are still in the ambient mesh; the profile was left as it is."
        return Verdict(State.NOT_YET, words, because, tuple(done), next=offer(context, "ambient off", "status"))
    others = await ambient.others(context)
    if await installed(context) and not others:
        upgrade = await ambient.upgrade(context, "default")
        if (failure := await installing.carry_out(context, upgrade.arguments)) is not None:
            return failure
        done += [f"back to the default profile; settings repeated: {', '.join(upgrade.repeated) or 'tracing'}"]
    if not done:
        words = "the application was not in the ambient mesh; nothing was changed."
        return Verdict(State.DONE, words, next=offer(context, "ambient", "status"))
    return await proven(context, done, others)


async def proven(context: Context, done: list[str], others: tuple[str, ...]) -> Verdict:
    """No agent is left, no pod is redirected, and the page answers."""
    kept = (f"Istio keeps the ambient profile: {', '.join(others)} are in the ambient mesh too.",) if others else ()
    if not others:
        await until(
            context,
            context.workshop.mesh_namespace,
            context.workshop.readiness_timeout,
            (DAEMON_SET,),
            lambda daemons: not {name(d) for d in daemons} & set(ambient.AGENTS),
        )
    answered = Expectation(NOBODY, "pages", lambda seen: pages(seen) > 0)
    observed = await observe(context, answered)
    evidence = (
        *done,
        "no pod is redirected any more",
        *([] if others else ["istio-cni-node and ztunnel are gone"]),
        *observed.lines,
        installation.tracing_words(await installation.mesh_config(context)),
    )
    if not observed.holds:
        words = "the application is out of the ambient mesh, but its page was not seen."
        return Verdict(State.NOT_YET, words, observed.because, evidence, next=offer(context, "status"), notes=kept)
    words = "the application is out of the ambient mesh."
    return Verdict(State.DONE, words, evidence=evidence, next=offer(context, "inject", "status"), notes=kept)
