"""Bookinfo's namespace, its workloads, and its Services."""

from __future__ import annotations

from bot.diagnosis.mesh_state import Activity
from bot.kinds import DEPLOYMENT, GATEWAY, HTTP_ROUTE, NAMESPACE, POD, SERVICE
from bot.knowledge.objects.workloads import get_name
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import APP, MESH, condition, deployment, pod, port, service

CASES = Cases()
APPS = ("productpage", "details", "reviews", "ratings")


def remove_bookinfo(cluster: Cluster) -> None:
    """Takes Bookinfo away, and leaves what is around it."""
    own = [d for d in cluster.objects[DEPLOYMENT] if get_name(d).endswith(("v1", "v2", "v3"))]
    cluster.remove(DEPLOYMENT, *map(get_name, own))
    cluster.remove(SERVICE, *APPS)


def remove_all(cluster: Cluster) -> None:
    """Takes the gateway away too."""
    remove_bookinfo(cluster)
    cluster.remove(DEPLOYMENT, "bookinfo-gateway-istio")
    cluster.remove(GATEWAY, "bookinfo-gateway")
    cluster.remove(HTTP_ROUTE, "bookinfo")


@CASES.names("app-not-deployed")
def labelled_and_exposed_without_app(cluster: Cluster) -> None:
    """Label, gateway and route are there; the route's missing backend is a consequence."""
    remove_bookinfo(cluster)


@CASES.names("app-not-deployed", Mode.OUTSIDE)
def asked_for_route_without_app(cluster: Cluster) -> None:
    """Somebody typed a later step."""
    remove_all(cluster)
    cluster.activity = Activity(wanted=frozenset({"route"}))


@CASES.spares("app-not-deployed", Mode.OUTSIDE)
def bookinfo_not_yet_begun(cluster: Cluster) -> None:
    """An empty namespace that nobody has asked anything of."""
    remove_all(cluster)


@CASES.names("namespace-terminating")
@CASES.spares("app-not-deployed", instead="namespace-terminating")
def namespace_hangs(cluster: Cluster) -> None:
    """The namespace is empty and held by a finalizer."""
    remove_all(cluster)
    words = "Some content in the namespace has finalizers remaining: x in 1 resource instances"
    held = condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", words)
    status = {"phase": "Terminating", "conditions": [held]}
    cluster.get(NAMESPACE, APP)["status"] = status


@CASES.names("namespace-terminating")
def mesh_namespace_hangs(cluster: Cluster) -> None:
    """The mesh's namespace is being deleted: the control plane that is gone is a consequence."""
    cluster.get(NAMESPACE, MESH)["status"] = {"phase": "Terminating"}
    cluster.lose_pods("istiod")


@CASES.spares("namespace-terminating", instead="workload-scaled-to-zero")
def active_with_a_condition(cluster: Cluster) -> None:
    """A namespace that lives, with a workload that has no pods."""
    cluster.get(NAMESPACE, APP)["status"]["conditions"] = [condition("NamespaceReady", "True")]
    cluster.scale_to_zero("details-v1")


@CASES.names("app-not-deployed")
@CASES.spares("service-selects-no-pods", instead="app-not-deployed")
def part_deleted(cluster: Cluster) -> None:
    """The Service is still there, and nobody is behind it."""
    for found in cluster.list_pods("productpage-v1"):
        cluster.remove(POD, found["metadata"]["name"])
    cluster.remove(DEPLOYMENT, "productpage-v1")


@CASES.spares("app-not-deployed")
def version_deleted(cluster: Cluster) -> None:
    """The other versions of reviews answer."""
    for found in cluster.list_pods("reviews-v2"):
        cluster.remove(POD, found["metadata"]["name"])
    cluster.remove(DEPLOYMENT, "reviews-v2")


@CASES.names("service-missing")
@CASES.spares("service-selects-no-pods", instead="service-missing")
def details_service_gone(cluster: Cluster) -> None:
    """The workload is there, its Service is not."""
    cluster.remove(SERVICE, "details")


@CASES.names("service-missing")
@CASES.spares("route-backend-missing", instead="service-missing")
def productpage_service_gone(cluster: Cluster) -> None:
    """The route that leads to it is a consequence."""
    cluster.remove(SERVICE, "productpage")


@CASES.names("service-missing")
@CASES.spares("virtualservice-host-unknown", instead="service-missing")
def service_with_rule_gone(cluster: Cluster) -> None:
    """So is a rule for it."""
    cluster.remove(SERVICE, "ratings")
    cluster.apply("""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings}
spec: {hosts: [ratings], http: [{route: [{destination: {host: ratings}}]}]}
""")


@CASES.spares("service-missing")
def versions_as_services(cluster: Cluster) -> None:
    """Services beside Bookinfo's own, as routes for ambient need them, are welcome."""
    selector = {"app": "reviews", "version": "v1"}
    cluster.add(service("reviews-v1", APP, selector, port("http", 9080)))


@CASES.spares("service-missing")
def foreign_workload_without_service(cluster: Cluster) -> None:
    """A workload of somebody else's needs no Service."""
    cluster.add(deployment("load-test", APP, {"app": "load-test"}))


@CASES.names("service-selects-no-pods")
def selector_misspelt(cluster: Cluster) -> None:
    """The selector differs from the labels of ready pods."""
    cluster.get_spec(SERVICE, "reviews")["selector"] = {"app": "review"}


@CASES.names("service-selects-no-pods", Mode.AMBIENT)
def selector_asks_more(cluster: Cluster) -> None:
    """One label more than the pods have."""
    cluster.get_spec(SERVICE, "details")["selector"]["tier"] = "backend"


@CASES.spares("service-selects-no-pods", instead="readiness-failing")
def pods_not_ready(cluster: Cluster) -> None:
    """The pods are selected, and the Service has no endpoints because none is ready."""
    cluster.make_unready("details-v1")


@CASES.spares("service-selects-no-pods")
def foreign_service_selects_nobody(cluster: Cluster) -> None:
    """A Service of somebody else's."""
    cluster.add(service("load-test", APP, {"app": "load-test"}, port("http", 80)))


@CASES.names("service-port-wrong")
def target_port_elsewhere(cluster: Cluster) -> None:
    """targetPort is no port of the container."""
    cluster.change_service("reviews", targetPort=9090)


@CASES.names("service-port-wrong")
def target_port_by_unknown_name(cluster: Cluster) -> None:
    """No container's port is called so."""
    cluster.change_service("ratings", targetPort="web")


@CASES.names("service-port-wrong")
@CASES.spares("route-backend-missing", instead="service-port-wrong")
def asked_port_is_gone(cluster: Cluster) -> None:
    """Callers and the route ask 9080, which the Service does not have any more."""
    cluster.change_service("productpage", port=80)


@CASES.spares("service-port-wrong")
def target_port_by_name(cluster: Cluster) -> None:
    """A port by the name that the container gives it."""
    cluster.change_service("ratings", targetPort="web")
    for part in (cluster.get_template("ratings-v1"), cluster.list_pods("ratings-v1")[0]):
        part["spec"]["containers"][0]["ports"][0]["name"] = "web"


@CASES.spares("service-port-wrong")
def target_port_left_out(cluster: Cluster) -> None:
    """Without targetPort it is the port."""
    cluster.get_spec(SERVICE, "ratings")["ports"][0].pop("targetPort")


@CASES.spares("service-port-wrong")
def second_port_for_metrics(cluster: Cluster) -> None:
    """A further port that the pods do declare."""
    for part in (cluster.get_template("ratings-v1"), cluster.list_pods("ratings-v1")[0]):
        part["spec"]["containers"][0]["ports"].append({"containerPort": 9100})
    cluster.get_spec(SERVICE, "ratings")["ports"].append(port("http-metrics", 9100))


@CASES.names("service-port-not-http")
def port_named_tcp(cluster: Cluster) -> None:
    """The name's prefix declares TCP."""
    cluster.change_service("ratings", name="tcp-web")


@CASES.names("service-port-not-http", Mode.WAYPOINT)
def app_protocol_tcp(cluster: Cluster) -> None:
    """appProtocol goes before the name."""
    cluster.change_service("reviews", appProtocol="tcp")


@CASES.spares("service-port-not-http", Mode.OUTSIDE)
def port_named_tcp_outside(cluster: Cluster) -> None:
    """Outside the mesh names of ports mean nothing."""
    cluster.change_service("ratings", name="tcp-web")


@CASES.spares("service-port-not-http")
def port_without_protocol(cluster: Cluster) -> None:
    """A name that declares nothing: Istio finds out that it is HTTP."""
    cluster.change_service("ratings", name="web")
    cluster.change_service("details", name="http-2")
    cluster.change_service("reviews", appProtocol="kubernetes.io/ws")


@CASES.names("service-selects-no-pods")
def selects_others(cluster: Cluster) -> None:
    """Another application answers in its name."""
    cluster.get_spec(SERVICE, "ratings")["selector"] = {"app": "details"}


@CASES.names("service-port-wrong")
def port_for_datagrams(cluster: Cluster) -> None:
    """UDP, which nobody speaks here."""
    cluster.get_spec(SERVICE, "ratings")["ports"][0]["protocol"] = "UDP"


@CASES.spares("service-port-wrong")
@CASES.spares("service-port-not-http")
def further_ports(cluster: Cluster) -> None:
    """Ports beside the one that callers ask are for whatever else."""
    spec = cluster.get_spec(SERVICE, "reviews")
    spec["ports"] += [port("tcp-debug", 5005), port("dns", 5353, protocol="UDP")]


@CASES.spares("service-port-wrong", Mode.SIDECARS)
def page_at_another_port(cluster: Cluster) -> None:
    """The route asks productpage where its Service is."""
    cluster.get_spec(SERVICE, "productpage")["ports"][0]["port"] = 80
    for rule in cluster.get_spec(HTTP_ROUTE, "bookinfo")["rules"]:
        rule["backendRefs"][0]["port"] = 80


@CASES.spares("no-restart-after-label")
@CASES.spares("injection-opted-out")
def evicted_long_ago(cluster: Cluster) -> None:
    """A pod that was evicted and replaced stays in the list, as it was without a sidecar."""
    old = pod(cluster.get(DEPLOYMENT, "reviews-v1"), 7)
    old["status"] = {"phase": "Failed", "reason": "Evicted"}
    cluster.add(old)


def tell_host(cluster: Cluster, host: str) -> None:
    """Tells productpage whom to ask for reviews."""
    container = cluster.get_template("productpage-v1")["spec"]["containers"][0]
    container["env"] = [{"name": "REVIEWS_HOSTNAME", "value": host}]


@CASES.names("service-missing")
def asks_a_host_that_is_none(cluster: Cluster) -> None:
    """Its environment names no Service."""
    tell_host(cluster, "reviews-api")


@CASES.spares("service-missing")
def asks_by_the_full_name(cluster: Cluster) -> None:
    """The same Service."""
    tell_host(cluster, f"reviews.{APP}.svc.cluster.local")
