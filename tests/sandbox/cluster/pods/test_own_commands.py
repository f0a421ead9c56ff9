"""Pods that do what their own command says: run once, again and again, or as a Job, as people type
them with `kubectl run` and `kubectl create`."""

from __future__ import annotations

import asyncio
import json

import pytest

from sandbox.cluster.contract import Object
from sandbox.cluster.kubelet.own_commands import find_own_command
from sandbox.cluster.machinery.meta import JOBS, PODS
from tests.sandbox.cluster.controllers.world import World
from tests.sandbox.cluster.pods.conftest import Run

_CURL = {"image": "curlimages/curl"}


async def create_pod(world: World, script: str, *, policy: str = "Never") -> None:
    """Create `tmp`, whose command is a script."""
    container = {"name": "tmp", "image": "busybox", "command": ["sh", "-c", script]}
    spec = {"containers": [container], "restartPolicy": policy}
    meta = {"name": "tmp", "namespace": "demo"}
    await world.client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


async def ended(world: World, phase: str) -> Object:
    """`tmp`, once it is in that phase."""
    async with asyncio.timeout(40):
        while True:
            pod = await world.client.get(PODS, "tmp", "demo") or {}
            if pod.get("status", {}).get("phase") == phase:
                return pod
            await asyncio.sleep(0.02)


async def test_run_prints_what_the_command_gets(kubectl: Run) -> None:
    """`kubectl run --rm -i … -- curl` shows the answer of a Service, and leaves no pod."""
    command = ("curl", "-s", "http://web/hello")
    code, out, err = await kubectl(
        "run", "tmp", "--image=curlimages/curl", "--rm", "-i", "--restart=Never", "--", *command
    )
    assert (code, "GET /hello" in out) == (0, True), err
    assert 'pod "tmp" deleted' in out
    assert (await kubectl("get", "pod", "tmp"))[0] == 1


async def test_a_shell_reads_what_is_typed(kubectl: Run) -> None:
    """`kubectl run -i … -- sh` runs what comes from its input."""
    code, out, err = await kubectl(
        "run", "tmp", "--image=busybox", "--rm", "-i", "--restart=Never", "--", "sh",
        typed="echo typed; hostname\nexit\n",
    )  # fmt: skip
    assert code == 0, err
    assert "typed\ntmp\n" in out


async def test_a_log_ends_with_its_container(world: World, kubectl: Run) -> None:
    """`kubectl logs -f` ends when the command does; the pod has failed with its code."""
    await create_pod(world, "for i in 1 2; do echo line $i; sleep 0.1; done; exit 3")
    pod = await ended(world, "Failed")
    code, out, _ = await kubectl("logs", "-f", "tmp")
    assert (code, out) == (0, "line 1\nline 2\n")
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (3, "Error")
    assert (await kubectl("get", "pod", "tmp"))[1].split()[5:8] == ["tmp", "0/1", "Error"]


async def test_a_pod_that_is_to_run_again_does(world: World) -> None:
    """With `OnFailure` a command that fails is run again, one that succeeds is not."""
    await create_pod(world, "exit 1", policy="OnFailure")
    async with asyncio.timeout(40):
        while True:
            pod = await world.client.get(PODS, "tmp", "demo") or {}
            statuses = pod.get("status", {}).get("containerStatuses") or [{}]
            if statuses[0].get("restartCount", 0) > 1:
                break
            await asyncio.sleep(0.02)
    assert pod["status"]["phase"] == "Running"


async def test_a_pod_that_succeeded_is_completed(world: World) -> None:
    """A pod whose command ended well is Succeeded, and ready for nothing."""
    await create_pod(world, "echo done", policy="OnFailure")
    pod = await ended(world, "Succeeded")
    ready = next(c for c in pod["status"]["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "PodCompleted")


async def test_a_job_runs_to_its_end(kubectl: Run) -> None:
    """`kubectl create job` completes, keeps its log, and says so."""
    await kubectl("create", "job", "hello", "--image=busybox", "--", "echo", "hi")
    code, out, err = await kubectl("wait", "--for=condition=complete", "job/hello", "--timeout=20s")
    assert (code, out) == (0, "job.batch/hello condition met\n"), err
    assert (await kubectl("logs", "job/hello"))[1] == "hi\n"
    assert (await kubectl("get", "job", "hello"))[1].split()[5:8] == ["hello", "Complete", "1/1"]


async def test_a_job_that_keeps_failing_is_given_up(world: World) -> None:
    """After its `backoffLimit` a Job has failed, with one pod more than that."""
    template = {
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "x", "image": "busybox", "command": ["false"]}],
        }
    }
    await world.client.create(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "bad", "namespace": "demo"},
            "spec": {"backoffLimit": 1, "template": template},
        }
    )
    async with asyncio.timeout(40):
        while True:
            job = await world.client.get(JOBS, "bad", "demo") or {}
            if conditions := (job.get("status") or {}).get("conditions"):
                break
            await asyncio.sleep(0.02)
    assert [(c["type"], c["reason"]) for c in conditions] == [
        ("FailureTarget", "BackoffLimitExceeded"),
        ("Failed", "BackoffLimitExceeded"),
    ]
    assert job["status"]["failed"] == 2


async def test_debug_says_that_it_is_not_played(world: World, kubectl: Run) -> None:
    """`kubectl debug` ends at once, with what to type instead."""
    await create_pod(world, "sleep 60")
    code, _, err = await kubectl("debug", "tmp", "--image=busybox", "--", "sh")
    assert code == 1
    assert "the sandbox runs no ephemeral containers" in err
    assert "kubectl exec POD -c CONTAINER -- sh" in err


async def test_what_kubectl_creates_is_read(kubectl: Run) -> None:
    """Kinds that kubectl sends as protobuf are stored as they were meant."""
    await kubectl("create", "cronjob", "c", "--image=busybox", "--schedule=*/5 * * * *")
    await kubectl("create", "ingress", "i", "--rule=a.test/x*=web:80")
    await kubectl("create", "poddisruptionbudget", "p", "--selector=app=web", "--min-available=1")
    await kubectl("create", "priorityclass", "high", "--value=10")
    code, out, err = await kubectl(
        "autoscale", "deployment", "web", "--min=1", "--max=3", "--cpu-percent=50"
    )
    assert (code, out) == (0, "horizontalpodautoscaler.autoscaling/web autoscaled\n"), err

    async def spec(what: str) -> Object:
        found: Object = json.loads((await kubectl("get", what, "-o", "json"))[1])
        return found["spec"] if "spec" in found else found

    assert (await spec("cronjob/c"))["schedule"] == "*/5 * * * *"
    rule = (await spec("ingress/i"))["rules"][0]
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "web", "port": {"number": 80}}
    assert (await spec("pdb/p"))["minAvailable"] == 1
    assert (await spec("priorityclass/high"))["value"] == 10
    metric = (await spec("hpa/web"))["metrics"][0]["resource"]
    assert metric == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    old = json.loads(
        (await kubectl("get", "horizontalpodautoscalers.v1.autoscaling", "web", "-o", "json"))[1]
    )
    assert old["spec"]["targetCPUUtilizationPercentage"] == 50


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({**_CURL, "args": ["-s", "web"]}, ("curl", "-s", "web")),
        ({"image": "busybox", "stdin": True}, ("sh",)),
        ({"image": "busybox"}, ()),
        ({"image": "a", "command": ["sleep", "1"]}, ("sleep", "1")),
        ({"image": "a", "command": ["tail", "-f", "/dev/null"]}, ()),
        ({"image": "a", "command": ["/bin/server"]}, ()),
        ({"image": "a", "args": ["proxy", "sidecar"]}, ()),
        ({"image": "a", "command": ["sh", "-c", "until nslookup db; do sleep 1; done"]}, ()),
        ({"image": "a", "command": ["sh", "-c", "echo x > /tmp/x"]}, ()),
        ({"image": "a", "command": ["sh", "-c", "python app.py"]}, ()),
        (
            {"image": "a", "command": ["sh", "-c", "while true; do curl web; sleep 1; done"]},
            ("sh", "-c", "while true; do curl web; sleep 1; done"),
        ),
    ],
)
def test_what_the_shell_can_carry_out(container: Object, expected: tuple[str, ...]) -> None:
    """Only a command of which each program is played is carried out."""
    assert find_own_command(container) == expected
