"""Images that cannot be had, containers that end or are never ready, pods that only start."""

from __future__ import annotations

from bot.diagnosis.mesh_state import PageProbe
from bot.text import Text
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import stamp

CASES = Cases()
PULL = 'failed to pull and unpack image "docker.io/istio/x:1"'
WITHOUT_REVIEWS = PageProbe("productpage", 200, False, Text("the page comes without reviews"))


@CASES.names("image-pull-rate-limited")
@CASES.spares("image-not-found", instead="image-pull-rate-limited")
def too_many_pulls(cluster: Cluster) -> None:
    """The state says only that the kubelet backs off; the event before it tells why."""
    pod = cluster.make_wait("ratings-v1", "ImagePullBackOff", "Back-off pulling image")
    cluster.add_event(pod, "Failed", f"{PULL}: 429 Too Many Requests - toomanyrequests: limit")


@CASES.names("image-pull-rate-limited")
def addon_limited(cluster: Cluster) -> None:
    """It stands before the Kiali that does not answer for that reason."""
    cluster.make_wait("kiali", "ErrImagePull", f"{PULL}: toomanyrequests")


@CASES.names("image-not-found")
@CASES.spares("image-pull-rate-limited", instead="image-not-found")
def tag_does_not_exist(cluster: Cluster) -> None:
    """The registry knows no such tag."""
    pod = cluster.make_wait("reviews-v3", "ErrImagePull", f"{PULL}: not found")
    cluster.add_event(pod, "Failed", f"{PULL}: not found")


@CASES.names("image-not-found")
def istiod_without_image(cluster: Cluster) -> None:
    """The control plane that is down for it is a consequence."""
    cluster.make_wait("istiod", "ImagePullBackOff", f"{PULL}: manifest unknown")


@CASES.names("image-not-found", Mode.WAYPOINT)
def waypoint_without_image(cluster: Cluster) -> None:
    """The waypoint that is not ready for it is a consequence."""
    cluster.make_wait("waypoint", "ImagePullBackOff", f"{PULL}: not found")


@CASES.names("image-pull-slow")
@CASES.spares("image-not-found")
@CASES.spares("pod-starting")
def still_pulling(cluster: Cluster) -> None:
    """A pull that goes on for minutes and did not fail."""
    pod = cluster.make_wait("ratings-v1", "ContainerCreating")
    cluster.add_event(pod, "Pulling", 'Pulling image "x"', normal=True)


@CASES.spares("image-pull-slow", instead="image-not-found")
def pulled_in_vain(cluster: Cluster) -> None:
    """A pull that failed is not slow."""
    pod = cluster.make_wait("ratings-v1", "ErrImagePull", f"{PULL}: not found")
    cluster.add_event(pod, "Pulling", 'Pulling image "x"', normal=True)
    cluster.add_event(pod, "Failed", f"{PULL}: not found")


@CASES.names("crash-loop")
@CASES.spares("readiness-failing", instead="crash-loop")
def ends_again_and_again(cluster: Cluster) -> None:
    """The kubelet backs off from a container whose log alone tells why."""
    pod = cluster.make_wait("details-v1", "CrashLoopBackOff", "back-off 40s restarting")
    ended = {"exitCode": 1, "reason": "Error"}
    pod["status"]["containerStatuses"][0] |= {"restartCount": 4, "lastState": {"terminated": ended}}


@CASES.names("crash-loop")
def ended_just_now(cluster: Cluster) -> None:
    """Between two starts the container is only terminated."""
    pod = cluster.make_unready("reviews-v2")
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    pod["status"]["containerStatuses"][0] |= {"restartCount": 3, "state": ended}


@CASES.names("out-of-memory")
@CASES.spares("crash-loop", instead="out-of-memory")
def killed_just_now(cluster: Cluster) -> None:
    """Between two starts, after the kernel has ended it."""
    pod = cluster.make_unready("reviews-v2")
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    pod["status"]["containerStatuses"][0] |= {"restartCount": 3, "state": ended}


@CASES.names("out-of-memory")
def prometheus_killed(cluster: Cluster) -> None:
    """The Prometheus that does not answer is a consequence."""
    pod = cluster.make_wait("prometheus", "CrashLoopBackOff", "back-off 40s restarting")
    ended = {"exitCode": 137, "reason": "OOMKilled"}
    pod["status"]["containerStatuses"][0] |= {"restartCount": 4, "lastState": {"terminated": ended}}


@CASES.spares("out-of-memory", instead="crash-loop")
def killed_by_somebody(cluster: Cluster) -> None:
    """The same exit code without the kernel's word."""
    pod = cluster.make_wait("reviews-v2", "CrashLoopBackOff", "back-off 40s restarting")
    ended = {"exitCode": 137, "reason": "Error"}
    pod["status"]["containerStatuses"][0] |= {"restartCount": 4, "lastState": {"terminated": ended}}


@CASES.names("wrong-architecture")
@CASES.spares("crash-loop", instead="wrong-architecture")
def image_of_another_processor(cluster: Cluster) -> None:
    """The pod has its log's end told in its status."""
    pod = cluster.make_wait("details-v1", "CrashLoopBackOff", "back-off 40s restarting")
    words = "exec /opt/microservices/details.rb: exec format error\n"
    ended = {"exitCode": 255, "reason": "Error", "message": words}
    pod["status"]["containerStatuses"][0] |= {"restartCount": 4, "lastState": {"terminated": ended}}


@CASES.spares("wrong-architecture", instead="crash-loop")
def program_without_a_right(cluster: Cluster) -> None:
    """Another error of the runtime."""
    pod = cluster.make_wait("details-v1", "CrashLoopBackOff", "back-off 40s restarting")
    ended = {"exitCode": 126, "reason": "StartError", "message": "exec: permission denied"}
    pod["status"]["containerStatuses"][0] |= {"restartCount": 4, "lastState": {"terminated": ended}}


@CASES.spares("crash-loop")
def restarted_once_long_ago(cluster: Cluster) -> None:
    """A container that ended once and serves again."""
    status = cluster.list_pods("details-v1")[0]["status"]["containerStatuses"][0]
    ended = {"exitCode": 255, "reason": "Unknown"}
    status |= {"restartCount": 2, "lastState": {"terminated": ended}}


@CASES.names("readiness-failing")
@CASES.spares("crash-loop", instead="readiness-failing")
def probe_fails(cluster: Cluster) -> None:
    """It runs, never restarts, and its probe fails."""
    pod = cluster.make_unready("productpage-v1")
    cluster.add_event(pod, "Unhealthy", "Readiness probe failed: HTTP probe failed: 503")


@CASES.names("readiness-failing")
def gateway_never_ready(cluster: Cluster) -> None:
    """The gateway without a ready pod is its consequence."""
    pod = cluster.make_unready("bookinfo-gateway-istio")
    cluster.add_event(pod, "Unhealthy", "Readiness probe failed: config not received from XDS")


@CASES.names("pod-starting")
@CASES.spares("readiness-failing")
def started_just_now(cluster: Cluster) -> None:
    """A container that was started some seconds ago is no fault."""
    cluster.make_unready("productpage-v1", age=9)


@CASES.spares("pod-starting")
def youngest_is_ready(cluster: Cluster) -> None:
    """A young pod that is ready does not have to be waited for."""
    cluster.list_pods("ratings-v1")[0]["metadata"]["creationTimestamp"] = stamp(5)


@CASES.names("reviews-starting")
def java_starts(cluster: Cluster) -> None:
    """The pod is ready, and the server in it does not answer yet."""
    cluster.list_pods("reviews-v2")[0]["metadata"]["creationTimestamp"] = stamp(20)
    cluster.page = WITHOUT_REVIEWS


@CASES.spares("reviews-starting")
def page_incomplete_for_long(cluster: Cluster) -> None:
    """Old pods had their time: the page lacks reviews for another reason."""
    cluster.page = WITHOUT_REVIEWS


@CASES.spares("reviews-starting")
def young_and_whole(cluster: Cluster) -> None:
    """What is young and answers does not have to be waited for."""
    cluster.list_pods("reviews-v2")[0]["metadata"]["creationTimestamp"] = stamp(20)
    cluster.page = PageProbe("productpage", 200, True, Text("the page is whole"))


@CASES.names("crash-loop")
@CASES.spares("readiness-failing", instead="crash-loop")
def runs_between_two_ends(cluster: Cluster) -> None:
    """A container of a loop is shown as running now and then."""
    status = cluster.make_unready("ratings-v1")["status"]["containerStatuses"][0]
    ended = {"exitCode": 3, "reason": "Error", "startedAt": stamp(90), "finishedAt": stamp(88)}
    status |= {"restartCount": 3, "lastState": {"terminated": ended}}


@CASES.names("out-of-memory")
def killed_and_started_again(cluster: Cluster) -> None:
    """The same, with the kernel's reason."""
    status = cluster.make_unready("ratings-v1")["status"]["containerStatuses"][0]
    ended = {"exitCode": 137, "reason": "OOMKilled"}
    status |= {"restartCount": 1, "lastState": {"terminated": ended}}


@CASES.names("readiness-failing")
def ended_after_a_long_run(cluster: Cluster) -> None:
    """What ended once after an hour is no loop."""
    status = cluster.make_unready("ratings-v1")["status"]["containerStatuses"][0]
    ended = {"exitCode": 1, "reason": "Error", "startedAt": stamp(7200), "finishedAt": stamp(900)}
    status |= {"restartCount": 1, "lastState": {"terminated": ended}}


@CASES.names("crash-loop")
@CASES.spares("mount-missing", instead="crash-loop")
def command_not_there(cluster: Cluster) -> None:
    """The runtime finds no such program."""
    words = 'runc create failed: exec: "/opt/detials": stat /opt/detials: no such file or directory'
    cluster.make_wait("details-v1", "RunContainerError", words)
