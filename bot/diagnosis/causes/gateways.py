"""Causes at the edge: the Gateway API, gateways, and the pods behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, join_labels, list_words, show_condition, show_field
from bot.diagnosis.gateway_pods import build_unready_finding, find_deployment, list_edge_gateways
from bot.diagnosis.mesh_state import GATEWAY_NAME, NamespaceState
from bot.diagnosis.object_facts import (
    count_available,
    get_annotations,
    is_pod_ready,
    matches_labels,
)
from bot.kinds import (
    CRD,
    DEPLOYMENT,
    GATEWAY_CLASS,
    ISTIO_GATEWAY,
    POD,
    VIRTUAL_SERVICE,
    Object,
)
from bot.knowledge.istio.gateway_api_crds import BUNDLE_VERSION
from bot.knowledge.objects.workloads import get_condition, get_labels, get_name
from bot.text import Text

GATEWAY_CRD = "gateways.gateway.networking.k8s.io"
EDGE_STEPS = frozenset({"expose", "waypoint"})
"""Steps that need the Gateway API."""
OLDEST_BUNDLE = (1, 0)
"""The oldest bundle whose v1 kinds Istio 1.23 and 1.30 read."""
SERVICE_TYPE = "networking.istio.io/service-type"
"""The annotation that gives a Gateway's Service its type."""
MADE_CLASSES = frozenset({"istio", "istio-remote", "istio-waypoint"})
"""The GatewayClasses that istiod makes when it starts (Istio 1.23 and 1.30)."""


def find_crds_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the Gateway API is not there although somebody wants a gateway or a waypoint."""
    if not state.shared.istiods or state.shared.has_type(GATEWAY_CRD):
        return
    asked = sorted(state.activity.wanted & EDGE_STEPS)
    enrolled = "istio.io/use-waypoint" in state.labels
    if not asked and not enrolled:
        return
    yield Finding(
        Text("The CRDs of the Gateway API are missing: there can be no Gateway and no HTTPRoute."),
        (
            Text("no CRD {name}", name=GATEWAY_CRD),
            *([Text("asked for: {steps}", steps=list_words(asked))] if asked else []),
        ),
        Fix(command="install"),
    )


def find_crds_unread(state: NamespaceState) -> Iterator[Finding]:
    """Yield a bundle of the Gateway API that is older than this Istio reads."""
    crd = state.shared.find_cluster_object(CRD, GATEWAY_CRD)
    if crd is None or not state.shared.istiods:
        return
    version = get_annotations(crd).get(BUNDLE_VERSION, "")
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    served = [v["name"] for v in crd["spec"].get("versions") or [] if v.get("served")]
    old = numbers is not None and (int(numbers[1]), int(numbers[2])) < OLDEST_BUNDLE
    if old or (served and "v1" not in served):
        yield Finding(
            Text(
                "The Gateway API in the cluster is {version}, which this Istio does not read.",
                version=version or ", ".join(served),
            ),
            (show_field(crd, "annotation", f"{BUNDLE_VERSION}={version}"),),
            Fix(command="install"),
        )


def find_class_unknown(state: NamespaceState) -> Iterator[Finding]:
    """Yield Gateways whose class does not exist."""
    for gateway in state.gateways:
        name = str(gateway["spec"].get("gatewayClassName", ""))
        if name in state.shared.gateway_classes or waits_for_istiod(state, name):
            continue
        waypoint = name == "istio-waypoint"
        yield Finding(
            Text(
                "{gateway} asks for class {name}, which does not exist: nobody serves it.",
                gateway=describe(gateway),
                name=name,
            ),
            (
                show_condition(gateway, "Accepted"),
                Text(
                    "GatewayClasses: {names}",
                    names=list_words(sorted(state.shared.gateway_classes)),
                ),
            ),
            Fix(command="ambient" if waypoint else "expose"),
            frozenset({f"Gateway/{get_name(gateway)}"}),
        )


def waits_for_istiod(state: NamespaceState, name: str) -> bool:
    """Tell whether a class is one that istiod makes, and istiod is away."""
    return name in MADE_CLASSES and not state.shared.has_ready_istiod


def find_gateway_unready(state: NamespaceState) -> Iterator[Finding]:
    """Yield Gateways whose own pods are missing or not ready, whatever their status says."""
    for gateway in list_edge_gateways(state):
        if "istio" not in state.shared.gateway_classes:
            continue
        deployment = find_deployment(state, gateway)
        if deployment is not None and count_available(deployment):
            continue
        yield build_unready_finding(state, gateway, deployment)


def find_address_pending(state: NamespaceState) -> Iterator[Finding]:
    """Yield Gateways that only lack an address of a load balancer; requests get in anyway."""
    for gateway in list_edge_gateways(state):
        programmed, deployment = (
            get_condition(gateway, "Programmed"),
            find_deployment(state, gateway),
        )
        service = find_gateway_service(state, gateway)
        if (
            programmed.get("status") == "False"
            and programmed.get("reason") == "AddressNotAssigned"
            and service is not None
            and service["spec"].get("type") == "LoadBalancer"
            and deployment is not None
            and count_available(deployment)
        ):
            yield Finding(
                Text(
                    "Gateway {gateway} is not Programmed for want of a load balancer's address; "
                    "it works through a port-forward.",
                    gateway=get_name(gateway),
                ),
                (
                    show_condition(gateway, "Programmed"),
                    show_field(service, "spec.type", "LoadBalancer"),
                ),
                Fix(command="expose"),
                frozenset({f"Gateway/{get_name(gateway)}"}),
            )


def find_copied_annotation(state: NamespaceState) -> Iterator[Finding]:
    """Yield that `istioctl analyze` warns of an annotation that istiod itself has copied."""
    for gateway in list_edge_gateways(state):
        service = find_gateway_service(state, gateway)
        told = get_annotations(gateway).get(SERVICE_TYPE)
        if told is None or service is None or SERVICE_TYPE not in get_annotations(service):
            continue
        yield Finding(
            Text(
                "`istioctl analyze` warns three times of the annotation {annotation} (IST0107, in "
                "Istio 1.23 IST0108): istiod copies it from {gateway} to what it makes of it.",
                annotation=SERVICE_TYPE,
                gateway=describe(gateway),
            ),
            (
                show_field(gateway, "annotation", f"{SERVICE_TYPE}={told}"),
                show_field(service, "annotation", f"{SERVICE_TYPE}={told}"),
            ),
        )


def find_gateway_service(state: NamespaceState, gateway: Object) -> Object | None:
    """Return the Service that istiod made for a Gateway, by its label."""
    name = get_name(gateway)
    return next(
        (s for s in state.services.values() if get_labels(s).get(GATEWAY_NAME) == name), None
    )


def find_ingress_gone(state: NamespaceState) -> Iterator[Finding]:
    """Yield Gateways of Istio's own kind that select pods which do not exist."""
    pods = state.cluster.list_all(POD)
    used = {
        str(name).rpartition("/")[2]
        for vs in state.list_own(VIRTUAL_SERVICE)
        for name in vs["spec"].get("gateways") or []
    }
    mesh = state.shared.list_mesh(ISTIO_GATEWAY)
    if state.namespace == state.cluster.mesh_namespace:
        mesh = []
    for gateway in [*state.list_own(ISTIO_GATEWAY), *(g for g in mesh if get_name(g) in used)]:
        selector = gateway["spec"].get("selector") or {}
        running = [p for p in pods if matches_labels(selector, get_labels(p))]
        if not selector or any(is_pod_ready(p) for p in running):
            continue
        words = join_labels(selector)
        names = {
            f"Deployment/{get_name(d)}"
            for d in state.shared.list_mesh(DEPLOYMENT)
            if matches_labels(selector, get_labels(d))
        }
        yield Finding(
            Text(
                "{gateway} selects pods that do not run: the ingress gateway is gone.",
                gateway=f"networking.istio.io {describe(gateway)}",
            ),
            (show_field(gateway, "spec.selector", words), Text("no ready pod has these labels")),
            Fix(command="expose"),
            frozenset(names | {f"Gateway/{get_name(gateway)}"}),
        )


CAUSES = (
    Cause(
        "gateway-api-crds-missing",
        Subject.EXPOSING,
        "There is no Gateway API in the cluster.",
        'The CRDs are absent; `no matches for kind "Gateway"`.',
        "`/mesh install`",
        find_crds_missing,
        ("expose", "waypoint"),
        ("waypoint-missing", "l7-rule-without-waypoint"),
        gravity=2,
        source="Istio needs the bundle and does not bring it",
        needs=(CRD,),
    ),
    Cause(
        "gateway-api-version-unread",
        Subject.EXPOSING,
        "The CRDs are of a version that this Istio does not read.",
        "The annotation `gateway.networking.k8s.io/bundle-version`.",
        "`/mesh install`",
        find_crds_unread,
        ("expose",),
        gravity=2,
        source="IST0156, IST0176",
    ),
    Cause(
        "gateway-class-unknown",
        Subject.EXPOSING,
        "The Gateway's class is misspelt, or is `istio-waypoint` before ambient.",
        "Condition `Accepted=Unknown:Pending`, and no such GatewayClass.",
        "`/mesh expose`",
        find_class_unknown,
        ("expose", "waypoint"),
        ("gateway-not-ready", "waypoint-not-ready", "route-parent-missing", "waypoint-missing"),
        gravity=2,
        by_object=True,
        needs=(GATEWAY_CLASS,),
    ),
    Cause(
        "gateway-address-pending",
        Subject.EXPOSING,
        "A LoadBalancer without a load balancer; traffic works through a port-forward.",
        "`Programmed=False AddressNotAssigned`, a Service of type LoadBalancer, and a ready pod.",
        "`/mesh expose` annotates it as ClusterIP, if the red mark disturbs",
        find_address_pending,
        ("expose",),
        kind=CauseKind.NORMAL,
        source="measured, Istio 1.23.2 and 1.30.3",
    ),
    Cause(
        "gateway-not-ready",
        Subject.EXPOSING,
        "The gateway's own pods are missing or not ready.",
        "Its Deployment has no available pod; the Gateway may still be Programmed.",
        "What its pod says, or start it again",
        find_gateway_unready,
        ("expose",),
        gravity=1,
        source="measured: istiod keeps a Gateway Programmed while its Deployment has no pod",
        needs=(DEPLOYMENT,),
    ),
    Cause(
        "ingress-gateway-gone",
        Subject.EXPOSING,
        "An Istio Gateway selects pods that do not exist: the ambient profile takes "
        "istio-ingressgateway away.",
        "The selector of the Gateway (networking.istio.io) matches no pod.",
        "`/mesh expose`",
        find_ingress_gone,
        gravity=2,
        source="IST0101, KIA0302",
        needs=(POD,),
    ),
    Cause(
        "analyze-misplaced-annotation",
        Subject.EXPOSING,
        "`istioctl analyze` calls an annotation misplaced that istiod copied from the Gateway.",
        "The Gateway's annotation `networking.istio.io/service-type`, on its Service too.",
        "Nothing to do",
        find_copied_annotation,
        ("expose",),
        kind=CauseKind.NORMAL,
        always=True,
        source="IST0107, IST0108 (Istio 1.23); recorded of both releases",
    ),
)
