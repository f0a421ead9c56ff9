"""Pods that cannot be set up on their node, that nobody places, and that do not go."""

from __future__ import annotations

from bot.kinds import DAEMON_SET, DEPLOYMENT, EVENT, POD
from bot.knowledge.objects.workloads import get_condition
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import node, stamp

CASES = Cases()
NETWORK = 'Failed to create pod sandbox: failed to setup network for sandbox "5f": '
CNI = NETWORK + 'plugin type="istio-cni" name="istio-cni" failed (add): no ztunnel connection'


def refuse_network(cluster: Cluster, name: str, words: str) -> None:
    """Has the pod network refuse a Deployment's pod."""
    found = cluster.make_wait(name, "ContainerCreating")
    found["status"].pop("podIP", None)
    cluster.add_event(found, "FailedCreatePodSandBox", words, count=7)


@CASES.names("pod-sandbox-failing")
@CASES.spares("readiness-failing", instead="pod-sandbox-failing")
@CASES.spares("pod-starting", instead="pod-sandbox-failing")
def network_refuses(cluster: Cluster) -> None:
    """The plugin's words tell why."""
    refuse_network(cluster, "ratings-v1", f'{NETWORK}plugin type="calico" failed (add): no IPs')


@CASES.names("cni-not-ready", Mode.AMBIENT)
@CASES.spares("pod-sandbox-failing", Mode.AMBIENT, instead="cni-not-ready")
def network_waits_for_istio(cluster: Cluster) -> None:
    """What istio-cni refuses while it does not run is the mesh's to mend."""
    cluster.get(DAEMON_SET, "istio-cni-node")["status"]["numberReady"] = 0
    refuse_network(cluster, "ratings-v1", CNI)


@CASES.names("pod-sandbox-failing", Mode.AMBIENT)
def istio_refuses_one_pod(cluster: Cluster) -> None:
    """It runs, and its plugin cannot reach it."""
    refuse_network(cluster, "ratings-v1", CNI)


@CASES.spares("pod-sandbox-failing")
def network_refused_at_first(cluster: Cluster) -> None:
    """The pod has its address by now, and runs."""
    found = cluster.list_pods("ratings-v1")[0]
    found["status"]["podIP"] = "10.244.0.9"
    cluster.add_event(found, "FailedCreatePodSandBox", NETWORK)


@CASES.names("node-unschedulable")
def held_by_a_gate(cluster: Cluster) -> None:
    """The scheduler does not even look at it."""
    found = cluster.make_pending("details-v1", "Scheduling is blocked")
    get_condition(found, "PodScheduled")["reason"] = "SchedulingGated"
    found["spec"]["schedulingGates"] = [{"name": "example.com/capacity"}]
    cluster.objects[EVENT] = []


@CASES.names("node-unschedulable")
def for_a_node_by_name(cluster: Cluster) -> None:
    """No such node, so that no kubelet takes it."""
    found = cluster.make_pending("details-v1", "")
    found["status"] = {"phase": "Pending", "conditions": []}
    found["spec"]["nodeName"] = "node-nine"
    cluster.objects[EVENT] = []


@CASES.names("runs-as-root")
@CASES.spares("mount-missing", instead="runs-as-root")
def must_not_be_root(cluster: Cluster) -> None:
    """The kubelet does not create the container."""
    words = "container's runAsUser breaks non-root policy (pod: x, container: details)"
    cluster.make_wait("details-v1", "CreateContainerConfigError", words)


@CASES.spares("runs-as-root", instead="mount-missing")
def lacks_a_secret(cluster: Cluster) -> None:
    """The same state for another reason."""
    cluster.make_wait("details-v1", "CreateContainerConfigError", 'secret "token" not found')


@CASES.names("readiness-failing")
def gate_of_readiness_unmet(cluster: Cluster) -> None:
    """All containers are ready, and the pod is not."""
    found = cluster.make_unready("ratings-v1")
    found["status"]["containerStatuses"][0]["ready"] = True
    found["spec"]["readinessGates"] = [{"conditionType": "example.com/target"}]
    get_condition(found, "Ready").update(reason="ReadinessGatesNotReady", message="not there")


def delete_pod(cluster: Cluster, age: float, **meta: object) -> None:
    """Leaves a second pod of ratings behind that was deleted so many seconds ago."""
    left = dict(cluster.list_pods("ratings-v1")[0])
    told = {"name": "ratings-v1-old", "uid": "old", "deletionTimestamp": stamp(age), **meta}
    left["metadata"] = {**left["metadata"], **told}
    cluster.objects[POD].append(left)


@CASES.names("pod-terminating")
def held_by_a_finalizer(cluster: Cluster) -> None:
    """Its successor serves, and it stays."""
    delete_pod(cluster, 600, finalizers=["example.com/wait"])


@CASES.names("pod-terminating")
def on_a_node_that_is_gone(cluster: Cluster) -> None:
    """No kubelet says that it ended."""
    other = node("node-9")
    get_condition(other, "Ready")["status"] = "Unknown"
    cluster.add(other)
    delete_pod(cluster, 600)
    left = cluster.objects[POD][-1]
    left["spec"] = {**left["spec"], "nodeName": "node-9"}


@CASES.names("pod-terminating")
def deployment_waits_for_pods(cluster: Cluster) -> None:
    """Deleted in the foreground, it waits for what it owns."""
    meta = cluster.get(DEPLOYMENT, "details-v1")["metadata"]
    meta |= {"deletionTimestamp": stamp(600), "finalizers": ["foregroundDeletion"]}


@CASES.spares("pod-terminating")
def deleted_just_now(cluster: Cluster) -> None:
    """It has its grace period."""
    delete_pod(cluster, 5)
