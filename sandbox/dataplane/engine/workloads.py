"""Workloads that take part in a request, read off a pod once: names for metrics, and
what its proxy was started with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.redirection import Redirection, read_redirection
from sandbox.dataplane.objects.pods import (
    Proxy,
    find_proxy,
    get_annotations,
    get_labels,
    is_captured,
)
from sandbox.istio.istiod.injection import get_workload_name

_DEFAULT_SAMPLING = 1.0
"""Per cent of requests that are traced unless the configuration says otherwise (Istio's default).
"""


@dataclass(frozen=True)
class Workload:
    """One pod as the mesh knows it. `proxy` is its own Envoy, if it has one; `captured` means that
    ztunnel has it."""

    uid: str
    namespace: str
    pod: str
    node: str
    address: str
    name: str
    labels: Mapping[str, str] = field(compare=False)
    account: str = "default"
    proxy: Proxy | None = None
    captured: bool = False
    hbone: bool = False
    """Whether its Envoy can speak HBONE, which only those started under the ambient profile can."""
    collector: str = ""
    """Where its Envoy's bootstrap sends spans; "" for nowhere."""
    ports: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Its containers' ports that have a name."""
    sampling: float = _DEFAULT_SAMPLING
    """Per cent of the requests that begin at its Envoy that are traced."""
    redirection: Redirection = Redirection()

    @property
    def kind(self) -> str:
        """`sidecar`, `gateway`, `waypoint`, or "" without an Envoy of its own."""
        return self.proxy.kind if self.proxy else ""

    @property
    def is_meshed(self) -> bool:
        """Tell whether what it sends and receives can be encrypted by the mesh."""
        return self.proxy is not None or self.captured

    @property
    def app(self) -> str:
        """Its application's name, as metrics have it."""
        return self.labels.get("app", "unknown")

    @property
    def version(self) -> str:
        """Its application's version, as metrics have it."""
        return self.labels.get("version", "unknown")

    @property
    def canonical(self) -> tuple[str, str]:
        """Canonical service and revision: by label, else app and version, else the workload and
        `latest`."""
        labels, prefix = self.labels, "service.istio.io/canonical-"
        name = (
            labels.get(f"{prefix}name")
            or labels.get("app.kubernetes.io/name")
            or labels.get("app")
            or self.name
        )
        revision = (
            labels.get(f"{prefix}revision")
            or labels.get("app.kubernetes.io/version")
            or labels.get("version")
        )
        return name, revision or "latest"

    @property
    def principal(self) -> str:
        """The identity in its certificate."""
        return f"spiffe://cluster.local/ns/{self.namespace}/sa/{self.account}"

    @property
    def service(self) -> str:
        """Its name in traces: the application's, for gateways and waypoints the workload's."""
        own = self.labels.get("app") if self.kind == "sidecar" else ""
        return f"{own or self.name}.{self.namespace}"

    @property
    def node_id(self) -> str:
        """Its Envoy's name towards istiod."""
        kind = {"gateway": "router"}.get(self.kind, self.kind)
        return (
            f"{kind}~{self.address}~{self.pod}.{self.namespace}~{self.namespace}.svc.cluster.local"
        )


def read_workload(pod: Object) -> Workload:
    """Return the workload of a pod."""
    meta, spec = pod["metadata"], pod["spec"]
    env = _read_proxy_env(spec)
    tracing = _read_tracing(env)
    return Workload(
        uid=meta.get("uid", ""),
        namespace=meta["namespace"],
        pod=meta["name"],
        node=spec.get("nodeName", ""),
        address=(pod.get("status") or {}).get("podIP", ""),
        name=env.get("ISTIO_META_WORKLOAD_NAME") or get_workload_name(pod),
        labels=get_labels(pod),
        account=spec.get("serviceAccountName") or "default",
        proxy=find_proxy(pod),
        captured=is_captured(pod),
        hbone=env.get("ISTIO_META_ENABLE_HBONE") == "true" or get_proxy_kind(pod) == "waypoint",
        collector=str((tracing.get("zipkin") or {}).get("address", "")),
        ports={
            port["name"]: port["containerPort"]
            for container in spec["containers"]
            for port in container.get("ports") or ()
            if port.get("name")
        },
        sampling=float(tracing.get("sampling") or _DEFAULT_SAMPLING),
        redirection=read_redirection(get_annotations(pod)),
    )


def get_proxy_kind(pod: Object) -> str:
    """Return `sidecar`, `gateway`, `waypoint`, or "" for a pod without an Envoy of its own."""
    proxy = find_proxy(pod)
    return proxy.kind if proxy else ""


def _read_proxy_env(spec: Object) -> dict[str, str]:
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    proxy: Object = next((c for c in containers if c["name"] == "istio-proxy"), {})
    return {e["name"]: e.get("value", "") for e in proxy.get("env") or ()}


def _read_tracing(env: Mapping[str, str]) -> Object:
    """Return ProxyConfig's tracing, as it was when the pod was made: the bootstrap never
    changes afterwards.
    """
    config = json.loads(env.get("PROXY_CONFIG") or "{}")
    return config.get("tracing") or {}


def build_scrape_labels(pod: Object) -> dict[str, str]:
    """Return the labels that a scrape of the pod adds to every series: the pod's own, and
    where it is (the samples' Prometheus).
    """
    meta, status = pod["metadata"], pod.get("status") or {}
    own = {
        "".join(c if c.isalnum() else "_" for c in name): value
        for name, value in get_labels(pod).items()
    }
    port = get_annotations(pod).get("prometheus.io/port", "15020")
    place = {
        "namespace": meta["namespace"],
        "pod": meta["name"],
        "node": pod["spec"].get("nodeName", ""),
    }
    return {
        **own,
        **place,
        "instance": f"{status.get('podIP', '')}:{port}",
        "job": "kubernetes-pods",
    }
