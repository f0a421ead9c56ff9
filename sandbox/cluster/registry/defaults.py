"""The values that Kubernetes 1.36 fills in for built-in types when a request leaves them out.

Clients compare what they sent with what they get back, and people read the result, so an object
must look as it would in a real cluster. Each function changes the object it is given, which must be
the caller's own copy.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.cluster.registry.pod_defaults import (
    compute_qos_class,
    set_pod_only_defaults,
    set_pod_spec_defaults,
)

Values = dict[str, Any]


def fill_missing(value: Values, **defaults: Any) -> None:
    """Set the fields that are absent or null (changed in place)."""
    for key, default in defaults.items():
        if value.get(key) is None:
            value[key] = default


def _get_or_add_map(value: Values, key: str) -> Values:
    if not isinstance(value.get(key), dict):
        value[key] = {}
    part: Values = value[key]
    return part


def _set_template_defaults(spec: Values) -> None:
    template = _get_or_add_map(spec, "template")
    fill_missing(template, metadata={})
    set_pod_spec_defaults(_get_or_add_map(template, "spec"))


def _copy_selector_from_template(spec: Values) -> None:
    labels = (_get_or_add_map(_get_or_add_map(spec, "template"), "metadata")).get("labels")
    if spec.get("selector") is None and labels:
        spec["selector"] = dict(labels)


def _set_deployment_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = _get_or_add_map(spec, "strategy")
    fill_missing(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill_missing(
            _get_or_add_map(strategy, "rollingUpdate"), maxSurge="25%", maxUnavailable="25%"
        )
    _set_template_defaults(spec)
    fill_missing(obj, status={})


def _set_replica_set_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(spec, replicas=1)
    _set_template_defaults(spec)
    fill_missing(_get_or_add_map(obj, "status"), replicas=0)


def _set_replication_controller_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    _copy_selector_from_template(spec)
    _set_replica_set_defaults(obj)


def _set_stateful_set_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    update = _get_or_add_map(spec, "updateStrategy")
    fill_missing(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        fill_missing(_get_or_add_map(update, "rollingUpdate"), partition=0)
    fill_missing(
        spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"}
    )
    _set_template_defaults(spec)
    fill_missing(_get_or_add_map(obj, "status"), replicas=0, availableReplicas=0)


def _set_daemon_set_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(spec, revisionHistoryLimit=10)
    update = _get_or_add_map(spec, "updateStrategy")
    fill_missing(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        fill_missing(_get_or_add_map(update, "rollingUpdate"), maxSurge=0, maxUnavailable=1)
    _set_template_defaults(spec)
    annotations = _get_or_add_map(obj["metadata"], "annotations")
    fill_missing(annotations, **{"deprecated.daemonset.template.generation": "1"})
    zeroes = (
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
    )
    fill_missing(_get_or_add_map(obj, "status"), **dict.fromkeys(zeroes, 0))


def _set_job_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(
        spec,
        completions=1,
        parallelism=1,
        backoffLimit=6,
        completionMode="NonIndexed",
        suspend=False,
    )
    fill_missing(spec, podReplacementPolicy="TerminatingOrFailed", manualSelector=False)
    _set_template_defaults(spec)
    uid, name = obj["metadata"].get("uid"), obj["metadata"].get("name", "")
    if uid and not spec["manualSelector"] and "selector" not in spec:
        # The server chooses them, so that a Job's pods are nobody else's (Kubernetes since 1.27).
        own = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name}
        labels = _get_or_add_map(_get_or_add_map(spec["template"], "metadata"), "labels")
        labels |= {**own, "controller-uid": uid, "job-name": name}
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        fill_missing(_get_or_add_map(obj["metadata"], "labels"), **labels)
    fill_missing(obj, status={})


def _set_cron_job_defaults(obj: Object) -> None:
    fill_missing(
        _get_or_add_map(obj, "spec"),
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    fill_missing(obj, status={})


def _set_service_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or ():
        fill_missing(port, protocol="TCP", targetPort=port.get("port"))
    if spec["type"] != "ExternalName":
        fill_missing(
            spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack"
        )
    if spec["type"] in ("LoadBalancer", "NodePort"):
        fill_missing(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill_missing(spec, allocateLoadBalancerNodePorts=True)
    if spec["sessionAffinity"] == "ClientIP":
        fill_missing(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}})
    fill_missing(_get_or_add_map(obj, "status"), loadBalancer={})


def _set_namespace_defaults(obj: Object) -> None:
    metadata = obj["metadata"]
    metadata["labels"] = {
        "kubernetes.io/metadata.name": metadata.get("name", ""),
        **(metadata.get("labels") or {}),
    }
    metadata["labels"]["kubernetes.io/metadata.name"] = metadata.get("name", "")
    fill_missing(_get_or_add_map(obj, "spec"), finalizers=["kubernetes"])
    fill_missing(_get_or_add_map(obj, "status"), phase="Active")


def _set_node_defaults(obj: Object) -> None:
    fill_missing(obj, spec={}, status={})


def _set_secret_defaults(obj: Object) -> None:
    fill_missing(obj, type="Opaque")
    for key, text in (obj.pop("stringData", None) or {}).items():
        _get_or_add_map(obj, "data")[key] = base64.b64encode(text.encode()).decode()


def _set_autoscaler_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    fill_missing(_get_or_add_map(obj, "status"), desiredReplicas=0)


def _set_disruption_budget_defaults(obj: Object) -> None:
    zeroes = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    fill_missing(_get_or_add_map(obj, "status"), **dict.fromkeys(zeroes, 0))


def _set_webhook_defaults(obj: Object, *, mutating: bool) -> None:
    for hook in obj.get("webhooks") or ():
        fill_missing(hook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10)
        fill_missing(hook, namespaceSelector={}, objectSelector={})
        if mutating:
            fill_missing(hook, reinvocationPolicy="Never")
        for rule in hook.get("rules") or ():
            fill_missing(rule, scope="*")
        service = (hook.get("clientConfig") or {}).get("service")
        if service:
            fill_missing(service, port=443)


def _set_match_defaults(match: Values) -> None:
    fill_missing(match, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for rule in match.get("resourceRules") or ():
        fill_missing(rule, scope="*")


def _set_policy_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(spec, failurePolicy="Fail")
    if spec.get("matchConstraints") is not None:
        _set_match_defaults(spec["matchConstraints"])
    fill_missing(obj, status={})


def _set_policy_binding_defaults(obj: Object) -> None:
    match = _get_or_add_map(obj, "spec").get("matchResources")
    if match is not None:
        _set_match_defaults(match)


def _set_crd_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    names = _get_or_add_map(spec, "names")
    kind = str(names.get("kind", ""))
    fill_missing(names, singular=kind.lower(), listKind=f"{kind}List")
    fill_missing(spec, conversion={"strategy": "None"})
    stored = [version["name"] for version in spec.get("versions") or () if version.get("storage")]
    fill_missing(
        _get_or_add_map(obj, "status"),
        conditions=[],
        acceptedNames={"plural": "", "kind": ""},
        storedVersions=stored,
    )


def _set_role_binding_defaults(obj: Object) -> None:
    group = "rbac.authorization.k8s.io"
    fill_missing(_get_or_add_map(obj, "roleRef"), apiGroup=group)
    for subject in obj.get("subjects") or ():
        fill_missing(
            subject, **({"apiGroup": group} if subject.get("kind") != "ServiceAccount" else {})
        )


def _set_network_policy_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    fill_missing(spec, policyTypes=["Ingress", "Egress"] if "egress" in spec else ["Ingress"])


def _set_ingress_defaults(obj: Object) -> None:
    fill_missing(_get_or_add_map(obj, "status"), loadBalancer={})


_GATED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
    "lastProbeTime": None,
    "lastTransitionTime": None,
}
"""What the API server notes on a pod that is created with gates (1.36)."""


def _set_pod_defaults(obj: Object) -> None:
    spec = _get_or_add_map(obj, "spec")
    set_pod_spec_defaults(spec)
    set_pod_only_defaults(spec)
    status = _get_or_add_map(obj, "status")
    fill_missing(status, phase="Pending", qosClass=compute_qos_class(spec))
    if spec.get("schedulingGates"):
        fill_missing(status, conditions=[dict(_GATED)])


def _set_limit_range_defaults(obj: Object) -> None:
    for item in _get_or_add_map(obj, "spec").get("limits") or ():
        if item.get("type") == "Container":
            limits = {**(item.get("max") or {}), **(item.get("default") or {})}
            requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
            found = {"default": limits, "defaultRequest": requests}
            item |= {key: value for key, value in found.items() if value}


def _set_volume_claim_defaults(obj: Object) -> None:
    fill_missing(_get_or_add_map(obj, "spec"), volumeMode="Filesystem")
    fill_missing(_get_or_add_map(obj, "status"), phase="Pending")


def _set_event_defaults(obj: Object) -> None:
    fill_missing(obj, reportingComponent="", reportingInstance="", source={})


_BY_KIND: dict[str, Callable[[Object], None]] = {
    "CustomResourceDefinition": _set_crd_defaults,
    "CronJob": _set_cron_job_defaults,
    "ClusterRoleBinding": _set_role_binding_defaults,
    "DaemonSet": _set_daemon_set_defaults,
    "Deployment": _set_deployment_defaults,
    "Event": _set_event_defaults,
    "HorizontalPodAutoscaler": _set_autoscaler_defaults,
    "Ingress": _set_ingress_defaults,
    "Job": _set_job_defaults,
    "LimitRange": _set_limit_range_defaults,
    "MutatingWebhookConfiguration": lambda obj: _set_webhook_defaults(obj, mutating=True),
    "Namespace": _set_namespace_defaults,
    "NetworkPolicy": _set_network_policy_defaults,
    "Node": _set_node_defaults,
    "PersistentVolumeClaim": _set_volume_claim_defaults,
    "Pod": _set_pod_defaults,
    "PodDisruptionBudget": _set_disruption_budget_defaults,
    "ReplicaSet": _set_replica_set_defaults,
    "ReplicationController": _set_replication_controller_defaults,
    "RoleBinding": _set_role_binding_defaults,
    "Secret": _set_secret_defaults,
    "Service": _set_service_defaults,
    "StatefulSet": _set_stateful_set_defaults,
    "ValidatingAdmissionPolicy": _set_policy_defaults,
    "ValidatingAdmissionPolicyBinding": _set_policy_binding_defaults,
    "ValidatingWebhookConfiguration": lambda obj: _set_webhook_defaults(obj, mutating=False),
}


def set_builtin_defaults(obj: Object) -> None:
    """Fill in what a built-in object leaves out (changed in place)."""
    set_them = _BY_KIND.get(obj.get("kind", ""))
    if set_them:
        set_them(obj)


def strip_nulls(value: Any) -> Any:
    """Return a copy without null fields: to built-in types they mean "not there"."""
    if isinstance(value, dict):
        return {key: strip_nulls(sub) for key, sub in value.items() if sub is not None}
    if isinstance(value, list):
        return [strip_nulls(sub) for sub in value]
    return value
