"""From a Service or a pod to the program that answers there: the part of kube-proxy and the pod network."""

from __future__ import annotations

import logging
from collections import Counter

from bot.sandbox.cluster.contract import ApiError, Object, Process, Request, Response
from bot.sandbox.cluster.controllers.context import Context
from bot.sandbox.cluster.controllers.endpoints import port_number
from bot.sandbox.cluster.controllers.meta import ENDPOINTS, PODS, SERVICES, Key
from bot.sandbox.cluster.kubelet import Kubelet

log = logging.getLogger(__name__)


def _unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


class Backends:
    """`contract.ServiceBackends` on the kubelets' programs; ready endpoints take turns."""

    def __init__(self, context: Context, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._services = context.informers.of(SERVICES)
        self._endpoints = context.informers.of(ENDPOINTS)
        self._pods = context.informers.of(PODS)
        self._turns: Counter[tuple[Key, str]] = Counter()

    async def call(self, namespace: str, service: str, port: int | str, request: Request) -> Response:
        """Sends to one ready endpoint of the Service's port (number or name; "" is the unnamed or only port)."""
        key = Key(namespace, service)
        found = self._services.get(key)
        if found is None:
            raise _unavailable(f'service "{service}" not found')
        name = _port_name(found, port)
        targets = self._targets(key, name)
        if not targets:
            asked = f"{service}:{port}" if isinstance(port, str) and port and self._subsets(key) else service
            raise _unavailable(f'no endpoints available for service "{asked}"')
        turn = self._turns[key, name]
        self._turns[key, name] += 1
        pod, number = targets[turn % len(targets)]
        return await self._send(pod, number, request)

    async def call_pod(self, namespace: str, pod: str, port: int | str, request: Request) -> Response:
        """Sends to one pod's port (number or name; "" is its first container port)."""
        found = self._pods.get(Key(namespace, pod))
        if found is None:
            raise ApiError(404, "NotFound", f'pods "{pod}" not found')
        if not found.get("status", {}).get("podIP"):
            raise _unavailable("address not allowed")
        number = _first_port(found) if port == "" else _number(found, port)
        return await self._send(found, number, request)

    def _subsets(self, key: Key) -> list[Object]:
        return (self._endpoints.get(key) or {}).get("subsets") or []

    def _targets(self, key: Key, name: str) -> list[tuple[Object, int]]:
        targets = []
        for subset in self._subsets(key):
            number = next((port["port"] for port in subset.get("ports") or () if port.get("name", "") == name), None)
            for address in subset.get("addresses") or () if number is not None else ():
                pod = self._pods.get(Key(key.namespace, (address.get("targetRef") or {}).get("name", "")))
                if pod is not None and number is not None:
                    targets.append((pod, number))
        return targets

    async def _send(self, pod: Object, port: int, request: Request) -> Response:
        address = f"{pod['status'].get('podIP', '')}:{port}"
        if not self._kubelet.is_up(pod["spec"].get("nodeName", "")):
            raise _unavailable(f"dial tcp {address}: i/o timeout")
        process = self._kubelet.process(pod)
        response = await self._ask(process, port, request, address) if process else None
        if response is None:
            raise _unavailable(f"dial tcp {address}: connect: connection refused")
        return response

    async def _ask(self, process: Process, port: int, request: Request, address: str) -> Response | None:
        try:
            return await process.handle(port, request)
        except ApiError:
            raise
        except Exception as error:
            log.exception("the program at %s failed on %s %s", address, request.method, request.path)
            raise _unavailable(f"read tcp {address}: read: connection reset by peer") from error


def _port_name(service: Object, port: int | str) -> str:
    """The name of the Service's port that is meant; raises ApiError when a number is not among its ports."""
    ports = service["spec"].get("ports") or []
    if port == "":
        return str(ports[0].get("name", "")) if len(ports) == 1 else ""
    if not str(port).isdigit():
        return str(port)
    for each in ports:
        if each["port"] == int(port):
            return str(each.get("name", ""))
    raise _unavailable(f'no service port {port} found for service "{service["metadata"]["name"]}"')


def _first_port(pod: Object) -> int:
    ports = (port for each in pod["spec"]["containers"] for port in each.get("ports") or ())
    return int(next(ports, {"containerPort": 80})["containerPort"])


def _number(pod: Object, port: int | str) -> int:
    number = int(port) if str(port).isdigit() else port_number(pod, port)
    if number is None:
        raise _unavailable(f'no port "{port}" in pod "{pod["metadata"]["name"]}"')
    return number
