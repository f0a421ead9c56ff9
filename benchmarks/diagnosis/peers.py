"""What others name on the same states: `istioctl analyze`, and Kiali's validations. Their codes are
mapped to the causes that a code, rightly read, points at."""

from __future__ import annotations

import json
import re

from benchmarks.diagnosis.testbed import ShellError, Testbed

CODES: dict[str, tuple[str, ...]] = {
    "IST0101": (
        "subset-without-destinationrule",
        "virtualservice-host-unknown",
        "destinationrule-host-mismatch",
        "ingress-gateway-gone",
        "rule-not-for-mesh",
        "service-missing",
        "route-backend-missing",
    ),
    "IST0102": ("namespace-not-labelled", "label-misspelt", "label-set-as-annotation"),
    "IST0103": ("no-restart-after-label", "injector-webhook-missing", "rollout-paused"),
    "IST0109": ("virtualservices-collide",),
    "IST0118": ("service-port-not-http",),
    "IST0123": ("revision-unknown", "injection-disabled-by-label"),
    "IST0130": ("rule-shadowed",),
    "IST0156": ("gateway-api-version-unread",),
    "IST0171": (
        "gateway-not-ready",
        "waypoint-not-ready",
        "route-parent-missing",
        "route-backend-missing",
        "route-not-allowed",
        "waypoint-missing",
        "waypoint-for-mismatch",
    ),
    "IST0173": ("subset-without-pods",),
    "IST0174": ("destinationrule-host-mismatch", "service-missing"),
    "IST0176": ("gateway-api-version-unread",),
    "KIA0202": ("destinationrule-host-mismatch", "service-missing"),
    "KIA0203": ("subset-without-pods",),
    "KIA0207": ("mtls-mode-conflict",),
    "KIA0302": ("ingress-gateway-gone",),
    "KIA0501": ("mtls-mode-conflict",),
    "KIA0601": ("service-port-not-http",),
    "KIA0701": ("service-selects-no-pods", "service-port-wrong"),
    "KIA1101": ("virtualservice-host-unknown", "service-missing"),
    "KIA1102": ("rule-not-for-mesh",),
    "KIA1106": ("virtualservices-collide",),
    "KIA1107": ("subset-without-destinationrule", "destinationrule-host-mismatch"),
    "KIA1109": ("l7-rule-without-waypoint", "old-rules-in-ambient"),
    "KIA1113": ("l7-rule-without-waypoint",),
    "KIA1313": ("waypoint-missing",),
    "KIA1401": ("route-parent-missing",),
    "KIA1402": ("route-backend-missing",),
    "KIA1504": ("gateway-class-unknown",),
}
"""A code of analyze or Kiali, and the causes that it can come from. IST0107 and IST0108 stand for
the annotation of the workshop's own gateway: no cause."""

KIALI_SECONDS = 75.0
"""Simulated seconds after which Kiali 2 has looked at every object anew."""
HARMLESS = ("IST0107", "IST0108")


def read_causes(codes: tuple[str, ...]) -> set[str]:
    """Return all causes that the codes can come from."""
    return {cause for code in codes for cause in CODES.get(code, ())}


async def ask_analyze(testbed: Testbed, namespace: str) -> tuple[str, ...]:
    """Return the codes that `istioctl analyze` gives for a namespace."""
    try:
        wrote = await testbed.run_shell(f"istioctl analyze -n {namespace} -o json || true")
    except ShellError:
        return ()
    return tuple(dict.fromkeys(re.findall(r'"code": ?"(IST\d+)"', wrote)))


async def ask_kiali(testbed: Testbed, namespace: str) -> tuple[str, ...]:
    """Return the codes of Kiali's validations for a namespace; () when Kiali does not answer."""
    path = (
        "/api/v1/namespaces/istio-system/services/http:kiali:20001/proxy/kiali/api/namespaces/"
        f"{namespace}/istio?validate=true"
    )
    await testbed.cluster.clock.sleep(KIALI_SECONDS)
    try:
        wrote = await testbed.run_shell(f"kubectl get --raw '{path}'")
        told = json.dumps(json.loads(wrote).get("validations", {}))
    except (ShellError, ValueError):
        return ()
    return tuple(dict.fromkeys(re.findall(r"KIA\d+", told)))
