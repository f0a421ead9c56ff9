"""Registry of the running observability programs, which reach one another by Service names
as over the network.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from sandbox.cluster.contract import Client, Object, Process, Ref, Request, Response

PODS, SERVICES = Ref("", "pods"), Ref("", "services")


class Unreachable(Exception):
    """Nobody answers at an address; the text says why, as a dialler would."""


class RegisteredProcess(Process, Protocol):
    """A running program that others may look for."""

    pod: Object


class ProcessRegistry:
    """The observability programs that run now, each with its pod. One for a cluster."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], RegisteredProcess] = {}

    def add(self, process: RegisteredProcess) -> None:
        """Register a program that has started in its pod."""
        self._running[_get_pod_key(process.pod)] = process

    def remove(self, process: RegisteredProcess) -> None:
        """Remove a program that has ended."""
        if self._running.get(_get_pod_key(process.pod)) is process:
            del self._running[_get_pod_key(process.pod)]

    async def find_process(self, client: Client, address: str) -> RegisteredProcess:
        """Return the program behind `scheme://service.namespace[.svc…]:port` or
        `service.namespace:port`.

        Raises Unreachable when there is no such Service, no ready pod behind it, or no
        registered program in it.
        """
        host = (urlsplit(address if "://" in address else f"//{address}").hostname or "").split(".")
        name, namespace = host[0], host[1] if len(host) > 1 else "default"
        service = await client.get(SERVICES, name, namespace)
        if service is None:
            raise Unreachable(f"dial tcp: lookup {'.'.join(host)}: no such host")
        selector = service["spec"].get("selector") or {}
        labels = ",".join(f"{key}={value}" for key, value in selector.items())
        for pod in await client.list(PODS, namespace, labels) if selector else []:
            process = self._running.get(_get_pod_key(pod))
            if process is not None and _is_pod_ready(pod):
                return process
        raise Unreachable(
            f"dial tcp {service['spec'].get('clusterIP', '')}: connect: connection refused"
        )

    async def fetch_url(self, client: Client, url: str, container_port: int) -> Response:
        """Send a GET to a URL of a registered program.

        Raises Unreachable when nothing answers.
        """
        process = await self.find_process(client, url)
        parts = urlsplit(url)
        answer = await process.handle(
            container_port, Request("GET", parts.path or "/", parts.query)
        )
        if answer is None:
            raise Unreachable(f"dial tcp: {parts.netloc}: connect: connection refused")
        return answer


def _get_pod_key(pod: Object) -> tuple[str, str]:
    return pod["metadata"].get("namespace", ""), pod["metadata"]["name"]


def _is_pod_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not pod["metadata"].get("deletionTimestamp")
