"""Sidecar injection: the answers of istiod's webhook `/inject` when a pod is created.

Names, order, labels and annotations are those recorded of Istio 1.23.2 and 1.30.3.
"""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.istio.istiod import proxy
from sandbox.istio.istiod.injection_metadata import (
    build_default_annotations,
    build_scrape_annotations,
    build_scrape_env,
    build_sidecar_labels,
    format_injection_status,
)
from sandbox.istio.istiod.mesh_configuration import MeshConfiguration

IGNORED_NAMESPACES = frozenset(
    {"kube-system", "kube-public", "kube-node-lease", "local-path-storage"}
)
"""Namespaces that are never injected, whatever their labels say."""
_OVERRIDES = {
    "sidecar.istio.io/proxyCPU": ("requests", "cpu"),
    "sidecar.istio.io/proxyMemory": ("requests", "memory"),
    "sidecar.istio.io/proxyCPULimit": ("limits", "cpu"),
    "sidecar.istio.io/proxyMemoryLimit": ("limits", "memory"),
}
_PROBES = {"readinessProbe": "readyz", "livenessProbe": "livez", "startupProbe": "startupz"}
_IPTABLES = [
    "istio-iptables",
    "-p",
    "15001",
    "-z",
    "15006",
    "-u",
    "1337",
    "-m",
    "REDIRECT",
    "-i",
    "*",
    "-x",
    "",
]
_IPTABLES += ["-b", "*", "-d", "15090,15021,15020", "--log_output_level=default:info"]
_NATIVE_FROM = (1, 33)
"""The kubelet version from which on Istio 1.30 uses native sidecars by itself."""


_TEMPLATES = ("gateway", "grpc-agent", "grpc-simple", "sidecar")
"""Names of the templates in the injector's configuration (Istio 1.23 and 1.30)."""


def needs_native_sidecars(mesh: MeshConfiguration, kubelets: list[str]) -> bool:
    """Tell whether sidecars become init containers that keep running (native sidecars).

    `kubelets` are the versions of the nodes' kubelets, e.g. `v1.36.3`.
    """
    asked = mesh.identity.env.get("ENABLE_NATIVE_SIDECARS", "auto").lower()
    if asked in ("true", "false"):
        return asked == "true"
    return (
        mesh.identity.facts.native_when_kubelets_can
        and bool(kubelets)
        # All of them, since the pod is not bound to a node yet.
        and all(map(_can_run_native_sidecars, kubelets))
    )


def _can_run_native_sidecars(kubelet: str) -> bool:
    major, minor = (kubelet.lstrip("v").split(".") + ["0"])[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)) or 0)) >= _NATIVE_FROM


def answer_injection_review(body: bytes, mesh: MeshConfiguration, kubelets: list[str]) -> Object:
    """Answer the AdmissionReview of a pod's creation.

    The answer has a JSON patch where a sidecar belongs in the pod; one that asks for a template
    which istiod does not have is denied.
    """
    question = json.loads(body)["request"]
    pod = question["object"]
    namespace = question.get("namespace") or pod.get("metadata", {}).get("namespace", "")
    response: Object = {"uid": question["uid"], "allowed": True}
    if not needs_injection(pod, namespace, any_word=mesh.identity.facts.any_word_refuses):
        pass
    elif unknown := _find_unknown_template(pod):
        words = f'requested template "{unknown}" not found; have {", ".join(_TEMPLATES)}'
        told = {"message": f"failed to run injection template: {words}"}
        response |= {"allowed": False, "status": told}
    else:
        injected = inject_sidecar(
            pod, namespace, mesh, native=needs_native_sidecars(mesh, kubelets)
        )
        response |= {
            "patch": _encode_patch(_build_json_patch(pod, injected)),
            "patchType": "JSONPatch",
        }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def _find_unknown_template(pod: Object) -> str:
    annotations = pod.get("metadata", {}).get("annotations") or {}
    asked = str(annotations.get("inject.istio.io/templates", "")).split(",")
    return next((t.strip() for t in asked if t.strip() and t.strip() not in _TEMPLATES), "")


def needs_injection(pod: Object, namespace: str, *, any_word: bool = False) -> bool:
    """Tell whether a pod gets a sidecar by istiod's own rules, after the webhook's selectors.

    `any_word`: every word but a few for yes refuses it, and not `false` alone. A label counts
    before an annotation.
    """
    meta, spec = pod.get("metadata", {}), pod["spec"]
    # In the node's own network the redirection would catch all of the node's traffic.
    if spec.get("hostNetwork") or namespace in IGNORED_NAMESPACES:
        return False
    if "sidecar.istio.io/status" in (meta.get("annotations") or {}):
        return False
    key = "sidecar.istio.io/inject"
    told = {**(meta.get("annotations") or {}), **(meta.get("labels") or {})}
    said = str(told.get(key) or "true")
    return said.lower() in ("true", "y", "yes", "on") if any_word else said != "false"


def inject_sidecar(pod: Object, namespace: str, mesh: MeshConfiguration, *, native: bool) -> Object:
    """Return a copy of the pod with its sidecar.

    Containers, volumes, labels and annotations are in istiod's order.
    """
    result = copy.deepcopy(pod)
    meta, spec = result.setdefault("metadata", {}), result["spec"]
    annotations = meta["annotations"] = dict(meta.get("annotations") or {})
    labels = meta["labels"] = dict(meta.get("labels") or {})
    native = _is_native_sidecar(annotations, native)
    hold = _is_application_held(annotations, mesh)
    # Before it is put among them: its environment names the application's containers alone.
    sidecar = _build_sidecar(spec, meta, namespace, mesh)
    names = proxy.list_sidecar_volumes(mesh)
    first = _build_init_container(mesh, sidecar["resources"], sidecar["image"])
    if native:
        sidecar |= {"restartPolicy": "Always", "lifecycle": _build_drain_hook()}
        # Init containers that come after a native sidecar can use the mesh already.
        spec["initContainers"] = [first, sidecar, *spec.get("initContainers", [])]
    else:
        # Redirection comes last: until the proxy runs it leads nowhere, and the pod's own init
        # containers would have no network.
        spec["initContainers"] = [*spec.get("initContainers", []), first]
        if hold:
            # A kubelet starts the next container after the postStart hook of the one before.
            sidecar["lifecycle"] = {"postStart": {"exec": {"command": ["pilot-agent", "wait"]}}}
        spec["containers"] = (
            [sidecar, *spec["containers"]] if hold else [*spec["containers"], sidecar]
        )
    spec["volumes"] = [*proxy.build_volumes(names), *spec.get("volumes", [])]
    app = next((c["name"] for c in pod["spec"]["containers"]), "")
    # What the pod says itself stays.
    annotations |= {
        k: v for k, v in build_default_annotations(app, mesh).items() if k not in annotations
    }
    annotations |= build_scrape_annotations(annotations, mesh) | {
        "istio.io/rev": mesh.identity.revision
    }
    # By this a pod that comes here once more is known, and left as it is.
    annotations["sidecar.istio.io/status"] = format_injection_status(
        first["name"], names, mesh.identity.revision, native=native
    )
    labels |= build_sidecar_labels(labels, get_workload_name(pod), mesh)
    return result


def _is_native_sidecar(annotations: dict[str, str], native: bool) -> bool:
    said = annotations.get("sidecar.istio.io/nativeSidecar", "")
    return said == "true" if said else native


def _is_application_held(annotations: dict[str, str], mesh: MeshConfiguration) -> bool:
    own = annotations.get("proxy.istio.io/config", "")
    key = "holdApplicationUntilProxyStarts"
    return bool(mesh.proxy_config.get(key)) or key in own and "false" not in own


def get_workload_name(pod: Object) -> str:
    """Return the name of the workload that a pod belongs to.

    It is the Deployment's name (its ReplicaSet's without the hash), else the owner's,
    else the pod's own.
    """
    meta = pod.get("metadata", {})
    owner = next((o for o in meta.get("ownerReferences") or [] if o.get("controller")), None)
    if owner is None:
        return str(meta.get("name") or meta.get("generateName", "").rstrip("-"))
    hash_label = (meta.get("labels") or {}).get("pod-template-hash", "")
    name = str(owner["name"])
    return (
        name.removesuffix(f"-{hash_label}")
        if owner["kind"] == "ReplicaSet" and hash_label
        else name
    )


def _build_owner_url(pod_meta: Object, workload: str, namespace: str) -> str:
    owner = next((o for o in pod_meta.get("ownerReferences") or [] if o.get("controller")), None)
    if owner is None:
        return f"kubernetes://apis/v1/namespaces/{namespace}/pods/{workload}"
    kind = "deployment" if owner["kind"] == "ReplicaSet" else owner["kind"].lower()
    return f"kubernetes://apis/{owner['apiVersion']}/namespaces/{namespace}/{kind}s/{workload}"


def _build_sidecar(spec: Object, meta: Object, namespace: str, mesh: MeshConfiguration) -> Object:
    annotations = meta["annotations"]
    workload = get_workload_name({"metadata": meta})
    ports = [_format_container_port(p) for c in spec["containers"] for p in c.get("ports") or []]
    env = [
        *proxy.build_identity_env(mesh),
        {
            "name": "ISTIO_META_POD_PORTS",
            "value": "[\n" + ",\n".join(f"    {p}" for p in ports) + ("\n]" if ports else "]"),
        },
        {
            "name": "ISTIO_META_APP_CONTAINERS",
            "value": ",".join(c["name"] for c in spec["containers"]),
        },
        *proxy.build_workload_env(
            mesh, workload=workload, owner=_build_owner_url(meta, workload, namespace)
        ),
        *proxy.build_metadata_env(mesh),
        *build_scrape_env(annotations, mesh),
        *_rewrite_probes(spec),
    ]
    level = mesh.get_value("global.proxy.logLevel", "warning")
    parts = mesh.get_value("global.proxy.componentLogLevel", "misc:error")
    return {
        "name": "istio-proxy",
        "image": annotations.get("sidecar.istio.io/proxyImage") or mesh.build_proxy_image(),
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "proxy",
            "sidecar",
            "--domain",
            "$(POD_NAMESPACE).svc.cluster.local",
            f"--proxyLogLevel={level}",
        ]
        + [f"--proxyComponentLogLevel={parts}", "--log_output_level=default:info"],
        "ports": [{"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"}],
        "env": env,
        "resources": _read_proxy_resources(annotations, mesh),
        "securityContext": dict(proxy.PROXY_SECURITY),
        "readinessProbe": proxy.build_health_probe(
            failureThreshold=4, periodSeconds=15, timeoutSeconds=3
        ),
        "startupProbe": proxy.build_health_probe(
            failureThreshold=600, periodSeconds=1, timeoutSeconds=3
        ),
        "volumeMounts": proxy.build_volume_mounts(proxy.list_sidecar_volumes(mesh)),
    }


def _format_container_port(port: Object) -> str:
    kept = {k: port[k] for k in ("name", "containerPort", "protocol") if k in port}
    return json.dumps({"protocol": "TCP"} | kept, separators=(",", ":"), sort_keys=True)


def _read_proxy_resources(annotations: dict[str, str], mesh: MeshConfiguration) -> Object:
    own: dict[str, Any] = {}
    for key, (kind, resource) in _OVERRIDES.items():
        if key in annotations:
            own.setdefault(kind, {})[resource] = annotations[key]
    return own or mesh.get_proxy_resources()


def _build_init_container(mesh: MeshConfiguration, resources: Object, image: str) -> Object:
    """Build `istio-init`, which sets traffic redirection up.

    Where istio-cni does that, build `istio-validation`, which checks it.
    """
    shared: Object = {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": copy.deepcopy(resources),
    }
    if mesh.uses_cni:
        args = [*_IPTABLES, "--run-validation", "--skip-rule-apply"]
        env = {"env": proxy.build_metadata_env(mesh)} if mesh.proxy_metadata else {}
        return {
            "name": "istio-validation",
            **shared,
            "args": args,
            **env,
            "securityContext": dict(proxy.PROXY_SECURITY),
        }
    root: Object = {
        "readOnlyRootFilesystem": False,
        "runAsGroup": 0,
        "runAsNonRoot": False,
        "runAsUser": 0,
    }
    root |= {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}}
    return {
        "name": "istio-init",
        **shared,
        "args": list(_IPTABLES),
        "securityContext": {**proxy.PROXY_SECURITY, **root},
    }


def _build_drain_hook() -> Object:
    command = ["pilot-agent", "request", "--debug-port=15020", "POST", "drain"]
    return {"preStop": {"exec": {"command": command}}}


_ASKED = ("httpGet", "tcpSocket", "grpc")


def _rewrite_probes(spec: Object) -> list[Object]:
    """Point probes of a port to the agent on port 15020, which asks the application.

    Return the environment that names the original probes (rewriteAppHTTPProbers).
    """
    probers: Object = {}
    for container in spec["containers"]:
        for key, word in _PROBES.items():
            probe = container.get(key) or {}
            # The kubelet has no certificate: under strict mutual TLS its own request would be
            # refused.
            if any(asked in probe for asked in _ASKED):
                path = f"/app-health/{container['name']}/{word}"
                probers[path] = {k: v for k, v in probe.items() if k in (*_ASKED, "timeoutSeconds")}
                container[key] = {
                    **{k: v for k, v in probe.items() if k not in _ASKED},
                    "httpGet": {"path": path, "port": 15020, "scheme": "HTTP"},
                }
    if not probers:
        return []
    return [{"name": "ISTIO_KUBE_APP_PROBERS", "value": json.dumps(probers, separators=(",", ":"))}]


def _build_json_patch(before: Object, after: Object) -> list[Object]:
    """Build the JSON patch (RFC 6902) from one pod to the other, a whole field at a time."""
    patch: list[Object] = []
    for part in ("metadata", "spec"):
        if part not in before:
            patch.append({"op": "add", "path": f"/{part}", "value": after[part]})
            continue
        for key, value in after[part].items():
            if before[part].get(key) != value:
                op = "replace" if key in before[part] else "add"
                patch.append({"op": op, "path": f"/{part}/{key}", "value": value})
    return patch


def _encode_patch(patch: list[Object]) -> str:
    return base64.b64encode(json.dumps(patch).encode()).decode()
