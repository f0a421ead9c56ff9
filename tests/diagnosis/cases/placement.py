"""Room, nodes, quotas, admission and replicas."""

from __future__ import annotations

from bot.kinds import DEPLOYMENT, EVENT, NODE
from bot.knowledge.objects.workloads import get_condition
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode, leave_mesh
from tests.diagnosis.shapes import APP, NODE_NAME, deployment, node

CASES = Cases()
SECURITY = "pod-security.kubernetes.io/enforce"
QUOTA = "forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5"
PRIVILEGED = (
    'forbidden: violates PodSecurity "baseline:latest": non-default capabilities '
    '(container "istio-init" must not include "NET_ADMIN", "NET_RAW")'
)


@CASES.names("insufficient-resources")
@CASES.spares("node-unschedulable", instead="insufficient-resources")
def no_cpu_left(cluster: Cluster) -> None:
    """No node has the CPU that a pod asks for."""
    cluster.make_pending("reviews-v2", "0/1 nodes are available: 1 Insufficient cpu.")


@CASES.names("insufficient-resources")
def istiod_too_large(cluster: Cluster) -> None:
    """istiod asks for 2 Gi; the control plane that is down for it is a consequence."""
    cluster.make_pending("istiod", "0/1 nodes are available: 1 Insufficient memory.")


@CASES.spares("insufficient-resources")
def asked_for_yesterday(cluster: Cluster) -> None:
    """An event of a pod that has found its place since."""
    placed = cluster.list_pods("reviews-v2")[0]
    cluster.add_event(placed, "FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.")


@CASES.names("node-unschedulable")
@CASES.spares("insufficient-resources", instead="node-unschedulable")
def node_cordoned(cluster: Cluster) -> None:
    """Somebody cordoned the node, and a pod waits for it."""
    cluster.get_spec(NODE, NODE_NAME)["unschedulable"] = True
    cluster.make_pending("ratings-v1", "0/1 nodes are available: 1 node(s) were unschedulable.")


@CASES.names("node-unschedulable")
def node_not_ready(cluster: Cluster) -> None:
    """The node with the pods does not report any more."""
    get_condition(cluster.get(NODE, NODE_NAME), "Ready")["status"] = "Unknown"


@CASES.names("node-unschedulable")
def node_tainted(cluster: Cluster) -> None:
    """A taint that the pod does not tolerate."""
    words = "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}."
    cluster.make_pending("ratings-v1", words)


@CASES.spares("node-unschedulable")
def cordoned_with_room_elsewhere(cluster: Cluster) -> None:
    """A cordoned node on which nothing waits, beside one that is down and empty."""
    cluster.get_spec(NODE, NODE_NAME)["unschedulable"] = True
    empty = node("node-2")
    get_condition(empty, "Ready")["status"] = "False"
    cluster.add(empty)


@CASES.names("workload-scaled-to-zero")
@CASES.spares("service-selects-no-pods", instead="workload-scaled-to-zero")
def details_scaled_to_zero(cluster: Cluster) -> None:
    """Somebody wants no pods of details."""
    cluster.scale_to_zero("details-v1")


@CASES.spares("workload-scaled-to-zero")
def foreign_scaled_to_zero(cluster: Cluster) -> None:
    """A workload of somebody else's that is no part of Bookinfo."""
    foreign = deployment("load-test", APP, {"app": "load-test"})
    foreign["spec"]["replicas"] = foreign["status"]["availableReplicas"] = 0
    cluster.add(foreign)


@CASES.names("rollout-paused")
@CASES.spares("no-restart-after-label", instead="rollout-paused")
def paused_before_restart(cluster: Cluster) -> None:
    """The restart did not reach the paused one, which has no sidecar therefore."""
    cluster.get_spec(DEPLOYMENT, "reviews-v2")["paused"] = True
    leave_mesh(cluster.list_pods("reviews-v2")[0])


@CASES.spares("rollout-paused")
def foreign_paused(cluster: Cluster) -> None:
    """A paused workload that is no part of Bookinfo."""
    foreign = deployment("load-test", APP, {"app": "load-test"})
    foreign["spec"]["paused"] = True
    cluster.add(foreign)


@CASES.names("quota-exceeded")
@CASES.spares("insufficient-resources", instead="quota-exceeded")
def quota_full(cluster: Cluster) -> None:
    """The quota refuses the pods of one workload."""
    cluster.refuse_pods("ratings-v1", QUOTA)


@CASES.spares("quota-exceeded")
def refused_in_a_rollout_that_ended(cluster: Cluster) -> None:
    """The event is left of a rollout that is complete now."""
    workload = cluster.list_pods("ratings-v1")[0]
    cluster.add_event(workload, "FailedCreate", f'Error creating: pods "ratings-v1-x" is {QUOTA}')


@CASES.names("limit-range-exceeded")
@CASES.spares("quota-exceeded", instead="limit-range-exceeded")
def limit_too_low(cluster: Cluster) -> None:
    """The sidecar's limit is above what the LimitRange lets through."""
    words = "forbidden: maximum cpu usage per Container is 500m, but limit is 2"
    cluster.refuse_pods("ratings-v1", words)


@CASES.spares("limit-range-exceeded", instead="quota-exceeded")
def quota_and_no_limit(cluster: Cluster) -> None:
    """A quota that asks for limits is a quota."""
    cluster.refuse_pods("ratings-v1", "forbidden: failed quota: small: must specify limits.cpu")


@CASES.names("pod-security-refuses")
@CASES.spares("quota-exceeded", instead="pod-security-refuses")
def baseline_enforced(cluster: Cluster) -> None:
    """Pod Security refuses istio-init."""
    cluster.labels[SECURITY] = "baseline"
    cluster.refuse_pods("reviews-v1", PRIVILEGED)


@CASES.spares("pod-security-refuses", Mode.AMBIENT)
def baseline_in_ambient(cluster: Cluster) -> None:
    """The level alone refuses nobody: in ambient no pod asks for NET_ADMIN."""
    cluster.labels[SECURITY] = "baseline"


@CASES.spares("pod-security-refuses")
def warned_only(cluster: Cluster) -> None:
    """A level that only warns."""
    cluster.labels["pod-security.kubernetes.io/warn"] = "restricted"


@CASES.names("insufficient-resources", Mode.AMBIENT)
@CASES.spares("node-unschedulable", Mode.AMBIENT, instead="insufficient-resources")
def no_room_for_a_pod_of_one_node(cluster: Cluster) -> None:
    """That other nodes do not match says nothing of a DaemonSet's pod."""
    words = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node "
        "affinity/selector."
    )
    pod = cluster.make_pending("details-v1", words)
    field = {"key": "metadata.name", "operator": "In", "values": ["node-1"]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    pod["spec"]["affinity"] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    }


@CASES.names("node-unschedulable")
@CASES.spares("insufficient-resources", instead="node-unschedulable")
def port_of_the_node_taken(cluster: Cluster) -> None:
    """Nodes whose port another pod has."""
    words = "1 node(s) didn't have free ports for the requested pod ports."
    cluster.make_pending("details-v1", f"0/1 nodes are available: {words}")


@CASES.names("node-unschedulable")
@CASES.spares("pod-starting", instead="node-unschedulable")
def no_such_scheduler(cluster: Cluster) -> None:
    """Nobody has looked at the pod, and nobody says so."""
    pod = cluster.make_pending("details-v1", "")
    pod["status"] = {"phase": "Pending", "conditions": []}
    pod["spec"]["schedulerName"] = "volcano"
    cluster.objects[EVENT] = []
