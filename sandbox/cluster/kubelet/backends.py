"""From a Service or a pod to the program that answers there: the part of kube-proxy and the pod
network."""

from __future__ import annotations

import logging
from collections import Counter

from sandbox.cluster.contract import ApiError, Object, Process, Request, Response
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.endpoints import resolve_target_port
from sandbox.cluster.kubelet.kubelet import Kubelet
from sandbox.cluster.machinery.meta import ENDPOINTS, PODS, SERVICES, Key

log = logging.getLogger(__name__)


def _service_unavailable_error(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


class KubeletBackends:
    """`contract.ServiceBackends` on the kubelets' programs; ready endpoints take turns."""

    def __init__(self, context: ControllerContext, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._services = context.informers.for_resource(SERVICES)
        self._endpoints = context.informers.for_resource(ENDPOINTS)
        self._pods = context.informers.for_resource(PODS)
        self._turns: Counter[tuple[Key, str]] = Counter()

    async def call(
        self, namespace: str, service: str, port: int | str, request: Request
    ) -> Response:
        """Send a request to one ready endpoint of the Service's port.

        The port is a number or a name; "" is the unnamed or only port.
        """
        key = Key(namespace, service)
        found = self._services.get(key)
        if found is None:
            raise _service_unavailable_error(f'service "{service}" not found')
        name = _resolve_port_name(found, port)
        targets = self._list_targets(key, name)
        if not targets:
            asked = (
                f"{service}:{port}"
                if isinstance(port, str) and port and self._list_subsets(key)
                else service
            )
            raise _service_unavailable_error(f'no endpoints available for service "{asked}"')
        turn = self._turns[key, name]
        self._turns[key, name] += 1
        pod, number = targets[turn % len(targets)]
        return await self._send_request(pod, number, request)

    async def call_pod(
        self, namespace: str, pod: str, port: int | str, request: Request
    ) -> Response:
        """Send a request to one pod's port (number or name; "" is its first container port)."""
        found = self._pods.get(Key(namespace, pod))
        if found is None:
            raise ApiError(404, "NotFound", f'pods "{pod}" not found')
        if not found.get("status", {}).get("podIP"):
            raise _service_unavailable_error("address not allowed")
        number = _get_first_port(found) if port == "" else _resolve_port_number(found, port)
        return await self._send_request(found, number, request)

    def _list_subsets(self, key: Key) -> list[Object]:
        return (self._endpoints.get(key) or {}).get("subsets") or []

    def _list_targets(self, key: Key, name: str) -> list[tuple[Object, int]]:
        targets = []
        for subset in self._list_subsets(key):
            number = next(
                (
                    port["port"]
                    for port in subset.get("ports") or ()
                    if port.get("name", "") == name
                ),
                None,
            )
            for address in subset.get("addresses") or () if number is not None else ():
                pod = self._pods.get(
                    Key(key.namespace, (address.get("targetRef") or {}).get("name", ""))
                )
                if pod is not None and number is not None:
                    targets.append((pod, number))
        return targets

    async def _send_request(self, pod: Object, port: int, request: Request) -> Response:
        address = f"{pod['status'].get('podIP', '')}:{port}"
        # Nothing answers from a node without power, where one that is up refuses at once.
        if not self._kubelet.is_node_up(pod["spec"].get("nodeName", "")):
            raise _service_unavailable_error(f"dial tcp {address}: i/o timeout")
        process = self._kubelet.get_process(pod)
        response = await self._call_process(process, port, request, address) if process else None
        if response is None:
            raise _service_unavailable_error(f"dial tcp {address}: connect: connection refused")
        return response

    async def _call_process(
        self, process: Process, port: int, request: Request, address: str
    ) -> Response | None:
        try:
            return await process.handle(port, request)
        except ApiError:
            raise
        # A program's mistake is for its client what its crash would be; the API server goes on.
        except Exception as error:
            log.exception(
                "the program at %s failed on %s %s", address, request.method, request.path
            )
            raise _service_unavailable_error(
                f"read tcp {address}: read: connection reset by peer"
            ) from error


def _resolve_port_name(service: Object, port: int | str) -> str:
    """Return the name of the Service's port that is meant.

    Raises ApiError when a number is not among its ports.
    """
    ports = service["spec"].get("ports") or []
    if port == "":
        return str(ports[0].get("name", "")) if len(ports) == 1 else ""
    if not str(port).isdigit():
        return str(port)
    for each in ports:
        if each["port"] == int(port):
            return str(each.get("name", ""))
    raise _service_unavailable_error(
        f'no service port {port} found for service "{service["metadata"]["name"]}"'
    )


def _get_first_port(pod: Object) -> int:
    ports = (port for each in pod["spec"]["containers"] for port in each.get("ports") or ())
    return int(next(ports, {"containerPort": 80})["containerPort"])


def _resolve_port_number(pod: Object, port: int | str) -> int:
    number = int(port) if str(port).isdigit() else resolve_target_port(pod, port)
    if number is None:
        raise _service_unavailable_error(f'no port "{port}" in pod "{pod["metadata"]["name"]}"')
    return number
