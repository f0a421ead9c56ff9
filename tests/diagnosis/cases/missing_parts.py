"""What pods name and nobody has."""

from __future__ import annotations

from bot.kinds import NODE
from bot.knowledge.objects.workloads import get_condition
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster
from tests.diagnosis.shapes import NODE_NAME

CASES = Cases()
ACCOUNT = (
    "forbidden: error looking up service account bookinfo/bookinfo-ratings: serviceaccount "
    '"bookinfo-ratings" not found'
)
SECRET = 'MountVolume.SetUp failed for volume "keys" : secret "keys" not found'


@CASES.names("pods-refused")
def account_deleted(cluster: Cluster) -> None:
    """Without its ServiceAccount a pod is not admitted."""
    cluster.refuse_pods("ratings-v1", ACCOUNT)


@CASES.spares("pods-refused", instead="quota-exceeded")
def quota_says_no(cluster: Cluster) -> None:
    """A refusal that has a name of its own."""
    cluster.refuse_pods("ratings-v1", "forbidden: exceeded quota: few, requested: pods=1")


@CASES.names("mount-missing")
def config_map_missing(cluster: Cluster) -> None:
    """The environment is to come from a ConfigMap that nobody made."""
    cluster.make_wait("details-v1", "CreateContainerConfigError", 'configmap "flags" not found')


@CASES.names("mount-missing")
def secret_missing(cluster: Cluster) -> None:
    """The kubelet tries again and again to mount it."""
    found = cluster.make_wait("details-v1", "ContainerCreating", age=20)
    found["status"].pop("podIP")
    cluster.add_event(found, "FailedMount", SECRET)


@CASES.spares("mount-missing", instead="image-not-found")
def image_missing(cluster: Cluster) -> None:
    """A container that waits for its image."""
    cluster.make_wait("details-v1", "ErrImagePull", "not found")


@CASES.names("mount-missing")
def claim_missing(cluster: Cluster) -> None:
    """No node can mount a claim that nobody made."""
    words = '0/1 nodes are available: persistentvolumeclaim "data" not found.'
    cluster.make_pending("reviews-v1", words)


@CASES.names("mount-missing")
def claim_unbound(cluster: Cluster) -> None:
    """Nobody provides what the claim asks for."""
    words = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    cluster.make_pending("reviews-v1", words)


@CASES.spares("mount-missing", instead="insufficient-resources")
def no_room(cluster: Cluster) -> None:
    """Another reason of the scheduler's."""
    cluster.make_pending("reviews-v1", "0/1 nodes are available: 1 Insufficient cpu.")


@CASES.names("mount-missing")
def key_missing(cluster: Cluster) -> None:
    """The Secret is there, without that key."""
    found = cluster.make_wait("details-v1", "ContainerCreating", age=20)
    found["status"].pop("podIP")
    cluster.add_event(found, "FailedMount", "references non-existent secret key: password")


@CASES.spares("mount-missing", instead="node-unschedulable")
def mounted_long_ago(cluster: Cluster) -> None:
    """What was missing when the pod began came; since then its node went."""
    found = cluster.make_unready("details-v1")
    cluster.add_event(found, "FailedMount", SECRET)
    get_condition(cluster.get(NODE, NODE_NAME), "Ready")["status"] = "Unknown"
