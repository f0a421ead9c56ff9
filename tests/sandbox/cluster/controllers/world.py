"""Shorthands of these tests: objects to create, and waiting for what a watch shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sandbox.cluster.contract import Object, Ref, Request, Response
from sandbox.cluster.controllers.podstate import is_ready
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.machinery.meta import DEPLOYMENTS, EVENTS, PODS, find_status_condition

SECONDS = 40
"""The longest that a test waits for anything, on the wall."""


def workload(kind: str, name: str, image: str = "nginx:1", **spec: Any) -> Object:
    """A workload in `demo`. `pod` adds to the pod's spec, `container` to its container,
    `annotations` to its pods."""
    container = {"name": "main", "image": image, **spec.pop("container", {})}
    meta: Object = {"labels": {"app": name}}
    if annotations := spec.pop("annotations", None):
        meta["annotations"] = annotations
    pod = {"containers": [container], **spec.pop("pod", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": meta, "spec": pod},
            **spec,
        },
    }


def deployment(name: str, image: str = "nginx:1", **spec: Any) -> Object:
    """A Deployment in `demo`, of one replica unless told otherwise."""
    return workload("Deployment", name, image, **spec)


def service(name: str, target: str, **spec: Any) -> Object:
    """A Service in `demo` for the pods of a workload."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {"selector": {"app": target}, "ports": [{"port": 80, "targetPort": 8080}], **spec},
    }


def finding(obj: Object, kind: str) -> str:
    """A condition as `True:Reason`, or "" when it is not there."""
    condition = find_status_condition(obj, kind)
    return f"{condition['status']}:{condition.get('reason', '')}" if condition else ""


def reason_of(pod: Object) -> str:
    """Why the pod's first container waits."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return str(statuses[0].get("state", {}).get("waiting", {}).get("reason", ""))


class World:
    """A cluster as a test uses it."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        self.cluster = cluster
        self.client = cluster.client("test")

    async def namespace(self, name: str, **labels: str) -> None:
        """Makes a namespace."""
        meta = {"name": name, "labels": labels}
        await self.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})

    async def until(
        self, ref: Ref, ok: Callable[[Object], bool], name: str = "", namespace: str = "demo"
    ) -> Object:
        """The first version of an object (any of the type, unless named) of which `ok` is true."""
        async with asyncio.timeout(SECONDS):
            async for event in self.client.watch(ref, namespace):
                named = not name or event.object["metadata"]["name"] == name
                if named and event.type != "DELETED" and ok(event.object):
                    return event.object
        raise AssertionError(f"the watch of {ref.plural} ended")

    async def gone(self, ref: Ref, name: str, namespace: str = "demo") -> None:
        """Returns when the object is not there."""
        if await self.client.get(ref, name, namespace) is None:
            return
        async with asyncio.timeout(SECONDS):
            async for event in self.client.watch(ref, namespace):
                if event.type == "DELETED" and event.object["metadata"]["name"] == name:
                    return

    async def rolled_out(self, name: str) -> Object:
        """The Deployment once `kubectl rollout status` would say that it is done."""

        def done(obj: Object) -> bool:
            status, wanted = obj.get("status", {}), obj["spec"]["replicas"]
            counts = {
                status.get(field, 0)
                for field in ("replicas", "updatedReplicas", "availableReplicas")
            }
            seen = status.get("observedGeneration") == obj["metadata"]["generation"]
            return (
                seen
                and counts == {wanted}
                and finding(obj, "Progressing") == "True:NewReplicaSetAvailable"
            )

        return await self.until(DEPLOYMENTS, done, name)

    async def deploy(self, name: str, **spec: Any) -> Object:
        """Creates a Deployment and waits until it has rolled out."""
        await self.client.create(deployment(name, **spec))
        return await self.rolled_out(name)

    async def restart(self, name: str, stamp: str) -> None:
        """What `kubectl rollout restart` does."""
        annotations = {"kubectl.kubernetes.io/restartedAt": stamp}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        await self.client.merge(DEPLOYMENTS, name, "demo", patch)

    async def pods(self, app: str) -> list[Object]:
        """The pods of a workload."""
        return await self.client.list(PODS, "demo", f"app={app}")

    async def pod(self, app: str, ok: Callable[[Object], bool] = is_ready) -> Object:
        """The first pod of a workload of which `ok` is true."""
        return await self.until(
            PODS, lambda pod: pod["metadata"].get("labels", {}).get("app") == app and ok(pod)
        )

    async def event(self, reason: str, text: str = "", namespace: str = "demo") -> Object:
        """The first event with that reason and text in its message."""
        return await self.until(
            EVENTS,
            lambda event: event["reason"] == reason and text in event["message"],
            namespace=namespace,
        )


class Echo:
    """A program that answers with its pod's name on port 8080, in pods with the label `program:
    echo`."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def runs_in(self, pod: Object) -> bool:
        return bool(pod["metadata"].get("labels", {}).get("app") == "echo")

    async def start(self, pod: Object, client: object) -> EchoProcess:
        return EchoProcess(pod["metadata"]["name"], self.stopped)


class EchoProcess:
    """One running Echo."""

    def __init__(self, name: str, stopped: list[str]) -> None:
        self._name, self._stopped = name, stopped

    async def handle(self, port: int, request: Request) -> Response | None:
        if port != 8080:
            return None
        if request.path == "/fail":
            raise ValueError(request.path)
        return Response(body=f"{self._name} {request.method} {request.path}".encode())

    async def stop(self) -> None:
        self._stopped.append(self._name)
