"""ztunnel, istio-cni, and pods that are not captured."""

from __future__ import annotations

from bot.kinds import DAEMON_SET, DEPLOYMENT, NODE, POD, SERVICE
from bot.knowledge.objects.workloads import get_name
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import add_rules, define_subsets, fault, lead, route
from tests.diagnosis.cluster import Cluster, Mode, inject, leave_mesh
from tests.diagnosis.shapes import APP, NODE_NAME, deployment, node, pod, stamp

CASES = Cases()
MODE, USE_WAYPOINT = "istio.io/dataplane-mode", "istio.io/use-waypoint"


def leave_all(cluster: Cluster) -> None:
    """No pod is captured."""
    for each in cluster.list_app_pods():
        leave_mesh(each)


@CASES.names("ambient-not-installed")
@CASES.spares("cni-not-ready", instead="ambient-not-installed")
def ambient_without_ztunnel(cluster: Cluster) -> None:
    """The label is set in a mesh of sidecars."""
    del cluster.labels["istio-injection"]
    cluster.labels[MODE] = "ambient"
    leave_all(cluster)


@CASES.spares("ambient-not-installed", Mode.OUTSIDE)
def ambient_not_yet_begun(cluster: Cluster) -> None:
    """No ztunnel, and nobody asks for one."""
    assert not cluster.objects[DAEMON_SET]


def stop_daemon(cluster: Cluster, name: str) -> None:
    """Leaves a DaemonSet's pod not ready."""
    daemon = cluster.get(DAEMON_SET, name)
    daemon["status"]["numberReady"] = 0
    for each in cluster.list_pods(daemon):
        each["status"]["conditions"][2]["status"] = "False"
        each["metadata"]["creationTimestamp"] = stamp(30)


@CASES.names("ztunnel-not-ready", Mode.AMBIENT)
@CASES.spares("captured-without-ztunnel", Mode.AMBIENT, instead="ztunnel-not-ready")
def ztunnel_wants_no_node(cluster: Cluster) -> None:
    """A nodeSelector that fits nowhere."""
    daemon = cluster.get(DAEMON_SET, "ztunnel")
    daemon["spec"]["template"]["spec"]["nodeSelector"] = {"zone": "nowhere"}
    daemon["status"] = {"desiredNumberScheduled": 0, "numberReady": 0}
    cluster.remove(POD, *map(get_name, cluster.list_pods(daemon)))


@CASES.spares("ztunnel-not-ready", Mode.AMBIENT)
def ztunnel_lacks_on_an_empty_node(cluster: Cluster) -> None:
    """The node without a ready ztunnel has no pod of the namespace."""
    cluster.add(node("node-2"))
    cluster.get(DAEMON_SET, "ztunnel")["status"]["desiredNumberScheduled"] = 2


@CASES.spares("ztunnel-not-ready", Mode.AMBIENT, instead="image-not-found")
def ztunnel_without_image(cluster: Cluster) -> None:
    """The image is the cause."""
    stop_daemon(cluster, "ztunnel")
    status = cluster.list_pods(cluster.get(DAEMON_SET, "ztunnel"))[0]["status"]
    waiting = {"reason": "ImagePullBackOff", "message": "manifest unknown"}
    status["containerStatuses"][0] |= {"ready": False, "state": {"waiting": waiting}}


@CASES.names("cni-not-ready", Mode.AMBIENT)
def cni_gone(cluster: Cluster) -> None:
    """ztunnel is there, and istio-cni was deleted."""
    cluster.remove(DAEMON_SET, "istio-cni-node")


@CASES.names("cni-not-ready", Mode.AMBIENT)
@CASES.spares("cni-platform-paths", Mode.AMBIENT, instead="cni-not-ready")
def cni_wants_no_node(cluster: Cluster) -> None:
    """Its nodeSelector fits nowhere, and so no pod was captured."""
    daemon = cluster.get(DAEMON_SET, "istio-cni-node")
    daemon["status"] = {"desiredNumberScheduled": 0, "numberReady": 0}
    cluster.remove(POD, *map(get_name, cluster.list_pods(daemon)))
    leave_all(cluster)


@CASES.spares("cni-not-ready", Mode.AMBIENT)
def plugin_failed_once(cluster: Cluster) -> None:
    """A pod was created before the plugin was there, and runs since."""
    message = 'plugin type="istio-cni" name="istio-cni" failed (add): no ztunnel connection'
    found = cluster.list_pods("reviews-v1")[0]
    cluster.add_event(found, "FailedCreatePodSandBox", message)


@CASES.spares("cni-not-ready")
def sidecars_need_no_cni(cluster: Cluster) -> None:
    """istio-init does it."""
    assert not cluster.objects[DAEMON_SET]


@CASES.names("captured-without-ztunnel", Mode.AMBIENT)
@CASES.spares("ambient-not-installed", Mode.AMBIENT, instead="captured-without-ztunnel")
def removed_by_hand(cluster: Cluster) -> None:
    """Pods still redirect to a ztunnel that is gone."""
    cluster.remove(DAEMON_SET, "ztunnel", "istio-cni-node")


@CASES.spares("captured-without-ztunnel", Mode.AMBIENT)
def all_captured_and_carried(cluster: Cluster) -> None:
    """Captured pods with their ztunnel."""
    assert cluster.get(DAEMON_SET, "ztunnel")


@CASES.names("l7-rule-without-waypoint", Mode.AMBIENT)
@CASES.spares("caller-outside-mesh", Mode.AMBIENT, instead="l7-rule-without-waypoint")
def route_without_waypoint(cluster: Cluster) -> None:
    """ztunnel knows no HTTP."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1")


@CASES.names("l7-rule-without-waypoint", Mode.AMBIENT)
@CASES.spares("fault-in-force", Mode.AMBIENT, instead="l7-rule-without-waypoint")
def fault_without_waypoint(cluster: Cluster) -> None:
    """The fault that nobody carries out is not in force."""
    fault(cluster, "ratings", "jason")


@CASES.spares("l7-rule-without-waypoint", Mode.WAYPOINT)
def route_with_waypoint(cluster: Cluster) -> None:
    """The waypoint carries it out."""
    add_rules(cluster, "reviews", lead("reviews"), age=10)


@CASES.names("l4-only", Mode.AMBIENT)
@CASES.names("no-traces-without-waypoint", Mode.AMBIENT)
def as_it_is_in_ambient(cluster: Cluster) -> None:
    """Edges are TCP, and there are no traces."""
    assert cluster.labels[MODE] == "ambient"


@CASES.spares("l4-only", Mode.WAYPOINT)
@CASES.spares("no-traces-without-waypoint", Mode.WAYPOINT)
def as_it_is_with_waypoint(cluster: Cluster) -> None:
    """A waypoint sees requests."""
    assert cluster.labels[USE_WAYPOINT] == "waypoint"


@CASES.spares("no-traces-without-waypoint", Mode.AMBIENT)
def tracing_not_asked_for(cluster: Cluster) -> None:
    """Nobody set tracing, and so nobody misses it."""
    cluster.mesh_config = {}
    cluster.remove(DEPLOYMENT, "jaeger")
    cluster.remove(SERVICE, "zipkin")


@CASES.names("cni-platform-paths", Mode.AMBIENT)
@CASES.spares("cni-not-ready", Mode.AMBIENT, instead="cni-platform-paths")
def minikube_with_docker(cluster: Cluster) -> None:
    """istio-cni is ready, and no pod is ever captured."""
    cluster.get(NODE, NODE_NAME)["metadata"]["labels"]["minikube.k8s.io/name"] = "minikube"
    leave_all(cluster)


@CASES.spares("cni-platform-paths", Mode.AMBIENT)
def minikube_that_captures(cluster: Cluster) -> None:
    """Installed for that platform, all is well."""
    cluster.get(NODE, NODE_NAME)["metadata"]["labels"]["minikube.k8s.io/name"] = "minikube"


@CASES.spares("cni-platform-paths", Mode.AMBIENT)
def labelled_a_moment_ago(cluster: Cluster) -> None:
    """istio-cni is given some seconds for pods of just now."""
    minikube_with_docker(cluster)
    for each in cluster.list_app_pods():
        each["metadata"]["creationTimestamp"] = stamp(4)


@CASES.names("l7-rule-without-waypoint", Mode.AMBIENT)
@CASES.spares("subset-without-destinationrule", Mode.AMBIENT, instead="l7-rule-without-waypoint")
def nobody_misses_the_subset(cluster: Cluster) -> None:
    """A rule that nobody obeys fails nobody, whatever it names."""
    route(cluster, "reviews", "v7")


@CASES.names("ambient-opted-out", Mode.AMBIENT)
def pod_labelled_by_hand(cluster: Cluster) -> None:
    """The template is as it was, and the pod itself carries the label."""
    found = cluster.list_pods("reviews-v2")[0]
    leave_mesh(found)
    found["metadata"]["labels"][MODE] = "none"


@CASES.names("ambient-opted-out", Mode.AMBIENT)
@CASES.spares("cni-not-ready", Mode.AMBIENT, instead="ambient-opted-out")
def template_stays_out(cluster: Cluster) -> None:
    """A part of Bookinfo asks not to be captured."""
    cluster.get_template("details-v1")["metadata"]["labels"][MODE] = "none"
    cluster.replace_pods("details-v1")


@CASES.spares("ambient-opted-out", Mode.AMBIENT)
def foreign_stays_out(cluster: Cluster) -> None:
    """A pod that is no part of Bookinfo."""
    foreign = deployment("load-test", APP, {"app": "load-test", MODE: "none"})
    cluster.add(foreign, pod(foreign))


@CASES.spares("ambient-opted-out")
def stays_out_among_sidecars(cluster: Cluster) -> None:
    """Nobody asks for ambient."""
    cluster.get_template("details-v1")["metadata"]["labels"][MODE] = "none"


@CASES.names("sidecar-blocks-ambient", Mode.AMBIENT)
@CASES.spares("cni-not-ready", Mode.AMBIENT, instead="sidecar-blocks-ambient")
def pod_not_restarted(cluster: Cluster) -> None:
    """A pod of the sidecar days."""
    found = cluster.list_pods("reviews-v2")[0]
    leave_mesh(found)
    inject(found)


@CASES.spares("sidecar-blocks-ambient", Mode.AMBIENT)
def both_labels_all_captured(cluster: Cluster) -> None:
    """A leftover label that has no effect on pods which are captured."""
    cluster.labels["istio-injection"] = "disabled"
