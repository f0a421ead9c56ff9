"""Permissions of Istio's programs, as rows `groups | resources | verbs` (`core` stands for the core
group)."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.istio.components.common import (
    RBAC,
    InstallSettings,
    Manifest,
    build_labels,
    build_manifest,
)

_READ = "get,list,watch"
_ALL = "get,watch,list,update,patch,create,delete"
_ISTIO = ",".join(
    f"{family}.istio.io"
    for family in "config security networking authentication rbac telemetry extensions".split()
)
_GATEWAYS = "gateway.networking.k8s.io"
_REVIEWS = (
    "authentication.k8s.io | tokenreviews | create",
    "authorization.k8s.io | subjectaccessreviews | create",
)

READER = (
    f"{_ISTIO} | * | {_READ}",
    f"core | endpoints,pods,services,nodes,replicationcontrollers,namespaces,secrets,configmaps | "
    f"{_READ}",
    f"networking.istio.io | workloadentries | {_READ}",
    f"networking.x-k8s.io,{_GATEWAYS} | gateways | {_READ}",
    f"apiextensions.k8s.io | customresourcedefinitions | {_READ}",
    f"discovery.k8s.io | endpointslices | {_READ}",
    f"multicluster.x-k8s.io | serviceexports | {_READ},create,delete",
    f"multicluster.x-k8s.io | serviceimports | {_READ}",
    f"apps | replicasets | {_READ}",
    *_REVIEWS,
)
CONTROL_PLANE = (
    f"admissionregistration.k8s.io | mutatingwebhookconfigurations | {_READ},update,patch",
    f"admissionregistration.k8s.io | validatingwebhookconfigurations | {_READ},update",
    f"{_ISTIO} | * | {_READ}",
    f"networking.istio.io | workloadentries,workloadentries/status,serviceentries/status | {_ALL}",
    f"security.istio.io | authorizationpolicies/status | {_ALL}",
    f"core | services/status | {_ALL}",
    f"apiextensions.k8s.io | customresourcedefinitions | {_READ}",
    f"core | pods,nodes,services,namespaces,endpoints | {_READ}",
    f"discovery.k8s.io | endpointslices | {_READ}",
    f"networking.k8s.io | ingresses,ingressclasses | {_READ}",
    "networking.k8s.io | ingresses/status | *",
    f"core | configmaps | create,{_READ},update",
    *_REVIEWS,
    f"{_GATEWAYS} | * | {_READ}",
    f"{_GATEWAYS} | "
    f"backendtlspolicies/status,gatewayclasses/status,gateways/status,grpcroutes/status,"
    "httproutes/status,listenersets/status,referencegrants/status,tcproutes/status,tlsroutes/status,"
    "udproutes/status | update,patch",
    f"{_GATEWAYS} | gatewayclasses | create,update,patch,delete",
    f"core | secrets | {_READ}",
    f"multicluster.x-k8s.io | serviceexports | {_READ},create,delete",
    f"multicluster.x-k8s.io | serviceimports | {_READ}",
)
GATEWAY_CONTROLLER = (
    f"apps | deployments | {_ALL}",
    f"autoscaling | horizontalpodautoscalers | {_ALL}",
    f"policy | poddisruptionbudgets | {_ALL}",
    f"core | services,serviceaccounts | {_ALL}",
)
ISTIOD = (
    "networking.istio.io | gateways | create",
    f"core | secrets | create,{_READ},update,delete",
    "core | configmaps | delete",
    "coordination.k8s.io | leases | get,update,patch,create",
)
GATEWAY_SECRETS = (f"core | secrets | {_READ}",)
CNI = (f"core | pods,nodes,namespaces | {_READ}",)
CNI_AMBIENT = ("core | pods/status | patch,update", "apps | daemonsets | get | istio-cni-node")
CNI_REPAIR = ("core | events | create,patch", f"core | pods | {_READ}")


def parse_rules(rows: Iterable[str]) -> list[Manifest]:
    """Build policy rules from rows; a fourth cell names single objects."""
    made = []
    for row in rows:
        groups, resources, verbs, *names = (cell.strip().split(",") for cell in row.split("|"))
        rule = {
            "apiGroups": [g.replace("core", "") for g in groups],
            "resources": resources,
            "verbs": verbs,
        }
        made.append({**rule, **({"resourceNames": names[0]} if names else {})})
    return made


def build_role(
    name: str, labelled: dict[str, str], rows: Iterable[str], namespace: str = ""
) -> Manifest:
    """Build a Role, or a ClusterRole where no namespace is given."""
    return build_manifest(
        RBAC,
        "Role" if namespace else "ClusterRole",
        name,
        labelled,
        namespace,
        rules=parse_rules(rows),
    )


def build_role_binding(
    name: str,
    labelled: dict[str, str],
    account: tuple[str, str],
    namespace: str = "",
    role_name: str = "",
) -> Manifest:
    """Build the binding of a role to a ServiceAccount, `(namespace, name)`.

    The role has the binding's name unless `role_name` is given.
    """
    kind = "Role" if namespace else "ClusterRole"
    subject = {"kind": "ServiceAccount", "name": account[1], "namespace": account[0]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role_name or name}
    return build_manifest(
        RBAC, f"{kind}Binding", name, labelled, namespace, roleRef=reference, subjects=[subject]
    )


def build_control_plane_roles(settings: InstallSettings) -> tuple[list[Manifest], list[Manifest]]:
    """Build istiod's cluster roles with their bindings, and its role with its binding."""
    where, dashed = settings.namespace, settings.revision_suffix
    istiod = build_labels(settings, "istiod", "istiod", app="istiod", release="istio")
    reader = build_labels(settings, "istio-reader", "istiod", app="istio-reader", release="istio")
    cluster = (
        ("istio-reader-clusterrole", reader, READER, "istio-reader-service-account"),
        ("istiod-clusterrole", istiod, CONTROL_PLANE, f"istiod{dashed}"),
        ("istiod-gateway-controller", istiod, GATEWAY_CONTROLLER, f"istiod{dashed}"),
    )
    roles = [build_role(f"{name}{dashed}-{where}", own, rows) for name, own, rows, _ in cluster]
    bindings = [
        build_role_binding(f"{name}{dashed}-{where}", own, (where, account))
        for name, own, _, account in cluster
    ]
    own = f"istiod{dashed}"
    return [*roles, *bindings], [
        build_role(own, istiod, ISTIOD, where),
        build_role_binding(own, istiod, (where, own), where),
    ]
