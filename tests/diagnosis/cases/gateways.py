"""The Gateway API, gateways, the pods behind them, and HTTPRoutes."""

from __future__ import annotations

from bot.diagnosis.mesh_state import Activity, PageProbe
from bot.kinds import (
    CRD,
    DEPLOYMENT,
    GATEWAY,
    GATEWAY_CLASS,
    HTTP_ROUTE,
    SERVICE,
)
from bot.knowledge.objects.workloads import get_condition
from bot.text import Text
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import APP, GATEWAY_API

CASES = Cases()
GATEWAY_CRD = f"gateways.{GATEWAY_API}"
EDGE, EDGE_POD = "bookinfo-gateway", "bookinfo-gateway-istio"
ISTIO_GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: old-gateway}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80}}]}
"""


def remove_gateway_api(cluster: Cluster) -> None:
    """A cluster without Gateway API has none of its objects either."""
    cluster.remove(DEPLOYMENT, EDGE_POD)
    cluster.remove(SERVICE, EDGE_POD)
    for kind in (CRD, GATEWAY, HTTP_ROUTE, GATEWAY_CLASS):
        cluster.objects[kind] = []


@CASES.names("gateway-api-crds-missing")
def expose_asked_for(cluster: Cluster) -> None:
    """Somebody wants a gateway."""
    remove_gateway_api(cluster)
    cluster.activity = Activity(wanted=frozenset({"expose"}))


@CASES.names("gateway-api-crds-missing", Mode.AMBIENT)
@CASES.spares("waypoint-missing", Mode.AMBIENT, instead="gateway-api-crds-missing")
def waypoint_named_without_api(cluster: Cluster) -> None:
    """The namespace names a waypoint, and there can be none."""
    remove_gateway_api(cluster)
    cluster.labels["istio.io/use-waypoint"] = "waypoint"


@CASES.spares("gateway-api-crds-missing")
def nobody_wants_a_gateway(cluster: Cluster) -> None:
    """That step has not begun."""
    remove_gateway_api(cluster)


@CASES.spares("gateway-api-crds-missing")
def crds_not_readable(cluster: Cluster) -> None:
    """What may not be read is not missing."""
    cluster.forbid(CRD)
    cluster.activity = Activity(wanted=frozenset({"expose"}))


@CASES.names("route-parent-missing")
def gateway_of_the_other_api(cluster: Cluster) -> None:
    """Istio's own Gateways take no HTTPRoutes."""
    cluster.get_spec(HTTP_ROUTE, "bookinfo")["parentRefs"][0]["group"] = "networking.istio.io"


@CASES.names("route-parent-missing")
def second_gateway_that_is_not_there(cluster: Cluster) -> None:
    """One of two; the page comes by the other."""
    cluster.get_spec(HTTP_ROUTE, "bookinfo")["parentRefs"].append({"name": "edge"})
    cluster.page = PageProbe(EDGE_POD, 200, whole=True, words=Text("the page is whole"))


@CASES.names("route-not-allowed")
def listener_of_another_protocol(cluster: Cluster) -> None:
    """A listener for TCP takes no HTTPRoute."""
    cluster.get_spec(GATEWAY, EDGE)["listeners"][0]["protocol"] = "TCP"


@CASES.names("gateway-api-version-unread")
def old_bundle(cluster: Cluster) -> None:
    """A bundle from before v1."""
    crd = cluster.get(CRD, GATEWAY_CRD)
    crd["metadata"]["annotations"] = {f"{GATEWAY_API}/bundle-version": "v0.8.1"}


@CASES.names("gateway-api-version-unread")
def v1_not_served(cluster: Cluster) -> None:
    """The bundle's name says nothing, and v1 is not served."""
    crd = cluster.get(CRD, GATEWAY_CRD)
    crd["metadata"]["annotations"] = {}
    crd["spec"]["versions"][0]["served"] = False


@CASES.spares("gateway-api-version-unread")
def newer_bundle(cluster: Cluster) -> None:
    """A newer bundle serves v1 as well."""
    crd = cluster.get(CRD, GATEWAY_CRD)
    crd["metadata"]["annotations"] = {f"{GATEWAY_API}/bundle-version": "v2.0.0"}


def leave_unserved(cluster: Cluster, class_: str) -> None:
    """Gives the Gateway another class, for which nobody makes pods."""
    edge = cluster.get(GATEWAY, EDGE)
    edge["spec"]["gatewayClassName"] = class_
    waits = {"status": "Unknown", "reason": "Pending", "message": "Waiting for controller"}
    get_condition(edge, "Accepted").update(waits)
    cluster.remove(DEPLOYMENT, EDGE_POD)
    cluster.remove(SERVICE, EDGE_POD)


@CASES.names("gateway-class-unknown")
@CASES.spares("gateway-not-ready", instead="gateway-class-unknown")
def class_misspelt(cluster: Cluster) -> None:
    """The pods that nobody makes are a consequence."""
    leave_unserved(cluster, "isto")


@CASES.names("gateway-class-unknown")
def waypoint_before_ambient(cluster: Cluster) -> None:
    """The class of waypoints comes with ambient."""
    cluster.apply(f"""
apiVersion: {GATEWAY_API}/v1
kind: Gateway
metadata: {{name: waypoint}}
spec: {{gatewayClassName: istio-waypoint, listeners: [{{name: mesh, port: 15008}}]}}
""")


@CASES.spares("gateway-class-unknown", instead="control-plane-down")
def istiod_away(cluster: Cluster) -> None:
    """The class is there; istiod is not, and so a new Gateway stays pending."""
    leave_unserved(cluster, "istio")
    cluster.scale_to_zero("istiod")


@CASES.names("gateway-address-pending")
@CASES.spares("gateway-not-ready")
def no_load_balancer(cluster: Cluster) -> None:
    """Only the address of a load balancer is wanting."""
    waits = {"status": "False", "reason": "AddressNotAssigned", "message": "address pending"}
    get_condition(cluster.get(GATEWAY, EDGE), "Programmed").update(waits)
    cluster.get_spec(SERVICE, EDGE_POD)["type"] = "LoadBalancer"


@CASES.names("gateway-not-ready")
@CASES.spares("gateway-address-pending", instead="gateway-not-ready")
def gateway_scaled_to_zero(cluster: Cluster) -> None:
    """Without a pod it is not the address that is wanting."""
    no_load_balancer(cluster)
    cluster.scale_to_zero(EDGE_POD)


@CASES.names("gateway-not-ready")
def gateway_without_deployment(cluster: Cluster) -> None:
    """The Gateway is still Programmed, and its Deployment was deleted."""
    cluster.remove(DEPLOYMENT, EDGE_POD)


@CASES.spares("gateway-not-ready")
def gateway_made_by_hand(cluster: Cluster) -> None:
    """A Gateway that is attached to a Service of somebody's own has no pods from istiod."""
    cluster.remove(DEPLOYMENT, EDGE_POD)
    address = {"type": "Hostname", "value": "ingress.example.com"}
    cluster.get_spec(GATEWAY, EDGE)["addresses"] = [address]


@CASES.names("ingress-gateway-gone", Mode.AMBIENT)
@CASES.spares("gateway-not-ready", Mode.AMBIENT, instead="ingress-gateway-gone")
def selected_pods_gone(cluster: Cluster) -> None:
    """The ambient profile took the pods away that a Gateway of Istio's own kind selects."""
    cluster.apply(ISTIO_GATEWAY)


@CASES.spares("ingress-gateway-gone")
def selected_pods_run(cluster: Cluster) -> None:
    """The default profile has them."""
    cluster.apply(ISTIO_GATEWAY)


@CASES.spares("ingress-gateway-gone", Mode.AMBIENT)
def gateway_of_the_neighbour(cluster: Cluster) -> None:
    """Another namespace's Gateway is not of this one's concern."""
    cluster.apply(ISTIO_GATEWAY, namespace="shop")


def get_route(cluster: Cluster) -> dict[str, list[dict[str, object]]]:
    """The spec of the route at the gateway."""
    found: dict[str, list[dict[str, object]]] = cluster.get_spec(HTTP_ROUTE, "bookinfo")
    return found


@CASES.names("route-parent-missing")
def parent_misspelt(cluster: Cluster) -> None:
    """The route names a Gateway that is not there."""
    get_route(cluster)["parentRefs"][0]["name"] = "bookinfo-gatway"


@CASES.names("route-parent-missing")
def listener_missing(cluster: Cluster) -> None:
    """The Gateway is there, and has no such listener."""
    get_route(cluster)["parentRefs"][0]["sectionName"] = "https"


@CASES.spares("route-parent-missing")
def parent_by_listener_and_port(cluster: Cluster) -> None:
    """Section and port that the Gateway has."""
    get_route(cluster)["parentRefs"][0].update(sectionName="http", port=80, namespace=APP)


@CASES.spares("route-parent-missing", instead="gateway-class-unknown")
def parent_without_class(cluster: Cluster) -> None:
    """The Gateway is there, and nobody serves it."""
    leave_unserved(cluster, "isto")


@CASES.names("route-backend-missing")
def backend_misspelt(cluster: Cluster) -> None:
    """The route sends to a Service that does not exist."""
    get_route(cluster)["rules"][0]["backendRefs"] = [{"name": "product-page", "port": 9080}]


@CASES.names("route-backend-missing")
def backend_port_missing(cluster: Cluster) -> None:
    """The Service exists, and has no such port."""
    get_route(cluster)["rules"][0]["backendRefs"] = [{"name": "productpage", "port": 8080}]


@CASES.names("route-backend-missing", Mode.WAYPOINT)
def version_service_missing(cluster: Cluster) -> None:
    """A route to versions whose Services nobody has made."""
    cluster.apply(f"""
apiVersion: {GATEWAY_API}/v1
kind: HTTPRoute
metadata: {{name: reviews}}
spec:
  parentRefs: [{{group: "", kind: Service, name: reviews, port: 9080}}]
  rules: [{{backendRefs: [{{name: reviews-v1, port: 9080}}]}}]
""")


def judge_route(cluster: Cluster, type_: str, reason: str, generation: int = 1) -> None:
    """Adds what istiod says of the route, for that generation of it."""
    route = cluster.get(HTTP_ROUTE, "bookinfo")
    route["metadata"]["generation"] = 1
    told = {"type": type_, "status": "False", "reason": reason, "observedGeneration": generation}
    route["status"] = {"parents": [{"conditions": [told]}]}


@CASES.names("route-backend-missing")
def backend_not_granted(cluster: Cluster) -> None:
    """A Service of another namespace, without a ReferenceGrant: istiod says so."""
    backend_elsewhere(cluster)
    judge_route(cluster, "ResolvedRefs", "RefNotPermitted")


@CASES.spares("route-backend-missing")
def backend_granted_since(cluster: Cluster) -> None:
    """What istiod said of an older version of the route is no news."""
    judge_route(cluster, "ResolvedRefs", "RefNotPermitted", 0)


@CASES.names("route-parent-missing")
def host_that_no_listener_takes(cluster: Cluster) -> None:
    """Listener and route are for different hosts."""
    cluster.get_spec(HTTP_ROUTE, "bookinfo")["hostnames"] = ["bookinfo.example.com"]
    judge_route(cluster, "Accepted", "NoMatchingListenerHostname")


@CASES.names("route-parent-missing")
def route_deleted(cluster: Cluster) -> None:
    """The page was exposed, and the Gateway has no route any more."""
    cluster.activity = Activity(wanted=frozenset({"expose"}))
    forget_route(cluster)


@CASES.spares("route-parent-missing")
def route_not_made_yet(cluster: Cluster) -> None:
    """Nobody has asked for the page yet."""
    forget_route(cluster)


def forget_route(cluster: Cluster) -> None:
    """Takes the route away, and lets istiod count."""
    cluster.remove(HTTP_ROUTE, "bookinfo")
    status = cluster.get(GATEWAY, EDGE).setdefault("status", {})
    status["listeners"] = [{"name": "http", "attachedRoutes": 0}]


@CASES.spares("route-backend-missing")
def backend_elsewhere(cluster: Cluster) -> None:
    """A Service of a namespace that was not read counts as existing."""
    backends = [{"name": "shop", "namespace": "shop", "port": 80}]
    get_route(cluster)["rules"][0]["backendRefs"] = backends


@CASES.spares("route-backend-missing")
def route_of_the_neighbour(cluster: Cluster) -> None:
    """A broken route of another namespace."""
    cluster.apply(
        f"""
apiVersion: {GATEWAY_API}/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{name: nowhere}}]
  rules: [{{backendRefs: [{{name: nobody, port: 80}}]}}]
""",
        namespace="shop",
    )


@CASES.names("route-not-allowed")
@CASES.spares("route-parent-missing", instead="route-not-allowed")
def own_gateway_left_behind(cluster: Cluster) -> None:
    """The route has gone over to another Gateway: that its old one has none is no cause."""
    old, pods = cluster.get(GATEWAY, EDGE), cluster.get(DEPLOYMENT, EDGE_POD)
    old.setdefault("status", {})["listeners"] = [{"name": "http", "attachedRoutes": 0}]
    cluster.activity = Activity(wanted=frozenset({"expose"}))
    gateway_elsewhere(cluster)
    cluster.add(old, pods)


@CASES.names("route-not-allowed")
@CASES.spares("route-parent-missing", instead="route-not-allowed")
def gateway_elsewhere(cluster: Cluster) -> None:
    """A Gateway of another namespace that takes routes of its own alone."""
    cluster.remove(GATEWAY, EDGE)
    cluster.remove(DEPLOYMENT, EDGE_POD)
    cluster.apply(
        f"""
apiVersion: {GATEWAY_API}/v1
kind: Gateway
metadata: {{name: shared}}
spec: {{gatewayClassName: istio, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
""",
        namespace="edge",
    )
    get_route(cluster)["parentRefs"][0].update(name="shared", namespace="edge")


@CASES.names("route-not-allowed")
def other_kind_only(cluster: Cluster) -> None:
    """The listener takes another kind of route."""
    listener = cluster.get_spec(GATEWAY, EDGE)["listeners"][0]
    listener["allowedRoutes"] = {"kinds": [{"kind": "TCPRoute"}]}


@CASES.spares("route-not-allowed")
def gateway_elsewhere_for_all(cluster: Cluster) -> None:
    """One that takes everybody's routes."""
    gateway_elsewhere(cluster)
    admitted = {"namespaces": {"from": "All"}}
    cluster.get_spec(GATEWAY, "shared")["listeners"][0]["allowedRoutes"] = admitted


@CASES.spares("route-not-allowed")
def gateway_elsewhere_by_label(cluster: Cluster) -> None:
    """One that takes routes of namespaces with a label that this one has."""
    gateway_elsewhere(cluster)
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": APP}}
    admitted = {"namespaces": {"from": "Selector", "selector": chosen}}
    cluster.get_spec(GATEWAY, "shared")["listeners"][0]["allowedRoutes"] = admitted


@CASES.names("analyze-misplaced-annotation")
def annotation_copied_by_istiod(cluster: Cluster) -> None:
    """As `/mesh expose` makes the Gateway: istiod copies its annotation to the Service."""
    for kind, name in ((GATEWAY, "bookinfo-gateway"), (SERVICE, "bookinfo-gateway-istio")):
        meta = cluster.get(kind, name)["metadata"]
        meta["annotations"] = {"networking.istio.io/service-type": "ClusterIP"}


@CASES.spares("analyze-misplaced-annotation")
def annotation_of_the_gateway_alone(cluster: Cluster) -> None:
    """Nothing was made of it yet, and analyze warns of nothing."""
    meta = cluster.get(GATEWAY, "bookinfo-gateway")["metadata"]
    meta["annotations"] = {"networking.istio.io/service-type": "ClusterIP"}


@CASES.names("path-not-routed")
def as_the_sample_has_it(cluster: Cluster) -> None:
    """Only productpage's own paths are routed: so from the start."""
    assert get_route(cluster)["rules"][0]["matches"]


@CASES.spares("path-not-routed")
def all_paths_routed(cluster: Cluster) -> None:
    """A route without matches takes everything."""
    del get_route(cluster)["rules"][0]["matches"]
