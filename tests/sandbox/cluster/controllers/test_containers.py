"""Containers that their own settings keep from running: commands, memory, environment, images,
probes, and init containers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Process, Request, Response
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.kubelet.container_fate import judge_container, judge_script
from sandbox.cluster.kubelet.images import is_valid_name
from sandbox.cluster.kubelet.probes import find_original
from tests.sandbox.cluster.controllers.world import World, deployment, reason_of

DETAILS = "docker.io/istio/examples-bookinfo-details-v1:1.20.3"


class _Web:
    """A program that answers `/health` at port 8080, and 404 to all else there."""

    def runs_in(self, pod: Object) -> bool:
        return bool(pod["metadata"].get("labels", {}).get("app") == "web")

    async def start(self, pod: Object, client: Client) -> Process:
        return self

    async def handle(self, port: int, request: Request) -> Response | None:
        if port != 8080:
            return None
        return Response(200 if request.path == "/health" else 404)

    async def stop(self) -> None: ...


@pytest.fixture
async def web() -> AsyncIterator[World]:
    """A world in which pods of `web` answer, and minutes pass in a moment."""
    cluster = EmbeddedCluster(Clock(200), programs=(_Web(),))
    await cluster.start()
    world = World(cluster)
    await world.namespace("demo")
    yield world
    await cluster.stop()


def last_end(pod: Object) -> Object:
    """How the first container ended last."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    found: Object = statuses[0].get("lastState", {}).get("terminated") or {}
    return found


@pytest.mark.parametrize(
    ("container", "reason", "code"),
    [
        ({"command": ["/opt/detials"]}, "StartError", 128),
        ({"command": ["sh", "-c", "echo no configuration; exit 3"]}, "Error", 3),
        ({"command": ["false"]}, "Error", 1),
        ({"resources": {"limits": {"memory": "4Mi"}}}, "OOMKilled", 137),
    ],
)
async def test_containers_that_end(web: World, container: Object, reason: str, code: int) -> None:
    """A command that is not there or ends, and too little memory, end in a crash loop."""
    await web.client.create(deployment("broken", DETAILS, container=container))
    pod = await web.pod("broken", lambda pod: reason_of(pod) == "CrashLoopBackOff")
    assert (last_end(pod)["reason"], last_end(pod)["exitCode"]) == (reason, code)


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["python3", "app.py"]},
        {"command": ["sh", "-c", "exec node ratings.js 9080"]},
        {"args": ["--verbose"]},
        {"resources": {"limits": {"memory": "512Mi"}}},
    ],
)
def test_settings_that_say_nothing(container: Object) -> None:
    """What may well run does."""
    assert judge_container({"image": DETAILS, **container}) is None


@pytest.mark.parametrize(
    ("script", "code", "waits"),
    [
        ("migrate && exit 0", 0, False),
        ("echo hello; sleep 1", 0, False),
        ("cd /x; false", 1, False),
        ("while true; do sleep 5; done", None, True),
        ("until nslookup db; do sleep 2; done", None, True),
    ],
)
def test_plain_scripts(script: str, code: int | None, waits: bool) -> None:
    """A shell's script ends or waits as it says."""
    fate = judge_script(script)
    assert fate is not None
    assert (fate.code, fate.waits) == (code, waits)


async def test_init_container_that_fails(web: World) -> None:
    """The pod's own containers never start."""
    inits = [{"name": "migrate", "image": "busybox:1", "command": ["sh", "-c", "exit 1"]}]
    await web.client.create(deployment("late", pod={"initContainers": inits}))

    def looping(pod: Object) -> bool:
        [init] = pod.get("status", {}).get("initContainerStatuses") or [{"state": {}}]
        return bool(init["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff")

    pod = await web.pod("late", looping)
    assert reason_of(pod) == "PodInitializing"


async def test_init_container_that_waits_for_a_service(web: World) -> None:
    """It waits until the Service that it looks up is there."""
    script = "until nslookup db; do sleep 2; done"
    inits = [{"name": "wait", "image": "busybox:1", "command": ["sh", "-c", script]}]
    await web.client.create(deployment("late", pod={"initContainers": inits}))
    await web.event("Started", "Container started")
    spec = {"ports": [{"port": 3306}]}
    meta = {"name": "db", "namespace": "demo"}
    await web.client.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    await web.pod("late")


async def test_environment_that_is_missing(web: World) -> None:
    """A container waits for what its environment is made of, and starts when it comes."""
    named = {"secretKeyRef": {"name": "db", "key": "password"}}
    env = [{"name": "PASSWORD", "valueFrom": named}]
    await web.client.create(deployment("late", container={"env": env}))
    await web.pod("late", lambda pod: reason_of(pod) == "CreateContainerConfigError")
    await web.event("Failed", 'Error: secret "db" not found')
    meta = {"name": "db", "namespace": "demo"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
    await web.client.create({**secret, "data": {"user": "eA=="}})
    await web.event("Failed", "Error: couldn't find key password in Secret demo/db")
    await web.client.update({**secret, "data": {"password": "eA=="}})
    await web.pod("late")


@pytest.mark.parametrize(
    ("image", "policy", "reason"),
    [
        ("docker.io/istio/Examples:1", "IfNotPresent", "InvalidImageName"),
        ("web:1", "Never", "ErrImageNeverPull"),
    ],
)
async def test_images_that_are_not_asked_for(
    web: World, image: str, policy: str, reason: str
) -> None:
    """A name that is none, and an image that may not be pulled."""
    await web.client.create(deployment("x", image, container={"imagePullPolicy": policy}))
    await web.pod("x", lambda pod: reason_of(pod) == reason)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("nginx", True),
        ("localhost:5000/team/web:1.2_a", True),
        ("quay.io/kiali/kiali@sha256:" + "0" * 64, True),
        ("nginx:", False),
        ("my image:1", False),
    ],
)
def test_names_of_images(name: str, valid: bool) -> None:
    """Names as containerd takes them."""
    assert is_valid_name(name) is valid


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"httpGet": {"path": "/health", "port": 9090}}, "connect: connection refused"),
        ({"httpGet": {"path": "/ready", "port": 8080}}, "HTTP probe failed with statuscode: 404"),
        ({"tcpSocket": {"port": 9999}}, "Readiness probe failed: dial tcp"),
        ({"exec": {"command": ["sh", "-c", "exit 1"]}}, "Readiness probe failed: command failed"),
    ],
)
async def test_readiness_that_fails(web: World, probe: Object, words: str) -> None:
    """A probe of a port or path that the program does not have keeps the pod unready."""
    await web.client.create(deployment("web", container={"readinessProbe": probe}))
    event = await web.event("Unhealthy", words)
    [pod] = await web.pods("web")
    assert event["message"].startswith("Readiness probe failed: ")
    assert pod["status"]["containerStatuses"][0]["ready"] is False


async def test_probes_that_hold(web: World) -> None:
    """A pod whose program answers all of them is ready, and stays so."""
    health = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1}
    container = {
        "ports": [{"name": "http", "containerPort": 8080}],
        **dict.fromkeys(("startupProbe", "readinessProbe", "livenessProbe"), health),
    }
    await web.deploy("web", container=container)
    [pod] = await web.pods("web")
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


async def test_liveness_that_fails(web: World) -> None:
    """The container is killed, and started again and again."""
    probe = {"tcpSocket": {"port": 9999}, "periodSeconds": 1, "failureThreshold": 1}
    await web.client.create(deployment("web", container={"livenessProbe": probe}))
    await web.event("Killing", "Container main failed liveness probe, will be restarted")
    pod = await web.pod("web", lambda pod: reason_of(pod) == "CrashLoopBackOff")
    assert last_end(pod)["exitCode"] == 137


def test_rewritten_probe() -> None:
    """The injector's probe of the agent stands for the application's own."""
    own = {"tcpSocket": {"port": 9999}}
    env = [
        {
            "name": "ISTIO_KUBE_APP_PROBERS",
            "value": '{"/app-health/web/livez":{"tcpSocket":{"port":9999}}}',
        }
    ]
    proxy = {"name": "istio-proxy", "image": "proxyv2", "env": env}
    pod = {"spec": {"containers": [{"name": "web", "image": "x"}, proxy]}}
    probe = {"httpGet": {"path": "/app-health/web/livez", "port": 15020}}
    assert find_original(pod, probe) == own
