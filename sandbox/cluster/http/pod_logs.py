"""The subresource `log` of pods: what a container has written, and what it goes on writing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.api_refusals import bad_request_error
from sandbox.cluster.contract import ApiError, Object, PodLogs
from sandbox.cluster.http.subresources import resolve_container
from sandbox.cluster.http.wire import read_flag, read_number
from sandbox.cluster.log_buffer import LogBuffer, LogLine
from sandbox.cluster.operations import Target

_LOOK_PAUSE = 0.5
"""Seconds between two looks at whether a pod that is followed is still there."""


async def serve_log(
    api: Api, target: Target, request: web.Request, source: PodLogs | None
) -> web.StreamResponse:
    """Answer with a container's log. Raises ApiError(400) in the kubelet's words when there can be
    nothing.
    """
    pod = api.get(Target(target.kind, target.namespace, target.name)).obj
    query = request.query
    container = resolve_container(pod, query.get("container", ""))
    status = _find_status(pod, container)
    _check_started(pod, container, status)
    if read_flag(query, "previous"):
        _check_previous(pod, container, status)
        # What a container wrote before its restart is not kept.
        return web.Response()
    log = source.find_log(pod, container) if source else None
    stamped = read_flag(query, "timestamps")
    text = _format_lines(_select_lines(log, query), stamped=stamped)
    limit = read_number(query, "limitBytes")
    if not read_flag(query, "follow") or log is None:
        return web.Response(body=text if limit is None else text[:limit], content_type="text/plain")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    following = aiter(log.follow())
    await response.prepare(request)
    await response.write(text)

    def is_open() -> bool:
        return _is_there(api, target, pod) and not _has_ended(api, target, container)

    await _follow(following, response, is_open, stamped=stamped)
    return response


async def _follow(
    following: AsyncIterator[LogLine],
    response: web.StreamResponse,
    is_open: Callable[[], bool],
    *,
    stamped: bool,
) -> None:
    """Write what comes until the container ends, the pod has gone or the client hangs up."""
    coming: asyncio.Task[LogLine] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(following))
            done, _ = await asyncio.wait((coming,), timeout=_LOOK_PAUSE)
            if not done and not is_open():
                return
            if done:
                line, coming = coming.result(), None
                await response.write(_format_lines([line], stamped=stamped))
    finally:
        if coming is not None:
            coming.cancel()


def _is_there(api: Api, target: Target, pod: Object) -> bool:
    with suppress(ApiError):
        found = api.get(Target(target.kind, target.namespace, target.name)).obj
        return bool(found["metadata"]["uid"] == pod["metadata"]["uid"])
    return False


def _has_ended(api: Api, target: Target, container: str) -> bool:
    found = api.get(Target(target.kind, target.namespace, target.name)).obj
    status = _find_status(found, container) or {}
    return "terminated" in (status.get("state") or {})


def _find_status(pod: Object, container: str) -> Object | None:
    status = pod.get("status") or {}
    both = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    return next((each for each in both if each["name"] == container), None)


def _check_started(pod: Object, container: str, status: Object | None) -> None:
    waiting = (status.get("state") or {}).get("waiting") if status else {}
    if waiting is not None and not (status and status.get("restartCount")):
        reason = waiting.get("reason", "ContainerCreating")
        name = pod["metadata"]["name"]
        raise bad_request_error(
            f'container "{container}" in pod "{name}" is waiting to start: {reason}'
        )


def _check_previous(pod: Object, container: str, status: Object | None) -> None:
    if not (status and status.get("restartCount")):
        name = pod["metadata"]["name"]
        raise bad_request_error(
            f'previous terminated container "{container}" in pod "{name}" not found'
        )


def _select_lines(log: LogBuffer | None, query: Mapping[str, str]) -> list[LogLine]:
    if log is None:
        return []
    since = query.get("sinceTime", "")
    try:
        moment = datetime.fromisoformat(since.replace("Z", "+00:00")) if since else None
    except ValueError as error:
        raise bad_request_error(f"sinceTime: Invalid value: {since}") from error
    lines = log.select(seconds=read_number(query, "sinceSeconds"), since=moment)
    tail = read_number(query, "tailLines")
    return lines if tail is None or tail < 0 else lines[max(0, len(lines) - tail) :]


def _format_lines(lines: Iterable[LogLine], *, stamped: bool) -> bytes:
    shown = (
        f"{line.stamp:%Y-%m-%dT%H:%M:%S.%f}000Z {line.text}" if stamped else line.text
        for line in lines
    )
    return "".join(f"{text}\n" for text in shown).encode()
