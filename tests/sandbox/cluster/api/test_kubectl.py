"""An ordinary kubectl against the embedded server."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
import yaml

from sandbox.cluster.server import ApiServer
from tests.sandbox.cluster.api.objects import config_map, definition, deployment, service, thing

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


class Kubectl:
    """Runs kubectl with the server's kubeconfig."""

    def __init__(self, directory: Path, server: ApiServer) -> None:
        self._directory = directory
        self._config = directory / "kubeconfig"
        self._config.write_text(yaml.safe_dump(server.build_kubeconfig()))

    async def __call__(self, *arguments: str, code: int = 0) -> str:
        """The output, both streams together; asserts the exit code."""
        environment = {
            "KUBECONFIG": str(self._config),
            "HOME": str(self._directory),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            *arguments,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == code, output.decode()
        return output.decode()

    def file(self, *objects: object) -> str:
        """A manifest with these objects."""
        path = self._directory / "manifest.yaml"
        path.write_text(yaml.safe_dump_all(objects))
        return str(path)


@pytest.fixture
def kubectl(tmp_path: Path, server: ApiServer) -> Kubectl:
    return Kubectl(tmp_path, server)


async def test_apply_is_validated_and_repeatable(kubectl: Kubectl) -> None:
    """Client-side apply creates, then says unchanged, then configures."""
    manifest = kubectl.file(config_map(x="1"), service())
    assert await kubectl("apply", "-f", manifest) == "configmap/a created\nservice/svc created\n"
    assert (
        await kubectl("apply", "-f", manifest) == "configmap/a unchanged\nservice/svc unchanged\n"
    )
    assert (
        await kubectl("apply", "-f", kubectl.file(config_map(x="2"))) == "configmap/a configured\n"
    )


async def test_server_side_apply_reports_conflicts(kubectl: Kubectl) -> None:
    """A field of another manager is refused with kubectl's own advice."""
    await kubectl("create", "configmap", "a", "--from-literal=x=1")
    text = await kubectl("apply", "--server-side", "-f", kubectl.file(config_map(x="2")), code=1)
    assert 'conflict with "kubectl-create" using v1: .data.x' in text
    assert "serverside-applied" in await kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", kubectl.file(config_map(x="2"))
    )


async def test_what_kubectl_create_sends_is_read(kubectl: Kubectl) -> None:
    """create, expose and auth can-i send protobuf."""
    assert "created" in await kubectl("create", "namespace", "bookinfo")
    assert "created" in await kubectl(
        "create", "deployment", "web", "--image=nginx", "--replicas=2", "--port=80"
    )
    assert "exposed" in await kubectl("expose", "deployment", "web", "--port=80")
    assert "created" in await kubectl("create", "secret", "generic", "s", "--from-literal=a=b")
    assert await kubectl("auth", "can-i", "create", "pods") == "yes\n"
    made = json.loads(await kubectl("get", "deployment", "web", "-o", "json"))
    assert made["spec"]["replicas"] == 2
    assert made["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP"}
    ]


async def test_get_prints_tables(kubectl: Kubectl) -> None:
    """Columns and `get all` come from the server."""
    await kubectl("apply", "-f", kubectl.file(deployment(replicas=3), service()))
    lines = (await kubectl("get", "deployment", "-o", "wide")).splitlines()
    assert lines[0].split() == [
        "NAME",
        "READY",
        "UP-TO-DATE",
        "AVAILABLE",
        "AGE",
        "CONTAINERS",
        "IMAGES",
        "SELECTOR",
    ]
    assert lines[1].split()[:4] == ["web", "0/3", "0", "0"]
    text = await kubectl("get", "all")
    assert "deployment.apps/web" in text
    assert "service/svc" in text


async def test_describe_label_annotate_patch_scale_and_restart(kubectl: Kubectl) -> None:
    """The everyday verbs work and show in the object."""
    await kubectl("apply", "-f", kubectl.file(deployment()))
    await kubectl("label", "deployment", "web", "a=b")
    await kubectl("annotate", "deployment", "web", "c=d")
    await kubectl("scale", "deployment", "web", "--replicas=4")
    await kubectl("rollout", "restart", "deployment/web")
    await kubectl("patch", "deployment", "web", "-p", '{"spec":{"paused":true}}')
    text = await kubectl("describe", "deployment", "web")
    assert "4 desired" in text
    assert "kubectl.kubernetes.io/restartedAt" in text
    assert "a=b" in text


async def test_wait_and_rollout_status_follow_the_status(
    kubectl: Kubectl, server: ApiServer
) -> None:
    """Both end when the Deployment's status says so."""
    await kubectl("apply", "-f", kubectl.file(deployment()))
    waiting = asyncio.create_task(
        kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=20s")
    )
    rolling = asyncio.create_task(kubectl("rollout", "status", "deployment/web", "--timeout=20s"))
    await asyncio.sleep(0.3)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    condition = {
        "type": "Available",
        "status": "True",
        "reason": "MinimumReplicasAvailable",
        "message": "",
    }
    status = {"observedGeneration": 1, **counts, "conditions": [condition]}
    controller = server.client("kube-controller-manager")
    web = json.loads(await kubectl("get", "deployment", "web", "-o", "json"))
    await controller.update({**web, "status": status}, subresource="status")
    assert "condition met" in await waiting
    assert "successfully rolled out" in await rolling


async def test_deletes_wait_until_things_are_gone(kubectl: Kubectl) -> None:
    """delete returns after the object is gone, and a second one says NotFound."""
    await kubectl("apply", "-f", kubectl.file(config_map()))
    assert await kubectl("delete", "configmap", "a") == 'configmap "a" deleted\n'
    assert "(NotFound)" in await kubectl("get", "configmap", "a", code=1)


async def test_custom_types_are_known_at_once(kubectl: Kubectl) -> None:
    """After a CRD its objects can be applied and got by short name, with their columns."""
    await kubectl("apply", "--server-side", "-f", kubectl.file(definition()))
    await kubectl("wait", "--for=condition=Established", "crd/things.example.com", "--timeout=5s")
    await kubectl("apply", "-f", kubectl.file(thing()))
    assert (await kubectl("get", "th")).split()[:5] == ["NAME", "SIZE", "READY", "t", "3"]


async def test_versions_are_told(kubectl: Kubectl) -> None:
    """The server says which release it follows."""
    assert "Server Version: v1.36.3" in await kubectl("version")
