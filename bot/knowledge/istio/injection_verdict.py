"""What `inject` asks about first, and its verdict: the sidecars counted pod by pod, after they were
put in or taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.kinds import Object
from bot.knowledge.bookinfo import app
from bot.knowledge.istio import sidecar_rollout, sidecars
from bot.knowledge.istio.injectors import (
    AMBIENT_LABELS,
    INJECTION_LABEL,
    ON,
    change_labels,
    choose_labels,
    find_injector,
    read_injectors,
)
from bot.knowledge.istio.installation import REVISION
from bot.knowledge.objects.conflicts import build_plan, list_setters
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.observe.probes import link_to_kiali
from bot.steps import Context, Plan, State, Verdict
from bot.text import EMPTY, Listed, Text, in_context


@dataclass(frozen=True)
class InjectionResult:
    """Result of injecting (`on`) or removing sidecars: changed labels, restarted workloads, and
    the page afterwards, if it showed reviews before.

    `again`: the run goes on with what it had begun in a process that is gone.
    """

    on: bool
    labelled: tuple[Text, ...]
    restart: sidecar_rollout.RestartResult
    page: app.PageCheck
    again: bool = False

    @property
    def changed(self) -> bool:
        """True when something was labelled or restarted, or may have been by this run."""
        return bool(self.labelled or self.restart.restarted or self.again)


async def plan_injection(context: Context) -> Plan | None:
    """Return which labels of others in effect are changed on the namespace, and which programs of
    others restart; None when none is and none does.
    """
    found = await sidecars.find_noticed_labels(context)
    plan = build_plan(context, [found.conflict] if found.conflict else [])
    restarts = await describe_foreign_restarts(context, on=True)
    if plan is None:
        return build_restart_plan(context, restarts)
    plan = replace(
        plan, items=(*plan.items, *restarts), digest=compute_digest((plan.digest, restarts))
    )
    warnings = list(plan.warnings)
    if found.revision:
        left = Text("The pods leave the istiod of revision {revision}.", revision=found.revision)
        warnings.insert(0, left)
    if found.change.keys() & {*AMBIENT_LABELS}:
        warnings.insert(0, Text("The pods leave the ambient mesh: they restart with sidecars."))
    return replace(plan, warnings=tuple(warnings))


async def plan_removal(context: Context) -> Plan | None:
    """Return what `inject off` takes from others: labels by which pods ask for a sidecar
    themselves, and pods that are made anew; None when it takes neither. The namespace's labels are
    what it is asked for: they are named beside these.
    """
    labels = await sidecars.find_removed_labels(context)
    found = await sidecars.find_own_requests(context)
    restarts = await describe_foreign_restarts(context, on=False)
    if not found:
        return build_restart_plan(
            context, (*(labels.lines if labels and restarts else ()), *restarts)
        )
    requests = await describe_own_requests(context, found)
    items = (*(labels.lines if labels else ()), *requests, *restarts)
    return Plan(
        Text("some pods ask for a sidecar themselves, whatever their namespace says."),
        items,
        (Text("`{command} undo` brings the labels back.", command=context.command),),
        in_context("button", "Take them out"),
        compute_digest(items),
    )


def build_restart_plan(context: Context, restarts: Sequence[Text]) -> Plan | None:
    """Return the question about programs of others that restart, None when none does."""
    if not restarts:
        return None
    namespace = context.workshop.app_namespace
    return Plan(
        Text("others' programs are in {namespace} too.", namespace=namespace),
        tuple(restarts),
        confirm=in_context("button", "Restart them"),
        digest=compute_digest(restarts),
    )


async def describe_foreign_restarts(context: Context, *, on: bool) -> tuple[Text, ...]:
    """Return the Deployments beside Bookinfo's that others made and whose pods are made anew."""
    return tuple(
        Text(
            "restarts Deployment {name}, made by {managers}: its open connections end",
            name=get_name(each),
            managers=list_setters(each),
        )
        for each in await sidecars.find_foreign_restarts(context, on=on)
    )


async def describe_own_requests(
    context: Context, found: Mapping[str, Sequence[str]]
) -> tuple[Text, ...]:
    """Return the labels that are taken out of the pods of each Deployment, with who made that."""
    workloads = {get_name(each): each for each in await app.find_workloads(context)}
    return tuple(
        Text(
            "{keys} taken out of the pods of Deployment {name}, set by {managers}",
            keys=Listed(keys, "comma"),
            name=name,
            managers=list_setters(workloads[name]),
        )
        for name, keys in found.items()
        if name in workloads
    )


async def explain_missing_injector(context: Context) -> Text:
    """Return why nobody would inject the namespace's pods, without a full stop, or EMPTY."""
    injectors, labels = await read_injectors(context), await sidecars.read_labels(context)
    after = change_labels(labels, choose_labels(injectors, labels, on=True))
    if not injectors or find_injector(injectors, after, {}) is not None:
        return EMPTY
    return Text(
        "no injector takes pods of {namespace}: there is neither the default revision's nor just "
        "one other",
        namespace=context.workshop.app_namespace,
    )


async def verify_and_report(context: Context, result: InjectionResult) -> Verdict:
    """Count the sidecars again, pod by pod, and return the verdict."""
    found = await sidecars.read_sidecar_state(context, on=result.on)
    restarted = Listed(result.restart.restarted, "comma")
    evidence = (
        describe_pods(found),
        Text("no old pod is left"),
        *([result.page.words] if result.page.words else []),
        *result.labelled,
        Text("restarted: {restarted}", restarted=restarted)
        if restarted
        else Text("nothing had to be restarted"),
        *(await describe_left_out(context) if result.on else ()),
        *(describe_way_in(await sidecars.read_labels(context)) if result.on else ()),
        *(() if result.on else describe_unreached(found)),
    )
    links, lines = await link_to_kiali(
        context,
        Text("workloads"),
        lambda console: console.workloads_url(context.workshop.app_namespace),
    )
    following = (
        ("expose", "traffic", "graph", "status") if result.on else ("inject", "ambient", "status")
    )
    because = await explain_shortcoming(context, result)
    return Verdict(
        State.NOT_YET if because else State.DONE,
        summarize(result),
        because,
        evidence,
        links,
        suggest_commands(context, *following),
        lines,
        build_notes(result),
    )


async def explain_shortcoming(context: Context, result: InjectionResult) -> Text:
    """Return why it is not done, in one sentence, or EMPTY."""
    if pods := result.restart.unchanged:
        why = await sidecar_rollout.explain_unchanged_pods(context, pods, on=result.on)
        return Text("{why}.", why=why)
    if lost := result.page.cause:
        return Text("The page showed reviews before, and does not now: {cause}.", cause=lost)
    return EMPTY


async def describe_left_out(context: Context) -> tuple[Text, ...]:
    """Return the workloads that are never injected, each with the reason."""
    return tuple(
        Text("{name} asks not to be injected", name=get_name(workload))
        if sidecars.is_opted_out(workload)
        else Text(
            "{name} is on the host's network, which is never injected", name=get_name(workload)
        )
        for workload in await app.find_workloads(context)
        if sidecars.is_opted_out(workload) or sidecars.is_on_host_network(workload)
    )


def describe_unreached(found: sidecars.SidecarState) -> tuple[Text, ...]:
    """Return the pods that keep their sidecars because no Deployment makes them anew."""
    reached = {get_name(pod) for w in found.workloads for pod in found.select_pods(w)}
    kept = [
        get_name(pod)
        for pod in found.pods
        if has_sidecar(pod) and get_name(pod) not in reached and not is_gateway_pod(pod)
    ]
    if not kept:
        return ()
    return (
        Text(
            "pods that no Deployment makes anew keep their sidecars: {pods}",
            pods=Listed(kept, "comma"),
        ),
    )


def is_gateway_pod(pod: Object) -> bool:
    """Tell whether a pod is a gateway that the injector filled in."""
    annotations = pod["metadata"].get("annotations") or {}
    return "gateway" in str(annotations.get(sidecars.TEMPLATES, ""))


def describe_way_in(labels: Mapping[str, str]) -> tuple[Text, ...]:
    """Return the label that brings the sidecars, where it is not the usual one."""
    if labels.get(INJECTION_LABEL) == ON or REVISION not in labels:
        return ()
    return (Text("label {key}={value} injects as well", key=REVISION, value=labels[REVISION]),)


def summarize(result: InjectionResult) -> Text:
    """Return in one sentence where the application is now."""
    if result.restart.unchanged:
        return (
            Text("not every pod got its sidecar.")
            if result.on
            else Text("the labels are off, but pods still get a sidecar.")
        )
    if result.on and result.changed:
        return Text("Bookinfo is in the mesh.")
    if result.on:
        return Text("Bookinfo was already in the mesh; nothing was changed.")
    if result.changed:
        return Text("Bookinfo is out of the mesh.")
    return Text("Bookinfo was already out of the mesh; nothing was changed.")


def describe_pods(found: sidecars.SidecarState) -> Text:
    """Return a line with the number of pods that have a sidecar, or are without as wanted."""
    fine, total = found.counted
    if not found.on:
        return Text(
            "{fine} of {total} application pods are without sidecar", fine=fine, total=total
        )
    kind = (
        Text("native sidecars")
        if any(map(sidecars.has_native_sidecar, found.pods))
        else Text("containers of their own")
    )
    return Text(
        "{fine} of {total} application pods carry a sidecar, by their annotation ({kind})",
        fine=fine,
        total=total,
        kind=kind,
    )


def build_notes(result: InjectionResult) -> tuple[Text, ...]:
    """Return the notes: why pods were restarted."""
    notes = []
    if result.on and result.labelled:
        notes.append(
            Text(
                "It is a label on the namespace, and it counts when a pod is created: "
                "hence the restart."
            )
        )
    return tuple(notes)
