"""Components Cni and Ztunnel: the node agents of ambient mode."""

from __future__ import annotations

from sandbox.istio.components import rbac
from sandbox.istio.components.common import (
    InstallSettings,
    Manifest,
    build_extra_environment,
    build_labels,
    build_manifest,
    build_owner_labels,
    get_nested,
    overlay_kubernetes_settings,
    parse_container_ports,
    parse_environment,
    parse_volumes,
)
from sandbox.istio.render.chart_values import to_yaml

_EVERYWHERE = (("NoSchedule", ""), ("", "CriticalAddonsOnly"), ("NoExecute", ""))
_ENROLLED = [
    {"podSelector": {"matchLabels": {"istio.io/dataplane-mode": "ambient"}}},
    {
        "namespaceSelector": {"matchLabels": {"istio.io/dataplane-mode": "ambient"}},
        "podSelector": {
            "matchExpressions": [
                {"key": "istio.io/dataplane-mode", "operator": "NotIn", "values": ["none"]}
            ]
        },
    },
]


def _build_tolerations() -> list[Manifest]:
    keys = ("effect", "key")
    return [
        {**{k: v for k, v in zip(keys, row, strict=True) if v}, "operator": "Exists"}
        for row in _EVERYWHERE
    ]


def render_cni(settings: InstallSettings) -> list[Manifest]:
    """Return all objects of the component Cni, in the order they are applied."""
    where = _get_component_namespace(settings, "cni")
    own = build_labels(
        settings, "istio-cni", "cni", app="istio-cni", **build_owner_labels(settings, "Cni")
    )
    repair = build_labels(
        settings,
        "istio-cni",
        "cni",
        k8s_app="istio-cni-repair",
        **build_owner_labels(settings, "Cni"),
    )
    roles = (("istio-cni", rbac.CNI, own), ("istio-cni-ambient", rbac.CNI_AMBIENT, repair))
    account = (where, "istio-cni")
    return [
        build_manifest("v1", "ServiceAccount", "istio-cni", own, where),
        *(rbac.build_role(name, own, rows) for name, rows, _ in roles),
        rbac.build_role("istio-cni-repair-role", own, rbac.CNI_REPAIR),
        *(rbac.build_role_binding(name, theirs, account) for name, _, theirs in roles),
        rbac.build_role_binding(
            "istio-cni-repair-rolebinding", repair, account, role_name="istio-cni-repair-role"
        ),
        build_manifest(
            "v1", "ConfigMap", "istio-cni-config", own, where, data=_build_cni_config(settings)
        ),
        _build_cni_daemon_set(settings, where),
    ]


def _get_component_namespace(settings: InstallSettings, component: str) -> str:
    return str(get_nested(settings.spec, f"components.{component}.namespace", settings.namespace))


def _format_bool(value: object) -> str:
    return "true" if value else "false"


def _build_cni_config(settings: InstallSettings) -> dict[str, str]:
    ambient = settings.get("cni.ambient.enabled", False)
    return {
        "CURRENT_AGENT_VERSION": str(settings.get("global.tag")),
        "AMBIENT_ENABLED": _format_bool(ambient),
        "AMBIENT_ENABLEMENT_SELECTOR": to_yaml(_ENROLLED),
        "AMBIENT_DNS_CAPTURE": _format_bool(
            settings.get("cni.ambient.dnsCapture", settings.release.charts.chart_labels)
        ),
        "AMBIENT_IPV6": _format_bool(settings.get("cni.ambient.ipv6", True)),
        "CHAINED_CNI_PLUGIN": _format_bool(settings.get("cni.chained", True)),
        "EXCLUDE_NAMESPACES": ",".join(settings.get("cni.excludeNamespaces", ["kube-system"])),
        "REPAIR_ENABLED": _format_bool(settings.get("cni.repair.enabled", True)),
        "REPAIR_REPAIR_PODS": _format_bool(settings.get("cni.repair.repairPods", True)),
        "REPAIR_INIT_CONTAINER_NAME": "istio-validation",
    }


def _build_cni_daemon_set(settings: InstallSettings, where: str) -> Manifest:
    own = build_labels(
        settings,
        "istio-cni",
        "cni",
        k8s_app="istio-cni-node",
        **build_owner_labels(settings, "Cni"),
    )
    template = build_labels(
        settings, "istio-cni", "cni", k8s_app="istio-cni-node", mode="none", inject="false"
    )
    notes = {
        "prometheus.io/path": "/metrics",
        "prometheus.io/port": "15014",
        "prometheus.io/scrape": "true",
    }
    notes["sidecar.istio.io/inject"] = "false"
    if settings.release.charts.chart_labels:
        notes["container.apparmor.security.beta.kubernetes.io/install-cni"] = "unconfined"
    made, mounts = parse_volumes(
        f"cni-bin-dir host:{settings.get('cni.cniBinDir', '/opt/cni/bin')} /host/opt/cni/bin",
        "cni-host-procfs host:/proc,Directory /host/proc:ro",
        "cni-ztunnel-sock-dir host:/var/run/ztunnel,DirectoryOrCreate /var/run/ztunnel",
        f"cni-net-dir host:{settings.get('cni.cniConfDir', '/etc/cni/net.d')} /host/etc/cni/net.d",
        "cni-socket-dir host:/var/run/istio-cni /var/run/istio-cni",
        f"cni-netns-dir host:{settings.get('cni.cniNetnsDir', '/var/run/netns')},DirectoryOrCreate "
        f"/host/var/run/netns",
    )
    container = {
        "name": "install-cni",
        "image": settings.build_image("install-cni", "cni"),
        "command": ["install-cni"],
        "args": ["--log_output_level=info"],
        "env": parse_environment(
            "NODE_NAME=@spec.nodeName",
            "POD_NAME=@metadata.name",
            "POD_NAMESPACE=@metadata.namespace",
        )
        + build_extra_environment(settings.get("cni.env")),
        "envFrom": [{"configMapRef": {"name": "istio-cni-config"}}],
        "ports": parse_container_ports("metrics:15014"),
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8000}},
        "resources": settings.get("cni.resources", {}),
        "securityContext": {
            "privileged": False,
            "runAsUser": 0,
            "runAsGroup": 0,
            "runAsNonRoot": False,
        },
        "volumeMounts": mounts,
    }
    pod: Manifest = {"serviceAccountName": "istio-cni", "containers": [container], "volumes": made}
    if settings.release.charts.host_network_cni and settings.get("cni.ambient.enabled"):
        pod["hostNetwork"] = True
    update = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": settings.get("cni.rollingMaxUnavailable", 1)},
    }
    spec = _build_daemon_set_spec(
        {"k8s-app": "istio-cni-node"}, {"labels": template, "annotations": notes}, pod, update
    )
    agent = build_manifest("apps/v1", "DaemonSet", "istio-cni-node", own, where, spec=spec)
    return overlay_kubernetes_settings(agent, get_nested(settings.spec, "components.cni.k8s"))


def _build_daemon_set_spec(
    selector: Manifest, metadata: Manifest, pod: Manifest, update: Manifest
) -> Manifest:
    everywhere = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-node-critical",
        "tolerations": _build_tolerations(),
        "terminationGracePeriodSeconds": 30,
    }
    template = {"metadata": metadata, "spec": {**everywhere, **pod}}
    return {"selector": {"matchLabels": selector}, "updateStrategy": update, "template": template}


def render_ztunnel(settings: InstallSettings) -> list[Manifest]:
    """Return all objects of the component Ztunnel, in the order they are applied."""
    where = _get_component_namespace(settings, "ztunnel")
    own = build_labels(settings, "ztunnel", "ztunnel")
    if not settings.release.charts.chart_labels:
        own = {"app.kubernetes.io/name": "ztunnel", "app.kubernetes.io/part-of": "istio"}
    return [
        build_manifest("v1", "ServiceAccount", "ztunnel", own, where),
        _build_ztunnel_daemon_set(settings, where, own),
    ]


def _build_ztunnel_daemon_set(
    settings: InstallSettings, where: str, own: dict[str, str]
) -> Manifest:
    template = build_labels(
        settings, "ztunnel", "ztunnel", app="ztunnel", mode="none", inject="false"
    )
    notes = {
        "prometheus.io/port": "15020",
        "prometheus.io/scrape": "true",
        "sidecar.istio.io/inject": "false",
    }
    made, mounts = parse_volumes(
        "istiod-ca-cert config:istio-ca-root-cert /var/run/secrets/istio",
        "istio-token token: /var/run/secrets/tokens",
        "cni-ztunnel-sock-dir host:/var/run/ztunnel,DirectoryOrCreate /var/run/ztunnel",
        "tmp empty: /tmp",
    )
    control_plane = f"istiod{settings.revision_suffix}.{settings.namespace}.svc:15012"
    variables = parse_environment(
        f"CA_ADDRESS={control_plane}",
        f"XDS_ADDRESS={control_plane}",
        "RUST_LOG=info",
        "ISTIO_META_CLUSTER_ID=Kubernetes",
        "INPOD_ENABLED=true",
        "TERMINATION_GRACE_PERIOD_SECONDS=30",
        "POD_NAME=@metadata.name",
        "POD_NAMESPACE=@metadata.namespace",
        "NODE_NAME=@spec.nodeName",
        "INSTANCE_IP=@status.podIP",
        "SERVICE_ACCOUNT=@spec.serviceAccountName",
        "ISTIO_META_ENABLE_HBONE=true",
    )
    container = {
        "name": "istio-proxy",
        "image": settings.build_image("ztunnel", "ztunnel"),
        "args": ["proxy", "ztunnel"],
        "env": variables + build_extra_environment(settings.get("ztunnel.env")),
        "ports": parse_container_ports("ztunnel-stats:15020"),
        "readinessProbe": {"httpGet": {"path": "/healthz/ready", "port": 15021}},
        "resources": settings.get("ztunnel.resources", {}),
        "securityContext": {
            "privileged": False,
            "runAsUser": 0,
            "runAsGroup": 1337,
            "runAsNonRoot": False,
        },
        "volumeMounts": mounts,
    }
    pod = {"serviceAccountName": "ztunnel", "containers": [container], "volumes": made}
    update = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec = _build_daemon_set_spec(
        {"app": "ztunnel"}, {"labels": template, "annotations": notes}, pod, update
    )
    agent = build_manifest("apps/v1", "DaemonSet", "ztunnel", own, where, spec=spec)
    return overlay_kubernetes_settings(agent, get_nested(settings.spec, "components.ztunnel.k8s"))
