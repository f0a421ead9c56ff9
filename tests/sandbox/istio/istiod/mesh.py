"""A small mesh to test with: what istioctl would have installed, cut down to what istiod itself
looks at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import yaml

from sandbox.cluster.contract import Client, Object, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.samples import build_sample_files

SYSTEM = "istio-system"
GROUP = "gateway.networking.k8s.io"
CLASSES, GATEWAYS, ROUTES = (
    Ref(GROUP, "gatewayclasses"),
    Ref(GROUP, "gateways"),
    Ref(GROUP, "httproutes"),
)
PODS, SERVICES, NAMESPACES, MAPS = (
    Ref("", "pods"),
    Ref("", "services"),
    Ref("", "namespaces"),
    Ref("", "configmaps"),
)
DEPLOYMENTS, REPLICA_SETS = Ref("apps", "deployments"), Ref("apps", "replicasets")
INJECTORS = Ref("admissionregistration.k8s.io", "mutatingwebhookconfigurations")
VALIDATORS = Ref("admissionregistration.k8s.io", "validatingwebhookconfigurations")
AMBIENT_CONFIG = {
    "image": {"imageType": "distroless"},
    "proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"},
}
_GATEWAY_KINDS = (
    "GatewayClass gatewayclasses",
    "Gateway gateways",
    "HTTPRoute httproutes",
    "ReferenceGrant referencegrants",
)
T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]], seconds: float = 40.0) -> T:
    """What `look` finds, once it finds something; wall seconds."""
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.01)


class TestMesh:
    """An embedded cluster with an istiod in it, and short ways to write to it and read from it."""

    __test__ = False

    def __init__(self, cluster: EmbeddedCluster, version: str) -> None:
        self.cluster, self.version = cluster, version
        self.client: Client = cluster.client("test")

    async def install(self) -> None:
        """What istioctl would apply, and then waits for istiod."""
        await self.client.create(namespace(SYSTEM))
        for kind in ("VirtualService virtualservices", "DestinationRule destinationrules"):
            await self.client.create(definition(*kind.split(), group="networking.istio.io"))
        await self.configure({})
        await self.client.create(service("istiod", SYSTEM, {"app": "istiod"}, 443, 15017))
        await self.client.create(injector())
        await self.client.create(validator())
        await self.client.apply(istiod(self.version))
        await self.ready("istiod", SYSTEM)
        await eventually(self._closed)

    async def _closed(self) -> bool:
        found = await self.get(VALIDATORS, "istiod-default-validator")
        return bool(found["webhooks"][0]["failurePolicy"] == "Fail")

    async def configure(self, default_config: Object) -> None:
        """Writes the mesh configuration."""
        mesh = {"defaultConfig": default_config, "enablePrometheusMerge": True}
        data = {"mesh": yaml.safe_dump(mesh)}
        await self.client.apply(config_map("istio", data))
        values = {"global": {"hub": "docker.io/istio", "tag": self.version}}
        await self.client.apply(
            config_map("istio-sidecar-injector", {"values": json.dumps(values)})
        )

    async def go_ambient(self) -> None:
        """The ambient profile: mesh configuration, istiod's environment, istio-cni and ztunnel on
        every node."""
        await self.configure(AMBIENT_CONFIG)
        await self.client.apply(istiod(self.version, PILOT_ENABLE_AMBIENT="true"))
        await self.client.apply(
            daemon("istio-cni-node", {"k8s-app": "istio-cni-node"}, "install-cni")
        )
        await self.client.apply(daemon("ztunnel", {"app": "ztunnel"}))
        await self.ready("istiod", SYSTEM)

    async def gateway_api(self) -> None:
        """The CRDs, and then waits for the classes."""
        for kind in _GATEWAY_KINDS:
            name, plural = kind.split()
            await self.client.create(
                definition(
                    name, plural, scope="Cluster" if name == "GatewayClass" else "Namespaced"
                )
            )
        await eventually(lambda: self.accepted("istio"))

    async def accepted(self, name: str) -> bool:
        """Whether a GatewayClass is accepted."""
        found = await self.client.get(CLASSES, name)
        return bool(((found or {}).get("status") or {}).get("conditions"))

    async def bookinfo(self, name: str = "bookinfo", **labels: str) -> None:
        """Bookinfo in a namespace of that name, running."""
        await self.client.create(namespace(name, **labels))
        for obj in build_sample_files(self.version)["bookinfo/platform/kube/bookinfo.yaml"]:
            await self.client.create(placed(obj, name))
        await self.ready("reviews-v1", name)
        await self.ready("productpage-v1", name)

    async def sample(self, path: str, into: str = "bookinfo") -> None:
        """Applies a sample file."""
        for obj in build_sample_files(self.version)[path]:
            await self.client.apply(placed(obj, into))

    async def get(self, ref: Ref, name: str, place: str = "") -> Object:
        """An object that must be there."""
        found = await self.client.get(ref, name, place)
        assert found is not None, f"{ref.plural} {place}/{name}"
        return found

    async def ready(self, name: str, place: str) -> None:
        """Waits until a Deployment is rolled out."""
        await eventually(lambda: self._rolled_out(name, place))

    async def _rolled_out(self, name: str, place: str) -> bool:
        found = await self.get(DEPLOYMENTS, name, place)
        status = found.get("status") or {}
        current = status.get("observedGeneration") == found["metadata"]["generation"]
        one = (
            status.get("updatedReplicas")
            == status.get("availableReplicas")
            == status.get("replicas")
            == 1
        )
        return bool(current and one)

    async def pods(self, place: str, **labels: str) -> list[Object]:
        """Pods that are not being deleted."""
        selector = ",".join(f"{k}={v}" for k, v in labels.items())
        found = await self.client.list(PODS, place, selector)
        return [p for p in found if "deletionTimestamp" not in p["metadata"]]

    async def condition(self, ref: Ref, name: str, kind: str, place: str = "bookinfo") -> str:
        """A condition of an object as `True:Programmed`; empty while it is not there."""
        found = await self.client.get(ref, name, place)
        conditions = ((found or {}).get("status") or {}).get("conditions") or []
        return next((f"{c['status']}:{c['reason']}" for c in conditions if c["type"] == kind), "")

    async def settles(self, ref: Ref, name: str, expected: str, kind: str = "Programmed") -> None:
        """Waits until a condition reads as expected."""

        async def reads() -> bool:
            return await self.condition(ref, name, kind) == expected

        await eventually(reads)

    async def versions(self) -> dict[tuple[str, str, str], str]:
        """The resourceVersion of everything that istiod writes."""
        result = {}
        for ref in (
            MAPS,
            SERVICES,
            DEPLOYMENTS,
            GATEWAYS,
            ROUTES,
            CLASSES,
            INJECTORS,
            VALIDATORS,
            PODS,
            NAMESPACES,
        ):
            for obj in await self.client.list(ref):
                meta = obj["metadata"]
                result[ref.plural, meta.get("namespace", ""), meta["name"]] = meta[
                    "resourceVersion"
                ]
        return result


def managers(obj: Object) -> set[str]:
    """Field managers as the recordings write them: `pilot-discovery:Update/status`."""
    entries = obj["metadata"].get("managedFields") or []
    return {
        f"{e['manager']}:{e['operation']}" + (f"/{e['subresource']}" if "subresource" in e else "")
        for e in entries
    }


def namespace(name: str, **labels: str) -> Object:
    """A Namespace; `_` stands for `-` and `__` for `.io/` in label names."""
    named = {k.replace("__", ".io/").replace("_", "-"): v for k, v in labels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": named}}


def placed(obj: Object, place: str) -> Object:
    """A copy of an object, in a namespace."""
    return {**obj, "metadata": {**obj["metadata"], "namespace": place}}


def config_map(name: str, data: dict[str, str]) -> Object:
    """A ConfigMap of the system namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": SYSTEM},
        "data": data,
    }


def service(name: str, place: str, selector: dict[str, str], number: int, target: int) -> Object:
    """A Service with one port."""
    spec = {
        "selector": selector,
        "ports": [{"port": number, "targetPort": target, "protocol": "TCP"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": place},
        "spec": spec,
    }


def workload(kind: str, name: str, labels: dict[str, str], container: Object) -> Object:
    """A Deployment or DaemonSet of the system namespace."""
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": spec,
    }


def istiod(version: str, **env: str) -> Object:
    """istiod's Deployment."""
    variables = [{"name": k, "value": v} for k, v in env.items()]
    probe = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
    container = {
        "name": "discovery",
        "image": f"docker.io/istio/pilot:{version}",
        "env": variables,
        "readinessProbe": probe,
    }
    return workload("Deployment", "istiod", {"app": "istiod"}, container)


def daemon(name: str, labels: dict[str, str], image: str = "") -> Object:
    """A DaemonSet of the mesh."""
    return workload(
        "DaemonSet", name, labels, {"name": "main", "image": f"docker.io/istio/{image or name}"}
    )


def definition(kind: str, plural: str, *, group: str = GROUP, scope: str = "Namespaced") -> Object:
    """A CRD that takes anything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    both = {"served": True, "schema": schema, "subresources": {"status": {}}}
    versions = [
        {"name": "v1", "storage": True, **both},
        {"name": "v1beta1", "storage": False, **both},
    ]
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    spec = {"group": group, "scope": scope, "names": names, "versions": versions}
    note = {"api-approved.kubernetes.io": "https://example.com/approved"}
    meta = {"name": f"{plural}.{group}", "annotations": note}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta,
        "spec": spec,
    }


def _webhook(name: str, path: str, rules: Object, **more: Any) -> Object:
    target = {"name": "istiod", "namespace": SYSTEM, "path": path, "port": 443}
    both = {"sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 10}
    return {"name": name, "clientConfig": {"service": target}, "rules": [rules], **both, **more}


def _configuration(kind: str, name: str, hook: Object) -> Object:
    meta = {"name": name, "labels": {"istio.io/rev": "default"}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": meta,
        "webhooks": [hook],
    }


def injector() -> Object:
    """The webhook for namespaces labelled `istio-injection=enabled`."""
    rules = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    enabled = {"matchLabels": {"istio-injection": "enabled"}}
    hook = _webhook(
        "namespace.sidecar-injector.istio.io",
        "/inject",
        rules,
        namespaceSelector=enabled,
        failurePolicy="Fail",
    )
    return _configuration("MutatingWebhookConfiguration", "istio-revision-tag-default", hook)


def validator() -> Object:
    """The webhook for Istio's own kinds, open until istiod closes it."""
    rules = {
        "apiGroups": ["networking.istio.io"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
    }
    hook = _webhook(
        "validation.istio.io", "/validate", rules | {"resources": ["*"]}, failurePolicy="Ignore"
    )
    return _configuration("ValidatingWebhookConfiguration", "istiod-default-validator", hook)
