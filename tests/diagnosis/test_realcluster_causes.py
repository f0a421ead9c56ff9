"""Causes on a real control plane: a real API server, controllers and istiod write the evidence
(marker `realcluster`). Each is injected with kubectl, asked for by `/mesh why`, and taken back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.diagnosis.broken_by_kubectl import AT_THE_END, MORE_IN_AMBIENT, MORE_IN_SIDECARS
from tests.marks import realcluster
from tests.scenarios.realcluster import play

pytestmark = realcluster(seconds=1500)

SIDECARS = """
/mesh install
/mesh addons
/mesh kiali
/mesh bookinfo
/mesh inject
/mesh expose
/mesh why -> cause healthy
"""
AMBIENT = """
/mesh ambient
click "Go ambient"
/mesh waypoint
/mesh why -> cause healthy
"""
PATCH = "kubectl -n bookinfo patch"
LABEL = "kubectl label --overwrite ns bookinfo"
TEMPLATE = '{"spec":{"template":{"metadata":{"labels":{"%s":%s}}}}}'
ROLLED = "kubectl -n bookinfo rollout status deploy/%s --timeout=60s"
OLD_WEBHOOK = (
    '{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration",'
    '"metadata":{"name":"old-injector"},"webhooks":[{"name":"old.example.test","clientConfig":'
    '{"service":{"namespace":"old-system","name":"old","path":"/inject"}},"rules":[{"apiGroups":'
    '[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}],"sideEffects":'
    '"None","admissionReviewVersions":["v1"],"failurePolicy":"Fail"}]}'
)
IN_SIDECARS = (
    (
        "control-plane-down",
        "kubectl -n istio-system scale deploy istiod --replicas=0",
        "kubectl -n istio-system scale deploy istiod --replicas=1 && "
        "kubectl -n istio-system rollout status deploy/istiod --timeout=90s",
    ),
    (
        "workload-scaled-to-zero",
        "kubectl -n bookinfo scale deploy ratings-v1 --replicas=0",
        "kubectl -n bookinfo scale deploy ratings-v1 --replicas=1 && " + ROLLED % "ratings-v1",
    ),
    (
        "rollout-paused",
        "kubectl -n bookinfo rollout pause deploy/reviews-v1",
        "kubectl -n bookinfo rollout resume deploy/reviews-v1",
    ),
    (
        "image-not-found",
        "kubectl -n bookinfo set image deploy/details-v1 details=example.test/does-not-exist:1",
        "kubectl -n bookinfo rollout undo deploy/details-v1 && " + ROLLED % "details-v1",
    ),
    (
        "insufficient-resources",
        "kubectl -n bookinfo set resources deploy/details-v1 -c details --requests=cpu=9999",
        "kubectl -n bookinfo rollout undo deploy/details-v1 && " + ROLLED % "details-v1",
    ),
    (
        "quota-exceeded",
        "kubectl -n bookinfo create quota none --hard=pods=1 && "
        "kubectl -n bookinfo rollout restart deploy/details-v1",
        "kubectl -n bookinfo delete quota none && "
        "kubectl -n bookinfo rollout restart deploy/details-v1 && " + ROLLED % "details-v1",
    ),
    (
        "pod-security-refuses",
        f"{LABEL} pod-security.kubernetes.io/enforce=baseline && "
        "kubectl -n bookinfo rollout restart deploy/details-v1",
        f"{LABEL} pod-security.kubernetes.io/enforce- && "
        "kubectl -n bookinfo rollout restart deploy/details-v1 && " + ROLLED % "details-v1",
    ),
    (
        "injection-opted-out",
        f"{PATCH} deploy details-v1 -p '" + TEMPLATE % ("sidecar.istio.io/inject", '"false"') + "'"
        " && " + ROLLED % "details-v1",
        f"{PATCH} deploy details-v1 -p '" + TEMPLATE % ("sidecar.istio.io/inject", "null") + "'"
        " && " + ROLLED % "details-v1",
    ),
    (
        "injection-disabled-by-label",
        f"{LABEL} istio-injection=disabled",
        f"{LABEL} istio-injection=enabled",
    ),
    (
        "revision-unknown",
        f"{LABEL} istio-injection- istio.io/rev=canary",
        f"{LABEL} istio.io/rev- istio-injection=enabled",
    ),
    (
        "label-misspelt",
        f"{LABEL} istio-injection- && {LABEL} istio-injektion=enabled",
        f"{LABEL} istio-injektion- istio-injection=enabled",
    ),
    (
        "stale-webhook",
        f"echo '{OLD_WEBHOOK}' | kubectl create -f -",
        "kubectl delete mutatingwebhookconfiguration old-injector",
    ),
    (
        "service-selects-no-pods",
        f"""{PATCH} svc ratings -p '{{"spec":{{"selector":{{"app":"rating"}}}}}}'""",
        f"""{PATCH} svc ratings -p '{{"spec":{{"selector":{{"app":"ratings"}}}}}}'""",
    ),
    (
        "gateway-class-unknown",
        f"""{PATCH} gateways.gateway.networking.k8s.io bookinfo-gateway --type=merge """
        """-p '{"spec":{"gatewayClassName":"istoi"}}'""",
        f"""{PATCH} gateways.gateway.networking.k8s.io bookinfo-gateway --type=merge """
        """-p '{"spec":{"gatewayClassName":"istio"}}'""",
    ),
    (
        "route-parent-missing",
        f"""{PATCH} httproute bookinfo --type=merge """
        """-p '{"spec":{"parentRefs":[{"name":"other-gateway"}]}}'""",
        f"""{PATCH} httproute bookinfo --type=merge """
        """-p '{"spec":{"parentRefs":[{"name":"bookinfo-gateway"}]}}'""",
    ),
    (
        "kiali-not-ready",
        "kubectl -n istio-system scale deploy kiali --replicas=0",
        "kubectl -n istio-system scale deploy kiali --replicas=1 && "
        "kubectl -n istio-system rollout status deploy/kiali --timeout=90s",
    ),
    (
        "tracing-backend-missing",
        "kubectl -n istio-system scale deploy jaeger --replicas=0",
        "kubectl -n istio-system scale deploy jaeger --replicas=1 && "
        "kubectl -n istio-system rollout status deploy/jaeger --timeout=90s",
    ),
)
"""Cause, the lines that inject it, and those that take it back."""
IN_AMBIENT = (
    (
        "waypoint-missing",
        f"{LABEL} istio.io/use-waypoint=other",
        f"{LABEL} istio.io/use-waypoint=waypoint",
    ),
    (
        "waypoint-not-enrolled",
        "kubectl -n bookinfo label svc reviews istio.io/use-waypoint=none",
        "kubectl -n bookinfo label svc reviews istio.io/use-waypoint-",
    ),
    (
        "waypoint-for-mismatch",
        "kubectl -n bookinfo label gateways.gateway.networking.k8s.io waypoint "
        "istio.io/waypoint-for=none",
        "kubectl -n bookinfo label gateways.gateway.networking.k8s.io waypoint "
        "istio.io/waypoint-for-",
    ),
    (
        "waypoint-not-ready",
        "kubectl -n bookinfo scale deploy waypoint --replicas=0",
        "kubectl -n bookinfo scale deploy waypoint --replicas=1 && " + ROLLED % "waypoint",
    ),
    (
        "cni-not-ready",
        "kubectl -n istio-system patch ds istio-cni-node -p "
        """'{"spec":{"template":{"spec":{"nodeSelector":{"no":"where"}}}}}'""",
        "kubectl -n istio-system patch ds istio-cni-node -p "
        """'{"spec":{"template":{"spec":{"nodeSelector":{"no":null}}}}}' && """
        "kubectl -n istio-system rollout status ds/istio-cni-node --timeout=90s",
    ),
)


def write_play(start: str, cases: tuple[tuple[str, str, str], ...], end: str = "healthy") -> str:
    """Return a play that begins so, and brings in, asks for and takes back each cause."""
    lines = [start]
    for cause, inject, undo in cases:
        # Controllers write conditions and events within a second or two.
        lines += [f"$ {inject}", "$ sleep 2", f"/mesh why -> cause {cause}"]
        lines += [f"$ {undo}", "$ sleep 1"]
    return "\n".join([*lines, f"/mesh why -> cause {end}" if end else "", ""])


async def test_causes_are_named_on_a_real_control_plane(tmp_path: Path) -> None:
    """With sidecars, then in ambient with a waypoint; in between and at the end it is healthy."""
    script = tmp_path / "causes.mesh"
    text = write_play(SIDECARS, IN_SIDECARS + MORE_IN_SIDECARS)
    text += write_play(AMBIENT, IN_AMBIENT + MORE_IN_AMBIENT)
    # The last two take the application away, and then its namespace.
    text += write_play("", AT_THE_END, "")
    await asyncio.to_thread(script.write_text, text)
    code, transcript = await play(
        str(script), "--allow-shell", "--data-plane", "embedded", "--timeout", "300"
    )
    assert code == 0, transcript[-6000:]
