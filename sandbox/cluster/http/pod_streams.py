"""The subresources `exec`, `attach` and `portforward` of pods: what is checked first, and then
served."""

from __future__ import annotations

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.api_refusals import (
    bad_request_error,
    internal_error,
    service_unavailable_error,
)
from sandbox.cluster.contract import CommandStreams, Object, PodAccess
from sandbox.cluster.http.streams.commands import AskedStreams, serve_command
from sandbox.cluster.http.streams.forwarding import PROTOCOL, PortForwarder
from sandbox.cluster.http.streams.upgrades import (
    TUNNEL,
    check_spdy_upgrade,
    is_websocket,
    list_asked_protocols,
    serve_spdy,
    serve_tunnel,
)
from sandbox.cluster.http.subresources import resolve_container
from sandbox.cluster.operations import Target


async def serve_exec(
    api: Api, target: Target, request: web.Request, access: PodAccess | None
) -> web.StreamResponse:
    """Carry a command out in a container. Raises ApiError before the upgrade for what cannot be."""
    pod, access = _require_pod(api, target, access)
    query = request.query
    asked = AskedStreams.from_query(query)
    command = tuple(query.getall("command", ()))
    if not command:
        raise bad_request_error("you must specify command for exec")
    container = resolve_container(pod, query.get("container", ""))
    if not _is_running(pod, container):
        raise internal_error(f'unable to upgrade connection: container not found ("{container}")')
    if not is_websocket(request):
        check_spdy_upgrade(request)

    async def execute(streams: CommandStreams) -> int:
        return await access.execute(pod, container, command, streams)

    return await serve_command(request, asked, execute)


async def serve_attach(
    api: Api, target: Target, request: web.Request, access: PodAccess | None
) -> web.StreamResponse:
    """Join what a container runs. Raises ApiError before the upgrade for what cannot be."""
    pod, access = _require_pod(api, target, access)
    asked = AskedStreams.from_query(request.query)
    container = resolve_container(pod, request.query.get("container", ""))
    if not _is_running(pod, container):
        raise internal_error(
            f"unable to upgrade connection: container {container} not found in pod "
            f"{target.name}_{target.namespace}"
        )
    if not is_websocket(request):
        check_spdy_upgrade(request)

    async def execute(streams: CommandStreams) -> int:
        # The end of an attachment is no failure, whatever the program's code is.
        await access.attach(pod, container, streams)
        return 0

    return await serve_command(request, asked, execute)


async def serve_port_forward(
    api: Api, target: Target, request: web.Request, access: PodAccess | None
) -> web.StreamResponse:
    """Forward connections to a pod until the client goes."""
    pod, access = _require_pod(api, target, access)
    if (phase := (pod.get("status") or {}).get("phase")) != "Running":
        raise internal_error(
            f"unable to forward port because pod is not running. Current status={phase}"
        )
    forwarder = PortForwarder(access, pod)
    try:
        if is_websocket(request):
            if TUNNEL not in list_asked_protocols(request, "Sec-WebSocket-Protocol"):
                raise bad_request_error(f"unable to upgrade: no protocol but {TUNNEL} is served")
            return await serve_tunnel(request, forwarder.accept_stream)
        check_spdy_upgrade(request)
        headers = {"X-Stream-Protocol-Version": PROTOCOL}
        await serve_spdy(request, headers, forwarder.accept_stream)
        return web.Response()
    finally:
        await forwarder.close()


def _require_pod(api: Api, target: Target, access: PodAccess | None) -> tuple[Object, PodAccess]:
    pod = api.get(Target(target.kind, target.namespace, target.name)).obj
    if not pod["spec"].get("nodeName"):
        raise bad_request_error(f"pod {target.name} does not have a host assigned")
    if access is None:
        raise service_unavailable_error("no kubelet runs on this API server's nodes")
    return pod, access


def _is_running(pod: Object, container: str) -> bool:
    status = pod.get("status") or {}
    statuses = [
        *(status.get("containerStatuses") or ()),
        *(status.get("initContainerStatuses") or ()),
    ]
    return any(s["name"] == container and "running" in (s.get("state") or {}) for s in statuses)
