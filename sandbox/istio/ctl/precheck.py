"""`istioctl x precheck`: checks before an installation.

They concern the Kubernetes version, permissions and the Gateway API.
"""

from __future__ import annotations

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.findings import AnalysisFinding, format_findings
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.istioctl_errors import CtlError

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


def check_cluster(run: IstioctlInvocation) -> int:
    """Print what the checks find.

    Raises CtlError when there is any finding.
    """
    found = [*_check_server_version(run), *_check_permissions(run), *_check_gateway_api(run)]
    if found:
        run.write_out(format_findings(found, run["output"], run.release.minor))
        reference = f"https://istio.io/{run.release.minor}/docs/reference/config/analysis"
        raise CtlError(
            "Issues found when checking the cluster. Istio may not be safe to install or upgrade.\n"
            f"See {reference} for more information about causes and resolutions."
        )
    run.write_err(f"{_OK}\n{_START}{run.release.istioctl.words.precheck_end}")
    return 0


def _check_server_version(run: IstioctlInvocation) -> list[AnalysisFinding]:
    version, minor = run.get_kubernetes_version()
    minimum = run.release.istioctl.minimum_kubernetes
    if minor >= minimum:
        return []
    text = f'The Kubernetes Version "{version}" is lower than the minimum version: 1.{minimum}'
    return [AnalysisFinding("Error", "IST0142", "Cluster", text)]


def _check_permissions(run: IstioctlInvocation) -> list[AnalysisFinding]:
    wanted = [("", group, resource) for group, resource in _CLUSTER]
    wanted += [(run["istioNamespace"], group, resource) for group, resource in _SYSTEM]
    found = []
    for namespace, group, resource in wanted:
        reason = _explain_refusal(run, namespace, group, resource)
        if reason:
            text = f"Missing required permission to create resource {resource} ({reason})"
            found.append(AnalysisFinding("Error", "IST0143", "Cluster", text))
    return found


def _explain_refusal(run: IstioctlInvocation, namespace: str, group: str, resource: str) -> str:
    attributes = {
        "namespace": namespace,
        "verb": "create",
        "group": group,
        "version": "v1",
        "resource": resource,
    }
    api = "authorization.k8s.io/v1"
    review = {
        "apiVersion": api,
        "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {"resourceAttributes": attributes},
    }
    status = run.kube.request("POST", f"/apis/{api}/selfsubjectaccessreviews", review).get(
        "status", {}
    )
    return "" if status.get("allowed") else str(status.get("reason") or "permission denied")


def _check_gateway_api(run: IstioctlInvocation) -> list[AnalysisFinding]:
    found = []
    for crd in run.kube.list_objects("apiextensions.k8s.io/v1", "CustomResourceDefinition"):
        if (
            crd["spec"]["group"] != "gateway.networking.k8s.io"
            or get_nested(crd, "spec.names.kind") not in _BETA
        ):
            continue
        served = sorted(version["name"] for version in crd["spec"]["versions"] if version["served"])
        if "v1beta1" not in served:
            has = ",".join(served) or "none"
            text = f"The Gateway API CRD version {has} is lower than the minimum version: v1beta1"
            found.append(
                AnalysisFinding(
                    "Error", "IST0150", f"CustomResourceDefinition {crd['metadata']['name']}", text
                )
            )
    return found
