"""Verification of an installation: the verdict of `install`, with what was observed."""

from __future__ import annotations

from dataclasses import dataclass

from bot.kinds import MUTATING_WEBHOOK, POD, SERVICE, Object
from bot.knowledge.istio import gateway_api_crds, installation, revisions
from bot.knowledge.mesh_config import describe_tracing, read_mesh_config, read_telemetries
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import (
    count_ready_pods,
    get_condition,
    get_name,
    is_ready,
)
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.steps import Context, Link, State, Verdict
from bot.text import EMPTY, Listed, Text, counted

INJECTOR = "istio-revision-tag-default"
"""The webhook that injects; istioctl makes it last, and istiod gives it its CA (Istio 1.23 and
1.30)."""
INJECTOR_TIMEOUT = 30.0
"""Seconds in which istiod gives the webhook its CA."""


@dataclass(frozen=True)
class InstallationReport:
    """What was observed of an installation, and what is missing."""

    evidence: tuple[Text, ...]
    missing: tuple[Text, ...]
    notes: tuple[Text, ...]


async def verify_and_report(context: Context, *, already: bool, crds: Text) -> Verdict:
    """Check workloads, the injector, the mesh configuration and the GatewayClass.

    `already` says that nothing had to be changed, `crds` what became of the Gateway API's CRDs.
    """
    context.progress.say(Text("checking that it took effect"))
    report = await observe_installation(context, crds)
    version = await installation.read_installed_version(context)
    if report.missing:
        return Verdict(
            State.NOT_YET,
            Text("Istio {version} is installed, but not everything works yet.", version=version),
            Text("{missing}.", missing=Listed(report.missing, "semicolon")),
            report.evidence,
            notes=report.notes,
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
        report.evidence,
        await link_to_mesh_page(context),
        suggest_commands(context, "addons", "kiali", "status", "links"),
        notes=report.notes,
    )


async def observe_installation(context: Context, crds: Text) -> InstallationReport:
    """Read what the installation has, and wait for the injector and the GatewayClass."""
    workloads = await installation.find_workloads(context)
    evidence = [*map(describe_workload, workloads)]
    missing = [why for w in workloads if (why := explain_unready_workload(context, w))]
    if not any(get_name(workload) == "istiod" for workload in workloads):
        missing.append(
            Text("there is no istiod in {mesh}", mesh=context.workshop.mesh_namespace),
        )
    injector = await wait_for_injector(context)
    if not injector:
        missing.append(
            Text(
                "webhook {webhook} has no CA yet: sidecars would not be injected", webhook=INJECTOR
            )
        )
    elif silent := await explain_silent_injector(context):
        injector = False
        missing.append(silent)
    if not await gateway_api_crds.wait_for_gateway_class(context):
        missing.append(Text("istiod has not accepted GatewayClass istio yet"))
    config = await read_mesh_config(context)
    evidence.append(describe_tracing(config, await read_telemetries(context)))
    if config.get("accessLogFile"):
        evidence.append(
            Text("Envoy's access log goes to {file}", file=str(config["accessLogFile"]))
        )
    if injector:
        evidence.append(Text("sidecar injection answers (webhook has its CA)"))
    # First what is there beside it: of many notes the first stands in the channel.
    notes = [*await note_neighbours(context), *context.mesh.notes]
    if any(get_name(workload) == "ztunnel" for workload in workloads):
        notes.append(Text("The ambient profile has no istio-ingressgateway."))
    return InstallationReport((*evidence, crds), tuple(missing), tuple(notes))


async def note_neighbours(context: Context) -> list[Text]:
    """Return what is there beside the installation: what has not gone yet, and other control
    planes.
    """
    notes = []
    if leaving := await installation.find_leaving_workloads(context):
        notes.append(
            counted(
                "{names} is still being removed: its last pods, or a finalizer, hold it.",
                "{names} are still being removed: their last pods, or finalizers, hold them.",
                n=len(leaving),
                names=Listed(leaving, "comma"),
            )
        )
    if others := await revisions.find_other_control_planes(context):
        planes = revisions.list_planes(others)
        notes.append(Text("Another control plane runs beside it: {planes}.", planes=planes))
    return notes


def describe_workload(workload: Object) -> Text:
    """Return `istiod 1/1 pods ready (1.30.3)`."""
    ready, wanted = count_ready_pods(workload)
    return Text(
        "{name} {ready}/{wanted} pods ready ({version})",
        name=get_name(workload),
        ready=ready,
        wanted=wanted,
        version=installation.get_istio_version(workload),
    )


def explain_unready_workload(context: Context, workload: Object) -> Text:
    """Return why a workload of the installation is not ready; EMPTY when it is."""
    ready, wanted = count_ready_pods(workload)
    if not wanted and workload["kind"] == "Deployment":
        return describe_scaled_down(context, get_name(workload))
    if is_ready(workload):
        return EMPTY
    return Text(
        "{name} has {ready} of {wanted} pods", name=get_name(workload), ready=ready, wanted=wanted
    )


def describe_scaled_down(context: Context, workload: str) -> Text:
    """Describe a Deployment of the mesh that somebody scaled to 0, which istioctl leaves so."""
    line = f"kubectl scale deployment/{workload} -n {context.workshop.mesh_namespace} --replicas=1"
    return Text(
        "{workload} is scaled to 0; this scales it up again: `{line}`", workload=workload, line=line
    )


async def wait_for_injector(context: Context) -> bool:
    """Wait until each webhook of the injector has its CA; return False after INJECTOR_TIMEOUT."""

    def have_ca(webhooks: list[Object]) -> bool:
        hooks = [
            hook for w in webhooks if get_name(w) == INJECTOR for hook in w.get("webhooks") or []
        ]
        return bool(hooks) and all(hook["clientConfig"].get("caBundle") for hook in hooks)

    return await wait_until(context, "", INJECTOR_TIMEOUT, (MUTATING_WEBHOOK,), have_ca)


async def explain_silent_injector(context: Context) -> Text:
    """Return why nobody answers the injector's webhook although it has its CA, EMPTY when somebody
    can: the CA of an istiod that is gone stays in it.
    """
    webhook = await context.cluster.get(MUTATING_WEBHOOK, INJECTOR)
    for hook in (webhook or {}).get("webhooks") or []:
        asked = hook["clientConfig"].get("service")
        if asked is None:
            continue
        name, namespace = str(asked["name"]), str(asked["namespace"])
        service = await context.cluster.get(SERVICE, name, namespace)
        if service is None:
            return Text(
                "webhook {webhook} leads to Service {name} in {namespace}, which is not there",
                webhook=INJECTOR,
                name=name,
                namespace=namespace,
            )
        if not await has_ready_pod(context, service):
            return Text(
                "webhook {webhook} leads to Service {name} in {namespace}, which has no ready pod",
                webhook=INJECTOR,
                name=name,
                namespace=namespace,
            )
    return EMPTY


async def has_ready_pod(context: Context, service: Object) -> bool:
    """Tell whether a Service selects a pod that is ready; without a selector, that is not known
    and taken for granted.
    """
    selector = service["spec"].get("selector")
    if not selector:
        return True
    labels = ",".join(f"{key}={value}" for key, value in selector.items())
    pods = await context.cluster.find(POD, service["metadata"]["namespace"], labels=labels)
    return any(get_condition(pod, "Ready").get("status") == "True" for pod in pods)


async def link_to_mesh_page(context: Context) -> tuple[Link, ...]:
    """Return a link to Kiali's page of the mesh, if it can be reached without a port-forward."""
    reached = await find_web_address(context, KIALI)
    return (
        (Link(Text("Kiali: the mesh"), build_console(reached).mesh_url()),)
        if reached.base and not reached.line
        else ()
    )
