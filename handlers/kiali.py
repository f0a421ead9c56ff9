"""`/mesh kiali`: Kiali from the release's sample with the workshop's settings, until it answers and sees the mesh."""

from __future__ import annotations

from bot.knowledge import installation, kialiconfig, kialistatus
from bot.knowledge.answering import SILENCE, ask_until, at_kiali, silent
from bot.knowledge.deploying import Made, available, deployments, ensure, missing, not_ready, restart, sample
from bot.knowledge.offers import offer
from bot.ports import Ask
from bot.steps import Context, Options, Role, State, Step, Verdict

HEALTH = "/kiali/healthz"


async def run(context: Context, options: Options) -> Verdict:
    """Applies what differs, rolls Kiali when its settings changed, and asks it what it sees."""
    mesh = context.workshop.mesh_namespace
    if await installation.present(context) is None:
        return missing(context, f"Istio is not installed: there is no istiod in {mesh}", "install")
    objects = kialiconfig.changed(context, await sample(context, "addons/kiali.yaml", mesh))
    context.progress.say("applying Kiali with the workshop's settings")
    made = await ensure(context, objects)
    if "ConfigMap kiali" in made.changed and "Deployment kiali" not in (*made.new, *made.changed):
        await restart(context, mesh, "kiali")
    context.progress.say("waiting for Kiali; its first look at itself comes after half a minute")
    lagging = await available(context, mesh, deployments(objects))
    if lagging:
        return not_ready(context, "Kiali is applied, but not ready.", lagging, "kiali")
    return await proven(context, made, kialiconfig.says(objects))


async def proven(context: Context, made: Made, settings: tuple[str, ...]) -> Verdict:
    """Kiali answers, fits Istio, and reaches istiod and Prometheus; or which of these is not so."""
    context.progress.say("asking Kiali what it sees")
    ask = Ask(context.workshop.mesh_namespace, "kiali", 20001, HEALTH)
    heard = await ask_until(context, ask, lambda answer: answer.status == 200, seconds=SILENCE)
    if not heard.good:
        return Verdict(
            State.NOT_YET,
            "Kiali's pod is ready, but Kiali does not answer.",
            f"{silent('kiali', heard)} ({HEALTH}).",
            (made.words, *settings),
            next=offer(context, "kiali", "status"),
        )
    found = await kialistatus.look(context)
    evidence = (f"Kiali {found.version} answers {HEALTH}", *found.lines, *settings, made.words)
    if found.causes:
        words = "Kiali answers, but does not see everything."
        because = "; ".join(found.causes) + "."
        return Verdict(State.NOT_YET, words, because, evidence, next=offer(context, *found.next, "kiali"))
    links, lines = await at_kiali(context, "the mesh", lambda console: console.mesh())
    summary = f"Kiali {found.version} is ready." if made else f"Kiali {found.version} was already so; nothing changed."
    return Verdict(
        State.DONE, summary, "", evidence, links, offer(context, "bookinfo", "links", "status"), lines, found.notes
    )


STEP = Step(
    id="kiali",
    title="Kiali",
    summary="Kiali with the workshop's settings, until it answers and sees the mesh",
    run=run,
    role=Role.HOST,
    changes=True,
    examples=("kiali",),
)
