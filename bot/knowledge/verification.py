"""Whether an installation took effect: the verdict of `install`, with what was observed."""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import DAEMON_SET, DEPLOYMENT, MUTATING_WEBHOOK, Object
from bot.knowledge import gatewayapi, installation
from bot.knowledge.offers import offer
from bot.knowledge.reach import KIALI, console, reach
from bot.knowledge.waiting import until
from bot.knowledge.workloads import counts, is_ready, labels, name
from bot.steps import Context, Link, State, Verdict

INJECTOR = "istio-revision-tag-default"
"""The webhook that injects; istioctl makes it last, and istiod gives it its CA (Istio 1.23 and 1.30)."""
PATIENCE = 30.0


async def verdict(context: Context, *, already: bool, crds: str) -> Verdict:
    """Reads the live objects: workloads, the injector, the mesh configuration, the GatewayClass."""
    context.progress.say("checking that it took effect")
    workloads, missing = await workload_lines(context)
    injector = await injects(context)
    if not injector:
        missing.append(f"webhook {INJECTOR} has no CA yet: sidecars would not be injected")
    if not await gatewayapi.accepted(context):
        missing.append("istiod has not accepted GatewayClass istio yet")
    version = await installation.installed_version(context)
    config = await installation.mesh_config(context)
    evidence = (
        *workloads,
        installation.tracing_words(config),
        *([f"Envoy's access log goes to {config['accessLogFile']}"] if config.get("accessLogFile") else []),
        *(["sidecar injection answers (webhook has its CA)"] if injector else []),
        crds,
    )
    notes = (*context.mesh.notes, *ambient_note(context, workloads))
    if missing:
        return Verdict(
            State.NOT_YET,
            f"Istio {version} is installed, but not everything works yet.",
            "; ".join(missing) + ". Give it a minute, then type it again.",
            evidence,
            notes=notes,
            next=offer(context, "install", "status"),
        )
    summary = (
        f"Istio {version} is already installed just so; nothing was changed."
        if already
        else f"Istio {version} is ready."
    )
    return Verdict(
        State.DONE,
        summary,
        "",
        evidence,
        await links(context),
        offer(context, "addons", "kiali", "status", "links"),
        notes=notes,
    )


def ambient_note(context: Context, workloads: Sequence[str]) -> list[str]:
    """What should be known about a mesh with ztunnel."""
    has = any(line.startswith("ztunnel") for line in workloads)
    return ["The ambient profile has no istio-ingressgateway."] if has else []


async def workload_lines(context: Context) -> tuple[list[str], list[str]]:
    """One line for each workload of the installation, and what is not ready."""
    lines, missing = [], []
    for kind in (DEPLOYMENT, DAEMON_SET):
        owned = await context.cluster.find(
            kind, context.workshop.mesh_namespace, labels="operator.istio.io/managed=Reconcile"
        )
        for workload in owned:
            ready, wanted = counts(workload)
            version = labels(workload).get("operator.istio.io/version", "?")
            lines.append(f"{name(workload)} {ready}/{wanted} pods ready ({version})")
            if not wanted and kind is DEPLOYMENT:
                missing.append(scaled_down(context, name(workload)))
            elif not is_ready(workload):
                missing.append(f"{name(workload)} has {ready} of {wanted} pods")
    return lines, missing


def scaled_down(context: Context, workload: str) -> str:
    """What is said of a Deployment of the mesh that somebody scaled to 0, which istioctl leaves so."""
    line = f"kubectl scale deployment/{workload} -n {context.workshop.mesh_namespace} --replicas=1"
    return f"{workload} is scaled to 0; whoever did that: `{line}`"


async def injects(context: Context) -> bool:
    """Waits until each webhook of the injector has its CA bundle; False when it has not in time."""

    def answers(webhooks: list[Object]) -> bool:
        hooks = [hook for w in webhooks if name(w) == INJECTOR for hook in w.get("webhooks") or []]
        return bool(hooks) and all(hook["clientConfig"].get("caBundle") for hook in hooks)

    return await until(context, "", PATIENCE, (MUTATING_WEBHOOK,), answers)


async def links(context: Context) -> tuple[Link, ...]:
    """Kiali's page of the mesh, once there is a Kiali that can be reached without a port-forward."""
    reached = await reach(context, KIALI)
    return (Link("Kiali: the mesh", console(reached).mesh()),) if reached.base and not reached.line else ()
