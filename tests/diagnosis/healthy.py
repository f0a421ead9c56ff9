"""The objects of a healthy workshop: the mesh, its addons, Bookinfo, its gateway and waypoint."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import yaml

from bot.kinds import Object
from tests.diagnosis.shapes import (
    APP,
    GATEWAY_API,
    INSTALLED,
    ISTIO,
    KIALI,
    MESH,
    NODE_NAME,
    REVISION,
    condition,
    container,
    daemon_set,
    deployment,
    expressions,
    gateway,
    gateway_class,
    node,
    pod,
    port,
    service,
    term,
    thing,
    webhook,
)

PROXY_CONFIG = '{"tracing":{"zipkin":{"address":"zipkin.istio-system:9411"},"sampling":100}}\n'
MESH_CONFIG = """
defaultConfig:
  discoveryAddress: istiod.istio-system.svc:15012
  tracing:
    sampling: 100
    zipkin:
      address: zipkin.istio-system:9411
enablePrometheusMerge: true
enableTracing: true
rootNamespace: istio-system
trustDomain: cluster.local
"""
PARSED_CONFIG: Object = yaml.safe_load(MESH_CONFIG)
KIALI_CONFIG = """
auth:
  strategy: anonymous
external_services:
  prometheus:
    enabled: true
  tracing:
    enabled: true
"""
VERSIONS = {
    "details": ("v1",),
    "productpage": ("v1",),
    "ratings": ("v1",),
    "reviews": ("v1", "v2", "v3"),
}
PROMETHEUS = {f"app.kubernetes.io/{key}": "prometheus" for key in ("instance", "name")}


def with_pod(workload: Object) -> Iterator[Object]:
    """A workload, and its pod."""
    yield workload
    yield pod(workload)


def list_cluster_objects() -> Iterator[Object]:
    """The node, the namespaces, the Gateway API, and what istiod makes of it."""
    yield node(NODE_NAME)
    for name in (APP, MESH):
        labels = {"kubernetes.io/metadata.name": name}
        yield thing("v1", "Namespace", name, labels=labels, status={"phase": "Active"})
    yield thing(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"gateways.{GATEWAY_API}",
        annotations={f"{GATEWAY_API}/bundle-version": "v1.5.1"},
        spec={"versions": [{"name": "v1", "served": True}, {"name": "v1beta1", "served": True}]},
    )
    yield gateway_class("istio", "gateway-controller")
    yield gateway_class("istio-remote", "unmanaged-gateway")


def list_control_plane() -> Iterator[Object]:
    """istiod, its webhooks and the mesh's configuration."""
    domain = ["discovery", "--monitoringAddr=:15014", "--domain", "cluster.local"]
    labels = {"app": "istiod", "istio": "pilot", **REVISION}
    image = f"docker.io/istio/pilot:{ISTIO}"
    discovery = container("discovery", image, 8080, 15010, 15012, 15017, args=domain)
    yield from with_pod(
        deployment("istiod", MESH, labels, discovery, labels={**labels, **INSTALLED})
    )
    ports = [port("grpc-xds", 15010), port("https-dns", 15012), port("https-webhook", 443, 15017)]
    yield service("istiod", MESH, {"app": "istiod", "istio": "pilot"}, *ports)
    yield thing("v1", "ConfigMap", "istio", MESH, data={"mesh": MESH_CONFIG})
    off: Object = {"matchLabels": {"istio.io/deactivated": "never-match"}}
    hooks = ["rev.namespace", "rev.object", "namespace", "object"]
    names = [f"{hook}.sidecar-injector.istio.io" for hook in hooks]
    wanted = expressions(term("sidecar.istio.io/inject", "NotIn", "false"))
    told = expressions(term("sidecar.istio.io/inject", "In", "true"))
    unlabelled = term("istio-injection", "DoesNotExist")
    default = term("istio.io/rev", "In", "default")
    absent = term("istio.io/rev", "DoesNotExist")
    enabled = expressions(term("istio-injection", "In", "enabled"))
    yield webhook("istio-sidecar-injector", *((name, off, off) for name in names))
    yield webhook(
        "istio-revision-tag-default",
        (names[0], expressions(default, unlabelled), wanted),
        (names[1], expressions(absent, unlabelled), expressions(default)),
        (names[2], enabled, wanted),
        (names[3], expressions(unlabelled, absent), told),
    )


def list_ingress_gateway() -> Iterator[Object]:
    """The default profile's own gateway, which the ambient profile leaves out."""
    labels = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
    proxy = container("istio-proxy", f"docker.io/istio/proxyv2:{ISTIO}", 15021, 8080, 8443)
    made = deployment(
        "istio-ingressgateway", MESH, labels, proxy, labels={**labels, **REVISION, **INSTALLED}
    )
    yield from with_pod(made)
    yield service("istio-ingressgateway", MESH, labels, port("http2", 80, 8080))


def list_addons() -> Iterator[Object]:
    """Prometheus, Kiali and Jaeger as the release's samples have them."""
    scraper = container("prometheus-server", "docker.io/prom/prometheus:v3.10.0", 9090)
    yield from with_pod(deployment("prometheus", MESH, PROMETHEUS, scraper))
    yield service("prometheus", MESH, PROMETHEUS, port("http", 9090))
    labels = {"app.kubernetes.io/instance": "kiali", "app.kubernetes.io/name": "kiali"}
    kiali = container("kiali", f"quay.io/kiali/kiali:{KIALI}", 20001)
    yield from with_pod(deployment("kiali", MESH, labels, kiali))
    yield service("kiali", MESH, labels, port("http", 20001, appProtocol="http"))
    yield thing("v1", "ConfigMap", "kiali", MESH, data={"config.yaml": KIALI_CONFIG})
    collector = container("jaeger", "docker.io/jaegertracing/jaeger:2.14.0", 16686, 9411)
    yield from with_pod(deployment("jaeger", MESH, {"app": "jaeger"}, collector))
    yield service("zipkin", MESH, {"app": "jaeger"}, port("http-query", 9411))
    yield service("tracing", MESH, {"app": "jaeger"}, port("http-query", 80, 16686))


def list_bookinfo() -> Iterator[Object]:
    """Bookinfo's six Deployments with their pods, and its four Services."""
    for app, versions in VERSIONS.items():
        for version in versions:
            image = f"registry.istio.io/release/examples-bookinfo-{app}-{version}:1.20.3"
            labels = {"app": app, "version": version}
            body = container(app, image, 9080)
            account = f"bookinfo-{app}"
            yield from with_pod(deployment(f"{app}-{version}", APP, labels, body, account=account))
        told = {"app": app, "service": app}
        yield service(app, APP, {"app": app}, port("http", 9080), labels=told)


def list_gateway() -> Iterator[Object]:
    """The Gateway with what istiod makes of it, and the route to productpage."""
    same = {"namespaces": {"from": "Same"}}
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": same}
    kept = {"networking.istio.io/service-type": "ClusterIP"}
    yield gateway("bookinfo-gateway", "istio", listener, annotations=kept)
    yield from list_gateway_pods("bookinfo-gateway", "istio", port("http", 80, appProtocol="http"))
    paths = [("Exact", "/productpage"), ("PathPrefix", "/static"), ("Exact", "/login")]
    parent = {"group": GATEWAY_API, "kind": "Gateway", "name": "bookinfo-gateway"}
    conditions = [condition(t, "True", t) for t in ("Accepted", "ResolvedRefs")]
    yield thing(
        f"{GATEWAY_API}/v1",
        "HTTPRoute",
        "bookinfo",
        APP,
        spec={
            "parentRefs": [{"name": "bookinfo-gateway"}],
            "rules": [
                {
                    "matches": [{"path": {"type": t, "value": v}} for t, v in paths],
                    "backendRefs": [{"name": "productpage", "port": 9080}],
                }
            ],
        },
        status={"parents": [{"parentRef": parent, "conditions": conditions}]},
    )


def list_gateway_pods(name: str, class_: str, *ports: Object) -> Iterator[Object]:
    """The Deployment, the pod and the Service that istiod makes for a Gateway."""
    own = {f"{GATEWAY_API}/gateway-name": name}
    controller = "gateway" if class_ == "istio" else "mesh"
    labels = {
        **own,
        f"{GATEWAY_API}/gateway-class-name": class_,
        "gateway.istio.io/managed": f"istio.io-{controller}-controller",
        "istio.io/dataplane-mode": "none",
    }
    called = f"{name}-istio" if class_ == "istio" else name
    proxy = container("istio-proxy", f"docker.io/istio/proxyv2:{ISTIO}", 15020, 15021, 15090)
    made = deployment(called, APP, own, proxy, account=called, labels=labels)
    made["spec"]["template"]["metadata"] |= {
        "labels": {**labels, "sidecar.istio.io/inject": "false"},
        "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "15020"},
    }
    yield from with_pod(made)
    status = port("status-port", 15021, appProtocol="tcp")
    yield service(called, APP, own, status, *ports, labels=labels)


def list_ambient() -> Iterator[Object]:
    """What the ambient profile brings."""
    cni = container("install-cni", f"docker.io/istio/install-cni:{ISTIO}")
    yield from with_pod(daemon_set("istio-cni-node", {"k8s-app": "istio-cni-node"}, cni))
    proxy = container("istio-proxy", f"docker.io/istio/ztunnel:{ISTIO}", 15020)
    yield from with_pod(daemon_set("ztunnel", {"app": "ztunnel"}, proxy))
    yield gateway_class("istio-waypoint", "mesh-controller")


def list_waypoint() -> Iterator[Object]:
    """The waypoint with what istiod makes of it."""
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    yield gateway("waypoint", "istio-waypoint", listener)
    mesh = port("mesh", 15008, appProtocol="hbone")
    yield from list_gateway_pods("waypoint", "istio-waypoint", mesh)


def read_mesh_settings() -> Object:
    """The mesh's configuration, parsed."""
    return deepcopy(PARSED_CONFIG)
