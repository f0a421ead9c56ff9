"""The endpoints that are not plain objects: scale, logs, binding, eviction, tokens, access reviews,
and the proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.api_refusals import (
    bad_request_error,
    not_found_error,
    service_unavailable_error,
)
from sandbox.cluster.contract import ApiError, Object, Request, ServiceBackends
from sandbox.cluster.faults import ApiFaults
from sandbox.cluster.http.paths import Route
from sandbox.cluster.http.writes import make_patcher
from sandbox.cluster.operations import DeleteOptions, Target, WriteOptions
from sandbox.cluster.ports import check_service_port
from sandbox.cluster.store import Record

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",  # noqa: E501
     "upgrade", "content-length", "host", "authorization", "expect"}
)  # fmt: skip
_SECONDS = 30.0


def build_scale(record: Record, target: Target) -> Object:
    """Return the `Scale` of a workload."""
    obj = record.obj
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"replicas": spec["replicas"]} if spec.get("replicas") else {},
        "status": {
            "replicas": status.get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


async def update_scale(
    api: Api, target: Target, change: Any, kind: str, write: WriteOptions
) -> Record:
    """PUT or PATCH a workload's scale; `kind` is the patch's media type, or "" for a PUT."""

    def scaled(live: Object) -> Object:
        now = build_scale(Record(live, 0), target)
        wanted = make_patcher(target, kind, change)(now) if kind else change
        replicas = (wanted.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or replicas < 0:
            raise bad_request_error(
                f"spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0"
            )
        return {**live, "spec": {**(live.get("spec") or {}), "replicas": replicas}}

    return await api.patch(target, scaled, write)


async def bind_pod(api: Api, target: Target, body: Any, write: WriteOptions) -> None:
    """Give a pod its node (POST of a Binding)."""
    node = ((body or {}).get("target") or {}).get("name", "")
    if not node:
        raise bad_request_error("target.name: Required value")
    plain = Target(target.kind, target.namespace, target.name)
    await api.patch(plain, lambda live: {**live, "spec": {**live["spec"], "nodeName": node}}, write)


async def evict_pod(api: Api, target: Target, body: Any, write: WriteOptions) -> None:
    """Delete a pod gracefully (POST of an Eviction); disruption budgets are not checked."""
    options = (body or {}).get("deleteOptions") or {}
    plain = Target(target.kind, target.namespace, target.name)
    await api.delete(plain, DeleteOptions(grace=options.get("gracePeriodSeconds")), write)


def answer_access_review(body: Any, faults: ApiFaults) -> Object:
    """Answer a SelfSubjectAccessReview: everything is allowed but what a fault forbids."""
    if not isinstance(body, dict):
        raise bad_request_error("SelfSubjectAccessReview expected")
    asked: Mapping[str, str] = (body.get("spec") or {}).get("resourceAttributes") or {}
    resource, subresource = asked.get("resource", ""), asked.get("subresource", "")
    name = f"{resource}/{subresource}" if subresource else resource
    allowed = not faults.is_forbidden(asked.get("verb", ""), name, asked.get("namespace", ""))
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": body.get("spec") or {},
        "status": {"allowed": allowed},
    }


def resolve_container(pod: Object, wanted: str) -> str:
    """Return the name of the container that is meant; "" is the only one.

    Raises ApiError(400) when there is none of that name, or several.
    """
    spec = pod["spec"]
    own = [each["name"] for each in spec.get("containers") or ()]
    inits = [each["name"] for each in spec.get("initContainers") or ()]
    name = pod["metadata"]["name"]
    if wanted and wanted not in (*own, *inits):
        raise bad_request_error(f"container {wanted} is not valid for pod {name}")
    if wanted:
        return wanted
    if len(own) > 1 or inits:
        more = f" or one of the init containers: [{' '.join(inits)}]" if inits else ""
        choice = f"choose one of: [{' '.join(own)}]{more}"
        raise bad_request_error(f"a container name must be specified for pod {name}, {choice}")
    return str(own[0])


async def proxy_request(
    route: Route, request: web.Request, backends: ServiceBackends | None, api: Api
) -> web.Response:
    """Pass a request on to a Service or a pod, as the proxy subresource does.

    Credentials are not passed on.
    """
    name, port = _parse_proxy_name(route.target.name)
    target = route.target
    if api.store.get(target.kind.stored, target.namespace, name) is None:
        raise not_found_error(target.kind, name)
    if target.kind.plural == "services":
        check_service_port(api.store, target.namespace, name, port)
    if backends is None:
        raise service_unavailable_error(f'no endpoints available for service "{name}"')
    call = backends.call if target.kind.plural == "services" else backends.call_pod
    passed = Request(
        method=request.method,
        path=route.rest,
        query=request.query_string,
        headers={
            key: value for key, value in request.headers.items() if key.lower() not in _HOP_BY_HOP
        },
        body=await request.read(),
    )
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await call(target.namespace, name, port, passed)
    except ApiError as error:
        raise _wrap_dial_error(error) from error
    except TimeoutError as error:
        raise service_unavailable_error(
            "error trying to reach service: context deadline exceeded"
        ) from error
    headers = {
        key: value for key, value in answer.headers.items() if key.lower() not in _HOP_BY_HOP
    }
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _wrap_dial_error(error: ApiError) -> ApiError:
    if error.message.startswith("dial "):
        return service_unavailable_error(f"error trying to reach service: {error.message}")
    return error


def _parse_proxy_name(name: str) -> tuple[str, int | str]:
    """Parse `[scheme:]name[:port]`; the port is a number, a name, or "" for the only one."""
    parts = name.split(":")
    if len(parts) == 3:
        parts = parts[1:]
    port = parts[1] if len(parts) > 1 else ""
    return parts[0], int(port) if port.isdigit() else port
