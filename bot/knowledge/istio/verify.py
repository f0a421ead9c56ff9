"""Verification of an installation: the verdict of `install`, with what was observed."""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import DAEMON_SET, DEPLOYMENT, MUTATING_WEBHOOK, Object
from bot.knowledge.istio import gateway_api, installation
from bot.knowledge.mesh_config import describe_tracing, read_mesh_config
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import count_ready_pods, get_labels, get_name, is_ready
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.steps import Context, Link, State, Verdict
from bot.text import EMPTY, Listed, Text

INJECTOR = "istio-revision-tag-default"
"""The webhook that injects; istioctl makes it last, and istiod gives it its CA (Istio 1.23 and
1.30)."""
PATIENCE = 30.0


async def verify_and_report(context: Context, *, already: bool, crds: Text) -> Verdict:
    """Check workloads, the injector, the mesh configuration and the GatewayClass, and return
    the verdict.
    """
    context.progress.say(Text("checking that it took effect"))
    workloads, missing = await describe_workloads(context)
    injector = await wait_for_injector(context)
    if not injector:
        missing.append(
            Text(
                "webhook {webhook} has no CA yet: sidecars would not be injected",
                webhook=INJECTOR,
            )
        )
    if not await gateway_api.wait_for_gateway_class(context):
        missing.append(Text("istiod has not accepted GatewayClass istio yet"))
    version = await installation.read_installed_version(context)
    config = await read_mesh_config(context)
    evidence: tuple[Text, ...] = (
        *workloads,
        describe_tracing(config),
        *(
            [
                Text(
                    "Envoy's access log goes to {accessLogFile}",
                    accessLogFile=config["accessLogFile"],
                )
            ]
            if config.get("accessLogFile")
            else []
        ),
        *([Text("sidecar injection answers (webhook has its CA)")] if injector else []),
        crds,
    )
    notes = (*context.mesh.notes, *note_missing_ingress(context, workloads))
    if missing:
        return Verdict(
            State.NOT_YET,
            Text("Istio {version} is installed, but not everything works yet.", version=version),
            Text(
                "{missing}. Give it a minute, then type it again.",
                missing=Listed(missing, "semicolon"),
            ),
            evidence,
            notes=notes,
            next=suggest_commands(context, "install", "status"),
        )
    summary = (
        Text("Istio {version} is already installed just so; nothing was changed.", version=version)
        if already
        else Text("Istio {version} is ready.", version=version)
    )
    return Verdict(
        State.DONE,
        summary,
        EMPTY,
        evidence,
        await link_to_mesh_page(context),
        suggest_commands(context, "addons", "kiali", "status", "links"),
        notes=notes,
    )


def note_missing_ingress(context: Context, workloads: Sequence[Text]) -> list[Text]:
    """Return a note about a mesh with ztunnel: it has no istio-ingressgateway."""
    has = any(str(line).startswith("ztunnel") for line in workloads)
    return [Text("The ambient profile has no istio-ingressgateway.")] if has else []


async def describe_workloads(context: Context) -> tuple[list[Text], list[Text]]:
    """Return a line for each workload of the installation, and a line for each that is not
    ready.
    """
    lines, missing = [], []
    for kind in (DEPLOYMENT, DAEMON_SET):
        owned = await context.cluster.find(
            kind, context.workshop.mesh_namespace, labels="operator.istio.io/managed=Reconcile"
        )
        for workload in owned:
            ready, wanted = count_ready_pods(workload)
            version = get_labels(workload).get("operator.istio.io/version", "?")
            lines.append(
                Text(
                    "{name} {ready}/{wanted} pods ready ({version})",
                    name=get_name(workload),
                    ready=ready,
                    wanted=wanted,
                    version=version,
                )
            )
            if not wanted and kind is DEPLOYMENT:
                missing.append(describe_scaled_down(context, get_name(workload)))
            elif not is_ready(workload):
                missing.append(
                    Text(
                        "{name} has {ready} of {wanted} pods",
                        name=get_name(workload),
                        ready=ready,
                        wanted=wanted,
                    )
                )
    return lines, missing


def describe_scaled_down(context: Context, workload: str) -> Text:
    """Describe a Deployment of the mesh that somebody scaled to 0, which istioctl leaves so."""
    line = f"kubectl scale deployment/{workload} -n {context.workshop.mesh_namespace} --replicas=1"
    return Text(
        "{workload} is scaled to 0; whoever did that: `{line}`", workload=workload, line=line
    )


async def wait_for_injector(context: Context) -> bool:
    """Wait until each webhook of the injector has its CA bundle; return False after PATIENCE
    seconds.
    """

    def answers(webhooks: list[Object]) -> bool:
        hooks = [
            hook for w in webhooks if get_name(w) == INJECTOR for hook in w.get("webhooks") or []
        ]
        return bool(hooks) and all(hook["clientConfig"].get("caBundle") for hook in hooks)

    return await wait_until(context, "", PATIENCE, (MUTATING_WEBHOOK,), answers)


async def link_to_mesh_page(context: Context) -> tuple[Link, ...]:
    """Return a link to Kiali's page of the mesh, when Kiali can be reached without a
    port-forward.
    """
    reached = await find_web_address(context, KIALI)
    return (
        (Link(Text("Kiali: the mesh"), build_console(reached).mesh_url()),)
        if reached.base and not reached.line
        else ()
    )
