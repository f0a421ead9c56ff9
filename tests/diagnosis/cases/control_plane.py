"""istiod, its webhooks, and webhooks of others."""

from __future__ import annotations

from bot.kinds import (
    CRD,
    DEPLOYMENT,
    GATEWAY,
    GATEWAY_CLASS,
    HTTP_ROUTE,
    MUTATING_WEBHOOK,
    SERVICE,
)
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode, leave_mesh
from tests.diagnosis.shapes import MESH, webhook

CASES = Cases()
TAG, INJECTOR = "istio-revision-tag-default", "istio-sidecar-injector"


def remove_istio(cluster: Cluster) -> None:
    """Takes istiod, its gateway and its webhooks away."""
    cluster.remove(DEPLOYMENT, "istiod", "istio-ingressgateway")
    cluster.remove(SERVICE, "istiod", "istio-ingressgateway")
    cluster.remove(MUTATING_WEBHOOK, TAG, INJECTOR)


def remove_gateway_api(cluster: Cluster) -> None:
    """Takes all of the Gateway API away, its CRD too."""
    for kind in (GATEWAY, HTTP_ROUTE, GATEWAY_CLASS, CRD):
        cluster.objects[kind] = []


@CASES.names("istio-not-installed")
def uninstalled_with_sidecars_left(cluster: Cluster) -> None:
    """The mesh was taken away, and label and sidecars are still there."""
    remove_istio(cluster)


@CASES.names("istio-not-installed", Mode.OUTSIDE)
def labelled_before_install(cluster: Cluster) -> None:
    """Somebody labels the namespace in a cluster without Istio."""
    remove_istio(cluster)
    cluster.remove(DEPLOYMENT, "bookinfo-gateway-istio")
    remove_gateway_api(cluster)
    cluster.labels["istio-injection"] = "enabled"


@CASES.spares("istio-not-installed", Mode.OUTSIDE)
def not_yet_installed(cluster: Cluster) -> None:
    """Bookinfo alone: nobody has begun with the mesh."""
    remove_istio(cluster)
    cluster.remove(DEPLOYMENT, "bookinfo-gateway-istio")
    remove_gateway_api(cluster)


@CASES.spares("istio-not-installed", instead="control-plane-down")
@CASES.names("control-plane-down")
def istiod_scaled_to_zero(cluster: Cluster) -> None:
    """The Deployment is there, and wants no pods."""
    cluster.scale_to_zero("istiod")


@CASES.names("control-plane-down")
def pods_refused_by_injector(cluster: Cluster) -> None:
    """The pods that the injector cannot be asked about are a consequence, not a second cause."""
    cluster.scale_to_zero("istiod")
    call = 'failed calling webhook "namespace.sidecar-injector.istio.io"'
    why = 'no endpoints available for service "istiod"'
    cluster.refuse_pods("ratings-v1", f"forbidden: Internal error occurred: {call}: {why}")


@CASES.spares("control-plane-down", instead="workload-scaled-to-zero")
def bookinfo_scaled_to_zero(cluster: Cluster) -> None:
    """A part of Bookinfo without pods is nothing of istiod's."""
    cluster.scale_to_zero("details-v1")


@CASES.names("injector-webhook-missing")
def injector_deleted(cluster: Cluster) -> None:
    """istiod runs, and none of its webhooks would inject the pods without sidecar."""
    cluster.remove(MUTATING_WEBHOOK, TAG, INJECTOR)
    leave_mesh(cluster.list_pods("reviews-v1")[0])


@CASES.names("injector-webhook-missing")
def only_the_deactivated_left(cluster: Cluster) -> None:
    """The configuration that is left selects nothing."""
    cluster.remove(MUTATING_WEBHOOK, TAG)


@CASES.spares("injector-webhook-missing", instead="no-restart-after-label")
def pods_older_than_label(cluster: Cluster) -> None:
    """With the webhook in place, pods without sidecar wait for a restart alone."""
    for pod in cluster.list_app_pods():
        leave_mesh(pod)


@CASES.spares("injector-webhook-missing", Mode.AMBIENT)
def ambient_without_injector(cluster: Cluster) -> None:
    """Nobody asks for sidecars."""
    cluster.remove(MUTATING_WEBHOOK, TAG, INJECTOR)


def add_stale_webhook(cluster: Cluster, policy: str, selector: dict[str, str]) -> None:
    """Adds the webhook of a revision that is gone."""
    stale = webhook("istio-sidecar-injector-canary", ("canary.istio.io", {}, {}))
    hook = stale["webhooks"][0]
    hook |= {"failurePolicy": policy, "namespaceSelector": {"matchLabels": selector}}
    hook["clientConfig"]["service"] = {"name": "istiod-canary", "namespace": MESH}
    cluster.add(stale)
    cluster.missing_services.add((MESH, "istiod-canary"))


@CASES.names("stale-webhook")
def service_of_revision_gone(cluster: Cluster) -> None:
    """Whatever is created in the namespace goes to a Service that is not there."""
    add_stale_webhook(cluster, "Fail", {})


@CASES.names("stale-webhook")
def pods_refused_by_stale_webhook(cluster: Cluster) -> None:
    """The refused pods are its evidence, and no further cause."""
    add_stale_webhook(cluster, "Fail", {})
    call = 'Internal error occurred: failed calling webhook "canary.istio.io"'
    cluster.refuse_pods("ratings-v1", f'forbidden: {call}: service "istiod-canary" not found')


@CASES.spares("stale-webhook")
def stale_and_ignored(cluster: Cluster) -> None:
    """A webhook whose failure is ignored refuses nothing."""
    add_stale_webhook(cluster, "Ignore", {})


@CASES.spares("stale-webhook")
def stale_for_others(cluster: Cluster) -> None:
    """It is asked about another namespace only."""
    add_stale_webhook(cluster, "Fail", {"team": "shop"})


@CASES.names("control-plane-down")
def istiod_not_selected(cluster: Cluster) -> None:
    """It runs, and webhooks and proxies have no way to it."""
    cluster.get_spec(SERVICE, "istiod")["selector"] = {"app": "pilot"}


@CASES.names("control-plane-down")
@CASES.spares("stale-webhook", instead="control-plane-down")
@CASES.spares("injector-webhook-missing", instead="control-plane-down")
def istiod_without_service(cluster: Cluster) -> None:
    """The webhooks are those of an istiod that is there."""
    cluster.remove(SERVICE, "istiod")
    cluster.missing_services.add((MESH, "istiod"))


@CASES.names("control-plane-down")
def istiod_at_another_port(cluster: Cluster) -> None:
    """The port leads to one where it does not listen."""
    next(p for p in cluster.get_spec(SERVICE, "istiod")["ports"] if p["port"] == 15012)[
        "targetPort"
    ] = 9090


@CASES.names("stale-webhook")
@CASES.spares("pods-refused", instead="stale-webhook")
def policy_engine_asleep(cluster: Cluster) -> None:
    """Its Service is there, and nobody answers."""
    asked = webhook("kyverno", ("validate.kyverno.svc-fail", {}, {}))
    asked["webhooks"][0]["clientConfig"]["service"] |= {"name": "kyverno-svc", "namespace": "kv"}
    cluster.add(asked)
    call = 'failed calling webhook "validate.kyverno.svc-fail"'
    why = 'no endpoints available for service "kyverno-svc"'
    cluster.refuse_pods("ratings-v1", f"forbidden: Internal error occurred: {call}: {why}")


@CASES.names("pods-refused")
def injector_with_another_certificate(cluster: Cluster) -> None:
    """istiod runs and is reached, and the API server does not trust it."""
    call = 'failed calling webhook "namespace.sidecar-injector.istio.io"'
    why = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    cluster.refuse_pods("ratings-v1", f"forbidden: Internal error occurred: {call}: {why}")


@CASES.names("pods-refused")
def policy_engine_says_no(cluster: Cluster) -> None:
    """A webhook that answers, and denies."""
    words = 'admission webhook "validate.kyverno.svc-fail" denied the request: no limits'
    cluster.refuse_pods("ratings-v1", f"forbidden: {words}")


@CASES.names("istio-not-installed")
@CASES.spares("stale-webhook", instead="istio-not-installed")
def istiod_deleted_by_hand(cluster: Cluster) -> None:
    """Its Service and webhooks are left, and nobody answers them."""
    cluster.remove(DEPLOYMENT, "istiod")
    call = 'failed calling webhook "namespace.sidecar-injector.istio.io"'
    why = 'no endpoints available for service "istiod"'
    cluster.refuse_pods("ratings-v1", f"forbidden: Internal error occurred: {call}: {why}")
