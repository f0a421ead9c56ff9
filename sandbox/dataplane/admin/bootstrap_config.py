"""What a proxy was started with, as its administration port shows it (BootstrapConfigDump)."""

from __future__ import annotations

from sandbox.dataplane.admin.cluster_configs import list_static_clusters
from sandbox.dataplane.admin.proxy_view import Json, ProxyView


def build_bootstrap(view: ProxyView) -> Json:
    """Return node, administration port and static clusters."""
    work, place = view.workload, f"{view.workload.namespace}.svc.cluster.local"
    kind = "router" if view.proxy.kind == "gateway" else view.proxy.kind
    return {
        "node": {
            "id": f"{kind}~{work.address}~{work.pod}.{work.namespace}~{place}",
            "cluster": f"{work.name}.{work.namespace}",
            "metadata": {
                "CLUSTER_ID": "Kubernetes",
                "ISTIO_VERSION": view.world.version,
                "LABELS": dict(work.labels),
                "NAME": work.pod,
                "NAMESPACE": work.namespace,
                "NODE_NAME": work.node,
                "WORKLOAD_NAME": work.name,
            },
        },
        "static_resources": {"clusters": list_static_clusters(view)},
        "admin": {
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 15000}},
        },
    }
