"""Pods on the simulated nodes: coming up, going wrong, dying, and going."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import Object
from sandbox.cluster.controllers.podstate import is_ready
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.machinery.meta import (
    NODES,
    PODS,
    find_status_condition,
    is_condition_true,
    key_of,
)
from tests.sandbox.cluster.controllers.world import World, deployment, finding, reason_of


def restarts(pod: Object) -> int:
    """How often the first container was started again."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{"restartCount": 0}]
    return int(statuses[0]["restartCount"])


async def test_a_pod_on_its_way(world: World) -> None:
    """A pod is first ContainerCreating and not ready, then runs with an address of its node."""
    world.cluster.slow_image_pulls(5)
    await world.client.create(deployment("web"))
    young = await world.pod("web", lambda pod: reason_of(pod) == "ContainerCreating")
    ready = await world.pod("web")
    assert (young["status"]["phase"], finding(young, "Ready")) == (
        "Pending",
        "False:ContainersNotReady",
    )
    assert (find_status_condition(young, "Ready") or {})[
        "message"
    ] == "containers with unready status: [main]"
    assert (ready["status"]["phase"], ready["status"]["podIP"][:7]) == ("Running", "10.244.")
    assert {each["type"] for each in ready["status"]["conditions"] if each["status"] == "True"} == {
        "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled",
    }  # fmt: skip


async def test_events_of_a_start(world: World) -> None:
    """The events of a start are those of a real kubelet and scheduler, and a second pod finds the
    image there."""
    await world.deploy("web", replicas=2)
    name = (await world.pods("web"))[0]["metadata"]["name"]
    assert (await world.event("Scheduled", name))["reportingComponent"] == "default-scheduler"
    pulled = await world.event("Pulled", "Successfully pulled image")
    assert pulled["involvedObject"]["fieldPath"] == "spec.containers{main}"
    await world.event("Pulling", 'Pulling image "nginx:1"')
    await world.event("Started", "Container started")
    await world.deploy("again", replicas=2)
    await world.event("Pulled", 'Container image "nginx:1" already present on machine')


async def test_sidecars_start_before_the_others(world: World) -> None:
    """Init containers run first; a native sidecar stays, and is reported among the init containers."""
    inits = [
        {"name": "setup", "image": "a:1"},
        {"name": "proxy", "image": "b:1", "restartPolicy": "Always"},
    ]
    await world.deploy("web", pod={"initContainers": inits})
    pod = await world.pod("web")
    setup, proxy = pod["status"]["initContainerStatuses"]
    assert setup["state"]["terminated"]["reason"] == "Completed"
    assert (proxy["ready"], proxy["started"], "running" in proxy["state"]) == (True, True, True)


async def test_no_container_before_its_sidecar(world: World) -> None:
    """While a sidecar can't start, the pod's own container waits as PodInitializing."""
    inits = [{"name": "proxy", "image": "does-not-exist:1", "restartPolicy": "Always"}]
    await world.client.create(deployment("web", pod={"initContainers": inits}))

    def stuck(pod: Object) -> bool:
        [proxy] = pod.get("status", {}).get("initContainerStatuses") or [{"state": {}}]
        return bool(proxy["state"].get("waiting", {}).get("reason") == "ImagePullBackOff")

    pod = await world.pod("web", stuck)
    assert reason_of(pod) == "PodInitializing"
    assert finding(pod, "Initialized") == "False:ContainersNotInitialized"


@pytest.mark.parametrize("way", ["name", "annotation", "registry"])
async def test_images_that_cannot_be_pulled(world: World, way: str) -> None:
    """A broken image waits as ErrImagePull, then ImagePullBackOff in a real kubelet's words."""
    image = "does-not-exist:1" if way == "name" else "shop:1"
    annotations = {"sandbox.meshbot.dev/waiting": "ImagePullBackOff"} if way == "annotation" else {}
    if way == "registry":
        world.cluster.break_image_pulls("shop", "toomanyrequests: try later")
    await world.client.create(deployment("web", image, annotations=annotations))
    pod = await world.pod("web", lambda pod: reason_of(pod) == "ImagePullBackOff")
    message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert message.startswith(f'Back-off pulling image "{image}": ErrImagePull: ')
    assert pod["status"]["phase"] == "Pending"
    assert (await world.event("Failed", "Failed to pull image"))["type"] == "Warning"
    await world.event("BackOff", f'Back-off pulling image "{image}"')


async def test_an_image_that_does_not_arrive_is_being_pulled(world: World) -> None:
    """The container stays in creation, and the last event says what it waits for."""
    annotations = {"sandbox.meshbot.dev/waiting": "ContainerCreating"}
    await world.client.create(deployment("web", "shop:1", annotations=annotations))
    await world.event("Pulling", 'Pulling image "shop:1"')
    assert reason_of(await world.pod("web", lambda pod: True)) == "ContainerCreating"


async def test_a_mended_image_is_pulled_in_the_end(world: World) -> None:
    """When the registry has the image again, the next try succeeds."""
    world.cluster.break_image_pulls("shop", "away")
    await world.client.create(deployment("web", "shop:1"))
    await world.pod("web", lambda pod: reason_of(pod) == "ErrImagePull")
    world.cluster.restore_image_pulls("shop")
    assert is_ready(await world.pod("web"))


async def test_crash_loop(world: World) -> None:
    """A program that ends at once is restarted, then held in CrashLoopBackOff for growing times."""
    await world.client.create(deployment("web", annotations={"sandbox.meshbot.dev/crash": "true"}))
    pod = await world.pod(
        "web", lambda pod: reason_of(pod) == "CrashLoopBackOff" and restarts(pod) >= 2
    )
    status = pod["status"]["containerStatuses"][0]
    title = f"{pod['metadata']['name']}_demo({pod['metadata']['uid']})"
    assert (
        status["state"]["waiting"]["message"]
        == f"back-off 20s restarting failed container=main pod={title}"
    )
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert (await world.event("BackOff"))[
        "message"
    ] == f"Back-off restarting failed container main in pod {title}"


@pytest.mark.parametrize(
    ("kind", "code", "reason", "message"),
    [
        ("oom", 137, "OOMKilled", None),
        ("exec-format", 255, "Error", "exec /bin/shop: exec format error\n"),
    ],
)
async def test_ends_with_a_reason(
    world: World, kind: str, code: int, reason: str, message: str | None
) -> None:
    """What a kubelet writes of a container that was killed for its memory, and of a program for
    another processor, whose log it quotes where the pod asks for that."""
    made = deployment("web", annotations={"sandbox.meshbot.dev/crash": kind})
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container |= {
        "command": ["/bin/shop"],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    await world.client.create(made)
    pod = await world.pod("web", lambda pod: reason_of(pod) == "CrashLoopBackOff")
    ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended.get("message")) == (code, reason, message)


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("rate-limit", "Unknown", "429 Too Many Requests - Server message: toomanyrequests: You"),
        ("manifest-unknown", "NotFound", "404 Not Found: manifest unknown"),
        ("denied", "Unknown", "pull access denied, repository does not exist"),
    ],
)
async def test_refused_pulls(world: World, kind: str, code: str, words: str) -> None:
    """The registry's words, in those of the runtime and the kubelet; the event has them too."""
    await world.client.create(
        deployment("web", "acme/shop:1", annotations={"sandbox.meshbot.dev/pull": kind})
    )
    pod = await world.pod("web", lambda pod: reason_of(pod) == "ErrImagePull")
    message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert message.startswith(
        f'rpc error: code = {code} desc = failed to pull and unpack image "docker.io/acme/shop:1"'
    )
    assert words in message
    assert words in (await world.event("Failed"))["message"]


async def test_unready(world: World) -> None:
    """A pod that fails its readiness probe runs, is not ready, and has Unhealthy events."""
    await world.client.create(
        deployment("web", annotations={"sandbox.meshbot.dev/unready": "true"})
    )
    event = await world.event("Unhealthy")
    pod = await world.pod("web", lambda pod: pod.get("status", {}).get("phase") == "Running")
    assert event["message"].startswith("Readiness probe failed: ")
    assert not is_ready(pod)


async def test_a_killed_pod_comes_back(world: World) -> None:
    """Killed containers are started again, with the exit code on record."""
    await world.deploy("web")
    name = (await world.pod("web"))["metadata"]["name"]
    assert world.cluster.kill_pod("demo", name, 137)
    pod = await world.pod("web", lambda pod: restarts(pod) == 1 and is_ready(pod))
    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 137
    assert not world.cluster.kill_pod("demo", "nobody")


async def test_graceful_deletion(world: World) -> None:
    """A deleted pod is Terminating for a while, then gone, and its ReplicaSet makes another."""
    await world.deploy("web")
    pod = await world.pod("web")
    name = pod["metadata"]["name"]
    await world.client.delete(PODS, name, "demo")
    going = await world.client.get(PODS, name, "demo")
    assert going is not None
    assert going["metadata"]["deletionGracePeriodSeconds"] == 30
    await world.gone(PODS, name)
    assert (await world.event("Killing"))["message"] == "Stopping container main"
    assert (await world.pod("web"))["metadata"]["name"] != name


async def test_missing_volumes_hold_a_pod_back(world: World) -> None:
    """A pod whose ConfigMap is not there waits with FailedMount, until it is."""
    volumes = [{"name": "config", "configMap": {"name": "settings"}}]
    await world.client.create(deployment("web", pod={"volumes": volumes}))
    event = await world.event("FailedMount")
    assert (
        event["message"]
        == 'MountVolume.SetUp failed for volume "config" : configmap "settings" not found'
    )
    meta = {"name": "settings", "namespace": "demo"}
    await world.client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    assert is_ready(await world.pod("web"))


async def test_a_node_without_power(hasty: World) -> None:
    """A silent node becomes Unknown, its pods count as not ready, are evicted, and run elsewhere."""
    world = hasty
    await world.deploy("web")
    pod = await world.pod("web")
    node = pod["spec"]["nodeName"]
    await world.cluster.stop_node(node)
    down = await world.until(
        NODES, lambda obj: finding(obj, "Ready") == "Unknown:NodeStatusUnknown", node, ""
    )
    assert find_status_condition(down, "Ready") is not None
    tainted = await world.until(NODES, lambda obj: bool(obj["spec"].get("taints")), node, "")
    assert {each["key"] for each in tainted["spec"]["taints"]} == {"node.kubernetes.io/unreachable"}
    moved = await world.pod("web", lambda pod: is_ready(pod) and pod["spec"]["nodeName"] != node)
    assert moved["metadata"]["name"] != key_of(pod).name
    await world.cluster.start_node(node)
    await world.until(
        NODES, lambda obj: is_condition_true(find_status_condition(obj, "Ready")), node, ""
    )
    await world.gone(PODS, key_of(pod).name)


async def test_nothing_is_left_behind() -> None:
    """After the stop no task of the cluster runs."""
    before = asyncio.all_tasks()
    world = World(EmbeddedCluster(Clock(50)))
    await world.cluster.start()
    await world.namespace("demo")
    await world.client.create(deployment("web", replicas=3))
    await world.cluster.stop()
    assert asyncio.all_tasks() == before


async def test_a_pod_network_that_refuses(world: World) -> None:
    """The runtime says why in an event, and no container is created meanwhile."""
    problem = 'plugin type="calico" failed (add): connection is unauthorized'
    template = deployment("web")
    template["spec"]["template"]["metadata"]["annotations"] = {
        "sandbox.meshbot.dev/network-error": problem
    }
    await world.client.create(template)
    event = await world.event("FailedCreatePodSandBox", problem)
    assert "failed to setup network for sandbox" in event["message"]
    pod = await world.pod("web", lambda pod: reason_of(pod) == "ContainerCreating")
    assert finding(pod, "PodReadyToStartContainers").startswith("False")


async def test_a_container_that_must_not_run_as_root(world: World) -> None:
    """The kubelet does not create it."""
    told = {"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}
    await world.client.create(deployment("web", pod=told))
    pod = await world.pod("web", lambda pod: reason_of(pod) == "CreateContainerConfigError")
    waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"]
    assert "runAsUser breaks non-root policy" in waiting["message"]


async def test_pods_that_are_not_the_schedulers(world: World) -> None:
    """Another scheduler's pod is looked at by nobody; a gated one says that it is held, and is
    placed once the gate is gone."""
    await world.client.create(deployment("other", pod={"schedulerName": "of-ours"}))
    other = await world.pod("other", lambda pod: True)
    gate = {"schedulingGates": [{"name": "example.com/capacity"}]}
    await world.client.create(deployment("held", pod=gate))
    held = await world.pod("held", lambda pod: True)
    assert finding(held, "PodScheduled") == "False:SchedulingGated"
    name = held["metadata"]["name"]
    await world.client.merge(PODS, name, "demo", {"spec": {"schedulingGates": None}})
    await world.pod("held")
    assert "nodeName" not in (await world.pod("other", lambda pod: True))["spec"]
    assert not (other.get("status") or {}).get("conditions")
