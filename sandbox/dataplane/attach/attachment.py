"""The data plane behind a cluster that is not the sandbox's: servers at the pods' own
addresses, where those are local.

Where no container really runs, nothing answers behind Services. Here every pod that
one of the sandbox's programs fits gets that program, listening on the pod's address,
so that the API server's service proxy reaches it as it would reach the pod.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.clock import Clock
from sandbox.cluster.contract import (
    ApiError,
    Client,
    Object,
    PodProgram,
    Process,
    Request,
)
from sandbox.cluster.machinery.informer import Informer, enqueue_for_object
from sandbox.cluster.machinery.meta import PODS, SERVICES, Key, key_of, labels_of
from sandbox.cluster.machinery.selectors import matches_service_selector
from sandbox.cluster.machinery.work_queue import Backoff, WorkQueue
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)
_BACKOFF = Backoff(1.0, 30.0)
_KEPT_BACK = frozenset({"content-length", "transfer-encoding", "connection", "date"})


@dataclass
class _AttachedPod:
    """One pod's program and the ports that it listens on."""

    process: Process
    runner: web.ServerRunner
    address: str
    sites: dict[int, web.TCPSite] = field(default_factory=dict)


class Attachment:
    """Puts programs behind the pods of a cluster. A pod whose address is not this machine's is
    named in the log."""

    def __init__(self, client: Client, clock: Clock, programs: Sequence[PodProgram]) -> None:
        self._client, self._programs = client, tuple(programs)
        self._tasks = Tasks()
        self._queue: WorkQueue[Key] = WorkQueue(
            "attachment", self._reconcile_pod, clock=clock, tasks=self._tasks, backoff=_BACKOFF
        )
        self._pods = Informer(client, PODS)
        self._pods.add_listener(enqueue_for_object(self._queue))
        self._services = Informer(client, SERVICES)
        self._services.add_listener(self._handle_service_change)
        self._stands: dict[tuple[str, str, str], _AttachedPod] = {}
        self._elsewhere = False

    async def start(self) -> None:
        """Start to follow pods and Services."""
        for informer in (self._services, self._pods):
            self._tasks.spawn(informer.run(), f"attachment: {informer.ref.plural}")
        self._queue.start(1)

    async def stop(self) -> None:
        """End all programs and servers."""
        await self._tasks.close()
        for key in tuple(self._stands):
            await self._stop_serving(key)

    def _handle_service_change(self, before: Object | None, after: Object | None) -> None:
        service = after or before or {}
        for pod in self._pods.list_by_index("namespace", service["metadata"]["namespace"]):
            if matches_service_selector(service["spec"].get("selector"), labels_of(pod)):
                self._queue.add(key_of(pod))

    async def _reconcile_pod(self, key: Key) -> None:
        pod = self._pods.get(key)
        uid = pod["metadata"]["uid"] if pod is not None and _is_running(pod) else ""
        # A pod that was made again under its name has a program, and an address, of its own.
        for stand in [
            s for s in self._stands if s[:2] == (key.namespace, key.name) and s[2] != uid
        ]:
            await self._stop_serving(stand)
        if pod is None or not uid:
            return
        program = next((p for p in self._programs if p.runs_in(pod)), None)
        if program is not None:
            await self._serve_pod((key.namespace, key.name, uid), pod, program)

    async def _serve_pod(self, key: tuple[str, str, str], pod: Object, program: PodProgram) -> None:
        """Start the pod's program if it does not run yet, and listen on the ports that are new."""
        if key not in self._stands:
            process = await program.start(pod, self._client)
            runner = web.ServerRunner(
                web.Server(_PodHandler(process), access_log=None), shutdown_timeout=0.5
            )
            await runner.setup()
            self._stands[key] = _AttachedPod(process, runner, pod["status"]["podIP"])
        stand = self._stands[key]
        for port in sorted(self._list_ports(pod) - stand.sites.keys()):
            site = web.TCPSite(stand.runner, stand.address, port)
            try:
                await site.start()
            except OSError as error:
                self._log_listen_error(key, f"{stand.address}:{port}", error)
                return
            stand.sites[port] = site

    def _log_listen_error(self, key: tuple[str, str, str], where: str, error: OSError) -> None:
        """Log why a port cannot be listened on. That pods have addresses elsewhere is logged
        once: then it is so for all of them.
        """
        # Since Python 3.13 asyncio raises this one without its number.
        if error.errno not in (None, errno.EADDRNOTAVAIL):
            log.error("pod %s/%s: no server on %s: %s", *key[:2], where, error)
        elif not self._elsewhere:
            self._elsewhere = True
            log.error(
                "pod addresses such as %s are not this machine's: nothing can answer there from "
                "here",
                where,
            )

    def _list_ports(self, pod: Object) -> set[int]:
        """Return the container ports, and those that Services lead to."""
        spec, namespace = pod["spec"], pod["metadata"]["namespace"]
        containers = [*spec["containers"], *(spec.get("initContainers") or ())]
        named = {
            p.get("name", ""): p["containerPort"] for c in containers for p in c.get("ports") or ()
        }
        found = {p["containerPort"] for c in containers for p in c.get("ports") or ()}
        for service in self._services.list_by_index("namespace", namespace):
            if matches_service_selector(service["spec"].get("selector"), labels_of(pod)):
                targets = [
                    p.get("targetPort", p["port"]) for p in service["spec"].get("ports") or ()
                ]
                found |= {t if isinstance(t, int) else named.get(t, 0) for t in targets}
        return found - {0}

    async def _stop_serving(self, key: tuple[str, str, str]) -> None:
        stand = self._stands.pop(key)
        await stand.process.stop()
        with contextlib.suppress(OSError):
            await stand.runner.cleanup()


def _is_running(pod: Object) -> bool:
    status = pod.get("status") or {}
    alive = status.get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    return bool(alive and status.get("podIP"))


class _PodHandler:
    """The HTTP server of one pod; a port where nothing listens is a connection that is cut."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise asyncio.CancelledError
        port = int(transport.get_extra_info("sockname")[1])
        asked = Request(
            request.method,
            request.path,
            request.query_string,
            dict(request.headers),
            await request.read(),
        )
        try:
            answer = await self._process.handle(port, asked)
        except ApiError:
            answer = None
        if answer is None:
            transport.abort()
            return web.Response(status=502)
        headers = {k: v for k, v in answer.headers.items() if k.lower() not in _KEPT_BACK}
        return web.Response(status=answer.status, body=answer.body, headers=headers)
