"""Shared parts of the components: settings, labels, images, and short forms of pod parts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.releases.release import IstioRelease

Manifest = dict[str, Any]
"""A Kubernetes object as it is applied."""

RBAC = "rbac.authorization.k8s.io/v1"
OWNER = "install.operator.istio.io/owning-resource"
NOT_PRUNED = "install.operator.istio.io/owning-resource-not-pruned"
COMPONENT = "operator.istio.io/component"


def get_nested(tree: Mapping[str, Any] | None, path: str, default: Any = None) -> Any:
    """Return the value at a dotted path of nested maps.

    Return `default` where a key is missing or null.
    """
    here: Any = tree
    for step in path.split("."):
        here = here.get(step) if isinstance(here, Mapping) else None
        if here is None:
            return default
    return here


@dataclass(frozen=True)
class InstallSettings:
    """The settings of one installation: the release and the merged IstioOperator.

    `spec` includes `spec.values`.
    """

    release: IstioRelease
    spec: Mapping[str, Any]

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """The merged chart values."""
        return dict(self.spec["values"])

    @property
    def namespace(self) -> str:
        return str(get_nested(self.values, "global.istioNamespace", "istio-system"))

    @property
    def revision(self) -> str:
        """The revision, empty for the default one."""
        revision = str(get_nested(self.values, "revision", ""))
        return "" if revision == "default" else revision

    @property
    def revision_suffix(self) -> str:
        """The revision as the suffix of a name, with its dash; empty for the default revision."""
        return f"-{self.revision}" if self.revision else ""

    def get(self, path: str, default: Any = None) -> Any:
        """Return the chart value at a dotted path."""
        return get_nested(self.values, path, default)

    def build_image(self, name: str, root: str) -> str:
        """Return the image of a program.

        Hub, tag and variant of `values.ROOT` come before the global ones.
        """
        name = str(self.get(f"{root}.image", name))
        if "/" in name:
            return name
        hub, tag = (
            self.get(f"{root}.{key}") or self.get(f"global.{key}") for key in ("hub", "tag")
        )
        variant = self.get(f"{root}.variant") or self.get("global.variant", "")
        return f"{hub}/{name}:{tag}" + (f"-{variant}" if variant else "")


def build_labels(settings: InstallSettings, name: str, chart: str, **own: str) -> dict[str, str]:
    """Build labels as the charts write them.

    These are the `app.kubernetes.io/*` set (Istio 1.24 and newer) and the object's own.
    """
    common = {
        "app.kubernetes.io/instance": "istio",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/part-of": "istio",
        "app.kubernetes.io/version": "1.0.0",
        "helm.sh/chart": f"{chart}-1.0.0",
    }
    if name:
        common["app.kubernetes.io/name"] = name
    return {
        **(common if settings.release.charts.chart_labels else {}),
        **{_LABEL_NAMES.get(k, k): v for k, v in own.items()},
    }


_LABEL_NAMES = {
    "rev": "istio.io/rev",
    "owner": OWNER,
    "component": COMPONENT,
    "k8s_app": "k8s-app",
    "mode": "istio.io/dataplane-mode",
    "inject": "sidecar.istio.io/inject",
    "tag": "istio.io/tag",
}


def build_owner_labels(settings: InstallSettings, component: str) -> dict[str, str]:
    """Build the labels that name an object's revision and component."""
    return {
        "rev": settings.revision or "default",
        "owner": "unknown",
        "component": component,
        "release": "istio",
    }


def build_manifest(
    api: str, kind: str, name: str, labelled: Mapping[str, str], namespace: str = "", **rest: Any
) -> Manifest:
    """Build one object; `annotations` in `rest` goes to its metadata."""
    metadata: Manifest = {"name": name, "labels": dict(labelled)}
    if namespace:
        metadata["namespace"] = namespace
    if rest.get("annotations"):
        metadata["annotations"] = rest["annotations"]
    rest.pop("annotations", None)
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def parse_environment(*rows: str) -> list[Manifest]:
    """Build container environment from rows.

    A row is `NAME=value`, `NAME=@field.path` or `NAME=#resource`.
    """
    return [_parse_variable(*row.partition("=")[::2]) for row in rows]


def _parse_variable(name: str, value: str) -> Manifest:
    if value.startswith("@"):
        return {
            "name": name,
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": value[1:]}},
        }
    if value.startswith("#"):
        return {
            "name": name,
            "valueFrom": {"resourceFieldRef": {"resource": value[1:], "divisor": "1"}},
        }
    return {"name": name, "value": value}


def build_extra_environment(values: Mapping[str, Any] | None) -> list[Manifest]:
    """Build the environment set through chart values, a map of names to values."""
    return [
        {"name": name, "value": _format_value(value)}
        for name, value in sorted((values or {}).items())
    ]


def _format_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_volumes(*rows: str) -> tuple[list[Manifest], list[Manifest]]:
    """Build volumes and their mounts from `name kind:detail path[:ro]` rows.

    Kinds: `empty`, `memory`, `config` and `secret` (a trailing `?` marks them optional),
    `host` (`path,Type`), `token`, `pod`.
    """
    made, mounts = [], []
    for row in rows:
        name, source, path = row.split()
        kind, _, detail = source.partition(":")
        made.append({"name": name, **_build_volume_source(kind, detail)})
        path, _, mode = path.partition(":")
        mounts.append({"name": name, "mountPath": path, **({"readOnly": True} if mode else {})})
    return made, mounts


def _build_volume_source(kind: str, detail: str) -> Manifest:
    optional = {"optional": True} if detail.endswith("?") else {}
    detail = detail.rstrip("?")
    path, _, form = detail.partition(",")
    token = {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}
    fields = [
        {"path": part, "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.{part}"}}
        for part in ("labels", "annotations")
    ]
    sources: dict[str, Manifest] = {
        "empty": {"emptyDir": {}},
        "memory": {"emptyDir": {"medium": "Memory"}},
        "config": {"configMap": {"name": detail, **optional}},
        "secret": {"secret": {"secretName": detail, **optional}},
        "host": {"hostPath": {"path": path, **({"type": form} if form else {})}},
        "token": {"projected": {"sources": [{"serviceAccountToken": token}]}},
        "pod": {"downwardAPI": {"items": fields}},
    }
    return sources[kind]


def parse_service_ports(*rows: str) -> list[Manifest]:
    """Build Service ports from `name:port[:target]` rows."""
    made = []
    for row in rows:
        name, number, *target = row.split(":")
        made.append(
            {
                "name": name,
                "port": int(number),
                "protocol": "TCP",
                "targetPort": int(target[0] if target else number),
            }
        )
    return made


def parse_container_ports(*rows: str) -> list[Manifest]:
    """Build container ports from `name:port` rows."""
    return [
        {"name": row.split(":")[0], "containerPort": int(row.split(":")[1]), "protocol": "TCP"}
        for row in rows
    ]


def build_autoscaler(
    name: str, namespace: str, labelled: Mapping[str, str], values: Mapping[str, Any]
) -> Manifest:
    """Build a HorizontalPodAutoscaler for the Deployment of the same name, as the charts do."""
    target = {
        "type": "Utilization",
        "averageUtilization": get_nested(values, "cpu.targetAverageUtilization", 80),
    }
    spec = {
        "minReplicas": get_nested(values, "autoscaleMin", 1),
        "maxReplicas": get_nested(values, "autoscaleMax", 5),
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return build_manifest(
        "autoscaling/v2", "HorizontalPodAutoscaler", name, labelled, namespace, spec=spec
    )


def build_disruption_budget(
    name: str, namespace: str, labelled: Mapping[str, str], selector: Mapping[str, str]
) -> Manifest:
    """Build a PodDisruptionBudget that keeps one pod."""
    spec = {"minAvailable": 1, "selector": {"matchLabels": dict(selector)}}
    return build_manifest("policy/v1", "PodDisruptionBudget", name, labelled, namespace, spec=spec)


def overlay_kubernetes_settings(
    workload: Manifest, kubernetes: Mapping[str, Any] | None
) -> Manifest:
    """Return the workload with the `k8s` settings of its component in the IstioOperator.

    These are resources, env, replicas, annotations and scheduling.
    """
    if not kubernetes:
        return workload
    made = deepcopy(workload)
    template = made["spec"]["template"]
    container = template["spec"]["containers"][0]
    if "resources" in kubernetes:
        container["resources"] = deepcopy(kubernetes["resources"])
    container["env"] = container["env"] + list(kubernetes.get("env", []))
    if "replicaCount" in kubernetes:
        made["spec"]["replicas"] = kubernetes["replicaCount"]
    template["metadata"]["annotations"].update(kubernetes.get("podAnnotations", {}))
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        if key in kubernetes:
            template["spec"][key] = deepcopy(kubernetes[key])
    return made
