"""Reads Kubernetes' protobuf bodies, because `kubectl create` and `kubectl auth can-i` send nothing
else.

Only what those commands send is known: the tables below give field numbers, names and types
(Kubernetes 1.36, the same since 1.20). A field that is not in them is refused unless it is empty.
Answers are JSON, which those clients take.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.cluster.contract import ApiError, Object

MAGIC = b"k8s\x00"
_Raw = int | bytes

_INLINE = "+inline"
"""The name of a field whose own fields stand beside it in JSON."""

# `number` and `flag` are left out when they are zero, `int` and `bool` are not (in Go they are
# pointers).
_TEXT, _INT, _BOOL, _BYTES, _TIME, _QUANTITY, _PORT = (
    "text",
    "int",
    "bool",
    "bytes",
    "time",
    "quantity",
    "port",
)


def _parse_fields(spec: str) -> dict[int, tuple[str, str]]:
    """Parse `1 name, 11 labels:map` to number, name and type; `*` before a type is a list."""
    found = {}
    for part in spec.split(","):
        number, _, rest = part.strip().partition(" ")
        name, _, kind = rest.partition(":")
        found[int(number)] = (name, kind or _TEXT)
    return found


_WORKLOAD = "1 metadata:ObjectMeta, 2 spec:{}Spec, 3 status:Nothing"
_MESSAGES: Mapping[str, dict[int, tuple[str, str]]] = {
    name: _parse_fields(spec)
    for name, spec in {
        "Nothing": "0 none",
        "ObjectMeta": (
            "1 name, 2 generateName, 3 namespace, 4 selfLink, 5 uid, 6 resourceVersion, 7 "
            "generation:number, "
            "8 creationTimestamp:time, 11 labels:map, 12 annotations:map, 13 "
            "ownerReferences:*OwnerReference, "
            "14 finalizers:*text"
        ),
        "OwnerReference": "1 kind, 3 name, 4 uid, 5 apiVersion, 6 controller:bool, 7 "
        "blockOwnerDeletion:bool",
        "Namespace": "1 metadata:ObjectMeta, 2 spec:NamespaceSpec, 3 status:NamespaceStatus",
        "NamespaceSpec": "1 finalizers:*text",
        "NamespaceStatus": "1 phase",
        "ConfigMap": "1 metadata:ObjectMeta, 2 data:map, 3 binaryData:bytesmap, 4 immutable:bool",
        "Secret": "1 metadata:ObjectMeta, 2 data:bytesmap, 3 type, 4 stringData:map, 5 "
        "immutable:bool",
        "ServiceAccount": "1 metadata:ObjectMeta, 4 automountServiceAccountToken:bool",
        "Deployment": _WORKLOAD.format("Deployment"),
        "DeploymentSpec": (
            "1 replicas:int, 2 selector:LabelSelector, 3 template:PodTemplateSpec, 4 "
            "strategy:DeploymentStrategy, "
            "5 minReadySeconds:number, 6 revisionHistoryLimit:int, 7 paused:flag, 9 "
            "progressDeadlineSeconds:int"
        ),
        "DeploymentStrategy": "1 type",
        "LabelSelector": "1 matchLabels:map, 2 matchExpressions:*LabelRequirement",
        "LabelRequirement": "1 key, 2 operator, 3 values:*text",
        "PodTemplateSpec": "1 metadata:ObjectMeta, 2 spec:PodSpec",
        "PodSpec": (
            "2 containers:*Container, 3 restartPolicy, 4 terminationGracePeriodSeconds:int, 6 "
            "dnsPolicy, "
            "7 nodeSelector:map, 8 serviceAccountName, 9 serviceAccount, 10 nodeName, 14 "
            "securityContext:Nothing, "
            "19 schedulerName"
        ),
        "Container": (
            "1 name, 2 image, 3 command:*text, 4 args:*text, 5 workingDir, 6 ports:*ContainerPort, "
            "7 env:*EnvVar, "
            "8 resources:Resources, 13 terminationMessagePath, 14 imagePullPolicy, 16 stdin:flag, "
            "17 stdinOnce:flag, "
            "18 tty:flag, 20 terminationMessagePolicy"
        ),
        "ContainerPort": "1 name, 2 hostPort:number, 3 containerPort:int, 4 protocol, 5 hostIP",
        "EnvVar": "1 name, 2 value",
        "Resources": "1 limits:quantitymap, 2 requests:quantitymap",
        "Service": "1 metadata:ObjectMeta, 2 spec:ServiceSpec, 3 status:ServiceStatus",
        "ServiceStatus": "1 loadBalancer:Nothing",
        "ServiceSpec": (
            "1 ports:*ServicePort, 2 selector:map, 3 clusterIP, 4 type, 5 externalIPs:*text, 7 "
            "sessionAffinity, "
            "8 loadBalancerIP, 10 externalName"
        ),
        "ServicePort": "1 name, 2 protocol, 3 port:int, 4 targetPort:port, 5 nodePort:number, 6 "
        "appProtocol",
        "Role": "1 metadata:ObjectMeta, 2 rules:*PolicyRule",
        "ClusterRole": "1 metadata:ObjectMeta, 2 rules:*PolicyRule",
        "PolicyRule": (
            "1 verbs:*text, 2 apiGroups:*text, 3 resources:*text, 4 resourceNames:*text, 5 "
            "nonResourceURLs:*text"
        ),
        "RoleBinding": "1 metadata:ObjectMeta, 2 subjects:*Subject, 3 roleRef:RoleRef",
        "ClusterRoleBinding": "1 metadata:ObjectMeta, 2 subjects:*Subject, 3 roleRef:RoleRef",
        "Subject": "1 kind, 2 apiGroup, 3 name, 4 namespace",
        "RoleRef": "1 apiGroup, 2 kind, 3 name",
        "ResourceQuota": "1 metadata:ObjectMeta, 2 spec:ResourceQuotaSpec, 3 status:Nothing",
        "ResourceQuotaSpec": "1 hard:quantitymap, 2 scopes:*text",
        "Job": _WORKLOAD.format("Job"),
        "JobSpec": (
            "1 parallelism:int, 2 completions:int, 3 activeDeadlineSeconds:int, 4 "
            "selector:LabelSelector, "
            "5 manualSelector:bool, 6 template:PodTemplateSpec, 7 backoffLimit:int, 8 "
            "ttlSecondsAfterFinished:int, 9 completionMode, 10 suspend:bool"
        ),
        "CronJob": _WORKLOAD.format("CronJob"),
        "CronJobSpec": (
            "1 schedule, 2 startingDeadlineSeconds:int, 3 concurrencyPolicy, 4 suspend:bool, 5 "
            "jobTemplate:JobTemplateSpec, 6 successfulJobsHistoryLimit:int, 7 "
            "failedJobsHistoryLimit:int, 8 timeZone"
        ),
        "JobTemplateSpec": "1 metadata:ObjectMeta, 2 spec:JobSpec",
        "HorizontalPodAutoscaler": _WORKLOAD.format("HorizontalPodAutoscaler"),
        "HorizontalPodAutoscalerSpec": (
            "1 scaleTargetRef:ScaleTarget, 2 minReplicas:int, 3 maxReplicas:int, 4 "
            "metrics:*MetricSpec"
        ),
        "autoscaling/v1 HorizontalPodAutoscaler": _WORKLOAD.format("OldAutoscaler"),
        "OldAutoscalerSpec": (
            "1 scaleTargetRef:ScaleTarget, 2 minReplicas:int, 3 maxReplicas:int, 4 "
            "targetCPUUtilizationPercentage:int"
        ),
        "ScaleTarget": "1 kind, 2 name, 3 apiVersion",
        "MetricSpec": "1 type, 4 resource:ResourceMetric",
        "ResourceMetric": "1 name, 2 target:MetricTarget",
        "MetricTarget": (
            "1 type, 2 value:quantity, 3 averageValue:quantity, 4 averageUtilization:int"
        ),
        "Ingress": _WORKLOAD.format("Ingress"),
        "IngressSpec": (
            "1 defaultBackend:IngressBackend, 2 tls:*IngressTls, 3 rules:*IngressRule, 4 "
            "ingressClassName"
        ),
        "IngressBackend": "4 service:IngressService",
        "IngressService": "1 name, 2 port:IngressPort",
        "IngressPort": "1 name, 2 number:number",
        "IngressTls": "1 hosts:*text, 2 secretName",
        "IngressRule": "1 host, 2 +inline:IngressRuleValue",
        "IngressRuleValue": "1 http:IngressPaths",
        "IngressPaths": "1 paths:*IngressPath",
        "IngressPath": "1 path, 2 backend:IngressBackend, 3 pathType",
        "PodDisruptionBudget": _WORKLOAD.format("PodDisruptionBudget"),
        "PodDisruptionBudgetSpec": (
            "1 minAvailable:port, 2 selector:LabelSelector, 3 maxUnavailable:port, 4 "
            "unhealthyPodEvictionPolicy"
        ),
        "PriorityClass": (
            "1 metadata:ObjectMeta, 2 value:int, 3 globalDefault:flag, 4 description, 5 "
            "preemptionPolicy"
        ),
        "SelfSubjectAccessReview": "1 metadata:ObjectMeta, 2 spec:AccessSpec, 3 status:AccessStatus",  # noqa: E501
        "SelfSubjectRulesReview": "1 metadata:ObjectMeta, 2 spec:RulesSpec, 3 status:RulesStatus",
        "RulesSpec": "1 namespace",
        "RulesStatus": "3 incomplete:flag, 4 evaluationError",
        "SelfSubjectReview": "1 metadata:ObjectMeta, 2 status:ReviewStatus",
        "ReviewStatus": "1 userInfo:UserInfo",
        "UserInfo": "1 username, 2 uid",
        "TokenRequest": "1 metadata:ObjectMeta, 2 spec:TokenSpec, 3 status:TokenStatus",
        "TokenStatus": "1 token, 2 expirationTimestamp:time",
        "TokenSpec": "1 audiences:*text, 3 boundObjectRef:BoundObject, 4 expirationSeconds:int",
        "BoundObject": "1 kind, 2 apiVersion, 3 name, 4 uid",
        "AccessSpec": "1 resourceAttributes:ResourceAttributes, 2 "
        "nonResourceAttributes:NonResourceAttributes",
        "AccessStatus": "1 allowed:bool, 2 reason, 3 evaluationError, 4 denied:bool",
        "ResourceAttributes": "1 namespace, 2 verb, 3 group, 4 version, 5 resource, 6 subresource, "
        "7 name",
        "NonResourceAttributes": "1 path, 2 verb",
        "Eviction": "1 metadata:ObjectMeta, 2 deleteOptions:DeleteOptions",
        "DeleteOptions": (
            "1 gracePeriodSeconds:int, 2 preconditions:Preconditions, 3 orphanDependents:bool, 4 "
            "propagationPolicy, "
            "5 dryRun:*text"
        ),
        "Preconditions": "1 uid, 2 resourceVersion",
    }.items()
}


def decode_envelope(body: bytes) -> Object:
    """Return the object in a protobuf envelope.

    Raises ApiError(415) for a kind or a field that is not known here.
    """
    envelope = dict(_iterate_raw_fields(body[len(MAGIC) :]))
    about = _iterate_raw_fields(_require_bytes(envelope.get(1, b"")))
    meta = {number: _require_bytes(value).decode() for number, value in about}
    version, kind = meta.get(1, ""), meta.get(2, "")
    # A kind whose older version has other fields is found under both words.
    name = f"{version} {kind}" if f"{version} {kind}" in _MESSAGES else kind
    if name not in _MESSAGES:
        raise _unsupported_media_error(kind)
    return {
        "apiVersion": version,
        "kind": kind,
        **_decode_message(name, _require_bytes(envelope.get(2, b""))),
    }


def _unsupported_media_error(what: str) -> ApiError:
    text = (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, "
    )
    return ApiError(
        415,
        "UnsupportedMediaType",
        f"{text}application/yaml (not protobuf of {what or 'this kind'})",
    )


def _require_bytes(value: _Raw) -> bytes:
    if not isinstance(value, bytes):
        raise _unsupported_media_error("a wrong wire type")
    return value


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _unsupported_media_error("a cut body")


def _iterate_raw_fields(data: bytes) -> Iterator[tuple[int, _Raw]]:
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _read_varint(data, at)
            yield number, value
        elif wire == 2:
            length, at = _read_varint(data, at)
            if at + length > len(data):
                raise _unsupported_media_error("a cut body")
            yield number, data[at : at + length]
            at += length
        else:
            raise _unsupported_media_error("a wrong wire type")


def _decode_message(name: str, data: bytes) -> Object:
    out: Object = {}
    for number, raw in _iterate_raw_fields(data):
        known = _MESSAGES[name].get(number)
        if known is None:
            if name == "Nothing" or not raw:
                continue
            raise _unsupported_media_error(f"{name} field {number}")
        _store_field(out, *known, raw)
    return {key: value for key, value in out.items() if value not in ("", None)}


def _store_field(out: Object, field: str, kind: str, raw: _Raw) -> None:
    if kind.startswith("*"):
        out.setdefault(field, []).append(_decode_value(kind[1:], raw))
    elif kind.endswith("map"):
        entry = dict(_iterate_raw_fields(_require_bytes(raw)))
        key = _require_bytes(entry.get(1, b"")).decode()
        value_kind = {"map": _TEXT, "bytesmap": _BYTES, "quantitymap": _QUANTITY}[kind]
        out.setdefault(field, {})[key] = _decode_value(value_kind, entry.get(2, b""))
    elif field == _INLINE:
        out |= _decode_value(kind, raw)
    else:
        out[field] = _decode_value(kind, raw)


def _decode_value(kind: str, raw: _Raw) -> Any:
    reader = _READERS.get(kind)
    return reader(raw) if reader else _decode_message(kind, _require_bytes(raw))


def _decode_int(raw: _Raw) -> int:
    if isinstance(raw, bytes):
        raise _unsupported_media_error("a wrong wire type")
    return raw - (1 << 64) if raw >> 63 else raw


def _decode_quantity(raw: _Raw) -> str:
    return _require_bytes(dict(_iterate_raw_fields(_require_bytes(raw))).get(1, b"")).decode()


def _decode_port(raw: _Raw) -> int | str:
    fields = dict(_iterate_raw_fields(_require_bytes(raw)))
    return (
        _require_bytes(fields.get(3, b"")).decode()
        if fields.get(1)
        else _decode_int(fields.get(2, 0))
    )


_READERS: Mapping[str, Callable[[_Raw], Any]] = {
    _TEXT: lambda raw: _require_bytes(raw).decode(),
    _INT: _decode_int,
    _BOOL: bool,
    "number": lambda raw: _decode_int(raw) or None,
    "flag": lambda raw: bool(raw) or None,
    _BYTES: lambda raw: base64.b64encode(_require_bytes(raw)).decode(),
    _TIME: lambda raw: None,
    _QUANTITY: _decode_quantity,
    _PORT: _decode_port,
}
