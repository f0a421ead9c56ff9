"""The values that Kubernetes 1.36 fills in for built-in types when a request leaves them out.

Clients compare what they sent with what they get back, and people read the result, so an object must look as it would
in a real cluster. Each function changes the object it is given, which must be the caller's own copy.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.defaults_pod import pod_defaults, pod_spec_defaults, qos_class

Values = dict[str, Any]


def fill(value: Values, **defaults: Any) -> None:
    """Sets what is absent or null."""
    for key, default in defaults.items():
        if value.get(key) is None:
            value[key] = default


def _part(value: Values, key: str) -> Values:
    if not isinstance(value.get(key), dict):
        value[key] = {}
    part: Values = value[key]
    return part


def _template(spec: Values) -> None:
    template = _part(spec, "template")
    fill(template, metadata={})
    pod_spec_defaults(_part(template, "spec"))


def _selector_from_template(spec: Values) -> None:
    labels = (_part(_part(spec, "template"), "metadata")).get("labels")
    if spec.get("selector") is None and labels:
        spec["selector"] = dict(labels)


def _deployment(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = _part(spec, "strategy")
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(_part(strategy, "rollingUpdate"), maxSurge="25%", maxUnavailable="25%")
    _template(spec)
    fill(obj, status={})


def _replica_set(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, replicas=1)
    _template(spec)
    fill(_part(obj, "status"), replicas=0)


def _replication_controller(obj: Object) -> None:
    spec = _part(obj, "spec")
    _selector_from_template(spec)
    _replica_set(obj)


def _stateful_set(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    update = _part(spec, "updateStrategy")
    fill(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        fill(_part(update, "rollingUpdate"), partition=0)
    fill(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    _template(spec)
    fill(_part(obj, "status"), replicas=0, availableReplicas=0)


def _daemon_set(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, revisionHistoryLimit=10)
    update = _part(spec, "updateStrategy")
    fill(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        fill(_part(update, "rollingUpdate"), maxSurge=0, maxUnavailable=1)
    _template(spec)
    annotations = _part(obj["metadata"], "annotations")
    fill(annotations, **{"deprecated.daemonset.template.generation": "1"})
    zeroes = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    fill(_part(obj, "status"), **dict.fromkeys(zeroes, 0))


def _job(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, completions=1, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
    fill(spec, podReplacementPolicy="TerminatingOrFailed", manualSelector=False)
    _template(spec)
    fill(obj, status={})


def _cron_job(obj: Object) -> None:
    fill(
        _part(obj, "spec"),
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    fill(obj, status={})


def _service(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP", targetPort=port.get("port"))
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if spec["type"] in ("LoadBalancer", "NodePort"):
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    if spec["sessionAffinity"] == "ClientIP":
        fill(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}})
    fill(_part(obj, "status"), loadBalancer={})


def _namespace(obj: Object) -> None:
    metadata = obj["metadata"]
    metadata["labels"] = {"kubernetes.io/metadata.name": metadata.get("name", ""), **(metadata.get("labels") or {})}
    metadata["labels"]["kubernetes.io/metadata.name"] = metadata.get("name", "")
    fill(_part(obj, "spec"), finalizers=["kubernetes"])
    fill(_part(obj, "status"), phase="Active")


def _node(obj: Object) -> None:
    fill(obj, spec={}, status={})


def _secret(obj: Object) -> None:
    fill(obj, type="Opaque")
    for key, text in (obj.pop("stringData", None) or {}).items():
        _part(obj, "data")[key] = base64.b64encode(text.encode()).decode()


def _autoscaler(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    fill(_part(obj, "status"), desiredReplicas=0)


def _budget(obj: Object) -> None:
    zeroes = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    fill(_part(obj, "status"), **dict.fromkeys(zeroes, 0))


def _webhooks(obj: Object, *, mutating: bool) -> None:
    for hook in obj.get("webhooks") or ():
        fill(hook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10)
        fill(hook, namespaceSelector={}, objectSelector={})
        if mutating:
            fill(hook, reinvocationPolicy="Never")
        for rule in hook.get("rules") or ():
            fill(rule, scope="*")
        service = (hook.get("clientConfig") or {}).get("service")
        if service:
            fill(service, port=443)


def _match_resources(match: Values) -> None:
    fill(match, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for rule in match.get("resourceRules") or ():
        fill(rule, scope="*")


def _policy(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, failurePolicy="Fail")
    if spec.get("matchConstraints") is not None:
        _match_resources(spec["matchConstraints"])
    fill(obj, status={})


def _policy_binding(obj: Object) -> None:
    match = _part(obj, "spec").get("matchResources")
    if match is not None:
        _match_resources(match)


def _definition(obj: Object) -> None:
    spec = _part(obj, "spec")
    names = _part(spec, "names")
    kind = str(names.get("kind", ""))
    fill(names, singular=kind.lower(), listKind=f"{kind}List")
    fill(spec, conversion={"strategy": "None"})
    stored = [version["name"] for version in spec.get("versions") or () if version.get("storage")]
    fill(_part(obj, "status"), conditions=[], acceptedNames={"plural": "", "kind": ""}, storedVersions=stored)


def _binding(obj: Object) -> None:
    group = "rbac.authorization.k8s.io"
    fill(_part(obj, "roleRef"), apiGroup=group)
    for subject in obj.get("subjects") or ():
        fill(subject, **({"apiGroup": group} if subject.get("kind") != "ServiceAccount" else {}))


def _network_policy(obj: Object) -> None:
    spec = _part(obj, "spec")
    fill(spec, policyTypes=["Ingress", "Egress"] if "egress" in spec else ["Ingress"])


def _ingress(obj: Object) -> None:
    fill(_part(obj, "status"), loadBalancer={})


def _pod(obj: Object) -> None:
    spec = _part(obj, "spec")
    pod_spec_defaults(spec)
    pod_defaults(spec)
    fill(_part(obj, "status"), phase="Pending", qosClass=qos_class(spec))


def _claim(obj: Object) -> None:
    fill(_part(obj, "spec"), volumeMode="Filesystem")
    fill(_part(obj, "status"), phase="Pending")


def _event(obj: Object) -> None:
    fill(obj, reportingComponent="", reportingInstance="", source={})


_BY_KIND: dict[str, Callable[[Object], None]] = {
    "CustomResourceDefinition": _definition,
    "CronJob": _cron_job,
    "ClusterRoleBinding": _binding,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "Event": _event,
    "HorizontalPodAutoscaler": _autoscaler,
    "Ingress": _ingress,
    "Job": _job,
    "MutatingWebhookConfiguration": lambda obj: _webhooks(obj, mutating=True),
    "Namespace": _namespace,
    "NetworkPolicy": _network_policy,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "PodDisruptionBudget": _budget,
    "ReplicaSet": _replica_set,
    "ReplicationController": _replication_controller,
    "RoleBinding": _binding,
    "Secret": _secret,
    "Service": _service,
    "StatefulSet": _stateful_set,
    "ValidatingAdmissionPolicy": _policy,
    "ValidatingAdmissionPolicyBinding": _policy_binding,
    "ValidatingWebhookConfiguration": lambda obj: _webhooks(obj, mutating=False),
}


def set_defaults(obj: Object) -> None:
    """Fills in what a built-in object leaves out."""
    set_them = _BY_KIND.get(obj.get("kind", ""))
    if set_them:
        set_them(obj)


def strip_nulls(value: Any) -> Any:
    """A copy without null fields: to built-in types they mean "not there"."""
    if isinstance(value, dict):
        return {key: strip_nulls(sub) for key, sub in value.items() if sub is not None}
    if isinstance(value, list):
        return [strip_nulls(sub) for sub in value]
    return value
