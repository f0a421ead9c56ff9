"""`/mesh kiali`: Kiali from the release's sample with the workshop's settings, until it answers and
sees the mesh."""

from __future__ import annotations

from bot.knowledge.istio import kiali_status, revisions
from bot.knowledge.objects.apply import (
    ApplyResult,
    build_missing_verdict,
    build_not_ready_verdict,
    ensure_objects,
    list_deployment_names,
    restart_deployment,
    wait_for_deployments,
)
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe import kiali_config, kiali_plan
from bot.knowledge.observe.probes import SILENCE_TIMEOUT, ask_until, explain_silence, link_to_kiali
from bot.ports import HttpRequest
from bot.steps import Context, Options, Plan, Role, State, Step, Verdict
from bot.text import EMPTY, Listed, Text

HEALTH_PATH = "/kiali/healthz"


async def plan(context: Context, options: Options) -> Plan | None:
    """Return which settings of others Kiali would lose; None when it would lose none."""
    if await revisions.explain_absence(context):
        return None
    return await kiali_plan.plan_kiali(context)


async def run(context: Context, options: Options) -> Verdict:
    """Apply what differs, restart Kiali when its settings changed, and ask what it sees."""
    mesh = context.workshop.mesh_namespace
    if absent := await revisions.explain_absence(context):
        return build_missing_verdict(context, absent, "install")
    objects = await kiali_plan.load_objects(context)
    context.progress.say(Text("applying Kiali with the workshop's settings"))
    made = await ensure_objects(context, objects, asked=True)
    if "ConfigMap kiali" in made.changed and "Deployment kiali" not in (*made.new, *made.changed):
        await restart_deployment(context, mesh, "kiali")
    context.progress.say(
        Text("waiting for Kiali; its first look at itself comes after half a minute")
    )
    lagging = await wait_for_deployments(context, mesh, list_deployment_names(objects))
    if lagging:
        return build_not_ready_verdict(
            context, Text("Kiali is applied, but not ready."), lagging, "kiali"
        )
    return await verify_and_report(context, made, kiali_config.describe_settings(objects))


async def verify_and_report(
    context: Context, made: ApplyResult, settings: tuple[Text, ...]
) -> Verdict:
    """Return the verdict: Kiali answers, fits Istio and reaches what it needs, or what fails."""
    context.progress.say(Text("asking Kiali what it sees"))
    ask = HttpRequest(context.workshop.mesh_namespace, "kiali", 20001, HEALTH_PATH)
    heard = await ask_until(
        context, ask, lambda answer: answer.status == 200, seconds=SILENCE_TIMEOUT
    )
    if not heard.good:
        return Verdict(
            State.NOT_YET,
            Text("Kiali's pod is ready, but Kiali does not answer as it should."),
            Text("{why} ({path}).", why=explain_silence("kiali", heard), path=HEALTH_PATH),
            (made.words, *settings),
            next=suggest_commands(context, "kiali", "status"),
        )
    found = await kiali_status.read_kiali_status(context)
    evidence = (
        Text("Kiali {version} answers {path}", version=found.version, path=HEALTH_PATH),
        *found.lines,
        *settings,
        made.words,
    )
    if found.causes:
        return Verdict(
            State.NOT_YET,
            Text("Kiali answers, but does not see everything."),
            Text("{causes}.", causes=Listed(found.causes, "semicolon")),
            evidence,
            next=suggest_commands(context, *found.next, "kiali"),
        )
    links, lines = await link_to_kiali(
        context, Text("the mesh"), lambda console: console.mesh_url()
    )
    summary = (
        Text("Kiali {version} is ready.", version=found.version)
        if made or context.resumed
        else Text("Kiali {version} was already so; nothing changed.", version=found.version)
    )
    return Verdict(
        State.DONE,
        summary,
        EMPTY,
        evidence,
        links,
        suggest_commands(context, "bookinfo", "links", "status"),
        lines,
        found.notes,
    )


STEP = Step(
    id="kiali",
    title=Text("Kiali"),
    summary=Text("Kiali with the workshop's settings, until it answers and sees the mesh"),
    run=run,
    plan=plan,
    role=Role.HOST,
    changes=True,
    examples=("kiali",),
)
