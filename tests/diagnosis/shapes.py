"""Kubernetes objects as an API server gives them, without what no cause looks at."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.kinds import Object

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
"""When the state was read."""
HOUR = 3600.0
APP, MESH = "bookinfo", "istio-system"
GATEWAY_API, ISTIO_API = "gateway.networking.k8s.io", "networking.istio.io"
ISTIO, KIALI = "1.30.3", "v2.26"
REVISION = {"istio.io/rev": "default"}
INSTALLED = {"operator.istio.io/managed": "Reconcile", "operator.istio.io/version": ISTIO}
NODE_NAME = "node-1"


def stamp(age: float) -> str:
    """The moment that many seconds before the state was read."""
    return (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(type_: str, status: str, reason: str = "", message: str = "") -> Object:
    """A status condition."""
    return {"type": type_, "status": status, "reason": reason, "message": message}


def thing(
    api: str, kind: str, name: str, namespace: str = "", *, age: float = HOUR, **more: Any
) -> Object:
    """An object; `labels` and `annotations` are metadata's, the rest stands beside it."""
    meta = {"name": name, "creationTimestamp": stamp(age), "uid": f"{kind}-{namespace}-{name}"}
    placed = {"namespace": namespace} if namespace else {}
    told = {key: more.pop(key) for key in ("labels", "annotations") if more.get(key)}
    return {"apiVersion": api, "kind": kind, "metadata": {**meta, **placed, **told}, **more}


def container(name: str, image: str, *ports: int, **more: Any) -> Object:
    """A container that declares these ports."""
    declared = [{"containerPort": port, "protocol": "TCP"} for port in ports]
    return {"name": name, "image": image, "ports": declared, **more}


def deployment(
    name: str,
    namespace: str,
    selector: Mapping[str, str],
    *containers: Object,
    account: str = "default",
    **meta: Any,
) -> Object:
    """A Deployment whose one pod is available; `selector` labels its template too."""
    spec = {"serviceAccountName": account, "containers": list(containers)}
    return thing(
        "apps/v1",
        "Deployment",
        name,
        namespace,
        **{"labels": dict(selector), **meta},
        spec={
            "replicas": 1,
            "selector": {"matchLabels": dict(selector)},
            "template": {"metadata": {"labels": dict(selector)}, "spec": spec},
        },
        status={
            **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), 1),
            "availableReplicas": 1,
            "conditions": [
                condition("Available", "True", "MinimumReplicasAvailable"),
                condition("Progressing", "True", "NewReplicaSetAvailable"),
            ],
        },
    )


def daemon_set(name: str, labels: Mapping[str, str], *containers: Object) -> Object:
    """A DaemonSet of the mesh, ready on the one node."""
    spec = {"nodeSelector": {"kubernetes.io/os": "linux"}, "containers": list(containers)}
    counts = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady", "numberAvailable")
    return thing(
        "apps/v1",
        "DaemonSet",
        name,
        MESH,
        labels={**REVISION, **INSTALLED, "app.kubernetes.io/name": name},
        spec={
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": spec},
        },
        status={**dict.fromkeys((*counts, "updatedNumberScheduled"), 1), "observedGeneration": 1},
    )


def pod(workload: Object, number: int = 0, age: float = HOUR) -> Object:
    """A ready pod of a workload, from its template."""
    template, meta = deepcopy(workload["spec"]["template"]), workload["metadata"]
    told = template["metadata"]
    running = {"running": {"startedAt": stamp(age)}}
    return thing(
        "v1",
        "Pod",
        f"{meta['name']}-577bc564bf-5q8s{number}",
        meta["namespace"],
        age=age,
        labels={**told["labels"], "pod-template-hash": "577bc564bf"},
        annotations=dict(told.get("annotations") or {}),
        spec={**template["spec"], "nodeName": NODE_NAME},
        status={
            "phase": "Running",
            "podIP": f"10.244.1.{17 + number}",
            "conditions": [condition(t, "True") for t in ("PodScheduled", "Initialized", "Ready")],
            "containerStatuses": [
                {
                    **{"name": each["name"], "image": each["image"], "state": running},
                    **{"lastState": {}, "ready": True, "restartCount": 0},
                }
                for each in template["spec"]["containers"]
            ],
        },
    )


def service(
    name: str, namespace: str, selector: Mapping[str, str], *ports: Object, **more: Any
) -> Object:
    """A Service of type ClusterIP."""
    spec = {"type": "ClusterIP", "selector": dict(selector), "ports": list(ports)}
    return thing("v1", "Service", name, namespace, **more, spec=spec)


def port(name: str, number: int, target: int | str = 0, **more: Any) -> Object:
    """A port of a Service."""
    return {"name": name, "port": number, "targetPort": target or number, "protocol": "TCP", **more}


def node(name: str) -> Object:
    """A node that takes pods."""
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name}
    info = {"kubeletVersion": "v1.36.3", "containerRuntimeVersion": "containerd://2.2.0"}
    ready = condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
    status = {"conditions": [ready], "nodeInfo": info}
    return thing("v1", "Node", name, labels=labels, spec={}, status=status)


def webhook(name: str, *hooks: tuple[str, Object, Object]) -> Object:
    """A MutatingWebhookConfiguration of an injector; hooks are (name, namespaces, objects)."""
    return thing(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        name,
        labels={"app": "sidecar-injector", **REVISION, **INSTALLED},
        webhooks=[
            {
                "name": hook,
                "clientConfig": {"service": {"name": "istiod", "namespace": MESH, "port": 443}},
                "failurePolicy": "Fail",
                "namespaceSelector": namespaces,
                "objectSelector": objects,
            }
            for hook, namespaces, objects in hooks
        ],
    )


def term(key: str, operator: str, *values: str) -> Object:
    """One expression of a LabelSelector."""
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def expressions(*terms: Object) -> Object:
    """A LabelSelector of expressions."""
    return {"matchExpressions": list(terms)}


def gateway(name: str, class_: str, *listeners: Object, **more: Any) -> Object:
    """A Gateway of the Gateway API that istiod has programmed."""
    status = {
        "conditions": [
            condition("Accepted", "True", "Accepted", "Resource accepted"),
            condition("Programmed", "True", "Programmed", "Resource programmed"),
        ]
    }
    spec = {"gatewayClassName": class_, "listeners": list(listeners)}
    return thing(f"{GATEWAY_API}/v1", "Gateway", name, APP, **more, spec=spec, status=status)


def gateway_class(name: str, controller: str) -> Object:
    """A GatewayClass."""
    spec = {"controllerName": f"istio.io/{controller}"}
    return thing(f"{GATEWAY_API}/v1", "GatewayClass", name, spec=spec)
