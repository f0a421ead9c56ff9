"""Out of the ambient mesh: waypoint and labels first, while istio-cni still runs, and only then the
default profile.
"""

from __future__ import annotations

from bot.kinds import DAEMON_SET, POD
from bot.knowledge.ambient import join, waypoints
from bot.knowledge.istio import install, istioctl_failures
from bot.knowledge.istio.uninstall import has_redirection
from bot.knowledge.mesh_config import describe_tracing, read_mesh_config, read_telemetries
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.namespace_labels import find_label_conflicts, relabel_namespace
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing.request_proof import (
    NOBODY,
    Expectation,
    count_pages,
    wait_for_expectations,
)
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Plan, State, Verdict
from bot.text import Listed, Text, in_context


async def has_ambient_profile(context: Context) -> bool:
    """Tell whether the ambient profile is installed: ztunnel's DaemonSet exists."""
    return (
        await context.cluster.get(DAEMON_SET, "ztunnel", context.workshop.mesh_namespace)
        is not None
    )


async def plan_leaving(context: Context) -> Plan | None:
    """Return what would change, or None when nothing would."""
    now = await take_snapshot(context)
    items = [Text("waypoint {name} removed", name=name) for name in waypoints.list_waypoints(now)]
    items += waypoints.describe_foreign_waypoints(now)
    if waypoints.list_waypoints(now):
        items += waypoints.describe_foreign_routes(now)
    if join.LABEL in now.app_labels:
        items.append(Text("label {key} removed", key=join.LABEL))
        for conflict in await find_label_conflicts(context, {join.LABEL: None}):
            items += conflict.lines
    warnings, details = list[Text](), tuple[Text, ...]()
    if await has_ambient_profile(context):
        if others := await join.find_other_ambient_namespaces(context):
            warnings.append(join.explain_kept_profile(others))
        else:
            upgrade = await join.plan_upgrade(context, "default")
            items += describe_downgrade(upgrade)
            warnings += upgrade.warn_about_losses()
            details = upgrade.difference.lines
    if not items:
        return None
    return Plan(
        Text("out of the ambient mesh."),
        tuple(items),
        tuple(warnings),
        in_context("button", "Leave ambient"),
        compute_digest((items, details)),
        details=details,
    )


def describe_downgrade(upgrade: join.ProfileUpgrade) -> list[Text]:
    """Return what becomes of the installation, in words."""
    found = upgrade.difference
    if not found:
        return []
    added = [thing for thing in found.new if str(thing).startswith("Deployment ")]
    return [
        *(Text("removes {thing}", thing=thing) for thing in found.removed),
        Text(
            "Istio gets the default profile; settings repeated: {settings}",
            settings=upgrade.settings,
        ),
        *(Text("adds {added}", added=thing) for thing in added),
    ]


async def leave_ambient(context: Context) -> Verdict:
    """Release the namespace, restore the default profile, and check that the page still
    answers.
    """
    now = await take_snapshot(context)
    done = list(await waypoints.remove_waypoints(context, now))
    done += await relabel_namespace(context, {join.LABEL: None})
    # Only istio-cni takes the redirection out of a pod, so the profile stays until it has.
    if not await join.wait_until_released(context):
        return await build_held_pods_verdict(context, tuple(done))
    others = await join.find_other_ambient_namespaces(context)
    if await has_ambient_profile(context) and not others:
        restored, failure = await restore_default_profile(context)
        if failure is not None:
            return istioctl_failures.keep_evidence(failure, done)
        done.append(restored)
    if not (done or context.resumed):
        words = Text("the application was not in the ambient mesh; nothing was changed.")
        return Verdict(State.DONE, words, next=suggest_commands(context, "ambient", "status"))
    return await verify_and_report(context, done, others)


async def build_held_pods_verdict(context: Context, done: tuple[Text, ...]) -> Verdict:
    """Return the verdict when istio-cni does not release pods, which it names."""
    pods = [
        get_name(pod)
        for pod in await context.cluster.find(POD, context.workshop.app_namespace)
        if has_redirection(pod)
    ]
    because = Text(
        "istio-cni does not let go of {pods}: does istio-cni-node run on their nodes?",
        pods=Listed(pods, "comma"),
    )
    words = Text(
        "the label is off, but pods are still in the ambient mesh; the profile was left as it is."
    )
    following = suggest_commands(context, "ambient off", "status")
    return Verdict(State.NOT_YET, words, because, done, next=following)


async def restore_default_profile(context: Context) -> tuple[Text, Verdict | None]:
    """Install the default profile with every setting repeated; return what was done, and a
    verdict when it failed.
    """
    upgrade = await join.plan_upgrade(context, "default")
    failure = await install.run_installation(context, upgrade.arguments)
    words = Text(
        "back to the default profile; settings repeated: {settings}", settings=upgrade.settings
    )
    return words, failure


async def verify_and_report(context: Context, done: list[Text], others: tuple[str, ...]) -> Verdict:
    """Check that no agent is left, no pod is redirected and the page answers, and return the
    verdict.
    """
    kept = (join.explain_kept_profile(others),) if others else ()
    if not others:
        await wait_until(
            context,
            context.workshop.mesh_namespace,
            context.workshop.readiness_timeout,
            (DAEMON_SET,),
            lambda daemons: not {get_name(d) for d in daemons} & set(join.AGENTS),
        )
    answered = Expectation(NOBODY, Text("pages"), lambda seen: count_pages(seen) > 0)
    observed = await wait_for_expectations(context, answered)
    evidence = (
        *done,
        Text("no pod is redirected any more"),
        *([] if others else [Text("istio-cni-node and ztunnel are gone")]),
        *observed.lines,
        describe_tracing(await read_mesh_config(context), await read_telemetries(context)),
    )
    if not observed.holds:
        words = Text("the application is out of the ambient mesh, but its page was not seen.")
        return Verdict(
            State.NOT_YET,
            words,
            observed.because,
            evidence,
            next=suggest_commands(context, "status"),
            notes=kept,
        )
    words = Text("the application is out of the ambient mesh.")
    return Verdict(
        State.DONE,
        words,
        evidence=evidence,
        next=suggest_commands(context, "inject", "status"),
        notes=kept,
    )
