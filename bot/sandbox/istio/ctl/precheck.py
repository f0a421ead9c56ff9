"""`istioctl x precheck`: whether this cluster can take an installation: version, permissions, Gateway API."""

from __future__ import annotations

from bot.sandbox.istio.components.common import at
from bot.sandbox.istio.ctl.findings import Finding, printed
from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.errors import CtlError

_SYSTEM = (
    ("rbac.authorization.k8s.io", "roles"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("apps", "deployments"),
    ("", "configmaps"),
)
_CLUSTER = (
    ("", "namespaces"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
)
_BETA = frozenset({"Gateway", "GatewayClass", "HTTPRoute", "ReferenceGrant"})
_OK = "✔ No issues found when checking the cluster. Istio is safe to install or upgrade!"
_START = "  To get started, check out https://istio.io/latest/docs/setup/getting-started/"


def precheck(run: Invocation) -> int:
    """Prints what it finds; anything of warning or worse fails."""
    found = [*_server_version(run), *_permissions(run), *_gateway_api(run)]
    if found:
        run.out(printed(found, run["output"], run.release.minor))
        reference = f"https://istio.io/{run.release.minor}/docs/reference/config/analysis"
        raise CtlError(
            "Issues found when checking the cluster. Istio may not be safe to install or upgrade.\n"
            f"See {reference} for more information about causes and resolutions."
        )
    run.err(f"{_OK}\n{_START}{run.release.words.precheck_end}")
    return 0


def _server_version(run: Invocation) -> list[Finding]:
    version, minor = run.kubernetes()
    minimum = run.release.minimum_kubernetes
    if minor >= minimum:
        return []
    text = f'The Kubernetes Version "{version}" is lower than the minimum version: 1.{minimum}'
    return [Finding("Error", "IST0142", "Cluster", text)]


def _permissions(run: Invocation) -> list[Finding]:
    wanted = [("", group, resource) for group, resource in _CLUSTER]
    wanted += [(run["istioNamespace"], group, resource) for group, resource in _SYSTEM]
    found = []
    for namespace, group, resource in wanted:
        reason = _refused(run, namespace, group, resource)
        if reason:
            text = f"Missing required permission to create resource {resource} ({reason})"
            found.append(Finding("Error", "IST0143", "Cluster", text))
    return found


def _refused(run: Invocation, namespace: str, group: str, resource: str) -> str:
    attributes = {"namespace": namespace, "verb": "create", "group": group, "version": "v1", "resource": resource}
    api = "authorization.k8s.io/v1"
    review = {
        "apiVersion": api,
        "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {"resourceAttributes": attributes},
    }
    status = run.kube.request("POST", f"/apis/{api}/selfsubjectaccessreviews", review).get("status", {})
    return "" if status.get("allowed") else str(status.get("reason") or "permission denied")


def _gateway_api(run: Invocation) -> list[Finding]:
    found = []
    for crd in run.kube.find("apiextensions.k8s.io/v1", "CustomResourceDefinition"):
        if crd["spec"]["group"] != "gateway.networking.k8s.io" or at(crd, "spec.names.kind") not in _BETA:
            continue
        served = sorted(version["name"] for version in crd["spec"]["versions"] if version["served"])
        if "v1beta1" not in served:
            has = ",".join(served) or "none"
            text = f"The Gateway API CRD version {has} is lower than the minimum version: v1beta1"
            found.append(Finding("Error", "IST0150", f"CustomResourceDefinition {crd['metadata']['name']}", text))
    return found
