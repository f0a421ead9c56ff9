"""The permissions that the bot's account needs, and why; asked of the cluster before anything
depends on them.

The roles in `manifests/deploy/components/mode-*` grant just these; a test compares
them. That each of them is needed is tested on a real API server by `tests/deploy`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import product
from typing import Literal, NamedTuple

from bot.kinds import Kind
from bot.ports import Cluster

Mode = Literal["observe", "workshop"]
MOST_CONCURRENT = 16
"""Questions that are put to the API server at the same time."""


class Rule(NamedTuple):
    """One rule of a role: what it is for, and blank-separated verbs, resources and, perhaps, names.

    In names `{mesh}` and `{app}` stand for the namespaces of the control plane and of the
    application.
    """

    reason: str
    verbs: str
    group: str
    resources: str
    names: str = ""


class Permission(NamedTuple):
    """One verb on one resource, and a name where the rule has names."""

    verb: str
    group: str
    resource: str
    name: str = ""

    def __str__(self) -> str:
        """As the API server's refusals say it: `patch customresourcedefinitions`."""
        return f"{self.verb} {self.resource}"


_ADMISSION, _RBAC = "admissionregistration.k8s.io", "rbac.authorization.k8s.io"
_GATEWAYS, _ISTIO = "gateway.networking.k8s.io", "networking.istio.io"
_VALIDATING = "validatingwebhookconfigurations"
_POLICY = "safe-upgrades.gateway.networking.k8s.io"
_CHANGE = "patch update delete"
"""Applied, put back by undo as it stood there before, taken away."""
_NAMED = (
    "istio-cni istio-cni-ambient istio-reader-clusterrole-{mesh} istiod-clusterrole-{mesh} "
    "istiod-gateway-controller-{mesh} kiali prometheus"
)

OBSERVE: tuple[Rule, ...] = (
    Rule(
        "the state of every step, and why pods are not ready",
        "get list",
        "",
        "configmaps namespaces pods services",
    ),
    Rule("why pods are not ready, and the room for them", "list", "", "events nodes"),
    Rule("the state of every step", "get list", "apps", "daemonsets deployments"),
    Rule(
        "whether Istio and the Gateway API are there",
        "get list",
        "apiextensions.k8s.io",
        "customresourcedefinitions",
    ),
    Rule("whether injection answers", "get list", _ADMISSION, "mutatingwebhookconfigurations"),
    Rule("whether Istio serves gateways", "list", _GATEWAYS, "gatewayclasses"),
    Rule("gateways and routes in force", "get list", _GATEWAYS, "gateways httproutes"),
    Rule("routes for gRPC in force", "list", _GATEWAYS, "grpcroutes"),
    Rule("rules in force", "get list", _ISTIO, "destinationrules virtualservices"),
    Rule("what else decides over requests", "list", _ISTIO, "gateways serviceentries sidecars"),
    Rule(
        "what refuses requests",
        *("list", "security.istio.io", "authorizationpolicies peerauthentications"),
    ),
    Rule("what refuses connections", "list", "networking.k8s.io", "networkpolicies"),
    Rule("what switches traces and metrics off", "list", "telemetry.istio.io", "telemetries"),
    Rule("webhooks that refuse what is created", "list", _ADMISSION, _VALIDATING),
    Rule(
        "the graph, traces and health of the add-ons, of istiod and of the gateway",
        *("get", "", "services/proxy"),
        "bookinfo-gateway-istio:15021 grafana:3000 istiod:15014 kiali:20001 prometheus:9090 "
        "tracing:80",
    ),
    Rule(
        "whether the page is whole, where the graph shows failures",
        *("get", "", "services/proxy", "bookinfo-gateway-istio:80 productpage:9080"),
    ),
)
"""What looking on cannot do without: status, why, links, graph, traces."""

WORKSHOP: tuple[Rule, ...] = (
    Rule("waits for what it started", "watch", "", "events namespaces pods services"),
    Rule("waits for what it started", "watch", "apps", "daemonsets deployments"),
    Rule(
        "waits for CRDs to be served", "watch", "apiextensions.k8s.io", "customresourcedefinitions"
    ),
    Rule("waits for injection to answer", "watch", _ADMISSION, "mutatingwebhookconfigurations"),
    Rule(
        "waits for gateways to be programmed",
        "watch",
        _GATEWAYS,
        "gatewayclasses gateways httproutes",
    ),
    Rule(
        "asks applications as a caller outside the mesh",
        *("get", "", "services/proxy", "details:9080 ratings:9080 reviews:9080"),
    ),
    Rule(
        "logs in on the page",
        "create",
        "",
        "services/proxy",
        "bookinfo-gateway-istio:80 productpage:9080",
    ),
    Rule("the namespaces of the mesh and of the application", "create", "", "namespaces"),
    Rule(
        "labels for injection and ambient, and their way back",
        "patch update",
        "",
        "namespaces",
        "{app}",
    ),
    Rule("their end", "delete", "", "namespaces", "{app} {mesh}"),
    Rule(
        "Istio, the add-ons and the application",
        f"create {_CHANGE}",
        "",
        "configmaps serviceaccounts services",
    ),
    Rule(
        "tells on an object who asked the bot to change it",
        "create patch",
        "events.k8s.io",
        "events",
    ),
    Rule("istioctl compares and removes", "get list", "", "serviceaccounts"),
    Rule("istioctl looks for what it may have left", "list", "", "secrets"),
    Rule(
        "the same, whether that type exists or not",
        "list",
        "k8s.cni.cncf.io",
        "networkattachmentdefinitions",
    ),
    Rule("istioctl removes pods of what it uninstalls", "delete", "", "pods"),
    Rule("Istio, the add-ons and the application", f"create {_CHANGE}", "apps", "deployments"),
    Rule("Istio's ambient mode", "create patch delete", "apps", "daemonsets"),
    Rule("istioctl looks for what it may have left", "list", "apps", "replicasets"),
    Rule(
        "of istiod and gateways",
        "get list create patch delete",
        "autoscaling",
        "horizontalpodautoscalers",
    ),
    Rule(
        "of istiod and gateways", "get list create patch delete", "policy", "poddisruptionbudgets"
    ),
    Rule(
        "Istio's CRDs and those of the Gateway API",
        *("create patch delete", "apiextensions.k8s.io", "customresourcedefinitions"),
    ),
    Rule(
        "injection",
        *("patch delete", _ADMISSION, "mutatingwebhookconfigurations"),
        "istio-revision-tag-default istio-sidecar-injector",
    ),
    Rule(
        "istioctl turns it to one revision",
        "update",
        _ADMISSION,
        "mutatingwebhookconfigurations",
        "istio-sidecar-injector",
    ),
    Rule(
        "istioctl's precheck wants it for any name",
        "create",
        _ADMISSION,
        "mutatingwebhookconfigurations",
    ),
    Rule("the same, and to compare", "create get", _ADMISSION, _VALIDATING),
    Rule(
        "validation of Istio's rules",
        *("patch delete", _ADMISSION, "validatingwebhookconfigurations"),
        "istio-validator-{mesh} istiod-default-validator",
    ),
    Rule(
        "istioctl looks for what it may have left",
        *("list", _ADMISSION, "validatingadmissionpolicies validatingadmissionpolicybindings"),
    ),
    Rule(
        "comes with the CRDs of the Gateway API",
        *(
            "create patch delete",
            _ADMISSION,
            "validatingadmissionpolicies validatingadmissionpolicybindings",
            _POLICY,
        ),
    ),
    Rule(
        "istioctl compares and makes them; its precheck wants that for any name",
        *("get list create", _RBAC, "clusterroles clusterrolebindings roles rolebindings"),
    ),
    Rule(
        "of Istio, Kiali and Prometheus, by name",
        *("patch delete", _RBAC, "clusterroles", f"istio-cni-repair-role {_NAMED}"),
    ),
    Rule(
        "of Istio, Kiali and Prometheus, by name",
        *("patch delete", _RBAC, "clusterrolebindings", f"istio-cni-repair-rolebinding {_NAMED}"),
    ),
    Rule(
        "undo puts add-ons back",
        "update",
        _RBAC,
        "clusterroles clusterrolebindings",
        "kiali prometheus",
    ),
    Rule(
        "of Istio and Kiali, by name",
        *("patch delete", _RBAC, "roles rolebindings"),
        "istio-egressgateway-sds istio-ingressgateway-sds istiod kiali-controlplane",
    ),
    Rule("undo puts add-ons back", "update", _RBAC, "roles rolebindings", "kiali-controlplane"),
    Rule(
        "classes that Istio leaves behind",
        "delete",
        _GATEWAYS,
        "gatewayclasses",
        "istio istio-remote istio-waypoint",
    ),
    Rule("expose, waypoint, routes", f"create {_CHANGE}", _GATEWAYS, "gateways httproutes"),
    Rule("routes, faults, shares", f"create {_CHANGE}", _ISTIO, "destinationrules virtualservices"),
    Rule("what leaves the mesh", f"get create {_CHANGE}", _ISTIO, "serviceentries sidecars"),
    Rule(
        "who may ask, and how",
        f"get create {_CHANGE}",
        "security.istio.io",
        "authorizationpolicies peerauthentications",
    ),
    Rule(
        "what else goes with Istio's CRDs when they are removed",
        *("list", _ISTIO, "envoyfilters proxyconfigs workloadentries workloadgroups"),
    ),
    Rule("the same", "list", "extensions.istio.io", "trafficextensions wasmplugins"),
    Rule("the same", "list", "security.istio.io", "requestauthentications"),
    Rule(
        "what goes with the Gateway API's CRDs when they are removed",
        *("list", _GATEWAYS, "backendtlspolicies listenersets referencegrants"),
    ),
    Rule("the same", "list", _GATEWAYS, "tcproutes tlsroutes udproutes"),
    Rule("what of others goes with a namespace", "list", "", "persistentvolumeclaims"),
    Rule("the same", "list", "apps", "statefulsets"),
    Rule("the same", "list", "batch", "cronjobs jobs"),
    Rule("the same", "list", "networking.k8s.io", "ingresses"),
)
"""What the whole workshop needs beside that: the bot's own requests and those of istioctl."""

OWN_NAMESPACES: tuple[Rule, ...] = (
    Rule(
        "labels for injection and ambient of people's own namespaces, their way back and their end",
        *("patch update delete", "", "namespaces"),
    ),
)
"""Beside that, where people have application namespaces of their own; the component
`own-namespaces` grants it, and its admission policy says which namespaces."""

NEEDED: dict[Mode, tuple[Rule, ...]] = {"observe": OBSERVE, "workshop": OBSERVE + WORKSHOP}
"""By mode."""


def list_needed_permissions(
    mode: Mode, *, mesh: str = "istio-system", app: str = "bookinfo", own_namespaces: bool = False
) -> list[Permission]:
    """Return each verb on each resource and name that a mode needs, for these namespaces; with
    `own_namespaces` what those of people's own need beside.
    """
    found = []
    own = OWN_NAMESPACES if own_namespaces and mode == "workshop" else ()
    for rule in (*NEEDED[mode], *own):
        names = rule.names.format(mesh=mesh, app=app).split() or [""]
        found += [
            Permission(verb, rule.group, resource, name)
            for resource, verb, name in product(rule.resources.split(), rule.verbs.split(), names)
        ]
    return found


async def find_missing_permissions(cluster: Cluster, asked: Collection[Permission]) -> list[str]:
    """Return those that are not allowed, such as `patch customresourcedefinitions`.

    For an account that may do everything, one question is enough.
    """
    if await cluster.allowed("*", Kind("*", "*", "*", "*")):
        return []
    limit = asyncio.Semaphore(MOST_CONCURRENT)

    async def allowed(piece: Permission) -> bool:
        kind = Kind(piece.group, "", piece.resource, "")
        async with limit:
            return await cluster.allowed(piece.verb, kind, name=piece.name)

    answers = await asyncio.gather(*map(allowed, asked))
    return list(
        dict.fromkeys(str(piece) for piece, yes in zip(asked, answers, strict=True) if not yes)
    )
