"""Parts of a proxy's pod that sidecars, gateways and waypoints share.

These are environment, volumes, mounts and probes.
"""

from __future__ import annotations

from typing import Any

from sandbox.cluster.contract import Object
from sandbox.istio.istiod.mesh_configuration import MeshConfiguration

_POD_FIELDS = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "INSTANCE_IP": "status.podIP",
    "SERVICE_ACCOUNT": "spec.serviceAccountName",
    "HOST_IP": "status.hostIP",
}
_MOUNTS = {
    "workload-socket": "/var/run/secrets/workload-spiffe-uds",
    "credential-socket": "/var/run/secrets/credential-uds",
    "workload-certs": "/var/run/secrets/workload-spiffe-credentials",
    "istiod-ca-cert": "/var/run/secrets/istio",
    "istio-ca-crl": "/var/run/secrets/istio/crl",
    "istio-data": "/var/lib/istio/data",
    "istio-envoy": "/etc/istio/proxy",
    "istio-token": "/var/run/secrets/tokens",
    "istio-podinfo": "/etc/istio/pod",
}
GATEWAY_VOLUMES = (
    "workload-socket",
    "credential-socket",
    "workload-certs",
    "istio-envoy",
    "istio-data",
    "istio-podinfo",
    "istio-token",
    "istiod-ca-cert",
)
"""Names of an ingress gateway's volumes, in order; a sidecar has these too."""
WAYPOINT_VOLUMES = tuple(
    v for v in GATEWAY_VOLUMES if v not in ("credential-socket", "workload-certs")
)
"""Names of a waypoint's volumes, in order."""
# 1337 is the user whose traffic the redirection leaves alone (`-u` of istio-iptables).
PROXY_SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsGroup": 1337,
    "runAsNonRoot": True,
    "runAsUser": 1337,
}


def list_sidecar_volumes(mesh: MeshConfiguration) -> tuple[str, ...]:
    """Return the names of the volumes that injection adds, in order."""
    return GATEWAY_VOLUMES + (("istio-ca-crl",) if mesh.identity.facts.revocation_list else ())


def build_volumes(names: tuple[str, ...]) -> list[Object]:
    """Build the pod's volumes of these names."""
    return [{"name": name, **_build_volume_source(name)} for name in names]


def _build_volume_source(name: str) -> Object:
    match name:
        case "istio-envoy":
            return {"emptyDir": {"medium": "Memory"}}
        case "istio-podinfo":
            items = [
                {"path": p, "fieldRef": {"fieldPath": f"metadata.{p}"}}
                for p in ("labels", "annotations")
            ]
            return {"downwardAPI": {"items": items}}
        case "istio-token":
            token = {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}
            return {"projected": {"sources": [{"serviceAccountToken": token}]}}
        case "istiod-ca-cert":
            return {"configMap": {"name": "istio-ca-root-cert"}}
        case "istio-ca-crl":
            return {"configMap": {"name": "istio-ca-crl", "optional": True}}
        case _:
            return {"emptyDir": {}}


def build_volume_mounts(names: tuple[str, ...]) -> list[Object]:
    """Build the proxy container's mounts of these volumes."""
    return [{"name": name, "mountPath": path} for name, path in _MOUNTS.items() if name in names]


def build_field_env(name: str, path: str) -> Object:
    """Build an environment variable taken from a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def build_limit_env(name: str, resource: str) -> Object:
    """Build an environment variable taken from the container's own limit."""
    return {"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource}}}


def build_identity_env(mesh: MeshConfiguration) -> list[Object]:
    """Build the first environment variables of every proxy.

    They name its certificate authority, its pod and its ProxyConfig.
    """
    system = mesh.identity.namespace
    return [
        {"name": "PILOT_CERT_PROVIDER", "value": "istiod"},
        {"name": "CA_ADDR", "value": f"istiod.{system}.svc:15012"},
        *(build_field_env(name, path) for name, path in _POD_FIELDS.items()),
        build_limit_env("ISTIO_CPU_LIMIT", "limits.cpu"),
        {"name": "PROXY_CONFIG", "value": mesh.proxy_config_json},
    ]


def build_workload_env(mesh: MeshConfiguration, *, workload: str, owner: str) -> list[Object]:
    """Build the last environment variables of every proxy.

    They hold the limits of the Go runtime, the names of the workload and of the mesh.
    """
    return [
        build_limit_env("GOMEMLIMIT", "limits.memory"),
        build_limit_env("GOMAXPROCS", "limits.cpu"),
        {
            "name": "ISTIO_META_CLUSTER_ID",
            "value": mesh.identity.env.get("CLUSTER_ID") or "Kubernetes",
        },
        build_field_env("ISTIO_META_NODE_NAME", "spec.nodeName"),
        {"name": "ISTIO_META_INTERCEPTION_MODE", "value": "REDIRECT"},
        {"name": "ISTIO_META_WORKLOAD_NAME", "value": workload},
        {"name": "ISTIO_META_OWNER", "value": owner},
        {
            "name": "ISTIO_META_MESH_ID",
            "value": str(mesh.get_value("global.meshID") or mesh.trust_domain),
        },
        {"name": "TRUST_DOMAIN", "value": mesh.trust_domain},
    ]


def build_metadata_env(mesh: MeshConfiguration) -> list[Object]:
    """Build the environment variables of defaultConfig.proxyMetadata."""
    return [{"name": name, "value": value} for name, value in sorted(mesh.proxy_metadata.items())]


def build_health_probe(**timing: int) -> Object:
    """Build a probe of the proxy's own health endpoint; timing in seconds and counts."""
    probe: dict[str, Any] = {"httpGet": {"path": "/healthz/ready", "port": 15021}}
    return probe | timing
